//! Compares two sides of a case, output by output.

mod analyses;
mod groups;
mod judge;
mod output;
mod source;
#[cfg(test)]
mod streamed;
mod tables;
mod variants;

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::align;
use crate::levels::Thresholds;
use crate::outputs::{Kind, kind_of, reading_order};
use crate::recording::{Array, DType, RecordingError};
use crate::result::{CaseResult, NotCompared, PaddingTracks};
use crate::sample::{NotComparable, Pair, common};

pub use output::compare_pair;
pub use source::{InMemory, Source, Streamable};
pub use variants::{compare_variant, pairs as variant_pairs};

/// What a comparison is held to, and how much of it is worked out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// 1 to 4.
    pub level: u8,
    /// The dtype whose bounds count.
    pub dtype: DType,
    /// The bounds.
    pub thresholds: Thresholds,
    /// Sides that round to `dtype`: see [`crate::floor::sides`].
    pub sides: u8,
    /// JAX's distance to itself, and the ratio allowed.
    pub floor: Option<(crate::floor::Floor, f64)>,
    /// Tracks that are expected to be NaN, where metadata is at hand.
    pub padding: Option<PaddingTracks>,
    /// Whether tables per track, decile and position and the points of a scatter plot are wanted.
    pub tables: bool,
    /// Only outputs whose name holds this text.
    pub only: Option<String>,
}

impl Settings {
    /// The margin between two classes that is a near-tie: four times the root mean square by which noise moves margins, as
    /// the floor measured it, or as the profile states it.
    pub(crate) fn class_tie(&self, output: &str) -> f64 {
        let floor = self
            .floor
            .as_ref()
            .and_then(|(floor, _)| floor.outputs.get(output));
        let measured = floor.and_then(|entry| {
            let more = (f64::from(self.sides) / f64::from(entry.sides))
                .sqrt()
                .max(1.0);
            Some(4.0 * entry.class_margin? * more)
        });
        measured.unwrap_or(self.thresholds.decision.class_tie.of(self.dtype))
    }
}

/// The name under which junctions are listed that the candidate made at the reference's positions.
pub const GIVEN: &str = "splice_sites_junction/predictions@given";

const POSITIONS: &str = "splice_sites_junction/splice_site_positions";
const PROBABILITIES: &str = "splice_sites_classification/predictions";

/// Compares the candidate's side of a case with the reference's. `progress` is called with every output's name.
///
/// # Errors
/// Where an array of a recording cannot be read. An output that does not fit is no error but part of the result.
pub fn compare_case(
    case: &CaseInfo,
    reference: &mut dyn Source,
    candidate: &mut dyn Source,
    settings: &Settings,
    progress: &mut dyn FnMut(&str),
) -> Result<CaseResult, RecordingError> {
    let wanted = |name: &String| {
        settings
            .only
            .as_ref()
            .is_none_or(|part| name.contains(part))
    };
    let mut names: Vec<String> = reference.names().into_iter().filter(wanted).collect();
    names.sort_by(|a, b| reading_order(a).cmp(&reading_order(b)));
    let theirs: BTreeSet<String> = candidate.names().into_iter().filter(wanted).collect();
    let mut result = CaseResult {
        name: case.name.clone(),
        sequence_length: case.sequence_length,
        organism_index: case.organism_index,
        seconds: None,
        outputs: Vec::new(),
        splice_sites: Vec::new(),
        not_compared: Vec::new(),
        extra: theirs
            .iter()
            .filter(|name| {
                name.as_str() != GIVEN
                    && names
                        .binary_search_by(|n| reading_order(n).cmp(&reading_order(name)))
                        .is_err()
            })
            .cloned()
            .collect(),
        pass: true,
    };
    for name in &names {
        progress(name);
        let mut pairs = vec![(name.clone(), name.clone())];
        if name.as_str() == "splice_sites_junction/predictions" && theirs.contains(GIVEN) {
            pairs.push((GIVEN.to_string(), GIVEN.to_string()));
        }
        for (label, theirs_name) in pairs {
            if !theirs.contains(&theirs_name) {
                // A recording without taps is no worse a candidate; a missing output is.
                result.not_compared.push(NotCompared {
                    name: label,
                    reason: "the candidate does not have it".into(),
                    fails: kind_of(name).kind != Kind::Tap,
                });
                continue;
            }
            one_output(name, &label, reference, candidate, settings, &mut result)?;
        }
    }
    for output in &mut result.outputs {
        judge::not_finite(output, case.organism_index, settings.padding.as_ref());
    }
    if let Some((floor, limit)) = &settings.floor {
        for output in &mut result.outputs {
            judge::against_floor(output, &case.name, floor, *limit, settings.sides);
        }
    }
    // Nothing compared is no agreement.
    if result
        .outputs
        .iter()
        .all(|output| output.summary.finite == 0)
    {
        result.not_compared.push(NotCompared {
            name: "every output".into(),
            reason: "no finite value was compared, so nothing shows agreement".into(),
            fails: true,
        });
    }
    result.pass = result.outputs.iter().all(|output| output.pass)
        && result.not_compared.iter().all(|output| !output.fails);
    Ok(result)
}

