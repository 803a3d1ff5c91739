//! The histogram of signed differences, on a scale that is logarithmic to both sides of zero.

use super::{Drawing, entry, nothing_to_draw, unit};
use crate::report::html::plot::Plot;
use crate::report::html::scale::{Scale, Tick};
use crate::report::html::text::{percent, power_of_ten};
use crate::result::OutputResult;

/// Share of the differences that the bins around zero take up together.
const MERGED: f64 = 0.002;
/// Bins of a side at least and at most.
const LEAST: i32 = 6;
const MOST: i32 = 26;

pub(super) fn draw(output: &OutputResult) -> Result<Drawing, String> {
    if let Some(reason) = nothing_to_draw(output) {
        return Err(reason);
    }
    let Some(histogram) = &output.summary.histogram else {
        return Err("a histogram was not asked for".into());
    };
    let total = output.summary.finite as f64;
    let Some(last) = histogram.bins.last().map(|bin| bin.exponent) else {
        return Err("every difference is zero".into());
    };
    let first = first_exponent(output, last);
    let bins = last - first + 1;
    // Bin k of a side spans k + 1 to k + 2 in units of the axis; zero has -1 to 1 to itself.
    let slot = |exponent: i32| f64::from((exponent - first).max(0)) + 1.0;
    let mut sides = vec![(0u64, 0u64); bins as usize];
    for bin in &histogram.bins {
        let side = &mut sides[(bin.exponent - first).max(0) as usize];
        side.0 += bin.negative;
        side.1 += bin.positive;
    }
    let share = |n: u64| 100.0 * n as f64 / total;
    let peak = sides
        .iter()
        .flat_map(|&(a, b)| [a, b])
        .chain([histogram.zero]);
    let edge = f64::from(bins) + 1.0;
    let Some(y) = Scale::from_zero(peak.map(share)) else {
        return Err("no differences".into());
    };
    let x = Scale::Linear(-edge, edge);
    let label = format!("candidate \u{2212} reference ({})", unit(output));
    let mut plot =
        Plot::new(x, y, &label, "share of values (%)").with_x_ticks(ticks(first, last, slot));
    let bar = |i: usize, n: u64, side: f64| {
        let (near, far) = (side * (i as f64 + 1.0), side * (i as f64 + 2.0));
        (near.min(far), near.max(far), share(n))
    };
    let bars = sides
        .iter()
        .enumerate()
        .flat_map(|(i, &(negative, positive))| [bar(i, negative, -1.0), bar(i, positive, 1.0)]);
    plot.bars("bar", bars.filter(|bar| bar.2 > 0.0));
    let zero = (histogram.zero > 0).then_some((-0.9, 0.9, share(histogram.zero)));
    plot.bars("bar ref", zero);
    let negative: u64 = sides.iter().map(|side| side.0).sum();
    let positive: u64 = sides.iter().map(|side| side.1).sum();
    let part = |n: u64| percent(n as f64 / total);
    Ok(Drawing {
        svg: plot.finish(
            &format!("{}: histogram of differences", output.name),
            &format!(
                "{} below the reference, {} equal, {} above.",
                part(negative),
                part(histogram.zero),
                part(positive)
            ),
        ),
        legend: match histogram.zero {
            0 => String::new(),
            n => entry("bar ref", &format!("equal {}", part(n))),
        } + &entry(
            "bar",
            &format!("below {}, above {}", part(negative), part(positive)),
        ),
        note: if histogram.bins.iter().any(|bin| bin.exponent < first) {
            "innermost bars hold all smaller ones".into()
        } else {
            String::new()
        },
    })
}

/// The exponent below which so few differences lie that they share a bin.
fn first_exponent(output: &OutputResult, last: i32) -> i32 {
    let Some(histogram) = &output.summary.histogram else {
        return last;
    };
    let limit = output.summary.finite as f64 * MERGED;
    let mut below = 0u64;
    let mut first = last;
    for bin in &histogram.bins {
        below += bin.negative + bin.positive;
        if below as f64 > limit {
            first = bin.exponent;
            break;
        }
    }
    first.clamp(last - MOST + 1, last - LEAST + 1)
}

/// Powers of ten on both sides, thinned, and zero.
fn ticks(first: i32, last: i32, slot: impl Fn(i32) -> f64) -> Vec<Tick> {
    let two = std::f64::consts::LOG10_2;
    let lowest = (f64::from(first) * two).ceil() as i32;
    let highest = (f64::from(last + 1) * two).floor() as i32;
    let stride = ((highest - lowest) / 2 + 1).max(1);
    let mut ticks: Vec<Tick> = vec![(0.0, "0".into())];
    let mut exponent = highest;
    while exponent >= lowest {
        let at = f64::from(exponent) / two;
        let place = slot(at.floor() as i32) + at - at.floor();
        // Labels beside zero would run into its own.
        if place > 0.28 * (f64::from(last - first) + 2.0) {
            ticks.push((place, power_of_ten(exponent)));
            ticks.push((-place, format!("\u{2212}{}", power_of_ten(exponent))));
        }
        exponent -= stride;
    }
    ticks
}
