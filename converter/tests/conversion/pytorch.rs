//! The tiny AlphaGenome as alphagenome-pytorch names it and lays it out.

use std::{fs, path::Path, process::Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    command::{command, convert, fixture, text},
    memory::{tensors, values},
};

const FOR: [&str; 2] = ["--for", "alphagenome-pytorch"];

/// Converts the tiny model for both readers: into `burn` and `torch`.
fn both(dir: &TempDir) {
    let metadata = fixture("metadata").display().to_string();
    for (out, more) in [("burn", &[][..]), ("torch", &FOR[..])] {
        let arguments = [&["--metadata", &metadata, "--out", out], more].concat();
        let output = convert(dir, &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

fn run(dir: &TempDir, arguments: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command(dir).args(arguments).output().unwrap();
    (status.code(), text(&stdout) + &text(&stderr))
}

#[test]
fn layouts_are_those_of_the_package() {
    let dir = tempfile::tempdir().unwrap();
    both(&dir);
    let (ours, theirs) = (
        tensors(&dir.path().join("burn")),
        tensors(&dir.path().join("torch")),
    );
    assert_eq!(theirs.len(), ours.len() + 7);
    // [width, in, out] and [out, in, width].
    let (from, w) = values(
        &ours,
        "sequence_encoder/downres_block_3/conv_block_1/standardized_conv1_d/w",
    );
    let (to, weight) = values(&theirs, "encoder.down_blocks.3.block2.conv.weight");
    let [width, inputs, outputs] = from[..] else {
        panic!("{from:?}")
    };
    assert_eq!(to, [outputs, inputs, width]);
    for k in 0..width {
        for i in 0..inputs {
            for o in 0..outputs {
                assert_eq!(
                    weight[(o * inputs + i) * width + k],
                    w[(k * inputs + i) * outputs + o]
                );
            }
        }
    }
    // [organisms, in, out] and [organisms, out, in].
    let (from, w) = values(&ours, "head/cage/resolution_128/multi_organism_linear/w");
    let (_, weight) = values(&theirs, "heads.cage.convs.128.weight");
    let (inputs, outputs) = (from[1], from[2]);
    let turned = (0..weight.len()).map(|at| {
        let (organism, o, i) = (at / (inputs * outputs), at / inputs % outputs, at % inputs);
        w[(organism * inputs + i) * outputs + o]
    });
    assert!(turned.eq(weight.iter().copied()));
    // The third pair update stands in the fifth layer.
    let haiku = "transformer_tower/pair_update_block_2/sequence_to_pair_block/linear_pair/b";
    assert_eq!(
        values(
            &theirs,
            "tower.blocks.4.pair_update.seq2pair.linear_pair.bias"
        ),
        values(&ours, haiku)
    );
    assert_eq!(values(&theirs, "decoder.up_blocks.6.residual_scale").0, [1]);
    assert_eq!(
        values(&theirs, "encoder.dna_embedder.block.conv.scale").0[1..],
        [1, 1]
    );
    assert_eq!(
        values(&theirs, "splice_sites_junction_head.rope_params.neg_donor").0[1],
        2
    );
}

#[test]
fn means_of_tracks_follow_the_metadata() {
    let dir = tempfile::tempdir().unwrap();
    both(&dir);
    let tensors = tensors(&dir.path().join("torch"));
    let tracks = fs::read(dir.path().join("torch/tracks.json")).unwrap();
    let tracks: Value = serde_json::from_slice(&tracks).unwrap();
    let (mut padding, mut ones) = (0, 0);
    for (head, output) in [
        ("atac", "ATAC"),
        ("procap", "PROCAP"),
        ("rna_seq", "RNA_SEQ"),
        ("chip_tf", "CHIP_TF"),
    ] {
        let (shape, means) = values(&tensors, &format!("heads.{head}.track_means"));
        for (organism, means) in means.chunks(shape[1]).enumerate() {
            let known = tracks["organisms"][organism]["outputs"][output]
                .as_array()
                .unwrap();
            let none = known.iter().all(|track| track["nonzero_mean"].is_null());
            for (track, mean) in known.iter().zip(means) {
                match track["nonzero_mean"].as_f64() {
                    Some(expected) => assert_eq!(*mean, f64::from(expected as f32)),
                    None if none => {
                        ones += 1;
                        assert_eq!(*mean, 1.0);
                    }
                    None => {
                        padding += 1;
                        assert_eq!(*mean, 0.0);
                    }
                }
            }
        }
    }
    assert!(padding > 0 && ones > 0, "{padding} {ones}");
    let (code, told) = run(
        &dir,
        &["verify", "torch", "--snapshot", snapshot().as_str()],
    );
    assert_eq!(code, Some(0), "{told}");
    // They are no part of the checkpoint: its digest is the same for every reader.
    let ledger = |out: &str| -> Value {
        serde_json::from_slice(&fs::read(dir.path().join(out).join("conversion.json")).unwrap())
            .unwrap()
    };
    assert_eq!(ledger("burn")["source"], ledger("torch")["source"]);
}

fn snapshot() -> String {
    fixture("snapshots/ocdbt").display().to_string()
}

#[test]
fn padding_may_stay_nan_and_metadata_must_be_given() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = fixture("metadata").display().to_string();
    let nan = [
        "--metadata",
        &metadata,
        "--out",
        "nan",
        "--fold",
        "nan_padding",
        FOR[0],
        FOR[1],
    ];
    assert_eq!(convert(&dir, &nan).status.code(), Some(0));
    let (_, means) = values(&tensors(&dir.path().join("nan")), "heads.atac.track_means");
    assert!(
        means.iter().any(|mean| mean.is_nan()) && !means.contains(&0.0),
        "{means:?}"
    );
    let refused = convert(&dir, &FOR);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("give AlphaGenome's track metadata with --metadata DIR")
    );
    let both = convert(&dir, &[&FOR[..], &["--spec", "x.toml"]].concat());
    assert_eq!(both.status.code(), Some(2));
    assert_eq!(
        run(&dir, &["spec", FOR[0], FOR[1]]).1,
        converter::spec::ALPHAGENOME_PYTORCH
    );
}

/// Changes the last four bytes of a tensor.
fn damage(model: &Path, tensor: &str) {
    let opened = converter::safetensors_file::Model::open(model).unwrap();
    let stored = &opened.tensors[tensor];
    let path = &opened.files[stored.file].0;
    let mut bytes = fs::read(path).unwrap();
    let end = stored.offset as usize + stored.kind.bytes();
    bytes[end - 4..end].copy_from_slice(&7.5f32.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn someone_elses_state_dict_is_held_to_the_mapping() {
    let dir = tempfile::tempdir().unwrap();
    both(&dir);
    let theirs = dir.path().join("theirs.safetensors");
    fs::copy(dir.path().join("torch/model.safetensors"), &theirs).unwrap();
    let diff = |a: &str, more: &[&str]| {
        run(
            &dir,
            &[&["diff", a, "theirs.safetensors"], &FOR[..], more].concat(),
        )
    };
    for a in ["burn", "torch"] {
        let (code, told) = diff(a, &[]);
        assert_eq!(
            (code, told.as_str()),
            (Some(0), "677 arrays are equal\n"),
            "{a}"
        );
    }
    damage(&theirs, "tower.blocks.2.mha.q_proj.weight");
    damage(&theirs, "heads.procap.track_means");
    let (code, told) = diff("burn", &[]);
    assert_eq!(code, Some(1));
    assert!(told.contains("2 arrays differ, 2 shown"), "{told}");
    assert!(
        told.contains(
            "q_proj.weight: 0.alphagenome/transformer_tower/mha_block_2/q_layer.w, permute [1, 0]"
        ),
        "{told}"
    );
    let (code, told) = diff("torch", &["--json"]);
    assert_eq!(code, Some(1));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["differences"].as_array().unwrap().len(), 2);
    assert_eq!(told["differences"][0]["differing"], 1);
    // A checkpoint has no track metadata beside it.
    let (code, told) = diff(&snapshot(), &[]);
    assert_eq!(code, Some(2));
    assert!(told.contains("--metadata"), "{told}");
    let metadata = fixture("metadata").display().to_string();
    let (code, told) = diff(&snapshot(), &["--metadata", &metadata]);
    assert_eq!(code, Some(1));
    assert!(told.contains("2 arrays differ, 2 shown"), "{told}");
    fs::write(dir.path().join("theirs.pth"), "x").unwrap();
    let (code, told) = run(&dir, &["diff", "torch", "theirs.pth"]);
    assert_eq!(code, Some(2));
    assert!(
        told.contains("a state dict is read as safetensors"),
        "{told}"
    );
}

#[test]
fn a_folded_folder_is_no_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    both(&dir);
    let metadata = fixture("metadata").display().to_string();
    for fold in [&["--fold", "rms_batch_norm"][..], &["--dtype", "bf16"]] {
        let arguments = [
            &["--metadata", &metadata, "--out", "folded", "--force"],
            fold,
        ]
        .concat();
        assert_eq!(convert(&dir, &arguments).status.code(), Some(0));
        let (code, told) = run(&dir, &["diff", "folded", "torch", FOR[0], FOR[1]]);
        assert_eq!(code, Some(2));
        assert!(
            told.contains("no longer holds a leaf of the checkpoint"),
            "{told}"
        );
    }
}
