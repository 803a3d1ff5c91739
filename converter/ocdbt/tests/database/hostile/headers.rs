//! Envelopes, manifests and paths.

use ocdbt::{
    EnvelopeError, FieldError, FileTable, Kind, Limits, Manifest, ManifestError, NameError,
    NodeError, Store, StoreError, TableError, open_envelope,
};

use super::{node, pairs, small};
use crate::writer::{self, FILE, MANIFEST, NODE, envelope, leaf, seal, table, varint, varints};

#[test]
fn settings_out_of_range() {
    let parse = |body: &[u8]| Manifest::parse_body(body, "", &Limits::default()).unwrap_err();
    assert!(matches!(
        parse(&writer::config(2)),
        ManifestError::Kind { found: 2 }
    ));
    let good = writer::config(1);
    let changed = |from_end: usize, byte: u8| {
        let mut body = good.clone();
        let place = body.len() - from_end;
        body[place] = byte;
        body
    };
    assert!(matches!(
        parse(&changed(2, 0)),
        ManifestError::Arity { found: 0 }
    ));
    assert!(matches!(
        parse(&changed(2, 17)),
        ManifestError::Arity { found: 17 }
    ));
    assert!(matches!(
        parse(&changed(1, 2)),
        ManifestError::Compression { found: 2 }
    ));
}

#[test]
fn versions_out_of_order() {
    let versions = |generations: [u64; 2]| {
        let two = |value: u64| varints([value, value]);
        let columns = [
            varints(generations),
            vec![0, 0],
            two(0),
            two(0),
            two(9),
            two(0),
            two(0),
            two(0),
            vec![0; 16],
        ];
        [
            writer::config(0),
            table(&[(FILE, 0)]),
            varint(2),
            columns.concat(),
            varint(0),
        ]
        .concat()
    };
    let parse = |generations| Manifest::parse_body(&versions(generations), "", &Limits::default());
    assert_eq!(parse([1, 2]).unwrap().versions.unwrap().len(), 2);
    assert!(matches!(
        parse([2, 2]),
        Err(ManifestError::Generation {
            before: 2,
            found: 2
        })
    ));
    assert!(matches!(
        parse([0, 2]),
        Err(ManifestError::Generation { found: 0, .. })
    ));
}

#[test]
fn bytes_after_the_end() {
    let body = [leaf(&pairs(&["a"]), 9, &mut Vec::new()), vec![0]].concat();
    assert!(matches!(
        node(&body, 0),
        NodeError::Field(FieldError::Trailing { left: 1, .. })
    ));
    let numbered = [writer::config(1), vec![0]].concat();
    let error = Manifest::parse_body(&numbered, "", &Limits::default()).unwrap_err();
    assert!(matches!(
        error,
        ManifestError::Field(FieldError::Trailing { left: 1, .. })
    ));
}

#[test]
fn magic_length_version_compression_and_checksum() {
    let open =
        |bytes: &[u8]| open_envelope(Kind::Manifest, bytes, 100).map(|body| body.into_owned());
    let good = envelope(MANIFEST, 0, b"body");
    assert_eq!(open(&good).unwrap(), b"body");
    assert!(matches!(
        open(&good[..17]),
        Err(EnvelopeError::TooShort {
            expected: 18,
            found: 17
        })
    ));
    assert!(matches!(
        open(&envelope(NODE, 0, b"body")),
        Err(EnvelopeError::Magic { found: NODE, .. })
    ));
    assert!(matches!(
        open(&good[..good.len() - 1]),
        Err(EnvelopeError::Length {
            stated: 22,
            found: 21
        })
    ));
    for bit in 12 * 8..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            matches!(open(&flipped), Err(EnvelopeError::Checksum { .. })),
            "bit {bit}"
        );
    }
    let with = |version: u8, compression: u8| {
        let mut bytes = good[..good.len() - 4].to_vec();
        (bytes[12], bytes[13]) = (version, compression);
        seal(bytes)
    };
    assert!(matches!(
        open(&with(1, 0)),
        Err(EnvelopeError::Version { found: 1 })
    ));
    assert!(matches!(
        open(&with(0, 2)),
        Err(EnvelopeError::Compression {
            offset: 13,
            found: 2
        })
    ));
    assert!(matches!(open(&with(0, 1)), Err(EnvelopeError::Zstd { .. })));
}

