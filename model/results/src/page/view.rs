//! The stretch of the genome that a page draws, and where its bases stand.

use genome::{Interval, Variant};
use maud::{Markup, html};
use parity::report::html::scale::Scale;
use parity::report::html::text::count;
use terminal::line;

/// Width of the drawings, in units of their own which the page scales: the whole view, and what lies closest to the variant.
pub const WIDTHS: [f64; 2] = [790.0, 384.0];
/// Where bases begin; labels of the other axis stand before.
pub const LEFT: f64 = 62.0;
/// Base pairs of what lies closest: the windows that most scores are of.
pub const CLOSE: i64 = 512;

/// The bases that are drawn.
#[derive(Clone, Debug)]
pub struct View {
    /// The bases, without strand.
    pub bases: Interval,
    /// Bases of the chromosome; `N` is what lies beyond.
    length: i64,
    /// Width of the drawing.
    pub width: f64,
    /// First base of the variant and the one after REF, and what it changes.
    variant: (i64, i64, String),
}

impl View {
    /// `count` bases of `interval` around the variant, or what there is.
    pub fn new(variant: &Variant, interval: &Interval, count: i64, length: i64) -> Self {
        let count = count.min(interval.width());
        let start = (variant.start() - count / 2).clamp(interval.start, interval.end - count);
        let bases = Interval {
            start,
            end: start + count,
            ..interval.as_unstranded()
        };
        let change = format!(
            "{}\u{2009}>\u{2009}{}",
            bases_text(variant.reference()),
            bases_text(variant.alternate())
        );
        Self {
            bases,
            length,
            width: WIDTHS[0],
            variant: (variant.start(), variant.end(), change),
        }
    }

    /// What lies closest to the variant; nothing where that is all.
    pub fn close(&self) -> Option<Self> {
        let (start, end) = (self.bases.start, self.bases.end);
        (end - start > CLOSE).then(|| {
            let start = (self.variant.0 - CLOSE / 2).clamp(start, end - CLOSE);
            let bases = Interval {
                start,
                end: start + CLOSE,
                ..self.bases.clone()
            };
            Self {
                bases,
                width: WIDTHS[1],
                ..self.clone()
            }
        })
    }

    /// Where the drawing ends.
    pub fn right(&self) -> f64 {
        self.width - 10.0
    }

    /// The first base of the variant.
    pub fn variant(&self) -> i64 {
        self.variant.0
    }

    /// Where a base begins; those outside stand at the edge.
    pub fn x(&self, base: i64) -> f64 {
        let scale = Scale::Linear(self.bases.start as f64, self.bases.end as f64);
        LEFT + scale.at(base as f64) * (self.right() - LEFT)
    }

    /// The bases as a person writes them, counted from 1.
    pub fn text(&self) -> String {
        region(&self.bases)
    }

    /// What lies behind the data: lines at round positions, what is no base of the chromosome, and the variant.
    pub fn backdrop(&self, top: f64, bottom: f64) -> Markup {
        let height = number(bottom - top);
        let lines: String = self
            .ticks()
            .iter()
            .map(|(x, _)| format!("M{} {top}v{height}", number(*x)))
            .collect();
        let (from, to) = (self.x(0), self.x(self.length));
        html! {
            @for (x, width) in [(LEFT, from - LEFT), (to, self.right() - to)] {
                @if width > 0.0 {
                    rect.beyond x=(number(x)) y=(top) width=(number(width)) height=(height) {
                        title { "beyond the chromosome: N" }
                    }
                }
            }
            path.grid d=(lines) {}
            @if let Some((x, width)) = self.mark() {
                rect.variant x=(number(x)) y=(top) width=(number(width)) height=(height) {}
            }
        }
    }

    /// The axis of positions, with the variant above it.
    pub fn axis(&self) -> Markup {
        let ticks = self.ticks();
        let marks: String = ticks
            .iter()
            .map(|(x, _)| format!("M{} 30v5", number(*x)))
            .collect();
        let mark = self.mark().map(|(x, width)| x + width / 2.0);
        // The text stays inside of the drawing.
        let half = 3.6 * self.variant.2.chars().count() as f64;
        html! {
            svg viewBox={ "0 0 " (self.width) " 52" } role="img" {
                title { "Positions " (line(&self.text())) ", counted from 1" }
                path.axis d={ "M" (LEFT) " 30H" (self.right()) (marks) } {}
                text.tick x="0" y="46" { (line(&self.bases.chromosome)) }
                @for (x, position) in &ticks {
                    text.tick.mid x=(number(*x)) y="47" { (count(*position)) }
                }
                @if let Some(x) = mark {
                    path.pointer d={ "M" (number(x)) " 29l-4.5 -8h9z" } {}
                    text.change.mid x=(number(x.max(LEFT + half).min(self.right() - half))) y="15" { (self.variant.2) }
                }
            }
        }
    }

    /// Left edge and width of the variant; at least as wide as can be seen. Nothing where it lies elsewhere.
    fn mark(&self) -> Option<(f64, f64)> {
        let (start, end, _) = self.variant;
        let seen = start < self.bases.end && end.max(start + 1) > self.bases.start;
        let (x, width) = (self.x(start), self.x(end) - self.x(start));
        let lacking = (1.6 - width).max(0.0);
        seen.then_some((x - lacking / 2.0, width + lacking))
    }

    /// Round positions of the chromosome, counted from 1, at the centres of their bases.
    fn ticks(&self) -> Vec<(f64, u64)> {
        let (first, last) = (self.bases.start + 1, self.bases.end);
        let scale = Scale::Linear(first as f64, last as f64);
        let values = scale
            .ticks((self.width / 115.0) as usize)
            .into_iter()
            .map(|(value, _)| value);
        values
            .filter(|value| value.fract() == 0.0)
            .map(|value| value as i64)
            .filter(|position| (1..=self.length).contains(position))
            .map(|at| ((self.x(at - 1) + self.x(at)) / 2.0, at as u64))
            // A label at the edge would be cut.
            .filter(|(x, _)| *x < self.right() - 26.0)
            .collect()
    }
}

/// `chr1:42,001-46,000`, counted from 1, with the strand where there is one.
pub fn region(interval: &Interval) -> String {
    let place = |position: i64| match u64::try_from(position) {
        Ok(position) => count(position),
        Err(_) => format!("\u{2212}{}", count(position.unsigned_abs())),
    };
    let strand = match interval.strand {
        genome::Strand::Unstranded => String::new(),
        strand => format!(" ({strand})"),
    };
    let (first, last) = (place(interval.start + 1), place(interval.end));
    format!("{}:{first}\u{2013}{last}{strand}", interval.chromosome)
}

/// An allele, shortened where it is long.
pub fn bases_text(bases: &str) -> String {
    const MOST: usize = 12;
    match bases.len() {
        0 => "\u{2013}".into(),
        length if length > MOST + 8 => format!("{}\u{2026} ({length} bp)", &bases[..MOST]),
        _ => bases.into(),
    }
}

/// A coordinate with as many digits as an eye can tell.
pub fn number(x: f64) -> String {
    let text = format!("{x:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".into(),
        Some(whole) => whole.into(),
        None => text,
    }
}
