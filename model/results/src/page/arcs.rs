//! Junctions as arcs from donor to acceptor: REF above the line, ALT below.

use genome::Interval;
use maud::{Markup, html};
use parity::report::html::text::{count, short};
use scorers::Predictions;

use super::view::{LEFT, View, number};

/// Junctions that are drawn.
const MOST: usize = 10;
/// Those among them whose counts are written.
const NAMED: usize = 4;
const HEIGHT: f64 = 150.0;
const MIDDLE: f64 = 75.0;
/// Height of the tallest arc.
const TALL: f64 = 52.0;

/// An intron, counted from zero, with the counts of REF and ALT.
struct Junction {
    bases: (i64, i64),
    counts: [f32; 2],
}

impl Junction {
    fn most(&self) -> f32 {
        self.counts[0].max(self.counts[1])
    }
}

/// The junctions of a tissue that lie in the view, the most used ones; `scored` is the intron that the score is about.
pub fn draw(
    predictions: &[Predictions; 2],
    interval: &Interval,
    tissue: usize,
    scored: Option<(i64, i64)>,
    view: &View,
) -> Markup {
    let mut all = junctions(predictions, interval, tissue);
    all.retain(|junction| {
        view.bases.start <= junction.bases.0 && junction.bases.1 <= view.bases.end
    });
    // The scored one first, whether it is much used or not.
    all.sort_by(|a, b| {
        let is_scored = |junction: &Junction| Some(junction.bases) == scored;
        (is_scored(b).cmp(&is_scored(a))).then(b.most().total_cmp(&a.most()))
    });
    let left_out = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    let most = all.iter().map(Junction::most).fold(0.0, f32::max);
    let longest = all
        .iter()
        .map(|junction| junction.bases.1 - junction.bases.0)
        .max()
        .unwrap_or(1);
    html! {
        svg viewBox={ "0 0 " (view.width) " " (HEIGHT) } role="img" {
            title { "Junctions of REF and ALT" }
            desc { (words(&all)) }
            (view.backdrop(8.0, HEIGHT - 6.0))
            path.zero d={ "M" (LEFT) " " (MIDDLE) "H" (view.x(view.bases.end)) } {}
            text.tick.end x=(LEFT - 8.0) y=(MIDDLE - 22.0) { "REF" }
            text.tick.end x=(LEFT - 8.0) y=(MIDDLE + 30.0) { "ALT" }
            @if all.is_empty() {
                text.tick x=(LEFT + 8.0) y=(MIDDLE - 8.0) { "no junction lies wholly in this view" }
            }
            @for junction in &all { (arcs(junction, (most, longest), Some(junction.bases) == scored, view)) }
            (labels(&all, longest, view))
        }
        @if left_out > 0 {
            p.about { "The " (MOST) " junctions with the highest counts; " (count(left_out as u64)) " more pairs of sites have lower ones." }
        }
    }
}

/// How tall the arc of a junction is.
fn tall(junction: &Junction, longest: i64) -> f64 {
    let (start, end) = junction.bases;
    TALL * (0.35 + 0.65 * ((end - start) as f64 / longest as f64).sqrt())
}

/// Both arcs of a junction: as thick as it is used, as tall as it is long.
fn arcs(junction: &Junction, (most, longest): (f32, i64), scored: bool, view: &View) -> Markup {
    let [left, right] = [junction.bases.0, junction.bases.1].map(|base| number(view.x(base)));
    let sides = [("ref", -1.0), ("alt", 1.0)];
    html! {
        @for ((class, side), value) in sides.into_iter().zip(junction.counts) {
            // A cubic curve reaches three quarters of the way to its handles.
            @let handle = number(MIDDLE + side * tall(junction, longest) * 4.0 / 3.0);
            @let width = 0.7 + 2.3 * f64::from(value / most.max(f32::MIN_POSITIVE));
            @let class = format!("arc {class}{}", if scored { " scored" } else { "" });
            path class=(class) stroke-width=(number(width))
                d={ "M" (left) " " (MIDDLE) "C" (left) " " (handle) " " (right) " " (handle) " " (right) " " (MIDDLE) } {
                title { (place(junction)) ": " (short(f64::from(value))) }
            }
        }
    }
}

/// The counts of the first junctions, as far as they do not cover each other.
fn labels(all: &[Junction], longest: i64, view: &View) -> Markup {
    let mut written: Vec<f64> = Vec::new();
    let mut kept = Vec::new();
    for junction in all {
        let x = (view.x(junction.bases.0) + view.x(junction.bases.1)) / 2.0;
        if kept.len() < NAMED && written.iter().all(|other| (other - x).abs() > 52.0) {
            written.push(x);
            kept.push((junction, x, tall(junction, longest)));
        }
    }
    html! {
        @for (junction, x, tall) in kept {
            @for (side, value) in [-(tall + 4.0), tall + 12.0].into_iter().zip(junction.counts) {
                text.tick.mid x=(number(x)) y=(number(MIDDLE + side)) { (short(rounded(value))) }
            }
        }
    }
}

/// Three digits.
fn rounded(value: f32) -> f64 {
    let text = format!("{value:.2e}");
    text.parse().unwrap_or(f64::from(value))
}

fn place(junction: &Junction) -> String {
    let (start, end) = junction.bases;
    format!(
        "{}\u{2013}{}",
        count((start + 1).unsigned_abs()),
        count(end.unsigned_abs())
    )
}

fn words(all: &[Junction]) -> String {
    let one = |junction: &Junction| {
        let [reference, alternate] = junction.counts.map(|value| short(rounded(value)));
        format!("{}: REF {reference}, ALT {alternate}", place(junction))
    };
    all.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Every pair of a donor and an acceptor that an intron may have, on either strand.
fn junctions(predictions: &[Predictions; 2], interval: &Interval, tissue: usize) -> Vec<Junction> {
    let [Some(reference), Some(alternate)] = predictions
        .each_ref()
        .map(|allele| allele.junctions.as_ref())
    else {
        return Vec::new();
    };
    // Both alleles' counts are between the same sites.
    let pairs = reference
        .listed(interval.start)
        .zip(alternate.listed(interval.start));
    pairs
        .filter_map(|((_, start, end, own), (.., other))| {
            Some(Junction {
                bases: (start, end),
                counts: [*own.get(tissue)?, *other.get(tissue)?],
            })
        })
        .collect()
}