#[test]
fn a_body_beyond_the_limit() {
    // A frame that says its size, and one that does not.
    let says = zstd::bulk::compress(&vec![0; 50_000_000], 3).unwrap();
    let silent = zstd::stream::encode_all(&*vec![0; 50_000_000], 3).unwrap();
    for (frame, said) in [(says, true), (silent, false)] {
        assert!(frame.len() < 10_000);
        let bomb = writer::wrap(NODE, 1, &frame);
        let error = open_envelope(Kind::Node, &bomb, 1_000_000).unwrap_err();
        match error {
            EnvelopeError::TooLarge {
                limit: 1_000_000,
                found: 50_000_000,
            } => assert!(said),
            EnvelopeError::Zstd {
                limit: 1_000_000, ..
            } => assert!(!said),
            other => panic!("{other}"),
        }
        // No limit is no licence to allocate for it.
        let body = open_envelope(Kind::Node, &bomb, u64::MAX).unwrap();
        assert_eq!(body.len(), 50_000_000);
    }
    let large = envelope(NODE, 0, &[0; 101]);
    assert!(matches!(
        open_envelope(Kind::Node, &large, 100),
        Err(EnvelopeError::TooLarge { found: 101, .. })
    ));
}

#[test]
fn paths_that_lead_out() {
    for (path, expected) in [
        ("../secret", NameError::Part),
        ("d/../../secret", NameError::Part),
        ("d/./x", NameError::Part),
        ("d//x", NameError::Part),
        ("d/", NameError::Part),
        ("/etc/passwd", NameError::Absolute),
        ("d\\..\\x", NameError::Backslash),
        ("d/x\0", NameError::Nul),
    ] {
        let error = FileTable::parse(&table(&[(path, 0)]), "", &Limits::default()).unwrap_err();
        assert!(
            matches!(&error, TableError::Unsafe { source, .. } if *source == expected),
            "{path}: {error}"
        );
        assert!(
            matches!(small().read_all(path), Err(StoreError::Name { .. })),
            "{path}"
        );
    }
    let parent = FileTable::parse(&table(&[("x", 0)]), "../", &Limits::default());
    assert!(matches!(parent, Err(TableError::Unsafe { .. })));
    let not_text = [varints([1, 2, 0]), vec![0xc3, 0x28]].concat();
    assert!(matches!(
        FileTable::parse(&not_text, "", &Limits::default()),
        Err(TableError::Utf8 { index: 0 })
    ));
    let base = FileTable::parse(&table(&[("d/x", 4)]), "", &Limits::default());
    assert!(matches!(base, Err(TableError::Base { base: 4, .. })));
    let prefix = [varints([2, 9, 1, 1, 0, 0]), b"ab".to_vec()].concat();
    let prefix = FileTable::parse(&prefix, "", &Limits::default());
    assert!(matches!(
        prefix,
        Err(TableError::Prefix {
            index: 1,
            prefix: 9,
            previous: 1
        })
    ));
}

#[test]
fn integers_wider_than_their_field() {
    let error = FileTable::parse(&[0xff; 11], "", &Limits::default()).unwrap_err();
    assert_eq!(
        error,
        TableError::Field(FieldError::TooWide {
            field: "data file",
            offset: 0,
            bits: 64
        })
    );
    let long = [varint(1), varint(1 << 16), vec![0; 9]].concat();
    let error = FileTable::parse(&long, "", &Limits::default()).unwrap_err();
    assert!(
        matches!(
            error,
            TableError::Field(FieldError::TooWide { bits: 16, .. })
        ),
        "{error}"
    );
}
