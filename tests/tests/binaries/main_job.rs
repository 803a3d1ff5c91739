//! The main job: convert a snapshot, run the model, hold it against JAX.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tests::fixtures::{self, Form};
use tests::folder;

use crate::{convert, parity};

/// A converted tiny snapshot with its metadata.
fn converted(form: Form) -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("alphagenome-model");
    convert::run(&form.path(), &out, [&"--metadata", &fixtures::metadata()]).expect_code(0);
    (scratch, out)
}

#[test]
fn the_tiny_snapshot_agrees_with_jax() {
    let (scratch, model) = converted(Form::Ocdbt);
    let recording = fixtures::recording("tiny_cpu_f32");
    let outcome = parity::run(
        scratch.path(),
        [
            &"level2",
            &"--dtype",
            &"f32",
            &"--model",
            &model,
            &"--recording",
            &recording,
        ],
    );
    outcome.expect_code(parity::AGREE);
    for name in [
        "embeddings_1bp",
        "rna_seq/predictions_1bp",
        "contact_maps/predictions",
    ] {
        assert!(
            outcome.stdout.contains(name),
            "the table lacks {name}: {outcome}"
        );
    }
}

#[test]
fn two_commands_without_a_path_do_the_main_job() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let (snapshot, metadata) = (Form::Ocdbt.path(), fixtures::metadata());
    let mut command = convert::command(
        scratch.path(),
        [&"--snapshot", &snapshot, &"--metadata", &metadata],
    );
    let outcome = tests::program::run({
        command.env_remove("ALPHAGENOME_RECORDINGS");
        command
    });
    outcome.expect_code(0);
    assert!(
        scratch
            .path()
            .join("alphagenome-model/config.json")
            .is_file(),
        "{outcome}"
    );
    parity::run(scratch.path(), [&"level2", &"--dtype", &"f32"]).expect_code(parity::AGREE);
}

#[test]
fn without_a_model_the_commands_to_run_are_named() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let outcome = parity::run(scratch.path(), [&"level2", &"--dtype", &"f32"]);
    outcome
        .expect_code(parity::COULD_NOT_RUN)
        .expect_message(&["convert --snapshot"]);
}

#[test]
fn a_damaged_weight_disagrees() {
    let (scratch, model) = converted(Form::Ocdbt);
    let path = model.join("model.safetensors");
    let mut bytes = fs::read(&path).expect("the tensors");
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let tensors: Value = serde_json::from_slice(&bytes[8..8 + header]).expect("a header");
    // The organism embedding of the 128 bp embedder moves by one row: mouse becomes human.
    let offsets = &tensors["output_embedder/embed/embeddings"]["data_offsets"];
    let at = |i: usize| 8 + header + offsets[i].as_u64().expect("an offset") as usize;
    let half = (at(1) - at(0)) / 2;
    let (human, mouse) = bytes[at(0)..at(1)].split_at_mut(half);
    human.swap_with_slice(mouse);
    fs::write(&path, bytes).expect("the tensors");
    let recording = fixtures::recording("tiny_cpu_f32");
    let outcome = parity::run(
        scratch.path(),
        [
            &"level2",
            &"--dtype",
            &"f32",
            &"--model",
            &model,
            &"--recording",
            &recording,
        ],
    );
    outcome.expect_code(parity::DISAGREE);
}

#[test]
fn a_recording_that_is_not_there_could_not_run() {
    let (scratch, model) = converted(Form::Ocdbt);
    let nowhere = scratch.path().join("nowhere");
    let outcome = parity::run(
        scratch.path(),
        [&"level2", &"--model", &model, &"--recording", &nowhere],
    );
    outcome
        .expect_code(parity::COULD_NOT_RUN)
        .expect_message(&["nowhere"]);
}

#[test]
fn three_forms_of_the_snapshot_give_the_same_model() {
    let (_keep, reference) = converted(Form::Ocdbt);
    for form in [Form::OcdbtZarr3, Form::Zarr] {
        let (_keep, model) = converted(form);
        for name in ["model.safetensors", "config.json", "tracks.json"] {
            let read =
                |folder: &Path| fs::read(folder.join(name)).expect("a file of the conversion");
            assert!(
                read(&reference) == read(&model),
                "{name} of {form:?} differs"
            );
        }
    }
}

#[test]
fn the_same_bytes_come_out_on_any_number_of_threads() {
    let reference = convert::good();
    for threads in ["1", "2", "7"] {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let out = scratch.path().join("out");
        convert::run(&Form::Ocdbt.path(), &out, [&"--threads", &threads]).expect_code(0);
        assert!(&folder::contents(&out) == reference, "{threads} threads");
    }
}

#[test]
fn merged_manifest_or_process_folders_give_the_same_model() {
    let snapshot = Form::Ocdbt.copy();
    fs::remove_file(snapshot.file("manifest.ocdbt")).expect("a file of ours");
    fs::remove_dir_all(snapshot.file("d")).expect("a folder of ours");
    let out = snapshot.scratch().join("out");
    convert::run(&snapshot.path, &out, []).expect_code(0);
    let name = Path::new("model.safetensors");
    assert!(fs::read(out.join(name)).expect("the tensors") == convert::good()[name]);
}

#[test]
fn verify_holds_a_model_against_its_snapshot() {
    let (scratch, model) = converted(Form::Ocdbt);
    let snapshot = Form::Zarr.path();
    let verify = || {
        tests::program::run(convert::command(
            scratch.path(),
            [&"verify", &model, &"--snapshot", &snapshot],
        ))
    };
    verify().expect_code(0);
    let path = model.join("model.safetensors");
    let mut bytes = fs::read(&path).expect("the tensors");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("the tensors");
    let outcome = verify();
    assert_ne!(outcome.expect_no_panic().code(), 0, "{outcome}");
}

#[test]
fn a_device_that_is_not_there_is_an_error_that_says_what_to_do() {
    let (scratch, model) = converted(Form::Ocdbt);
    let recording = fixtures::recording("tiny_cpu_f32");
    for (device, words) in [
        // No machine has so many.
        ("cuda:4000", ["CUDA", "4000"].as_slice()),
        ("gpu", &["`gpu` is no device", "cuda:N"]),
        ("cuda:x", &["`cuda:x`", "number"]),
    ] {
        let outcome = parity::run(
            scratch.path(),
            [
                &"level2",
                &"--model",
                &model,
                &"--recording",
                &recording,
                &"--device",
                &device,
            ],
        );
        outcome.expect_code(parity::COULD_NOT_RUN);
        let without_a_driver =
            outcome.stderr.contains("libcuda") && outcome.stderr.contains("install");
        if !(device == "cuda:4000" && without_a_driver) {
            outcome.expect_message(words);
        }
    }
}