/// What a case is.
#[derive(Clone, Debug)]
pub struct CaseInfo {
    /// Its name.
    pub name: String,
    /// Base pairs.
    pub sequence_length: usize,
    /// 0 human, 1 mouse.
    pub organism_index: usize,
}

fn one_output(
    name: &str,
    label: &str,
    reference: &mut dyn Source,
    candidate: &mut dyn Source,
    settings: &Settings,
    result: &mut CaseResult,
) -> Result<(), RecordingError> {
    let kind = kind_of(name);
    if output::streams(name, reference, candidate)? {
        let output = output::compare_streams(label, reference, candidate, settings)?;
        result.outputs.push(output);
        return Ok(());
    }
    let ours = reference.array(name)?.into_owned();
    let theirs = candidate.array(label)?.into_owned();
    let pair = match kind.kind {
        Kind::Junctions | Kind::JunctionMask => {
            let a = reference.array(POSITIONS)?.into_owned();
            // Given positions are the reference's own.
            let b = match label {
                GIVEN => a.clone(),
                _ => candidate.array(POSITIONS)?.into_owned(),
            };
            align::junctions((&ours, &a), (&theirs, &b))
        }
        _ => common(&ours, &theirs),
    };
    if kind.kind == Kind::SplicePositions {
        return sites(name, &ours, &theirs, pair, candidate, settings, result);
    }
    match pair {
        Ok(pair) => {
            let dtypes = (ours.dtype(), theirs.dtype());
            let full = ours.full_shape.clone();
            result
                .outputs
                .push(compare_pair(label, &pair, full, dtypes, settings));
        }
        Err(reason) => result.not_compared.push(not_compared(label, &reason)),
    }
    Ok(())
}

/// Positions of splice sites: sets, not values.
fn sites(
    name: &str,
    ours: &Array,
    theirs: &Array,
    pair: Result<Pair<'_>, NotComparable>,
    candidate: &mut dyn Source,
    settings: &Settings,
    result: &mut CaseResult,
) -> Result<(), RecordingError> {
    let has = candidate.names().iter().any(|n| n == PROBABILITIES);
    let probabilities = if has {
        Some(candidate.array(PROBABILITIES)?)
    } else {
        None
    };
    let bounds = settings
        .thresholds
        .bounds(settings.level, settings.dtype, name)
        .unwrap_or_default();
    // The probabilities were compared before: they stand first in reading order.
    let differences = result
        .outputs
        .iter()
        .find(|output| output.name == PROBABILITIES);
    let largest = differences.and_then(|output| output.summary.max_abs().value());
    let scaled = bounds.tie_per_difference.unwrap_or(0.0) * largest.unwrap_or(0.0);
    let tie = bounds.tie.unwrap_or(0.0).max(scaled);
    let sets = align::site_sets(ours, theirs, probabilities.as_ref().map(Cow::as_ref), tie);
    match (pair, sets) {
        (Ok(pair), Ok(sets)) => {
            let dtypes = (ours.dtype(), theirs.dtype());
            let full = ours.full_shape.clone();
            let mut output = compare_pair(name, &pair, full, dtypes, settings);
            judge::order(&mut output, &align::out_of_order(theirs));
            judge::sites(&mut output, &sets, bounds.tie.map(|_| tie));
            result.splice_sites = sets;
            result.outputs.push(output);
        }
        (Err(reason), _) | (_, Err(reason)) => {
            result.not_compared.push(not_compared(name, &reason));
        }
    }
    Ok(())
}

fn not_compared(name: &str, reason: &NotComparable) -> NotCompared {
    NotCompared {
        name: name.into(),
        reason: reason.to_string(),
        fails: matches!(reason, NotComparable::Shape { .. }),
    }
}
