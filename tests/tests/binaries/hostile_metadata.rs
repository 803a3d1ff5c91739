//! Track metadata that is malformed or belongs to another model.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use tests::fixtures::{self, Form};
use tests::folder;

use crate::convert;

const HUMAN: &str = "OutputMetadataResponse_ORGANISM_HOMO_SAPIENS.textproto";

/// A copy of the metadata with a change in the human file.
fn changed(change: impl FnOnce(String) -> String) -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let metadata = scratch.path().join("metadata");
    folder::copy(&fixtures::metadata(), &metadata);
    let path = metadata.join(HUMAN);
    let text = fs::read_to_string(&path).expect("text");
    let after = change(text.clone());
    assert_ne!(text, after, "nothing changed");
    fs::write(path, after).expect("a file of ours");
    (scratch, metadata)
}

#[track_caller]
fn refuses(words: &[&str], change: impl FnOnce(String) -> String) {
    let (scratch, metadata) = changed(change);
    let out = scratch.path().join("out");
    let outcome = convert::run(&Form::Ocdbt.path(), &out, [&"--metadata", &metadata]);
    convert::expect_refusal(&outcome, words);
    convert::expect_nothing_left(&out);
}

#[test]
fn text_that_ends_in_the_middle() {
    refuses(&[HUMAN], |text| text[..text.len() / 2].into());
}

#[test]
fn a_brace_that_closes_nothing() {
    refuses(&[HUMAN], |text| text + "}\n");
}

#[test]
fn braces_without_end() {
    refuses(&[HUMAN], |_| "output_metadata {\n".repeat(1_000_000));
}

#[test]
fn a_string_that_does_not_end() {
    refuses(&[HUMAN], |text| {
        text.replacen("\"atac track 0\"", "\"atac track 0", 1)
    });
}

#[test]
fn a_number_that_is_none() {
    refuses(&[HUMAN, "high"], |text| {
        text.replacen("nonzero_mean: 0.25", "nonzero_mean: high", 1)
    });
}

#[test]
fn a_strand_that_is_unknown() {
    refuses(&[HUMAN, "STRAND_SIDEWAYS"], |text| {
        text.replacen("STRAND_UNSTRANDED", "STRAND_SIDEWAYS", 1)
    });
}

#[test]
fn another_number_of_tracks_than_the_head_has() {
    refuses(&["ATAC"], |text| {
        let track = text.find("    metadata {").expect("a track");
        let next = track
            + 1
            + text[track + 1..]
                .find("    metadata {")
                .expect("a second track");
        format!("{}{}", &text[..track], &text[next..])
    });
}

#[test]
fn bytes_that_are_no_text() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let metadata = scratch.path().join("metadata");
    folder::copy(&fixtures::metadata(), &metadata);
    fs::write(metadata.join(HUMAN), [0xff, 0xfe, 0x00, 0x80]).expect("a file of ours");
    let out = scratch.path().join("out");
    let outcome = convert::run(&Form::Ocdbt.path(), &out, [&"--metadata", &metadata]);
    convert::expect_refusal(&outcome, &[HUMAN]);
}

#[test]
fn a_folder_without_metadata() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    let outcome = convert::run(
        &Form::Ocdbt.path(),
        &out,
        [&"--metadata", &scratch.path().join("none")],
    );
    convert::expect_refusal(&outcome, &["none"]);
    convert::expect_nothing_left(&out);
}
