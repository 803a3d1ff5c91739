//! One test for each kind of bad input. The structures are well-formed but for the one thing.

use std::collections::BTreeMap;

use crate::writer::{
    self, FILE, MANIFEST, NODE, Style, Subtree, append, envelope, interior, leaf, seal, store,
    table, varint, varints,
};
use ocdbt::{
    Database, EnvelopeError, FieldError, FileTable, KeyError, Kind, Limits, Manifest,
    ManifestError, MemoryStore, NameError, Node, NodeError, OpenError, Store, StoreError,
    TableError, TreeError, open_envelope,
};

const STYLE: Style = Style {
    fan: 4,
    inline: 8,
    compression: 1,
};

fn small() -> MemoryStore {
    let entries: BTreeMap<_, _> = (0..30u8)
        .map(|n| (format!("key {n:02}").into_bytes(), vec![n; n as usize]))
        .collect();
    writer::database(&entries, STYLE)
}

fn walk(store: MemoryStore) -> TreeError {
    let database = Database::open(store).unwrap();
    let mut walk = database.entries();
    let error = walk.find_map(Result::err).expect("the walk should fail");
    assert!(walk.next().is_none(), "a walk ends after an error");
    error
}

fn pairs(keys: &[&str]) -> Vec<(Vec<u8>, Vec<u8>)> {
    keys.iter()
        .map(|key| (key.as_bytes().to_vec(), b"v".to_vec()))
        .collect()
}

fn node(body: &[u8], height: u8) -> NodeError {
    Node::parse_body(body.to_vec().into(), height, "", &Limits::default()).unwrap_err()
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
    let bomb = envelope(NODE, 1, &vec![0; 50_000_000]);
    assert!(bomb.len() < 10_000);
    let error = open_envelope(Kind::Node, &bomb, 1_000_000).unwrap_err();
    assert!(
        matches!(
            error,
            EnvelopeError::Zstd {
                limit: 1_000_000,
                ..
            }
        ),
        "{error}"
    );
    let large = envelope(NODE, 0, &[0; 101]);
    assert!(matches!(
        open_envelope(Kind::Node, &large, 100),
        Err(EnvelopeError::TooLarge { found: 101, .. })
    ));
}

