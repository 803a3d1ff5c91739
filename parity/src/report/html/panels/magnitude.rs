//! The absolute difference against the reference's magnitude, both logarithmic.

use super::scatter::pairs;
use super::{Drawing, entry, nothing_to_draw, tolerance, unit};
use crate::report::html::plot::Plot;
use crate::report::html::scale::Scale;
use crate::report::html::text::{count, short};
use crate::result::OutputResult;

/// Points of the tolerance's curve.
const CURVE: usize = 48;

pub(super) fn draw(output: &OutputResult) -> Result<Drawing, String> {
    if let Some(reason) = nothing_to_draw(output) {
        return Err(reason);
    }
    let Some(bins) = &output.summary.by_magnitude else {
        return Err("differences by magnitude were not asked for".into());
    };
    if output.summary.equal == output.summary.finite {
        return Err("every finite pair is equal".into());
    }
    let at_zero: u64 = bins
        .iter()
        .filter(|bin| bin.exponent.is_none())
        .map(|bin| bin.count)
        .sum();
    // (middle of the bin, root mean square, largest)
    let curves: Vec<(f64, f64, f64)> = bins
        .iter()
        .filter_map(|bin| {
            let middle = 2f64.powf(f64::from(bin.exponent?) + 0.5);
            Some((middle, bin.rms.value()?, bin.max.value()?))
        })
        .collect();
    let points: Vec<(f64, f64)> = pairs(output)
        .into_iter()
        .map(|(x, y)| (x.abs(), (y - x).abs()))
        .filter(|&(x, d)| x > 0.0 && d > 0.0)
        .collect();
    let allowed = tolerance(output);
    let Some(x) = Scale::log(curves.iter().map(|c| c.0).chain(points.iter().map(|p| p.0))) else {
        return Err("the reference is zero wherever the two differ".into());
    };
    let (lo, hi) = x.ends();
    let bound = |x: f64| allowed.map(|t| t.absolute + t.relative * x);
    let differences = curves
        .iter()
        .flat_map(|c| [c.1, c.2])
        .chain(points.iter().map(|p| p.1));
    let Some(y) = Scale::log(differences.chain(bound(lo)).chain(bound(hi))) else {
        return Err("every difference stands where the reference is zero".into());
    };
    let unit = unit(output);
    let mut plot = Plot::new(
        x,
        y,
        &format!("|reference| ({unit})"),
        "|candidate \u{2212} reference|",
    );
    plot.dots("dot faint", &points);
    let drawn = |c: &&(f64, f64, f64)| c.1 > 0.0;
    plot.line("line", curves.iter().filter(drawn).map(|c| (c.0, c.1)));
    plot.line("line thin", curves.iter().filter(drawn).map(|c| (c.0, c.2)));
    let mut legend = entry("line", "root mean square") + &entry("line thin", "largest");
    if let Some(t) = allowed {
        let at = |i: usize| lo * (hi / lo).powf(i as f64 / (CURVE - 1) as f64);
        let curve = (0..CURVE).filter_map(|i| Some((at(i), bound(at(i))?)));
        plot.line("line bad dash", curve);
        legend.push_str(&entry(
            "line bad dash",
            &format!(
                "tolerance {} + {} |x|",
                short(t.absolute),
                short(t.relative)
            ),
        ));
    }
    Ok(Drawing {
        svg: plot.finish(
            &format!("{}: difference against magnitude", output.name),
            "Absolute differences by the magnitude of the reference's value, on logarithmic axes.",
        ),
        legend,
        note: match at_zero {
            0 => String::new(),
            n => format!("{} at zero not drawn", count(n)),
        },
    })
}
