//! What single bases do: a sequence logo over a heat map.
//!
//! As the SDK's `ism_matrix`: scores of a position stand as differences from their mean, where REF counts as 0 and is no part
//! of the number that is divided by; the logo shows REF's base. So its height is minus the mean of the three scores: upward
//! where every change lowers what is scored, downward, mirrored, where it raises it.

use maud::{Markup, html};
use parity::report::html::scale::Scale;
use parity::report::html::text::count;

use results::page::best::real;
use results::page::view::number;

/// The bases, in the order of rows and of the table.
pub const BASES: [u8; 4] = *b"ACGT";
/// Their shapes in a box of 100 by 100.
const SHAPES: [&str; 4] = [
    "M0 100L37 0h26l37 100h-23l-8-23h-38l-8 23zM38 59h24l-12-37z",
    "M97 32.9A50 50 0 1 0 97 67.1L76.3 59.6A28 28 0 1 1 76.3 40.4z",
    "M97 32.9A50 50 0 1 0 97 67.1V46H52v18h22A28 28 0 1 1 76.3 40.4z",
    "M0 0h100v19h-39v81h-22v-81h-39z",
];
const WIDTH: f64 = 1000.0;
const LEFT: f64 = 62.0;
/// Positions in a line at most.
const LINE: usize = 60;
const LOGO: (f64, f64) = (8.0, 112.0);
/// Top of the heat map, and the height of a row.
const HEAT: (f64, f64) = (124.0, 18.0);
const HEIGHT: f64 = HEAT.0 + 4.0 * HEAT.1 + 24.0;

/// Scores of every change of a region's bases.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Name of the chromosome.
    pub chromosome: String,
    /// The first base, counted from 1.
    pub first: i64,
    /// REF.
    pub reference: Vec<u8>,
    /// Scores of the changes to `ACGT`; nothing for REF and for what has none.
    pub scores: Vec<[Option<f32>; 4]>,
}

impl Matrix {
    /// Height of a position's letter; nothing where REF is unknown or a change has no score.
    pub fn height(&self, at: usize) -> Option<f32> {
        let own = BASES.iter().position(|base| *base == self.reference[at])?;
        let mut sum = 0.0;
        for (base, score) in self.scores[at].iter().enumerate() {
            sum += if base == own { 0.0 } else { (*score)? };
        }
        Some(0.0 - sum / 3.0)
    }

    /// The largest score in size.
    pub fn most(&self) -> f32 {
        let scores = self.scores.iter().flatten().flatten();
        scores.map(|score| score.abs()).fold(0.0, f32::max)
    }

    fn place(&self, at: usize) -> String {
        format!(
            "{}:{}",
            self.chromosome,
            count((self.first + at as i64).unsigned_abs())
        )
    }
}

/// The drawing, line by line.
pub fn draw(matrix: &Matrix) -> Markup {
    let heights: Vec<_> = (0..matrix.reference.len())
        .map(|at| matrix.height(at))
        .collect();
    let all = heights.iter().flatten().map(|height| f64::from(*height));
    let scale = Scale::linear(all.chain([0.0])).unwrap_or(Scale::Linear(-1.0, 1.0));
    let lines: Vec<_> = (0..heights.len()).step_by(LINE).collect();
    html! {
        @for from in lines {
            @let to = (from + LINE).min(heights.len());
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" {
                title { "Logo and heat map of " (terminal::line(&matrix.place(from))) " to " (count((matrix.first + to as i64 - 1).unsigned_abs())) }
                desc { "The table below has all values." }
                (axis(scale))
                @for at in from..to {
                    @let x = LEFT + (at - from) as f64 * cell(heights.len());
                    (letter(matrix, at, heights[at], scale, x, cell(heights.len())))
                    (column(matrix, at, x, cell(heights.len())))
                }
            }
        }
    }
}

/// Width of a position.
fn cell(positions: usize) -> f64 {
    ((WIDTH - LEFT - 8.0) / positions.clamp(1, LINE) as f64).min(30.0)
}

fn y(scale: Scale, value: f64) -> f64 {
    LOGO.1 - scale.at(value) * (LOGO.1 - LOGO.0)
}

