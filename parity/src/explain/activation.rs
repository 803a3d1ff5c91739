//! Outputs that hold the values of another one: logits where predictions should be, scaled tracks where experimental units.

use parity_stats::Stat;

use super::Failed;
use super::cause::Add;
use crate::outputs::Kind;
use crate::result::OutputResult;

/// Figures of one output that agree this well are of the same values.
const SAME: f64 = 1e-6;

/// Names an output that was given for another, or what is out of its range without a last activation.
pub(super) fn other_output(failed: &[Failed<'_>], add: &mut Add<'_>) {
    for failed in failed {
        let output = failed.output;
        let twin = failed.case.outputs.iter().find(|other| {
            other.name != output.name
                && other.kind != Kind::Tap
                && other.head == output.head
                && other.full_shape == output.full_shape
                && alike(other, output)
        });
        if let Some(twin) = twin {
            let cause = match twin.kind {
                Kind::ClassLogits | Kind::UsageLogits => {
                    "The logits were given for the predictions: the head's last activation is left out."
                }
                _ => "One output was given for another of the same head.",
            };
            let evidence = format!(
                "the candidate's {} has the mean, spread and range of its {}, which the reference's has not",
                output.name, twin.name
            );
            add(cause.into(), evidence);
            return;
        }
        if let Some(range) = out_of_range(output) {
            add(
                "Values lie outside of what the output's last activation allows: it is left out, or another one.".into(),
                format!("{}: {range}", output.name),
            );
            return;
        }
    }
}

/// Whether the candidate's values of two outputs have the same figures, and the reference's have not.
fn alike(a: &OutputResult, b: &OutputResult) -> bool {
    let figures = |output: &OutputResult, of_candidate: bool| {
        let spread = match of_candidate {
            true => &output.summary.candidate,
            false => &output.summary.reference,
        };
        [spread.mean, spread.std, spread.min, spread.max].map(|stat| stat.value())
    };
    let same = |of_candidate| {
        let pairs = figures(a, of_candidate)
            .into_iter()
            .zip(figures(b, of_candidate));
        pairs.into_iter().all(|(a, b)| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= SAME * a.abs().max(b.abs()),
            _ => false,
        })
    };
    same(true) && !same(false)
}

/// The candidate's range where it leaves that of the output's kind, and the reference's does not.
fn out_of_range(output: &OutputResult) -> Option<String> {
    let (low, high) = match output.kind {
        Kind::ClassProbabilities | Kind::Usage => (0.0, 1.0),
        Kind::Tracks | Kind::ScaledTracks | Kind::Junctions => (0.0, f64::INFINITY),
        _ => return None,
    };
    let ends = |min: Stat, max: Stat| Some((min.value()?, max.value()?));
    let within = |(least, most): (f64, f64)| least >= low && most <= high;
    let (a, b) = (&output.summary.reference, &output.summary.candidate);
    let (reference, candidate) = (ends(a.min, a.max)?, ends(b.min, b.max)?);
    (within(reference) && !within(candidate)).then(|| {
        format!(
            "{:.3e} to {:.3e} instead of {:.3e} to {:.3e}",
            candidate.0, candidate.1, reference.0, reference.1
        )
    })
}
