//! The full model in bfloat16 on the CPU, against JAX's recordings.

use std::path::Path;

use libtest_mimic::{Completion, Failed};
use serde_json::Value;
use tests::{fixtures, program};

use crate::gate::{Full, PARITY, succeed};

/// The largest relative distance of `embeddings_1bp` from JAX on a CPU: JAX on a GPU is 1.96e-2 from it.
const FROM_CPU: f64 = 1.9e-2;
/// The largest of `embeddings_1bp`, `embeddings_128bp` and `embeddings_pair` from JAX on a GPU: what leaving roundings out or
/// not moves JAX itself.
const FROM_GPU: [(&str, f64); 3] = [
    ("embeddings_1bp", 1.86e-2),
    ("embeddings_128bp", 1.55e-2),
    ("embeddings_pair", 1.51e-2),
];

/// Every output and every module, and the distance of the embeddings, against JAX on a CPU.
pub fn agrees_with_jax_on_cpu(full: &Full) -> Result<Completion, Failed> {
    let result = level2(full, "cpu_bf16_taps", "rand42_4096_human", &[])?;
    within(&result, &[("embeddings_1bp", FROM_CPU)])
}

/// Every output against JAX on a GPU, and its ratio to the distance of JAX from itself.
pub fn agrees_with_jax_on_gpu(full: &Full) -> Result<Completion, Failed> {
    let folder = tempfile::tempdir()?;
    let floor = folder.path().join("floor.json");
    let mut command = program::command(PARITY, &fixtures::repository(), ["floor", "--out"]);
    command.arg(&floor);
    for name in ["gpu_bf16", "gpu_bf16_noexcess"] {
        command.arg(full.recording(name)?);
    }
    succeed(command)?;
    let result = level2(full, "gpu_bf16", "rand42_4096_human", &[&floor])?;
    within(&result, &FROM_GPU)
}

/// The result of level 2, which must pass; with a floor, at a ratio of at most 1.1.
fn level2(full: &Full, recording: &str, case: &str, floor: &[&Path]) -> Result<Value, Failed> {
    let arguments = ["level2", "--dtype", "bf16", "--json", "--case", case];
    let mut command = program::command(PARITY, &fixtures::repository(), arguments);
    command.arg("--model").arg(full.model()?);
    command.arg("--recording").arg(full.recording(recording)?);
    for floor in floor {
        command.arg("--floor").arg(floor);
        command.args(["--floor-limit", "1.1"]);
    }
    let line = format!("{command:?}");
    let outcome = program::run(command);
    if !outcome.status.success() {
        return Err(format!("{line}: {outcome}").into());
    }
    Ok(serde_json::from_str(&outcome.stdout)?)
}

/// That each of these outputs is in the result, no farther than its limit.
fn within(result: &Value, limits: &[(&str, f64)]) -> Result<Completion, Failed> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let cases = list(result, "runs")
        .into_iter()
        .flat_map(|run| list(&run, "cases"));
    let outputs = cases.flat_map(|case| list(&case, "outputs"));
    let distances: Vec<(String, f64)> = outputs
        .filter_map(|output| {
            let distance = output["summary"]["relative_l2"].as_f64()?;
            Some((output["name"].as_str()?.to_owned(), distance))
        })
        .collect();
    for (name, limit) in limits {
        let distance = distances.iter().find(|(output, _)| output == name);
        match distance {
            Some((_, distance)) if distance <= limit => {}
            found => return Err(format!("{name}: {found:?}, expected at most {limit:e}").into()),
        }
    }
    Ok(Completion::Completed)
}