#[test]
fn counts_and_lengths_near_the_largest_integer() {
    for count in [u64::MAX, u64::MAX - 1, 1 << 63, 1 << 32, 1 << 20, 100] {
        let limits = Limits::default();
        let error =
            FileTable::parse(&[varint(count), vec![0; 20]].concat(), "", &limits).unwrap_err();
        assert!(
            matches!(error, TableError::Field(FieldError::TooMany { .. })),
            "{error}"
        );
        let error = node(&[vec![0, 0], varint(count), vec![0; 20]].concat(), 0);
        assert!(
            matches!(error, NodeError::Field(FieldError::TooMany { .. })),
            "{error}"
        );
        let body = [
            writer::config(0),
            table(&[(FILE, 0)]),
            varint(count),
            vec![0; 20],
        ]
        .concat();
        let error = Manifest::parse_body(&body, "", &limits).unwrap_err();
        assert!(
            matches!(error, ManifestError::Field(FieldError::TooMany { .. })),
            "{error}"
        );
        // One entry, whose value cannot be there.
        let error = node(
            &[vec![0, 0, 1, 1, b'k'], varint(count), vec![0, 1]].concat(),
            0,
        );
        assert!(
            matches!(
                error,
                NodeError::InlineLength { .. } | NodeError::Field(FieldError::Truncated { .. })
            ),
            "{error}"
        );
    }
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

#[test]
fn ranges_that_overflow() {
    let child = |offset, length| Subtree {
        key: b"k".to_vec(),
        shared: 0,
        offset,
        length,
        keys: 1,
    };
    for (offset, length) in [
        (u64::MAX, 1),
        (1, u64::MAX),
        (u64::MAX - 5, 6),
        (u64::MAX, u64::MAX),
    ] {
        let child = child(offset, length);
        let error =
            Manifest::parse_body(&writer::manifest(&child, 1), "", &Limits::default()).unwrap_err();
        assert!(matches!(error, ManifestError::Root { .. }), "{error}");
    }
    for (offset, length) in [(u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
        let error = node(&interior(1, 0, &[child(offset, length)]), 1);
        assert!(matches!(error, NodeError::Range { .. }), "{error}");
    }
    let error = walk(store(&child(u64::MAX - 10, 5), 0, Vec::new()));
    assert!(
        matches!(
            error,
            TreeError::Store {
                source: StoreError::OutOfRange { length: 0, .. },
                ..
            }
        ),
        "{error}"
    );
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
fn prefixes_that_blow_up() {
    // Every key but the first shares all but a counter with the one before, so that a few bytes stand for many.
    let long = "x".repeat(30_000);
    let keys: Vec<_> = (0..5_000)
        .map(|n| (format!("{long}{n:05}").into_bytes(), Vec::new()))
        .collect();
    let body = leaf(&keys, 100, &mut Vec::new());
    assert!(body.len() < 200_000);
    let error = node(&body, 0);
    assert!(
        matches!(
            error,
            NodeError::Key(KeyError::TooLarge { count: 5_000, .. })
        ),
        "{error}"
    );
    let count = 5_000;
    let paths = [
        varint(count),
        varints((1..count).map(|_| 30_000)),
        varints((0..count).map(|n| if n == 0 { 30_000 } else { 0 })),
        varints((0..count).map(|_| 0)),
        long.into_bytes(),
    ]
    .concat();
    let error = FileTable::parse(&paths, "", &Limits::default()).unwrap_err();
    assert!(
        matches!(error, TableError::TooLarge { count: 5_000, .. }),
        "{error}"
    );
}

#[test]
fn keys_out_of_order() {
    let body = leaf(&pairs(&["b", "a"]), 9, &mut Vec::new());
    assert!(matches!(
        node(&body, 0),
        NodeError::Key(KeyError::Order { index: 1, .. })
    ));
    let body = leaf(&pairs(&["a", "a"]), 9, &mut Vec::new());
    assert!(matches!(
        node(&body, 0),
        NodeError::Key(KeyError::Order { index: 1, .. })
    ));
    // In order in each leaf, but not from leaf to leaf.
    let mut data = Vec::new();
    let one = append(
        &mut data,
        0,
        &leaf(&pairs(&["a", "z"]), 9, &mut Vec::new()),
        b"a",
        2,
    );
    let two = append(
        &mut data,
        0,
        &leaf(&pairs(&["m"]), 9, &mut Vec::new()),
        b"m",
        1,
    );
    let root = append(&mut data, 0, &interior(1, 0, &[one, two]), b"a", 3);
    assert!(matches!(walk(store(&root, 1, data)), TreeError::Key { .. }));
    // A leaf with a key less than its parent says.
    let mut data = Vec::new();
    let one = append(
        &mut data,
        0,
        &leaf(&pairs(&["a"]), 9, &mut Vec::new()),
        b"b",
        1,
    );
    let root = append(&mut data, 0, &interior(1, 0, &[one]), b"b", 1);
    assert!(matches!(walk(store(&root, 1, data)), TreeError::Key { .. }));
}

#[test]
fn a_cycle() {
    // A node that is its own child would need another height, so that heights end every cycle.
    let mut data = vec![0; 1000];
    let itself = Subtree {
        key: b"a".to_vec(),
        shared: 0,
        offset: 0,
        length: 0,
        keys: 1,
    };
    let length = envelope(
        NODE,
        0,
        &interior(
            1,
            0,
            &[Subtree {
                length: 60,
                ..itself.clone()
            }],
        ),
    )
    .len() as u64;
    let own = envelope(
        NODE,
        0,
        &interior(
            1,
            0,
            &[Subtree {
                length,
                ..itself.clone()
            }],
        ),
    );
    assert_eq!(own.len() as u64, length);
    data[..own.len()].copy_from_slice(&own);
    let root = append(
        &mut data,
        0,
        &interior(2, 0, &[Subtree { length, ..itself }]),
        b"a",
        1,
    );
    assert!(matches!(
        walk(store(&root, 2, data)),
        TreeError::Repeated { offset: 0, .. }
    ));
}

#[test]
fn a_tree_that_repeats_itself() {
    // Forty levels with two ways each to the same node below would be 2^40 keys.
    let mut data = Vec::new();
    let mut below = append(
        &mut data,
        0,
        &leaf(&pairs(&[""]), 9, &mut Vec::new()),
        b"",
        1,
    );
    for height in 1..40 {
        let children = [
            Subtree {
                key: b"a".to_vec(),
                shared: 1,
                ..below.clone()
            },
            Subtree {
                key: b"b".to_vec(),
                shared: 1,
                ..below.clone()
            },
        ];
        below = append(
            &mut data,
            0,
            &interior(height, 0, &children),
            b"",
            below.keys * 2,
        );
    }
    assert!(matches!(
        walk(store(&below, 39, data)),
        TreeError::Repeated { .. }
    ));
}

#[test]
fn a_height_that_the_parent_does_not_expect() {
    let mut data = Vec::new();
    let root = append(
        &mut data,
        0,
        &leaf(&pairs(&["a"]), 9, &mut Vec::new()),
        b"a",
        1,
    );
    for height in [1, 200, 255] {
        let error = walk(store(&root, height, data.clone()));
        assert!(
            matches!(error, TreeError::Node { offset: 0, source: NodeError::Height { found: 0, expected }, .. } if expected == height),
            "{error}"
        );
    }
}

#[test]
fn numbers_of_keys_that_are_wrong() {
    let mut data = Vec::new();
    let one = append(
        &mut data,
        0,
        &leaf(&pairs(&["a", "b"]), 9, &mut Vec::new()),
        b"a",
        3,
    );
    let root = append(
        &mut data,
        0,
        &interior(1, 0, std::slice::from_ref(&one)),
        b"a",
        3,
    );
    let error = walk(store(&root, 1, data.clone()));
    assert!(
        matches!(
            error,
            TreeError::Count {
                offset: 0,
                expected: 3,
                found: 2,
                ..
            }
        ),
        "{error}"
    );
    let error = walk(store(&one, 0, data));
    assert!(
        matches!(
            error,
            TreeError::Count {
                expected: 3,
                found: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_tree_beyond_the_limit() {
    let limits = Limits {
        tree_bytes: 500,
        ..Limits::default()
    };
    let database = Database::open_in(small(), "", limits).unwrap();
    let error = database.entries().find_map(Result::err).unwrap();
    assert!(
        matches!(error, TreeError::TooLarge { limit: 500, .. }),
        "{error}"
    );
}

#[test]
fn entries_that_refer_to_nothing() {
    let mut data = Vec::new();
    let mut body = leaf(&[(b"k".to_vec(), vec![0; 20])], 9, &mut data);
    let place = body.len() - 2;
    body[place] = 1;
    assert!(matches!(
        node(&body, 0),
        NodeError::FileId {
            index: 0,
            found: 1,
            files: 1
        }
    ));
    body[place - 1] = 2;
    assert!(matches!(
        node(&body, 0),
        NodeError::ValueKind { index: 0, found: 2 }
    ));
    let nameless = [vec![0], table(&[("", 0)]), vec![1, 1, b'k', 5, 1, 0, 0]].concat();
    assert!(matches!(
        node(&nameless, 0),
        NodeError::FileId {
            index: 0,
            found: 0,
            files: 1
        }
    ));
    assert!(matches!(
        node(&[0, 0, 0], 0),
        NodeError::EntryCount { found: 0 }
    ));
    let shared = Subtree {
        key: b"k".to_vec(),
        shared: 2,
        offset: 0,
        length: 9,
        keys: 1,
    };
    assert!(matches!(
        node(&interior(1, 0, &[shared]), 1),
        NodeError::Key(KeyError::Shared {
            prefix: 2,
            length: 1,
            ..
        })
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
fn files_that_are_missing_or_cut() {
    let error = Database::open(MemoryStore::default()).unwrap_err();
    assert!(
        matches!(error, OpenError::Store(StoreError::NotFound { name }) if name == "manifest.ocdbt")
    );
    let manifest = small().read_all("manifest.ocdbt").unwrap().to_vec();
    let error = walk(MemoryStore::from_iter([(
        "manifest.ocdbt",
        manifest.clone(),
    )]));
    assert!(
        matches!(
            error,
            TreeError::Store {
                source: StoreError::NotFound { .. },
                ..
            }
        ),
        "{error}"
    );
    for cut in 0..manifest.len() {
        let store = MemoryStore::from_iter([("manifest.ocdbt", &manifest[..cut])]);
        assert!(
            matches!(Database::open(store), Err(OpenError::Manifest { .. })),
            "{cut}"
        );
    }
}
