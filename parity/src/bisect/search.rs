//! A search through the cases of a recording.

use anyhow::Result;
use model::Arithmetic;

use super::floor::LocalFloor;
use super::report::{Report, SCHEMA, SCHEMA_VERSION};
use super::subject::Subject;
use super::walk::{Settings, walk};
use crate::recording::Recording;

/// Searches cases of a recording with a model; `progress` is told the case and the module, `estimate` the case and the seconds
/// that its modules will take.
///
/// # Errors
/// Where a case cannot be read or does not fit the model.
pub fn search(
    subject: &Subject,
    recording: &Recording,
    cases: &[String],
    limit: f64,
    progress: &dyn Fn(&str, &str),
    estimate: &dyn Fn(&str, f64),
) -> Result<Report> {
    let arithmetic = subject.arithmetic();
    let dtype = recording.manifest.compute_dtype;
    let same_program = same_program(recording, arithmetic);
    let floor = LocalFloor::of(dtype, same_program);
    let mut found = Vec::new();
    for name in cases {
        let settings = Settings {
            floor,
            limit,
            same_program,
            command: format!(
                "parity bisect --model {} --recording {} --case {name} --arithmetic {arithmetic}",
                subject.dir().display(),
                recording.path.display()
            ),
            progress: &|what| progress(name, what),
            estimate: &|seconds| estimate(name, seconds),
        };
        found.push(walk(subject, recording, name, &settings)?);
    }
    let words = match same_program {
        true => format!(
            "this program wrote the recording with the same arithmetic, so each module repeats it to {:.0} roundings of a float32",
            floor.least
        ),
        false => format!(
            "per module: {} times what one {dtype} rounding of its input moves its output, and no less than {} roundings of its \
             output",
            floor.roundings, floor.least
        ),
    };
    Ok(Report {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        recording: recording.path.display().to_string(),
        made_by: recording.manifest.made_by(),
        candidate: subject.dir().display().to_string(),
        arithmetic: Some(arithmetic.name().into()),
        floor: Some(words),
        limit,
        clean: found.iter().all(|case| case.culprit.is_none()),
        cases: found,
    })
}

/// Whether the modules repeat the recording bit by bit: this program wrote it, on a CPU, with the same arithmetic.
fn same_program(recording: &Recording, arithmetic: Arithmetic) -> bool {
    let manifest = &recording.manifest;
    let recorded = manifest
        .more
        .get("arithmetic")
        .and_then(|value| value.as_str());
    manifest.framework == "burn"
        && manifest.platform.as_deref() == Some("cpu")
        && recorded == Some(arithmetic.name())
}
