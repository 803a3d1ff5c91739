//! Nodes, and counts, lengths and offsets in general.

use ocdbt::{
    FieldError, FileTable, KeyError, Limits, Manifest, ManifestError, NodeError, StoreError,
    TableError, TreeError,
};

use super::{node, walk};
use crate::writer::{self, FILE, Subtree, interior, leaf, store, table, varint, varints};

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
