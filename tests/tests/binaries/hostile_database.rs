//! Damaged OCDBT databases: the tiny snapshot's, with something missing, cut or flipped.

use std::fs;

use tests::fixtures::{Form, Snapshot};
use tests::folder;

use crate::convert;

/// The node of the merged tree.
fn root_node(snapshot: &Snapshot) -> String {
    let found = folder::files(&snapshot.file("d"));
    let (name, _) = found
        .first_key_value()
        .expect("the merged tree has a data file");
    format!("d/{}", name.display())
}

/// The largest data file: array bytes.
fn array_file(snapshot: &Snapshot) -> String {
    let found = folder::files(&snapshot.file("ocdbt.process_0/d"));
    let size = |path: &std::path::Path| fs::metadata(path).expect("a file").len();
    let (name, _) = found
        .iter()
        .max_by_key(|(_, path)| size(path))
        .expect("there are data files");
    format!("ocdbt.process_0/d/{}", name.display())
}

#[test]
fn a_missing_manifest_and_no_process_folder() {
    let snapshot = Form::Ocdbt.copy();
    fs::remove_file(snapshot.file("manifest.ocdbt")).expect("a file of ours");
    fs::remove_dir_all(snapshot.file("ocdbt.process_0")).expect("a folder of ours");
    convert::refuses(&snapshot, &["manifest.ocdbt"]);
}

#[test]
fn a_missing_data_file() {
    let snapshot = Form::Ocdbt.copy();
    let file = array_file(&snapshot);
    fs::remove_file(snapshot.file(&file)).expect("a file of ours");
    convert::refuses(&snapshot, &[&file]);
}

#[test]
fn a_truncated_manifest() {
    for kept in [0, 3, 11, 15, 60, 118] {
        let snapshot = Form::Ocdbt.copy();
        snapshot.edit("manifest.ocdbt", |bytes| bytes.truncate(kept));
        convert::refuses(&snapshot, &["manifest.ocdbt"]);
    }
}

#[test]
fn a_truncated_node() {
    let snapshot = Form::Ocdbt.copy();
    let node = root_node(&snapshot);
    snapshot.edit(&node, |bytes| bytes.truncate(bytes.len() / 2));
    convert::refuses(&snapshot, &[&node]);
}

#[test]
fn a_truncated_data_file() {
    let snapshot = Form::Ocdbt.copy();
    let file = array_file(&snapshot);
    snapshot.edit(&file, |bytes| bytes.truncate(bytes.len() / 3));
    convert::refuses(&snapshot, &[&file]);
}

#[test]
fn a_flipped_bit_in_the_manifest() {
    for byte in [0, 6, 12, 13, 40, 115] {
        let snapshot = Form::Ocdbt.copy();
        snapshot.edit("manifest.ocdbt", |bytes| bytes[byte] ^= 0x10);
        convert::refuses(&snapshot, &["manifest.ocdbt"]);
    }
}

#[test]
fn a_flipped_bit_in_a_node() {
    let snapshot = Form::Ocdbt.copy();
    let node = root_node(&snapshot);
    snapshot.edit(&node, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    convert::refuses(&snapshot, &[&node]);
}
