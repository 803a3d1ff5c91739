//! What the program says when it cannot do what it should, and when.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::command::{command, fixture, text};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// A small checkpoint of the package `orbax`.
fn small(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("orbax/tests/data")
        .join(name)
}

#[test]
fn an_output_that_is_in_the_way_is_told_before_any_download() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("alphagenome-model"), "mine").unwrap();
    let mut convert = command(&dir);
    // Nobody listens there.
    convert
        .env("HF_ENDPOINT", "http://127.0.0.1:9")
        .env("HF_HOME", dir.path());
    let output = convert
        .args(["--hub", "google/alphagenome-all-folds"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.starts_with("error: alphagenome-model was not written by `convert`"),
        "{told}"
    );
}

#[test]
fn damage_is_told_once_with_its_folder_and_an_unfinished_checkpoint_too() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = dir.path().join("snapshot");
    copy(&fixture("snapshots/ocdbt"), &snapshot);
    let inspect = || {
        let mut inspect = command(&dir);
        inspect
            .args(["inspect", "--snapshot", "snapshot"])
            .output()
            .unwrap()
    };
    let place = snapshot.canonicalize().unwrap();
    let place = place.display();

    let manifest = snapshot.join("manifest.ocdbt");
    let bytes = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, &bytes[..50]).unwrap();
    let output = inspect();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: {place}: manifest.ocdbt: offset 4: the header says 119 bytes, found 50: it is cut or damaged; copy or \
             download it again\n"
        )
    );
    std::fs::remove_file(&manifest).unwrap();
    let output = inspect();
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stderr);
    assert!(
        told.starts_with(&format!("warning: {place}: manifest.ocdbt is missing")),
        "{told}"
    );
}

#[test]
fn a_folder_that_was_not_converted_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    for (model, why) in [
        ("nowhere", "there is no such folder"),
        ("empty", "it has no conversion.json"),
    ] {
        let output = command(&dir)
            .args(["verify", model, "--snapshot"])
            .arg(fixture("snapshots/ocdbt"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            text(&output.stderr),
            format!("error: {model} is no folder that `convert` wrote: {why}\n")
        );
    }
}

#[test]
fn a_damaged_leaf_is_named_once() {
    let dir = tempfile::tempdir().unwrap();
    let damaged = dir.path().join("damaged");
    copy(&small("folders"), &damaged);
    std::fs::write(damaged.join("types.float32/0.0"), "no chunk").unwrap();
    let output = command(&dir)
        .arg("diff")
        .args([&damaged, &small("folders")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("types.float32/0.0"), "{told}");
    assert_eq!(told.matches("leaf").count(), 1, "{told}");
}

#[test]
fn inspect_tells_shards_and_the_version_of_zarr() {
    let dir = tempfile::tempdir().unwrap();
    let inspect = |name: &str, more: &[&str]| {
        let mut inspect = command(&dir);
        inspect.args(["inspect", "--snapshot"]).arg(small(name));
        text(&inspect.args(more).output().unwrap().stdout)
    };
    let leaf = |checkpoint: &str, name: &str| {
        let json: Value = serde_json::from_str(&inspect(checkpoint, &["--json"])).unwrap();
        let leaves = json["leaves"].as_array().unwrap();
        let leaf = leaves.iter().find(|leaf| leaf["name"] == name).unwrap();
        json!([leaf["zarr"], leaf["chunk_shape"], leaf["shard_shape"]])
    };
    assert_eq!(leaf("tensorstore_v3", "shards"), json!([3, [3, 2], [6, 4]]));
    assert_eq!(leaf("tensorstore_v3", "plain"), json!([3, [3, 2], null]));
    assert_eq!(leaf("tensorstore_v2_folders", "raw")[0], 2);
    let header = "chunk shape  shard shape  zarr";
    assert!(inspect("tensorstore_v3", &[]).contains(header));
}
