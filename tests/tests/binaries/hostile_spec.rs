//! Mapping specs that do not fit the checkpoint, or are none.

use std::fs;

use tests::fixtures::{self, Form};

use crate::convert;

const LEAF: &str = "sequence_encoder/dna_embedder/conv1_d";
const BIAS: &str = r#"{ source = "params:b", shape = ["channels[0]"] },"#;
const WEIGHT: &str = r#"shape = ["stem_width", 4, "channels[0]"]"#;
const AGAIN: &str = r#"
[[blocks]]
name = "the DNA embedder again"
modules = [{ at = "sequence_encoder/dna_embedder/conv1_d", tensors = [{ source = "params:b", shape = ["channels[0]"] }] }]
"#;

fn shipped() -> String {
    fs::read_to_string(fixtures::repository().join("mapping/alphagenome.toml"))
        .expect("the shipped spec")
}

fn changed(from: &str, to: &str) -> String {
    let spec = shipped();
    assert!(spec.contains(from), "the shipped spec has no {from}");
    spec.replacen(from, to, 1)
}

#[track_caller]
fn refuses(spec: &str, words: &[&str]) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let path = scratch.path().join("changed.toml");
    fs::write(&path, spec).expect("a file of ours");
    let out = scratch.path().join("out");
    let outcome = convert::run(&Form::Ocdbt.path(), &out, [&"--spec", &path]);
    convert::expect_refusal(&outcome, words);
    convert::expect_nothing_left(&out);
}

#[test]
fn the_shipped_spec_from_a_file_gives_the_same_tensors() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let path = scratch.path().join("spec.toml");
    fs::write(&path, shipped()).expect("a file of ours");
    let out = scratch.path().join("out");
    convert::run(&Form::Ocdbt.path(), &out, [&"--spec", &path]).expect_code(0);
    let name = std::path::Path::new("model.safetensors");
    assert!(fs::read(out.join(name)).expect("the tensors") == convert::good()[name]);
}

#[test]
fn a_spec_that_misses_a_leaf() {
    refuses(&changed(BIAS, ""), &[LEAF]);
}

#[test]
fn a_spec_that_uses_a_leaf_twice() {
    refuses(&(shipped() + AGAIN), &[LEAF]);
}

#[test]
fn a_spec_with_a_wrong_shape() {
    refuses(
        &changed(WEIGHT, r#"shape = ["stem_width", 5, "channels[0]"]"#),
        &[LEAF, "5"],
    );
}

#[test]
fn all_violations_come_in_one_report() {
    let spec = changed(WEIGHT, r#"shape = ["stem_width", 5, "channels[0]"]"#);
    let misspelt = spec.replacen("mha_block{layer}/q_layer", "mha_block{layer}/q_lager", 1);
    assert_ne!(spec, misspelt);
    refuses(&misspelt, &[LEAF, "5", "q_lager", "q_layer"]);
}

#[test]
fn a_spec_that_is_no_toml() {
    refuses("[[[", &["changed.toml"]);
    refuses("", &["changed.toml"]);
    refuses("\u{0}\u{1}", &["changed.toml"]);
}

#[test]
fn a_spec_of_another_version() {
    refuses(
        &changed("format_version = 1", "format_version = 9"),
        &["version 9"],
    );
}

#[test]
fn a_spec_with_an_unknown_transform() {
    refuses(
        &changed(r#"op = "squeeze""#, r#"op = "squeese""#),
        &["squeese"],
    );
}

#[test]
fn a_spec_with_an_unknown_field() {
    refuses(&changed("source_root", "source_rood"), &["source_rood"]);
}

#[test]
fn a_spec_that_is_not_there() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    let outcome = convert::run(&Form::Ocdbt.path(), &out, [&"--spec", &"nowhere.toml"]);
    convert::expect_refusal(&outcome, &["nowhere.toml"]);
}
