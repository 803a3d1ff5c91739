//! Positions of splice sites: sets, not values.

use parity_stats::Stat;

use super::{Settings, Source, compare_pair, not_compared};
use crate::align::{self, SiteSet};
use crate::recording::{Array, RecordingError};
use crate::result::{CaseResult, Check, OutputResult};
use crate::sample::{NotComparable, Pair, common};

const PROBABILITIES: &str = "splice_sites_classification/predictions";
/// A probability that is farther than this from the cut is no tie, however few of the others are known: level 2 tolerates half of it
/// of a probability in float32, and a perturbation of `e` swaps none that are more than `2 e` apart.
const FAR: f64 = 0.04;

/// Compares and judges them. The probabilities tell ties, and are read whether they are shown or not.
pub(super) fn compare(
    name: &str,
    (ours, theirs): (&Array, &Array),
    pair: Result<Pair<'_>, NotComparable>,
    (reference, candidate): (&mut dyn Source, &mut dyn Source),
    settings: &Settings,
    result: &mut CaseResult,
) -> Result<(), RecordingError> {
    let (a, b) = (probabilities(reference)?, probabilities(candidate)?);
    let bounds = settings
        .thresholds
        .bounds(settings.level, settings.dtype, name)
        .unwrap_or_default();
    let largest = a.as_ref().zip(b.as_ref()).and_then(|(a, b)| {
        let both = common(a, b).ok()?;
        let summary = parity_stats::compare(
            both.reference.view(),
            both.candidate.view(),
            &parity_stats::Options::default(),
        );
        summary.ok()?.max_abs().value()
    });
    let scaled = bounds.tie_per_difference.unwrap_or(0.0) * largest.unwrap_or(0.0);
    // Of a side that kept some of them only, the lowest that was chosen is not known.
    let whole = |side: &&Array| !side.is_sampled();
    let by = [&b, &a].into_iter().flatten().find(whole);
    let ties = Ties {
        within: bounds.tie.map(|tie| tie.max(scaled)),
        partly: match (&a, &b) {
            (Some(a), Some(b)) if whole(&a) && whole(&b) => None,
            (Some(_), Some(_)) => Some("a side kept some of them only"),
            _ => Some("a side does not hold them"),
        },
        far: by.map_or(f64::INFINITY, |_| FAR),
    };
    let by = by.or(b.as_ref());
    let sets = align::site_sets(ours, theirs, by, ties.within.unwrap_or(0.0));
    match (pair, sets) {
        (Ok(pair), Ok(sets)) => {
            let dtypes = (ours.dtype(), theirs.dtype());
            let full = ours.full_shape.clone();
            let mut output = compare_pair(name, &pair, full, dtypes, settings);
            order(&mut output, &align::out_of_order(theirs));
            judge(&mut output, &sets, &ties);
            result.splice_sites = sets;
            result.outputs.push(output);
        }
        (Err(reason), _) | (_, Err(reason)) => {
            result.not_compared.push(not_compared(name, &reason));
        }
    }
    Ok(())
}

/// What splice sites are chosen by, where a side holds it.
fn probabilities(side: &mut dyn Source) -> Result<Option<Array>, RecordingError> {
    match side.names().iter().any(|name| name == PROBABILITIES) {
        true => Ok(Some(side.array(PROBABILITIES)?.into_owned())),
        false => Ok(None),
    }
}

/// Sets say nothing of the order, which whoever reads junctions by index relies on: `kinds` of the candidate break it.
fn order(output: &mut OutputResult, kinds: &[&str]) {
    let check = Check::at_most("sites_out_of_order", Stat::of(kinds.len() as f64), 0.0);
    output.checks.push(match kinds {
        [] => check,
        _ => check.with_note(kinds.join(", ")),
    });
    output.pass &= kinds.is_empty();
}

/// How far from the cut a probability is a tie.
struct Ties {
    /// The margin; nothing where positions are reported only.
    within: Option<f64>,
    /// Why the probabilities are not all known: no difference of them bounds that of the others then.
    partly: Option<&'static str>,
    /// What is farther from the cut is no tie even so.
    far: f64,
}

/// Splice positions pass where every difference is a tie; without a bound for ties they are reported only. What not all probabilities
/// are known for is not judged, but where one is far from the cut.
fn judge(output: &mut OutputResult, sets: &[SiteSet], ties: &Ties) {
    let count = |of: &dyn Fn(&SiteSet) -> usize| sets.iter().map(of).sum::<usize>();
    let (unexplained, within) = (count(&|set| set.unexplained), count(&|set| set.ties));
    let Some(tie) = ties.within else { return };
    let widest = sets.iter().filter_map(|set| set.widest.value());
    let far = widest.fold(0.0, f64::max) > ties.far;
    if let (1.., Some(why), false) = (unexplained, ties.partly, far) {
        output.notes.push(format!(
            "not judged: {unexplained} splice sites of one side alone; their probabilities would tell whether they are ties, and {why}"
        ));
        return;
    }
    let check = Check::at_most("sites_beyond_ties", Stat::of(unexplained as f64), 0.0);
    output.checks.push(match (unexplained, within) {
        (0, 0) => check,
        _ => check.with_note(format!("{within} within {tie:e} of the cut in probability")),
    });
    output.pass &= unexplained == 0;
}
