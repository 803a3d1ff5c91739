//! A checkpoint in plain folders whose tree, array metadata and chunk are any bytes, split at line feeds.

#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use orbax::Checkpoint;

const TREE: &str = r#"{"tree_metadata": {"x": {"key_metadata": [{"key": "x", "key_type": 2}],
    "value_metadata": {"value_type": "jax.Array"}}}}"#;

thread_local! {
    static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
}

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (tree, zarray, zarr_json, chunk) = (part(), part(), part(), part());
    FOLDER.with(|folder| {
        let write = |name: &str, bytes: &[u8]| {
            fs::write(folder.path().join(name), bytes).expect("the folder can be written")
        };
        fs::create_dir_all(folder.path().join("x/c/0")).expect("the folder can be written");
        write(
            "_METADATA",
            if tree.is_empty() {
                TREE.as_bytes()
            } else {
                tree
            },
        );
        write("x/.zarray", zarray);
        write("x/zarr.json", zarr_json);
        for name in ["x/0", "x/0.0", "x/c/0/0"] {
            write(name, chunk);
        }
        if zarray.is_empty() {
            fs::remove_file(folder.path().join("x/.zarray")).expect("the folder can be written");
        }
        let Ok(checkpoint) = Checkpoint::open(folder.path()) else {
            return;
        };
        // What zstd can hold is not of interest here, and takes long.
        for leaf in checkpoint
            .leaves()
            .iter()
            .filter(|leaf| leaf.bytes() < 1 << 24)
        {
            if let Ok(values) = checkpoint.read(leaf) {
                assert_eq!(values.len(), leaf.bytes());
            }
        }
    });
});
