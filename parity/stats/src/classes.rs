//! Classification: log-probabilities, predicted classes and confidence ("golden values").

use serde::{Deserialize, Serialize};

pub use crate::class_parity::{
    AbsoluteSpread, ClassParity, Confidence, CrossEntropy, Disagreement, EdgeBin, NearTies,
};
use crate::moments::Moments;
use crate::quantile::median;
use crate::stat::{Reason, Stat};
use crate::values::{LengthMismatch, Values, same_length};

/// What the scores of a position are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scores {
    /// Logits, of which the softmax is taken.
    Logits,
    /// Probabilities that sum to 1. The logarithm of a zero is taken as that of `1e-38`, near the
    /// smallest normal binary32, so that one underflow does not make a mean infinite.
    Probabilities,
}

/// How to compare.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassOptions {
    /// Number of classes, the last axis.
    pub classes: usize,
    /// What the scores are.
    pub scores: Scores,
    /// Length of the sequence, in the units of the positions.
    pub length: u64,
    /// The position of each row where rows were sampled; otherwise row `i` of each sequence lies at
    /// position `i % length`.
    pub positions: Option<Vec<u64>>,
    /// Lower ends of the bins by distance from the nearer edge of the sequence; the first is 0.
    pub edge_bins: Vec<u64>,
    /// Two classes whose probabilities the reference has no farther apart are a near-tie.
    pub tie: Option<f64>,
}

impl ClassOptions {
    /// Options for whole sequences, with bins that start at 0, 16, 64, 256, 1,024, 4,096, 16,384
    /// and 65,536.
    #[must_use]
    pub fn new(classes: usize, scores: Scores, length: u64) -> Self {
        let edge_bins = vec![0, 16, 64, 256, 1024, 4096, 16_384, 65_536];
        Self {
            classes,
            scores,
            length,
            positions: None,
            edge_bins,
            tie: None,
        }
    }
}

/// An array that is no table of classes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassError {
    /// The number of elements is no multiple of the number of classes.
    #[error(
        "{len} values do not divide into rows of {classes} classes: pass the array's last axis"
    )]
    Rows {
        /// Number of elements.
        len: usize,
        /// Number of classes.
        classes: usize,
    },
    /// There is not one position for each row.
    #[error("{positions} positions for {rows} rows: pass one for each row, in their order")]
    Positions {
        /// Number of positions.
        positions: usize,
        /// Number of rows.
        rows: usize,
    },
    /// The arrays differ in length.
    #[error(transparent)]
    Length(#[from] LengthMismatch),
}

/// Compares two classifiers on arrays `[..., positions, classes]`.
///
/// # Errors
/// [`ClassError`] where the arrays are no tables of classes or differ in length.
pub fn class_parity(
    reference: Values<'_>,
    candidate: Values<'_>,
    options: &ClassOptions,
) -> Result<ClassParity, ClassError> {
    let len = same_length(reference, candidate)?;
    let classes = options.classes;
    if classes == 0 || len % classes != 0 {
        return Err(ClassError::Rows { len, classes });
    }
    let rows = len / classes;
    if let Some(positions) = options.positions.as_ref().filter(|p| p.len() != rows) {
        return Err(ClassError::Positions {
            positions: positions.len(),
            rows,
        });
    }
    let mut tally = Tally::new(options);
    let (mut a, mut b) = (vec![0.0; classes], vec![0.0; classes]);
    for row in 0..rows {
        reference.read(row * classes, &mut a);
        candidate.read(row * classes, &mut b);
        if a.iter().chain(&b).all(|x| x.is_finite()) {
            log_probabilities(&mut a, options.scores);
            log_probabilities(&mut b, options.scores);
            tally.add(row, &a, &b);
        } else {
            tally.skipped += 1;
        }
    }
    Ok(tally.finish())
}

struct Tally<'a> {
    options: &'a ClassOptions,
    skipped: u64,
    log_probability: Vec<(f64, f64)>,
    confidence: Vec<(f64, f64)>,
    entropy: f64,
    cross_entropy: f64,
    divergence: f64,
    disagreements: Vec<Disagreement>,
    /// Count, agreements and sum of absolute differences.
    edge: Vec<(u64, u64, f64)>,
    /// Positions whose two best classes are within the tie.
    close: u64,
    /// Of those, positions at which the candidate predicts a class beyond it.
    close_and_wrong: u64,
    margin_squares: f64,
}

impl<'a> Tally<'a> {
    fn new(options: &'a ClassOptions) -> Self {
        Self {
            options,
            skipped: 0,
            log_probability: Vec::new(),
            confidence: Vec::new(),
            entropy: 0.0,
            cross_entropy: 0.0,
            divergence: 0.0,
            disagreements: Vec::new(),
            edge: vec![(0, 0, 0.0); options.edge_bins.len()],
            close: 0,
            close_and_wrong: 0,
            margin_squares: 0.0,
        }
    }

