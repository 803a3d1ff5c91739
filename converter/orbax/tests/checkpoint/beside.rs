//! What stands beside the arrays: strings, and which arrays are keys of random numbers.

use std::fs;

use orbax::{Content, OpenError};
use serde_json::json;

use crate::built::Built;

fn with_string() -> Built {
    let mut built = Built::v2();
    built.tree["tree_metadata"]["s"] = json!({
        "key_metadata": [{"key": "opt", "key_type": 2}, {"key": "name", "key_type": 2}],
        "value_metadata": {"value_type": "string", "skip_deserialize": false},
    });
    built
}

#[test]
fn strings_are_read() {
    let built = with_string();
    fs::write(
        built.path().join("_strings.json"),
        r#"{"opt.name": "adam"}"#,
    )
    .unwrap();
    let checkpoint = built.open().unwrap();
    assert_eq!(checkpoint.leaves().len(), 1);
    assert_eq!(
        checkpoint.bare()[0].content,
        Content::Text("adam".to_owned())
    );
}

#[test]
fn strings_that_are_lost_or_damaged() {
    let built = with_string();
    let bare = built.open().unwrap().bare()[0].to_string();
    assert_eq!(bare, "string (it is not in _strings.json)");
    fs::write(built.path().join("_strings.json"), "{").unwrap();
    assert!(matches!(built.open_error(), OpenError::Json { file, .. } if file == "_strings.json"));
}

#[test]
fn the_implementation_of_random_keys_is_read() {
    let built = Built::v2();
    fs::create_dir(built.path().join("array_metadatas")).unwrap();
    let file = built.path().join("array_metadatas/process_0");
    let described = |extension| {
        json!({"array_metadatas": [{"array_metadata": {
            "param_name": "x", "write_shape": [4, 3], "chunk_shape": [4, 3], "ext_metadata": extension,
        }}]})
    };
    let implementation = || {
        let checkpoint = built.open().unwrap();
        checkpoint.leaves()[0]
            .key_implementation()
            .map(str::to_owned)
    };
    fs::write(&file, described(json!(null)).to_string()).unwrap();
    assert_eq!(implementation(), None);
    let keys = described(json!({"random_key_impl": "threefry2x32"}));
    fs::write(&file, keys.to_string()).unwrap();
    assert_eq!(implementation().as_deref(), Some("threefry2x32"));
    fs::write(&file, "no JSON").unwrap();
    assert!(matches!(built.open_error(), OpenError::Json { .. }));
}
