//! The candidate's value against the reference's.

use super::{Drawing, entry, note, nothing_to_draw, tolerance, unit};
use crate::report::html::plot::Plot;
use crate::report::html::scale::Scale;
use crate::report::html::text::count;
use crate::result::OutputResult;

/// Points that are drawn at most.
pub(super) const POINTS: usize = 1024;

pub(super) fn draw(output: &OutputResult) -> Result<Drawing, String> {
    if let Some(reason) = nothing_to_draw(output) {
        return Err(reason);
    }
    let points = pairs(output);
    let both = || points.iter().flat_map(|&(x, y)| [x, y]);
    // Values over several orders of magnitude crowd at the origin of a linear axis.
    let smallest = both().fold(f64::INFINITY, f64::min);
    let largest = both().fold(f64::NEG_INFINITY, f64::max);
    let scale = if smallest > 0.0 && largest / smallest > 300.0 {
        Scale::log(both())
    } else {
        Scale::linear(both())
    };
    let Some(scale) = scale else {
        let reason = note(output, "read in blocks");
        return Err(reason.unwrap_or_else(|| "no pairs of values were kept".into()));
    };
    let unit = unit(output);
    let mut plot = Plot::new(
        scale,
        scale,
        &format!("reference ({unit})"),
        &format!("candidate ({unit})"),
    );
    let (lo, hi) = scale.ends();
    plot.line("line ref dash", [(lo, lo), (hi, hi)]);
    let allowed = tolerance(output);
    let (out, within): (Vec<_>, Vec<_>) = points.iter().partition(|(x, y)| {
        allowed.is_some_and(|t| (y - x).abs() > t.absolute + t.relative * x.abs())
    });
    plot.dots("dot", &within);
    plot.crosses("cross bad", &out);
    let mut legend = entry("line ref dash", "identity");
    legend.push_str(&match (out.len(), allowed) {
        (0, Some(_)) => entry("dot", "within the tolerance"),
        (0, None) => entry("dot", "pair of values"),
        (n, _) => {
            entry("dot", "within the tolerance") + &entry("cross bad", &format!("outside ({n})"))
        }
    });
    let drawn = points.len() as u64;
    let drawing = plot.finish(
        &format!("{}: candidate against reference", output.name),
        &format!(
            "{drawn} pairs around the identity line, {} outside the tolerance.",
            out.len()
        ),
    );
    Ok(Drawing {
        svg: drawing,
        legend,
        note: match output.summary.finite {
            all if all > drawn => format!("{} of {} pairs", count(drawn), count(all)),
            _ => format!("all {} pairs", count(drawn)),
        },
    })
}

/// The sampled pairs, thinned evenly to what a page should hold.
pub(super) fn pairs(output: &OutputResult) -> Vec<(f64, f64)> {
    let step = output.scatter.len().div_ceil(POINTS).max(1);
    output
        .scatter
        .iter()
        .step_by(step)
        .map(|point| (point.0, point.1))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect()
}
