//! Folders that are no checkpoints, and trees that are damaged or forged.

use std::fs;

use orbax::{Checkpoint, OpenError, TreeError};
use serde_json::{Value, json};

use crate::built::Built;

fn tree_error(tree: &Value) -> TreeError {
    let mut built = Built::v2();
    built.tree = tree.clone();
    match built.open_error() {
        OpenError::Tree(error) => error,
        error => panic!("{error}"),
    }
}

fn keys(keys: Value) -> Value {
    let mut tree = Built::v2().tree;
    tree["tree_metadata"]["('x',)"]["key_metadata"] = keys;
    tree
}

#[test]
fn folders_that_are_no_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Checkpoint::open(folder.path()).unwrap_err();
    assert!(matches!(open(), OpenError::NoTree { .. }));
    assert!(matches!(
        Checkpoint::open(folder.path().join("missing")),
        Err(OpenError::Folder { .. })
    ));
    fs::create_dir(folder.path().join("default")).unwrap();
    fs::write(folder.path().join("default/_METADATA"), "{}").unwrap();
    let error = open();
    assert!(
        matches!(&error, OpenError::Nested { inside, .. } if inside == &["default/"]),
        "{error}"
    );
    fs::write(folder.path().join("checkpoint"), b"\x82\xa5model").unwrap();
    let error = open();
    assert!(matches!(error, OpenError::Legacy { .. }), "{error}");
    assert!(error.to_string().contains("legacy"));
}

#[test]
fn trees_that_are_not_what_orbax_writes() {
    for (tree, what) in [
        (json!({}), "tree_metadata"),
        (json!([]), "Metadata"),
        (json!({"tree_metadata": []}), "object"),
    ] {
        let error = tree_error(&tree);
        assert!(
            matches!(error, TreeError::Json(_)) && error.to_string().contains(what),
            "{error}"
        );
    }
    let built = Built::v2();
    let whole = built.tree.to_string();
    built.write();
    for cut in 0..whole.len() {
        fs::write(built.path().join("_METADATA"), &whole[..cut]).unwrap();
        assert!(
            matches!(
                Checkpoint::open(built.path()),
                Err(OpenError::Tree(TreeError::Json(_)))
            ),
            "{cut}"
        );
    }
    let deep = "[".repeat(100_000);
    fs::write(
        built.path().join("_METADATA"),
        format!("{{\"tree_metadata\": {{\"x\": {deep}"),
    )
    .unwrap();
    assert!(matches!(
        Checkpoint::open(built.path()),
        Err(OpenError::Tree(TreeError::Json(_)))
    ));
}

#[test]
fn keys_that_are_not_known() {
    let error = tree_error(&keys(json!([{"key": "x", "key_type": 3}])));
    assert!(
        matches!(error, TreeError::KeyType { found: 3, .. }),
        "{error}"
    );
    for key in ["x", "-1", "99999999999999999999", "", "1.0"] {
        let error = tree_error(&keys(json!([{"key": key, "key_type": 1}])));
        assert!(
            matches!(&error, TreeError::Index { found, .. } if found == key),
            "{error}"
        );
    }
}

#[test]
fn leaves_under_one_name() {
    let mut tree = Built::v2().tree;
    let split = json!([{"key": "a", "key_type": 2}, {"key": "b", "key_type": 2}]);
    let whole = json!([{"key": "a.b", "key_type": 2}]);
    for (entry, key) in [("1", split), ("2", whole)] {
        tree["tree_metadata"][entry] =
            json!({"key_metadata": key, "value_metadata": {"value_type": "jax.Array"}});
    }
    let error = tree_error(&tree);
    assert!(
        matches!(&error, TreeError::Ambiguous { name, .. } if name == "a.b"),
        "{error}"
    );
    // An entry that stands twice is not lost, as it would be in a map.
    let built = Built::v2();
    built.write();
    let once = built.tree["tree_metadata"]["('x',)"].to_string();
    let twice =
        format!("{{\"tree_metadata\": {{\"x\": {once}, \"x\": {once}}}, \"use_ocdbt\": false}}");
    fs::write(built.path().join("_METADATA"), twice).unwrap();
    assert!(matches!(
        Checkpoint::open(built.path()),
        Err(OpenError::Tree(TreeError::Ambiguous { .. }))
    ));
}

#[test]
fn names_that_lead_out() {
    for key in [
        "..",
        "../x",
        "/x",
        "a/../../x",
        "x\\y",
        "x\0y",
        "x//y",
        "./x",
    ] {
        let mut built = Built::v2();
        built.tree = keys(json!([{"key": key, "key_type": 2}]));
        let error = built.open_error();
        assert!(
            matches!(&error, OpenError::Store(ocdbt::StoreError::Name { .. })),
            "{key}: {error}"
        );
    }
}

#[test]
fn a_name_that_ends_in_a_slash() {
    let mut built = Built::v2();
    built.tree = keys(json!([{"key": "x/", "key_type": 2}]));
    assert_eq!(built.read().unwrap(), crate::built::elements());
}

#[test]
fn leaves_without_an_array() {
    let mut built = Built::v2();
    built.tree = keys(json!([{"key": "y", "key_type": 2}]));
    let error = built.open_error();
    assert!(
        matches!(&error, OpenError::NoArray { name, .. } if name == "y"),
        "{error}"
    );
}

#[test]
fn a_database_that_is_missing() {
    let mut built = Built::v2();
    built.tree["use_ocdbt"] = json!(true);
    assert!(matches!(built.open_error(), OpenError::NoDatabase { .. }));
}
