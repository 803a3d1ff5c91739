//! Compares two sides of a case, output by output.

mod analyses;
mod farthest;
mod groups;
mod judge;
mod output;
mod sites;
mod source;
#[cfg(test)]
mod streamed;
mod tables;
mod variants;

use std::collections::BTreeSet;

use crate::align;
use crate::levels::Thresholds;
use crate::outputs::{Kind, kind_of, reading_order};
use crate::recording::{DType, RecordingError};
use crate::result::{CaseResult, KnownTracks, NotCompared};
use crate::sample::{NotComparable, common};

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
    /// What metadata says of tracks, where it is at hand: names, and which are expected to be NaN.
    pub known: Option<KnownTracks>,
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
        let known = settings.known.as_ref();
        judge::not_finite(output, case.organism_index, known);
        if let Some((floor, limit)) = &settings.floor {
            judge::against_floor(output, &case.name, floor, *limit, settings.sides);
        }
        farthest::name(output, case.organism_index, known);
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
        let sides = (reference, candidate);
        return sites::compare(name, (&ours, &theirs), pair, sides, settings, result);
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

fn not_compared(name: &str, reason: &NotComparable) -> NotCompared {
    NotCompared {
        name: name.into(),
        reason: reason.to_string(),
        fails: matches!(reason, NotComparable::Shape { .. }),
    }
}
