//! Trees whose nodes are good, but not together.

use ocdbt::{
    Database, KeyError, Limits, MemoryStore, NodeError, OpenError, Store, StoreError, TreeError,
};

use super::{node, pairs, small, walk};
use crate::writer::{NODE, Subtree, append, envelope, interior, leaf, store};

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
