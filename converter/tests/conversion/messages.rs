//! What the program says when it cannot do what it should, and when.

use std::path::Path;

use crate::command::{command, fixture, text};

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
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir(to).unwrap();
        for entry in from.read_dir().unwrap().map(Result::unwrap) {
            match entry.path().is_dir() {
                true => copy(&entry.path(), &to.join(entry.file_name())),
                false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
            }
        }
    }
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
