//! Forms that a checkpoint takes on its way: unfinished, incomplete, or as links into a cache.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ocdbt::StoreError;
use orbax::{Checkpoint, OpenError, Storage};
use tempfile::TempDir;

use crate::written_by_orbax::data;

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

pub fn scratch(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    copy(&data().join(name), &path);
    (folder, path)
}

fn contents(checkpoint: &Checkpoint) -> Vec<(String, Vec<u8>)> {
    checkpoint
        .leaves()
        .iter()
        .map(|leaf| (leaf.name().to_owned(), checkpoint.read(leaf).unwrap()))
        .collect()
}

#[test]
fn without_the_top_manifest_the_processes_are_united() {
    for (name, processes) in [("processes", 2), ("sharded", 1), ("single_zarr3", 1)] {
        let (_folder, path) = scratch(name);
        let whole = contents(&Checkpoint::open(&path).unwrap());
        fs::remove_file(path.join("manifest.ocdbt")).unwrap();
        fs::remove_dir_all(path.join("d")).unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        assert_eq!(checkpoint.layout().storage, Storage::OcdbtProcesses);
        assert_eq!(checkpoint.layout().processes.len(), processes);
        assert_eq!(contents(&checkpoint), whole, "{name}");
    }
}

#[test]
fn processes_that_are_missing_or_disagree() {
    let (_folder, path) = scratch("processes");
    fs::remove_file(path.join("manifest.ocdbt")).unwrap();
    fs::rename(path.join("ocdbt.process_1"), path.join("gone")).unwrap();
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::MissingChunk { .. } | OpenError::NoArray { .. }
        ),
        "{error}"
    );
    // Another checkpoint's database in its place has other arrays; one with the same keys has other values.
    copy(
        &data().join("chunked/ocdbt.process_0"),
        &path.join("ocdbt.process_1"),
    );
    assert!(Checkpoint::open(&path).is_err());
    let (_folder, path) = scratch("chunked");
    fs::remove_file(path.join("manifest.ocdbt")).unwrap();
    copy(
        &data().join("chunked/ocdbt.process_0"),
        &path.join("ocdbt.process_1"),
    );
    assert_eq!(Checkpoint::open(&path).unwrap().leaves().len(), 2);
    flip_all(&path.join("ocdbt.process_1/d"));
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(
        matches!(error, OpenError::Conflict { .. } | OpenError::Keys(_)),
        "{error}"
    );
}

/// Flips a bit of the ninth byte of every file.
fn flip_all(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes[8] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn data_files_that_are_missing_or_cut() {
    let (_folder, path) = scratch("single");
    let largest = fs::read_dir(path.join("ocdbt.process_0/d"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .max_by_key(|entry| entry.metadata().unwrap().len())
        .unwrap();
    let name = format!(
        "ocdbt.process_0/d/{}",
        largest.file_name().into_string().unwrap()
    );
    let bytes = fs::read(largest.path()).unwrap();
    fs::write(largest.path(), &bytes[..100]).unwrap();
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(
        matches!(
            &error,
            OpenError::Value {
                source: StoreError::OutOfRange { .. },
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains(&name), "{error}");
    fs::remove_file(largest.path()).unwrap();
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(
        matches!(
            &error,
            OpenError::Value {
                source: StoreError::NotFound { .. },
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains(&name), "{error}");
}

#[cfg(unix)]
#[test]
fn links_into_a_cache() {
    use std::os::unix::fs::symlink;

    fn link(from: &Path, to: &Path, blobs: &Path, count: &mut usize) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                link(&entry.path(), &target, blobs, count);
            } else {
                let blob = blobs.join(count.to_string());
                *count += 1;
                fs::copy(entry.path(), &blob).unwrap();
                symlink(blob, target).unwrap();
            }
        }
    }

    for name in ["single", "sharded_folders"] {
        let cache = tempfile::tempdir().unwrap();
        let blobs = cache.path().join("cache/blobs");
        let snapshot = cache.path().join("cache/snapshots/1f");
        fs::create_dir_all(&blobs).unwrap();
        link(&data().join(name), &snapshot, &blobs, &mut 0);
        let whole = contents(&Checkpoint::open(data().join(name)).unwrap());
        let linked = Checkpoint::open_within(&snapshot, cache.path().join("cache")).unwrap();
        assert_eq!(contents(&linked), whole);
        let error = Checkpoint::open(&snapshot).unwrap_err();
        assert!(
            matches!(error, OpenError::Store(StoreError::Outside { .. })),
            "{error}"
        );
        assert!(matches!(
            Checkpoint::open_within(&snapshot, &blobs),
            Err(OpenError::Folder { .. })
        ));
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_no_missing_manifest() {
    let (_folder, path) = scratch("single");
    let manifest = path.join("manifest.ocdbt");
    fs::remove_file(&manifest).unwrap();
    // The folders of the processes would do, but a download that is not complete should not be taken for a form of its own.
    assert!(Checkpoint::open(&path).is_ok());
    std::os::unix::fs::symlink("../blobs/1f", &manifest).unwrap();
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(
        matches!(&error, OpenError::Store(StoreError::Dangling { name, .. }) if name == "manifest.ocdbt"),
        "{error}"
    );
}