fn axis(scale: Scale) -> Markup {
    let zero = number(y(scale, 0.0));
    html! {
        path.axis d={ "M" (LEFT - 3.0) " " (LOGO.0) "V" (LOGO.1) } {}
        path.zero d={ "M" (LEFT - 3.0) " " (zero) "H" (WIDTH - 8.0) } {}
        @for (value, text) in scale.ticks(4) {
            text.tick.end x=(LEFT - 10.0) y=(number(y(scale, value) + 3.8)) { (text) }
        }
        @for (row, base) in BASES.iter().enumerate() {
            text.tick.end x=(LEFT - 10.0) y=(number(HEAT.0 + (row as f64 + 0.72) * HEAT.1)) { (char::from(*base)) }
        }
    }
}

/// REF's base, from zero to its height.
fn letter(
    matrix: &Matrix,
    at: usize,
    height: Option<f32>,
    scale: Scale,
    x: f64,
    width: f64,
) -> Markup {
    let base = BASES.iter().position(|base| *base == matrix.reference[at]);
    let (Some(base), Some(height)) = (base, height) else {
        return html! {};
    };
    let (zero, end) = (y(scale, 0.0), y(scale, f64::from(height)));
    // From its end, which is the letter's top, towards zero: below the line it stands on its head.
    let transform = format!(
        "translate({} {}) scale({:.3} {:.4})",
        number(x + 0.04 * width),
        number(end),
        0.92 * width / 100.0,
        (zero - end) / 100.0
    );
    html! {
        path class={ "base b" (char::from(BASES[base])) } fill-rule="evenodd" transform=(transform) d=(SHAPES[base]) {
            title { (terminal::line(&matrix.place(at))) " " (char::from(BASES[base])) ": " (real(Some(height))) }
        }
    }
}

/// The scores of a position, and its label.
fn column(matrix: &Matrix, at: usize, x: f64, width: f64) -> Markup {
    let most = matrix.most().max(f32::MIN_POSITIVE);
    let position = matrix.first + at as i64;
    let own = char::from(matrix.reference[at]);
    // The first of a line, and round ones apart from it.
    let label = at.is_multiple_of(LINE) || position % 10 == 0 && at % LINE > 4;
    html! {
        @for (row, (base, score)) in BASES.iter().zip(matrix.scores[at]).enumerate() {
            @let top = number(HEAT.0 + row as f64 * HEAT.1);
            @let change = format!("{} {own}>{}", matrix.place(at), char::from(*base));
            @let (class, share) = match score {
                Some(score) if score < 0.0 => ("cell loss", -score / most),
                Some(score) => ("cell gain", score / most),
                None if *base == matrix.reference[at] => ("own", 1.0),
                None => ("absent", 1.0),
            };
            rect class=(class) x=(number(x)) y=(top) width=(number(width)) height=(HEAT.1) fill-opacity=(format!("{share:.3}")) {
                title { (terminal::line(&change)) ": " @match class { "own" => "REF", "absent" => "no score", _ => (real(score)) } }
            }
        }
        @if label {
            text.tick.mid x=(number((x + width / 2.0).min(WIDTH - 40.0))) y=(HEIGHT - 6.0) { (count(position.unsigned_abs())) }
        }
    }
}

/// The colours of the heat map with their values.
pub fn bar(matrix: &Matrix) -> Markup {
    const STEPS: usize = 20;
    let most = matrix.most();
    html! {
        svg.colours viewBox="0 0 300 34" role="img" {
            title { "Colours of the heat map: from " (real(Some(-most))) " to " (real(Some(most))) }
            @for step in 0..2 * STEPS {
                @let share = (step as f64 + 0.5) / STEPS as f64 - 1.0;
                rect class=(if share < 0.0 { "loss" } else { "gain" }) x=(10.0 + 7.0 * step as f64) y="0" width="7" height="14"
                    fill-opacity=(format!("{:.3}", share.abs())) {}
            }
            text.tick x="10" y="30" { (real(Some(-most))) }
            text.tick.mid x="150" y="30" { "0" }
            text.tick.end x="290" y="30" { (real(Some(most))) }
        }
    }
}
