//! The distance in windows along the sequence.

use super::{Drawing, entry, note, nothing_to_draw};
use crate::outputs::Kind;
use crate::report::html::plot::Plot;
use crate::report::html::scale::Scale;
use crate::result::OutputResult;

pub(super) fn draw(output: &OutputResult) -> Result<Drawing, String> {
    if let Some(reason) = nothing_to_draw(output) {
        return Err(reason);
    }
    if output.positions.len() < 2 {
        let reason = match (output.kind, output.positions.len()) {
            (Kind::Junctions, _) => "a junction joins two positions".into(),
            (_, 1) => "one window only".into(),
            _ => note(output, "read in blocks")
                .unwrap_or_else(|| "its axes are not along the sequence".into()),
        };
        return Err(reason);
    }
    let (factor, name) = match output.resolution {
        Some(resolution) => {
            let last = output.positions.iter().map(|bin| bin.to).max().unwrap_or(0);
            match (last as f64 + 1.0) * f64::from(resolution) {
                bp if bp >= 1e5 => (f64::from(resolution) / 1e3, "position (kb)"),
                _ => (f64::from(resolution), "position (bp)"),
            }
        }
        None => (1.0, "position (index on axis 1)"),
    };
    // (first place, last place, distance)
    let windows: Vec<(f64, f64, f64)> = output
        .positions
        .iter()
        .filter_map(|bin| {
            let from = bin.from as f64 * factor;
            let to = (bin.to as f64 + 1.0) * factor;
            Some((from, to, bin.stats.relative_l2.value()?))
        })
        .collect();
    let undefined = output.positions.len() - windows.len();
    let distances = || windows.iter().map(|w| w.2);
    let Some(y) = scale(distances()) else {
        return Err(format!(
            "the distance is undefined in all {undefined} windows"
        ));
    };
    let ends = output
        .positions
        .iter()
        .flat_map(|bin| [bin.from, bin.to + 1]);
    let Some(x) = Scale::linear(ends.map(|end| end as f64 * factor)) else {
        return Err("no windows".into());
    };
    let mut plot = Plot::new(x, y, name, "relative L2 of the window");
    plot.bars("bar", windows.iter().copied());
    let mut legend = String::new();
    if let Some(whole) = output.summary.relative_l2.value() {
        let (lo, hi) = x.ends();
        plot.line("line ref dash", [(lo, whole), (hi, whole)]);
        legend = entry("line ref dash", "whole output");
    }
    Ok(Drawing {
        svg: plot.finish(
            &format!("{}: error by position", output.name),
            "Relative L2 distance in windows of positions along the sequence.",
        ),
        legend: entry("bar", &format!("{} windows", output.positions.len())) + &legend,
        note: match (undefined, output.compared_shape == output.full_shape) {
            (0, true) => String::new(),
            (0, false) => "blank: positions not kept".into(),
            (n, true) => format!("blank: {n} undefined"),
            (n, false) => format!("blank: positions not kept, {n} undefined"),
        },
    })
}

/// From zero, unless the windows span orders of magnitude.
fn scale(values: impl Iterator<Item = f64> + Clone) -> Option<Scale> {
    let hi = values.clone().fold(f64::NEG_INFINITY, f64::max);
    let lo = values
        .clone()
        .filter(|&x| x > 0.0)
        .fold(f64::INFINITY, f64::min);
    if hi / lo > 100.0 {
        Scale::log(values)
    } else {
        Scale::from_zero(values)
    }
}
