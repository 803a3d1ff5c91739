//! Two recordings without a model: the propagated error, and where it jumps.

use std::time::Instant;

use super::arrays::distance;
use super::floor::Jump;
use super::report::{Case, Row};
use crate::order::depth;
use crate::recording::{Recording, RecordingError};
use crate::sample::common;

/// Compares the taps of a case that both recordings hold, in the order of the data.
///
/// # Errors
/// Where an array cannot be read.
pub fn two(
    reference: &Recording,
    candidate: &Recording,
    name: &str,
) -> Result<Case, RecordingError> {
    let started = Instant::now();
    let (mut a, mut b) = (reference.case(name)?, candidate.case(name)?);
    let mut names: Vec<String> = a
        .entry()
        .outputs
        .keys()
        .filter(|output| output.starts_with("taps/") || output.starts_with("embeddings_"))
        .filter(|output| b.entry().outputs.contains_key(*output))
        .cloned()
        .collect();
    names.sort_by_key(|name| depth(name));
    let (mut rows, mut notes, mut jumps) = (Vec::new(), Vec::new(), Vec::new());
    let rule = Jump::rule();
    let types = [reference, candidate].map(|side| side.manifest.compute_dtype.unit_roundoff());
    let mut before = rule.roundings * types[0].max(types[1]);
    for name in names {
        let (reference, candidate) = (a.array(&name)?, b.array(&name)?);
        let pair = match common(&reference, &candidate) {
            Ok(pair) => pair,
            Err(reason) => {
                notes.push(format!("{name} is left out: {reason}"));
                continue;
            }
        };
        let module = name.strip_prefix("taps/").unwrap_or(&name).to_owned();
        let error = distance(&pair.reference.to_f64(), &pair.candidate.to_f64());
        let gain = error / before;
        // What is not finite is as far as anything can be.
        if gain.is_nan() || gain > rule.jump {
            jumps.push(module.clone());
        }
        before = before.max(error);
        rows.push(Row {
            module,
            output: name.clone(),
            values: pair.reference.len(),
            propagated: Some(error),
            gain: Some(gain),
            local: None,
            floor: None,
            ratio: None,
            limit: None,
            input: None,
        });
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Case {
        name: name.into(),
        rows,
        culprit: None,
        also: jumps,
        notes,
        seconds,
    })
}