    /// Adds one row of log-probabilities.
    fn add(&mut self, row: usize, a: &[f64], b: &[f64]) {
        let (class, other) = (argmax(a), argmax(b));
        self.log_probability.push((a[class], b[class]));
        self.confidence.push((a[class].exp(), b[other].exp()));
        for (&a, &b) in a.iter().zip(b) {
            let p = a.exp();
            self.entropy -= p * a;
            self.cross_entropy -= p * b;
            self.divergence += p * (a - b);
        }
        let options = self.options;
        let position = options.positions.as_ref().map_or_else(
            || row as u64 % options.length.max(1),
            |positions| positions[row],
        );
        let tie = options.tie.unwrap_or(f64::NEG_INFINITY);
        let given_up = a[class].exp() - a[other].exp();
        if let Some(second) = second(a, class) {
            let margin = a[class].exp() - a[second].exp();
            self.margin_squares += (b[class].exp() - b[second].exp() - margin).powi(2);
            self.close += u64::from(margin <= tie);
            self.close_and_wrong += u64::from(margin <= tie && given_up > tie);
        }
        if class != other {
            self.disagreements.push(Disagreement {
                row: row as u64,
                position,
                reference_class: class,
                candidate_class: other,
                reference_margin: given_up,
                candidate_margin: b[other].exp() - b[class].exp(),
                near_tie: given_up <= tie,
            });
        }
        let distance = position.min(options.length.saturating_sub(1).saturating_sub(position));
        if let Some(bin) = options.edge_bins.iter().rposition(|from| *from <= distance) {
            let (count, agree, sum) = &mut self.edge[bin];
            *count += 1;
            *agree += u64::from(class == other);
            *sum += (b[class] - a[class]).abs();
        }
    }

    fn finish(self) -> ClassParity {
        let count = self.log_probability.len() as u64;
        let some = |x: f64| {
            if count == 0 {
                Stat::Undefined(Reason::Empty)
            } else {
                Stat::of(x)
            }
        };
        let mean = |sum: f64| Stat::mean(sum, count);
        let near = self.disagreements.iter().filter(|d| d.near_tie).count() as u64;
        let near_ties = self.options.tie.map(|margin| {
            let clear = count - self.close + self.close_and_wrong;
            let wrong = self.disagreements.len() as u64 - near;
            NearTies {
                margin,
                count: self.close,
                disagreements: near,
                agreement: Stat::mean((clear - wrong) as f64, clear),
            }
        });
        let margin_noise = match self.options.classes {
            0 | 1 => Stat::Undefined(Reason::TooFew),
            _ => mean(self.margin_squares).map(f64::sqrt),
        };
        let log_probability = Moments::of_pairs(&self.log_probability);
        let confidence = Moments::of_pairs(&self.confidence);
        let edge = self.options.edge_bins.iter().zip(&self.edge);
        ClassParity {
            count,
            skipped: self.skipped,
            log_probability: absolute_spread(&self.log_probability),
            agreement: mean((count - self.disagreements.len() as u64) as f64),
            near_ties,
            margin_noise,
            disagreements: self.disagreements,
            confidence: Confidence {
                reference: some(confidence.mean_a),
                candidate: some(confidence.mean_b),
                difference: some(confidence.mean_d),
                mad: mean(confidence.abs_d),
                max: some(confidence.max_abs_d()),
            },
            cross_entropy: CrossEntropy {
                reference: mean(self.entropy),
                candidate: mean(self.cross_entropy),
                difference: mean(self.divergence),
                difference_of_class: some(-log_probability.mean_d),
            },
            by_edge: edge
                .filter(|(_, (count, _, _))| *count > 0)
                .map(|(&from, &(count, agree, sum))| EdgeBin {
                    from,
                    count,
                    agreement: Stat::mean(agree as f64, count),
                    mad: Stat::mean(sum, count),
                })
                .collect(),
        }
    }
}

fn absolute_spread(pairs: &[(f64, f64)]) -> AbsoluteSpread {
    let mut sizes: Vec<f64> = pairs.iter().map(|(a, b)| (b - a).abs()).collect();
    let moments = Moments::of_pairs(&sizes.iter().map(|&x| (x, x)).collect::<Vec<_>>());
    let some = |x: f64| {
        if sizes.is_empty() {
            Stat::Undefined(Reason::Empty)
        } else {
            Stat::of(x)
        }
    };
    let std = if moments.min_a == moments.max_a {
        some(0.0)
    } else {
        moments.std(moments.aa)
    };
    AbsoluteSpread {
        mean: some(moments.mean_a),
        min: some(moments.min_a),
        max: some(moments.max_a),
        std,
        median: median(&mut sizes),
    }
}

/// Turns one row of finite scores into log-probabilities.
fn log_probabilities(row: &mut [f64], scores: Scores) {
    match scores {
        Scores::Logits => {
            let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
            let shift = max + sum.ln();
            row.iter_mut().for_each(|x| *x -= shift);
        }
        Scores::Probabilities => row.iter_mut().for_each(|x| *x = x.max(1e-38).ln()),
    }
}

/// The first index of the largest value.
fn argmax(row: &[f64]) -> usize {
    let mut best = 0;
    for (i, x) in row.iter().enumerate() {
        if *x > row[best] {
            best = i;
        }
    }
    best
}

/// The first index of the largest value but for `best`.
fn second(row: &[f64], best: usize) -> Option<usize> {
    let others = (0..row.len()).filter(|&i| i != best);
    others.reduce(|second, i| if row[i] > row[second] { i } else { second })
}
