//! Links that lead out of where a snapshot may read. Unix only: elsewhere making a link needs rights.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tests::fixtures::Form;
use tests::folder;

use crate::convert;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Lays the tiny snapshot out as the hub's cache does: contents in `blobs`, names as links in `snapshots/COMMIT`.
fn hub_cache(scratch: &Path) -> PathBuf {
    let repository = scratch.join("hub/models--google--alphagenome-tiny");
    let blobs = repository.join("blobs");
    fs::create_dir_all(&blobs).expect("a folder");
    fs::create_dir_all(repository.join("refs")).expect("a folder");
    fs::write(repository.join("refs/main"), COMMIT).expect("a file");
    for (number, (name, path)) in folder::files(&Form::Ocdbt.path()).into_iter().enumerate() {
        let blob = format!("{number:040x}");
        fs::copy(path, blobs.join(&blob)).expect("a copy");
        let link = repository.join("snapshots").join(COMMIT).join(&name);
        fs::create_dir_all(link.parent().expect("it has a folder")).expect("a folder");
        let up = "../".repeat(name.components().count() + 1);
        symlink(format!("{up}blobs/{blob}"), link).expect("a link");
    }
    repository
}

fn link_of(repository: &Path, name: &str) -> PathBuf {
    repository.join("snapshots").join(COMMIT).join(name)
}

#[test]
fn a_hub_cache_converts_by_its_repository_and_by_its_snapshot() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let repository = hub_cache(scratch.path());
    for (number, snapshot) in [repository.clone(), link_of(&repository, "")]
        .iter()
        .enumerate()
    {
        let out = scratch.path().join(format!("out{number}"));
        convert::run(snapshot, &out, []).expect_code(0);
        let made = fs::read(out.join("model.safetensors")).expect("the tensors");
        assert!(made == convert::good()[Path::new("model.safetensors")]);
    }
}

#[test]
fn a_link_that_leaves_the_cache() {
    for target in ["/etc/hostname", "../../../../secret"] {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let repository = hub_cache(scratch.path());
        let link = link_of(&repository, "manifest.ocdbt");
        // The file outside is good: that it is refused must be for its place alone.
        fs::copy(
            Form::Ocdbt.path().join("manifest.ocdbt"),
            scratch.path().join("secret"),
        )
        .expect("a copy");
        fs::remove_file(&link).expect("a link of ours");
        symlink(target, &link).expect("a link");
        let out = scratch.path().join("out");
        let outcome = convert::run(&repository, &out, []);
        convert::expect_refusal(&outcome, &["manifest.ocdbt"]);
        convert::expect_nothing_left(&out);
    }
}

#[test]
fn a_folder_link_that_leaves_the_snapshot() {
    let snapshot = Form::Ocdbt.copy();
    let outside = snapshot.scratch().join("elsewhere");
    fs::rename(snapshot.file("ocdbt.process_0"), &outside).expect("a folder of ours");
    symlink(&outside, snapshot.file("ocdbt.process_0")).expect("a link");
    convert::refuses(&snapshot, &["ocdbt.process_0"]);
}

#[test]
fn links_in_a_circle() {
    let snapshot = Form::Ocdbt.copy();
    fs::remove_file(snapshot.file("manifest.ocdbt")).expect("a file of ours");
    symlink("other", snapshot.file("manifest.ocdbt")).expect("a link");
    symlink("manifest.ocdbt", snapshot.file("other")).expect("a link");
    convert::refuses(&snapshot, &["manifest.ocdbt"]);
}

#[test]
fn a_snapshot_that_is_not_there() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let outcome = convert::run(
        &scratch.path().join("nothing"),
        &scratch.path().join("out"),
        [],
    );
    convert::expect_refusal(&outcome, &["nothing"]);
}

#[test]
fn a_folder_that_is_no_snapshot() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let empty = scratch.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    let outcome = convert::run(&empty, &scratch.path().join("out"), []);
    convert::expect_refusal(&outcome, &["empty"]);
}
