//! Weights that changed since the conversion: `explain` and `bisect` name what became of them, with the ledger and without.

use std::fs;
use std::path::Path;

use half::bf16;
use serde_json::Value;
use tests::fixtures::{self, Form};

use crate::parity::DISAGREE;
use crate::{convert, parity};

const LAYER: &str = "sequence_decoder/up_res_block_3/pointwise_conv_unet_skip/linear/";
const TO: &str = "transformer_tower/mlp_block_2/";
const FROM: &str = "transformer_tower/mlp_block_5/";

/// The values of a tensor, by name.
type Values<'a> = &'a dyn Fn(&str) -> Vec<f32>;
/// Other values for a tensor.
type Edit<'a> = &'a dyn Fn(&str, Values<'_>) -> Vec<f32>;

/// The tensors of a model's one file: the file, where they begin, and the header.
fn open(model: &Path) -> (Vec<u8>, usize, Value) {
    let bytes = fs::read(model.join("model.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    (bytes, 8 + length, header)
}

/// Changes the values of every tensor whose name begins with `prefix`; `change` also sees what another tensor holds.
fn edit(model: &Path, prefix: &str, change: Edit<'_>) {
    let (mut bytes, start, header) = open(model);
    let range = |name: &str| {
        let ends = &header[name]["data_offsets"];
        let end = |i: usize| start + ends[i].as_u64().unwrap() as usize;
        end(0)..end(1)
    };
    let sound = bytes.clone();
    let values = |name: &str| -> Vec<f32> {
        let bytes = sound[range(name)].as_chunks::<4>().0;
        bytes.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    for name in header.as_object().unwrap().keys() {
        if name.starts_with(prefix) && name != "__metadata__" {
            let made = change(name, &values);
            let made: Vec<u8> = made.iter().flat_map(|x| x.to_le_bytes()).collect();
            bytes[range(name)].copy_from_slice(&made);
        }
    }
    fs::write(model.join("model.safetensors"), bytes).unwrap();
}

#[test]
fn what_became_of_weights_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let metadata = fixtures::metadata();
    let good = at.join("good");
    convert::run(&Form::Ocdbt.path(), &good, [&"--metadata", &metadata]).expect_code(0);
    let recording = fixtures::recording("tiny_cpu_f32");
    let round = |name: &str, values: Values<'_>| {
        values(name)
            .iter()
            .map(|x| bf16::from_f32(*x).to_f32())
            .collect()
    };
    let copy = |name: &str, values: Values<'_>| values(&name.replace(TO, FROM));
    let faults: [(&str, Edit<'_>, &str, &str); 3] = [
        (
            "",
            &round,
            "All weights were rounded to bfloat16",
            "likely kind: other precision",
        ),
        (
            LAYER,
            &round,
            "weights that were rounded to bfloat16",
            "likely kind: other precision",
        ),
        (
            TO,
            &copy,
            "a layer was copied",
            "likely kind: permuted channels",
        ),
    ];
    for (prefix, change, cause, kind) in faults {
        let model = at.join("broken");
        let _ = fs::remove_dir_all(&model);
        tests::folder::copy(&good, &model);
        edit(&model, prefix, change);
        let level = parity::run(
            at,
            [
                &"level4",
                &"--model",
                &model,
                &"--recording",
                &recording,
                &"--json",
            ],
        );
        fs::write(at.join("result.json"), &level.expect_code(DISAGREE).stdout).unwrap();
        let explained = parity::run(at, [&"explain", &"result.json"]);
        let causes = explained
            .stdout
            .split_once("most specific first:")
            .unwrap()
            .1;
        let first = causes.trim_start().lines().next().unwrap();
        assert!(first.contains(cause), "{prefix}: {causes}");
        // The weights themselves tell it too.
        for ledger in [true, false] {
            if !ledger {
                fs::remove_file(model.join("conversion.json")).unwrap();
            }
            let case = "rand42_4096_human";
            let found = parity::run(
                at,
                [
                    &"bisect",
                    &"--model",
                    &model,
                    &"--recording",
                    &recording,
                    &"--case",
                    &case,
                ],
            );
            assert!(
                found.stdout.contains(kind),
                "{prefix}, {ledger}: {}",
                found.stdout
            );
        }
    }
    // Where no weight changed, that is said.
    let level = parity::run(
        at,
        [
            &"level4",
            &"--model",
            &"good",
            &"--recording",
            &recording,
            &"--arithmetic",
            &"xla-gpu-tf32",
            &"--json",
        ],
    );
    fs::write(at.join("result.json"), &level.expect_code(DISAGREE).stdout).unwrap();
    let explained = parity::run(at, [&"explain", &"result.json"]);
    assert!(
        explained
            .stdout
            .contains("All 670 tensors of the model are those that `convert` wrote.")
            && explained.stdout.contains("TF32, or bfloat16 operands"),
        "{}",
        explained.stdout
    );
}
