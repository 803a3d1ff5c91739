//! How often the test for bias rejects a mean of zero, how often intervals hold the true value, and how often a distance
//! exceeds the noise floor's allowance, for errors that depend on each other in known ways: `coverage SETS [PAGE]`.
//!
//! Prints a table, the same on every machine, and puts it between the marks of a page.

use std::fmt::Write;

use parity_stats::Values;
use parity_stats::bias::{BiasOptions, bias};
use parity_stats::dependence::dependence;
use parity_stats::effective::{allowance, effective};
use parity_stats::intervals::{Statistic, intervals};
use parity_stats::random::SplitMix64;
use rayon::prelude::*;

/// Share left out by tests and intervals.
const ALPHA: f64 = 0.05;
/// Positions and tracks of a set.
const SHAPES: [[usize; 2]; 6] = [
    [64, 4],
    [64, 64],
    [256, 4],
    [256, 64],
    [1024, 16],
    [4096, 4],
];
/// The probability of the allowance that is tried: larger than the floor's, so that few sets show it.
const BEYOND: f64 = 0.01;
/// The floor's own probability and ratio: `parity` holds every output to these.
const FLOOR: (f64, f64) = (1e-5, 1.25);

/// What stands before and after the table in a page.
const MARKS: [&str; 2] = ["<!-- coverage -->", "<!-- end of coverage -->"];
const HEAD: &str = "\
| errors | positions x tracks | rejects a mean of 0 | interval holds the mean | interval holds the RMS | beyond the allowance of 1 % | beyond the floor's limit |
|---|---|---|---|---|---|---|
";

/// What the errors of a set are made of, in standard deviations.
struct Errors {
    name: &'static str,
    /// Of every value by itself.
    own: f64,
    /// Shared by a track's positions: an offset.
    track: f64,
    /// Shared by a position's tracks, an autoregression along positions.
    position: f64,
    /// That of every track by itself.
    along: f64,
    /// Correlation of neighbouring positions.
    correlation: f64,
}

const KINDS: [Errors; 6] = [
    Errors {
        name: "independent",
        own: 1.0,
        track: 0.0,
        position: 0.0,
        along: 0.0,
        correlation: 0.0,
    },
    Errors {
        name: "AR 0.8 along each track",
        own: 0.0,
        track: 0.0,
        position: 0.0,
        along: 1.0,
        correlation: 0.8,
    },
    Errors {
        name: "AR 0.8 shared by tracks",
        own: 0.3,
        track: 0.0,
        position: 1.0,
        along: 0.0,
        correlation: 0.8,
    },
    Errors {
        name: "an offset a track",
        own: 1.0,
        track: 1.0,
        position: 0.0,
        along: 0.0,
        correlation: 0.0,
    },
    Errors {
        name: "a small offset a track",
        own: 1.0,
        track: 0.1,
        position: 0.0,
        along: 0.0,
        correlation: 0.0,
    },
    Errors {
        name: "AR 0.8 and an offset",
        own: 0.5,
        track: 0.5,
        position: 1.0,
        along: 0.0,
        correlation: 0.8,
    },
];

impl Errors {
    fn draw(&self, [positions, tracks]: [usize; 2], random: &mut Normal) -> Vec<f64> {
        let fresh = (1.0 - self.correlation * self.correlation).sqrt();
        let offsets: Vec<f64> = (0..tracks).map(|_| self.track * random.next()).collect();
        let mut along: Vec<f64> = (0..tracks).map(|_| random.next()).collect();
        let mut shared = random.next();
        let mut values = Vec::with_capacity(positions * tracks);
        for position in 0..positions {
            if position > 0 {
                shared = self.correlation * shared + fresh * random.next();
                along
                    .iter_mut()
                    .for_each(|x| *x = self.correlation * *x + fresh * random.next());
            }
            for (offset, along) in offsets.iter().zip(&along) {
                let own = self.own * random.next();
                values.push(own + offset + self.position * shared + self.along * along);
            }
        }
        values
    }

    /// The true root mean square.
    fn rms(&self) -> f64 {
        [self.own, self.track, self.position, self.along]
            .iter()
            .map(|x| x * x)
            .sum::<f64>()
            .sqrt()
    }
}

/// Normal deviates by Box and Muller (1958).
struct Normal(SplitMix64);

