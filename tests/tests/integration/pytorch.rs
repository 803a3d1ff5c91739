//! Other frameworks: the package alphagenome-pytorch with our weights, and a Haiku model that is not AlphaGenome.

use std::path::Path;
use std::process::Command;

use libtest_mimic::{Completion, Failed};
use serde_json::Value;
use tests::{fixtures, program};

use crate::gate::{CONVERT, Full, PARITY, succeed};

const NO_TORCH: &str = "ALPHAGENOME_TORCH is not set";
const CASE: &str = "rand42_4096_human";

/// Bounds of the relative L2 distance to JAX's float32 on a CPU; the first name that an output contains decides. The package takes
/// the exact gelu in the pair's path, where JAX takes its tanh form; and JAX rounds usage to float16.
const BOUNDS: [(&str, f64); 7] = [
    ("attention_bias_block", 1e-3),
    ("pair", 3e-5),
    ("contact_maps", 3e-5),
    ("splice_sites_usage/predictions", 4e-4),
    ("mha_block", 5e-6),
    ("taps", 3e-6),
    ("", 3e-6),
];

fn python(interpreter: &Path, script: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(fixtures::repository().join(script));
    command
}

/// The package loads our file whole, its own converter gives the same bits, and its outputs stand from JAX's where they must.
pub fn the_package_runs_on_our_weights(full: &Full) -> Result<Completion, Failed> {
    let Some(torch) = &full.torch else {
        return Ok(Completion::ignored_with(NO_TORCH));
    };
    if full.metadata.is_none() {
        return Ok(Completion::ignored_with("ALPHAGENOME_METADATA is not set"));
    }
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (model, recording) = (folder.path().join("model"), folder.path().join("recording"));
    full.convert(&model, &["--for", "alphagenome-pytorch"])?;
    let mut check = python(torch, "tests/torch/check.py");
    check
        .arg("--model")
        .arg(&model)
        .arg("--snapshot")
        .arg(&full.snapshot);
    succeed(check)?;
    let mut record = python(torch, "parity/recorder/record_pytorch.py");
    record
        .arg("--model")
        .arg(&model)
        .arg("--out")
        .arg(&recording);
    record.args(["--case", "rand42:4096:human", "--taps"]);
    succeed(record)?;
    let jax = full.recording("cpu_f32_taps")?;
    distances(&parity(
        &["compare", "--json", "--case", CASE],
        &[&jax, &recording],
        1,
    )?)?;
    leaves_jax_in_the_pair(&jax, &recording)?;
    Ok(Completion::Completed)
}

/// What `parity` says as JSON.
fn parity(arguments: &[&str], paths: &[&Path], code: i32) -> Result<Value, Failed> {
    let mut command = program::command(PARITY, &fixtures::repository(), arguments);
    command.args(paths);
    let output = command.output().map_err(|e| e.to_string())?;
    if output.status.code() != Some(code) {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{command:?}: {:?}, expected {code}: {told}", output.status).into());
    }
    serde_json::from_slice(&output.stdout).map_err(|e| e.to_string().into())
}

/// Every output and tap within its bound; zeros for NaN in the tracks that have no mean, and nowhere else.
fn distances(result: &Value) -> Result<(), Failed> {
    let case = &result["runs"][0]["cases"][0];
    let outputs = case["outputs"].as_array().ok_or("no outputs")?;
    let (mut faults, mut compared) = (Vec::new(), 0);
    for output in outputs {
        let name = output["name"].as_str().unwrap_or_default();
        let bound = BOUNDS
            .iter()
            .find(|(part, _)| name.contains(part))
            .map_or(0.0, |(_, bound)| *bound);
        let summary = &output["summary"];
        match summary["relative_l2"].as_f64() {
            Some(distance) if distance <= bound => {}
            Some(distance) => faults.push(format!("{name}: {distance:e}, at most {bound:e}")),
            None if !output["reference_dtype"]
                .as_str()
                .is_some_and(|dtype| dtype.starts_with("float")) => {}
            None => faults.push(format!("{name}: no distance")),
        }
        let padding = output["padding"]["tracks"].as_u64().unwrap_or(0);
        let rows = summary["count"].as_u64().unwrap_or(0)
            / output["compared_shape"]
                .as_array()
                .and_then(|s| s.last()?.as_u64())
                .unwrap_or(1);
        if summary["non_finite"]["mismatches"].as_u64() != Some(padding * rows) {
            faults.push(format!(
                "{name}: {} of {padding} padding tracks of {rows}",
                summary["non_finite"]["mismatches"]
            ));
        }
        compared += 1;
    }
    if compared < 90 {
        faults.push(format!("only {compared} outputs were compared"));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults.join("\n").into()),
    }
}

/// The modules in which the error jumps are the two that take another gelu.
fn leaves_jax_in_the_pair(jax: &Path, recording: &Path) -> Result<(), Failed> {
    let (jax, recording) = (jax.display().to_string(), recording.display().to_string());
    let found = parity(
        &[
            "bisect",
            "--json",
            "--recording",
            &jax,
            "--candidate",
            &recording,
        ],
        &[],
        1,
    )?;
    let tower = "alphagenome/transformer_tower";
    let expected = serde_json::json!([
        format!("{tower}/pair_update_block/sequence_to_pair_block"),
        format!("{tower}/attention_bias_block"),
    ]);
    match found["cases"][0]["also"] == expected {
        true => Ok(()),
        false => Err(format!("the error jumps in {}", found["cases"][0]["also"]).into()),
    }
}

/// Haiku's own ResNet-18, by a spec alone.
pub fn another_haiku_model_converts(full: &Full) -> Result<Completion, Failed> {
    let Some(torch) = &full.torch else {
        return Ok(Completion::ignored_with(NO_TORCH));
    };
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (snapshot, model) = (folder.path().join("snapshot"), folder.path().join("model"));
    let script = "tests/torch/resnet18.py";
    let mut make = python(torch, script);
    make.arg("make").arg("--snapshot").arg(&snapshot);
    succeed(make)?;
    let mut convert = program::command(
        CONVERT,
        &fixtures::repository(),
        ["--spec", "mapping/resnet18.toml"],
    );
    convert
        .arg("--snapshot")
        .arg(&snapshot)
        .arg("--out")
        .arg(&model);
    succeed(convert)?;
    let mut check = python(torch, script);
    check
        .arg("check")
        .arg("--snapshot")
        .arg(&snapshot)
        .arg("--model")
        .arg(&model);
    succeed(check)?;
    Ok(Completion::Completed)
}
