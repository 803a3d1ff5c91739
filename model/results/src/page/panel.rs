//! One track: REF and ALT over each other on one scale, and their difference below.

use std::fmt::Write;

use maud::{Markup, html};
use parity::report::html::scale::{Scale, Tick};
use parity::report::html::text::{count, short};

use super::values::Profile;
use super::view::{LEFT, View, number};

/// Top and bottom of the part for both alleles, and of the part for the difference.
const BOTH: (f64, f64) = (8.0, 92.0);
const CHANGE: (f64, f64) = (104.0, 148.0);
const HEIGHT: f64 = 154.0;

/// The drawing; `name` says of what.
pub fn draw(profile: &Profile, view: &View, name: &str) -> Markup {
    let all = || profile.reference.iter().chain(&profile.alternate);
    let finite = || {
        all()
            .map(|value| f64::from(*value))
            .filter(|value| value.is_finite())
    };
    let lowest = finite().fold(0.0, f64::min);
    let values = if lowest < 0.0 {
        Scale::linear(finite().chain([0.0]))
    } else {
        Scale::from_zero(finite())
    };
    let values = values.unwrap_or(Scale::Linear(0.0, 1.0));
    let most = f64::from(profile.extreme.0.abs());
    let reach = if most > 0.0 { 1.15 * most } else { 1.0 };
    let changes = Scale::Linear(-reach, reach);
    let ends = [-most, 0.0, most].map(|value| (value, label(value)));
    let ticks = if most > 0.0 { &ends[..] } else { &ends[1..2] };
    html! {
        svg viewBox={ "0 0 " (view.width) " " (HEIGHT) } role="img" {
            title { (name) }
            desc { (words(profile)) }
            (view.backdrop(BOTH.0, CHANGE.1))
            (axis(values, view, BOTH, &values.ticks(3)))
            (axis(changes, view, CHANGE, ticks))
            path.ref d=(area(&profile.reference, profile, view, values, BOTH)) {}
            path.edge d=(line(&profile.reference, profile, view, values, BOTH)) {}
            path.alt d=(line(&profile.alternate, profile, view, values, BOTH)) {}
            @for (class, sign) in [("gain", 1.0), ("loss", -1.0)] {
                @let part = signed(&profile.difference, sign);
                path class=(class) d=(area(&part, profile, view, changes, CHANGE)) {}
            }
        }
    }
}

/// What the drawing shows, for those who do not see it.
fn words(profile: &Profile) -> String {
    let most = |values: &[f32]| short(f64::from(values.iter().copied().fold(f32::NAN, f32::max)));
    let (change, base) = profile.extreme;
    let place = match profile.resolution {
        1 => format!("base {}", count((base + 1).max(0) as u64)),
        bin => format!(
            "the bin of {bin} bp from base {}",
            count((base + 1).max(0) as u64)
        ),
    };
    let (reference, alternate) = (most(&profile.reference), most(&profile.alternate));
    format!(
        "REF is at most {reference}, ALT {alternate}; the largest difference of ALT and REF is {} at {place}",
        short(f64::from(change))
    )
}

/// A value on an axis: three digits, which its ticks may need.
fn label(value: f64) -> String {
    let text = format!("{value:.2e}");
    short(text.parse().unwrap_or(value))
}

fn y(scale: Scale, (top, bottom): (f64, f64), value: f64) -> f64 {
    bottom - scale.at(value) * (bottom - top)
}

/// The axis of values with a line at zero.
fn axis(scale: Scale, view: &View, part: (f64, f64), ticks: &[Tick]) -> Markup {
    let zero = number(y(scale, part, 0.0));
    html! {
        path.axis d={ "M" (LEFT) " " (part.0) "V" (part.1) } {}
        path.zero d={ "M" (LEFT) " " (zero) "H" (view.right()) } {}
        @for (value, text) in ticks {
            @let at = y(scale, part, *value);
            path.axis d={ "M" (LEFT - 4.0) " " (number(at)) "h4" } {}
            text.tick.end x=(LEFT - 8.0) y=(number(at + 3.8)) { (text) }
        }
    }
}

/// The values of one sign; zero elsewhere.
fn signed(values: &[f32], sign: f32) -> Vec<f32> {
    let part = |value: &f32| {
        if value * sign > 0.0 || value.is_nan() {
            *value
        } else {
            0.0
        }
    };
    values.iter().map(part).collect()
}

/// Corners of the steps of values that are there, run by run: left and right edge, and height.
fn steps(
    values: &[f32],
    profile: &Profile,
    view: &View,
    scale: Scale,
    part: (f64, f64),
) -> Vec<Vec<(String, String, String)>> {
    let mut runs: Vec<Vec<_>> = vec![Vec::new()];
    for (value, edges) in values.iter().zip(profile.edges.windows(2)) {
        let Some(run) = runs.last_mut() else { continue };
        if value.is_nan() {
            runs.push(Vec::new());
            continue;
        }
        let [left, right] = [edges[0], edges[1]].map(|base| number(view.x(base)));
        let height = number(y(scale, part, f64::from(*value)));
        match run.last_mut() {
            Some((_, end, known)) if *known == height => *end = right,
            _ => run.push((left, right, height)),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// The outline of the values.
fn line(values: &[f32], profile: &Profile, view: &View, scale: Scale, part: (f64, f64)) -> String {
    let mut path = String::new();
    for run in steps(values, profile, view, scale, part) {
        for (at, (left, right, height)) in run.iter().enumerate() {
            let _ = match at {
                0 => write!(path, "M{left} {height}H{right}"),
                _ => write!(path, "V{height}H{right}"),
            };
        }
    }
    path
}

/// The area between zero and the values.
fn area(values: &[f32], profile: &Profile, view: &View, scale: Scale, part: (f64, f64)) -> String {
    let zero = number(y(scale, part, 0.0));
    let mut path = String::new();
    for run in steps(values, profile, view, scale, part) {
        // What lies on zero has no area, and would be most of a path.
        let mut open = false;
        for (left, right, height) in run {
            match (open, height == zero) {
                (false, true) => {}
                (false, false) => {
                    let _ = write!(path, "M{left} {zero}V{height}H{right}");
                    open = true;
                }
                (true, true) => {
                    let _ = write!(path, "V{zero}z");
                    open = false;
                }
                (true, false) => {
                    let _ = write!(path, "V{height}H{right}");
                }
            }
        }
        if open {
            let _ = write!(path, "V{zero}z");
        }
    }
    path
}