impl Normal {
    fn next(&mut self) -> f64 {
        let mut uniform = || ((self.0.next_bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let (radius, angle) = (
            (-2.0 * uniform().ln()).sqrt(),
            std::f64::consts::TAU * uniform(),
        );
        radius * angle.cos()
    }
}

/// What a set gives: whether the test rejects and whether the intervals of mean and RMS hold the truth, nothing where that is
/// refused; and whether a second set of its kind is beyond the allowance, and beyond the floor's limit.
struct Set {
    found: [Option<bool>; 3],
    beyond: [bool; 2],
}

fn set(kind: &Errors, shape: [usize; 2], random: &mut Normal) -> Set {
    let full = [1, shape[0], shape[1]];
    let reference = vec![0.0; shape[0] * shape[1]];
    let errors = kind.draw(shape, random);
    let (a, b) = (Values::F64(&reference), Values::F64(&errors));
    let found = dependence(a, b, &full, 1).expect("three axes");
    let clusters = found.clusters(&full, 1).expect("three axes");
    let options = BiasOptions {
        margin: 0.1,
        alpha: ALPHA,
    };
    let test = bias(a, b, clusters, options).expect("the clusters fit");
    let asked = [Statistic::MeanDifference, Statistic::Rms];
    let ends = intervals(a, b, clusters, &asked, ALPHA).expect("the clusters fit");
    let holds = |i: usize, truth: f64| {
        let ends = ends[i].low.value().zip(ends[i].high.value());
        ends.map(|(low, high)| (low..=high).contains(&truth))
    };
    let worth = effective(a, b, &full, 1, &found).expect("the clusters fit");
    let second = kind.draw(shape, random);
    let square = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
    let ratio = (square(&second) / square(&errors)).sqrt();
    let beyond = |p: f64, factor: f64| {
        let allowed = worth.value().map_or(1.0, |n| allowance(p, n, n));
        ratio > factor * allowed
    };
    let rejects = test.two_way.t_test.p.value().map(|p| p < ALPHA);
    Set {
        found: [rejects, holds(0, 0.0), holds(1, kind.rms())],
        beyond: [beyond(BEYOND, 1.0), beyond(FLOOR.0, FLOOR.1)],
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (sets, page) = match arguments.as_slice() {
        [sets] => (sets.parse::<usize>()?, None),
        [sets, page] => (sets.parse::<usize>()?, Some(page)),
        _ => return Err("usage: coverage SETS [PAGE]".into()),
    };
    let table = table(sets);
    print!("{table}");
    if let Some(page) = page {
        let text = std::fs::read_to_string(page)?;
        let (before, rest) = text.split_once(MARKS[0]).ok_or("the page has no mark")?;
        let (_, after) = rest
            .split_once(MARKS[1])
            .ok_or("the page has no second mark")?;
        let text = format!("{before}{}\n{table}{}{after}", MARKS[0], MARKS[1]);
        std::fs::write(page, text)?;
    }
    Ok(())
}

fn table(sets: usize) -> String {
    let mut out = String::from(HEAD);
    for (k, kind) in KINDS.iter().enumerate() {
        for (s, shape) in SHAPES.into_iter().enumerate() {
            let found: Vec<Set> = (0..sets)
                .into_par_iter()
                .map(|i| {
                    let seed = ((k * SHAPES.len() + s) * 1_000_000 + i) as u64;
                    set(
                        kind,
                        shape,
                        &mut Normal(SplitMix64::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))),
                    )
                })
                .collect();
            let percent = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
            // Where few sets are judged they are those that look independent by chance.
            let share = |of: usize| {
                let judged: Vec<bool> = found.iter().filter_map(|set| set.found[of]).collect();
                let refused = match sets - judged.len() {
                    0 => String::new(),
                    few => format!(" ({:.0} % refused)", percent(few, sets)),
                };
                let yes = judged.iter().filter(|&&yes| yes).count();
                match judged.len() * 20 < sets {
                    true => "refused".to_string(),
                    false => format!("{:.1} %{refused}", percent(yes, judged.len())),
                }
            };
            let beyond = |of: usize| found.iter().filter(|set| set.beyond[of]).count();
            let _ = writeln!(
                out,
                "| {} | {} x {} | {} | {} | {} | {:.1} % | {:.2} % |",
                kind.name,
                shape[0],
                shape[1],
                share(0),
                share(1),
                share(2),
                percent(beyond(0), sets),
                percent(beyond(1), sets)
            );
        }
    }
    out
}
