//! Reads checkpoints that Orbax and TensorStore wrote, and compares every leaf with what was saved.

use std::{collections::BTreeMap, fs, path::PathBuf};

use orbax::{Checkpoint, Key, Storage, ZarrVersion};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Expected {
    path: Vec<Step>,
    dtype: String,
    shape: Vec<usize>,
    sha256: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Index(usize),
    Name(String),
}

pub fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn expected(name: &str) -> Vec<Expected> {
    let json = fs::read(data().join("expected.json")).unwrap();
    let mut all: BTreeMap<String, Vec<Expected>> = serde_json::from_slice(&json).unwrap();
    all.remove(name).unwrap()
}

fn keys(path: &[Step]) -> Vec<Key> {
    path.iter()
        .map(|step| match step {
            Step::Index(index) => Key::Index(*index),
            Step::Name(name) => Key::Name(name.clone()),
        })
        .collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Compares all leaves, and gives the checkpoint for more.
fn compare(name: &str) -> Checkpoint {
    let checkpoint = Checkpoint::open(data().join(name)).unwrap();
    let expected = expected(name);
    assert_eq!(checkpoint.leaves().len(), expected.len(), "{name}");
    for expected in &expected {
        let path = keys(&expected.path);
        let leaf = checkpoint.leaves().iter().find(|leaf| leaf.path() == path);
        let leaf = leaf.unwrap_or_else(|| panic!("{name}: no leaf {path:?}"));
        assert_eq!(leaf.dtype().name(), expected.dtype, "{name}: {path:?}");
        assert_eq!(leaf.shape(), expected.shape, "{name}: {path:?}");
        let bytes = checkpoint.read(leaf).unwrap();
        assert_eq!(sha256(&bytes), expected.sha256, "{name}: {path:?}");
        let mut buffer = vec![0xa5; leaf.bytes()];
        checkpoint.read_into(leaf, &mut buffer).unwrap();
        assert_eq!(buffer, bytes, "{name}: {path:?}");
    }
    assert_eq!(checkpoint.unlisted(), [""; 0], "{name}");
    checkpoint
}

#[test]
fn every_type_and_kind_of_key() {
    let checkpoint = compare("single");
    assert_eq!(checkpoint.layout().storage, Storage::Ocdbt);
    assert_eq!(checkpoint.layout().zarr, Some(ZarrVersion::V2));
    assert_eq!(checkpoint.layout().processes, ["ocdbt.process_0"]);
    assert_eq!(checkpoint.leaf("step").unwrap().value_type(), "np.ndarray");
    assert_eq!(checkpoint.leaf("a.b/c.d").unwrap().path().len(), 2);
    let bare: Vec<_> = checkpoint
        .bare()
        .iter()
        .map(|bare| orbax::display_path(&bare.path))
        .collect();
    assert_eq!(bare, ["['empty']", "['layers'][1][1]", "['nothing']"]);
    assert_eq!(compare("single_zarr3").layout().zarr, Some(ZarrVersion::V3));
    assert_eq!(compare("folders").layout().storage, Storage::Folders);
}

#[test]
fn several_chunks_an_array() {
    for name in ["chunked", "chunked_zarr3", "chunked_folders"] {
        let checkpoint = compare(name);
        let leaf = checkpoint.leaf("x").unwrap();
        assert!(leaf.chunks() > 1, "{name}: {:?}", leaf.chunk_shape());
    }
}

#[test]
fn several_devices() {
    for name in ["sharded", "sharded_zarr3", "sharded_folders"] {
        let checkpoint = compare(name);
        assert_eq!(checkpoint.leaf("both").unwrap().chunks(), 4, "{name}");
        assert_eq!(
            checkpoint.leaf("copies").unwrap().chunk_shape(),
            [1, 3],
            "{name}"
        );
    }
}

#[test]
fn several_processes() {
    let checkpoint = compare("processes");
    assert_eq!(
        checkpoint.layout().processes,
        ["ocdbt.process_0", "ocdbt.process_1"]
    );
}

#[test]
fn grids_and_codecs_that_zarr_allows() {
    for name in [
        "tensorstore_v2",
        "tensorstore_v2_folders",
        "tensorstore_v3",
        "tensorstore_v3_folders",
    ] {
        compare(name);
    }
    let checkpoint = compare("tensorstore_v3");
    let leaf = checkpoint.leaf("shards").unwrap();
    assert_eq!(leaf.chunk_shape(), [3, 2]);
    assert_eq!(leaf.shard_shape(), Some([6, 4].as_slice()));
    assert_eq!(leaf.chunks(), 16);
}
