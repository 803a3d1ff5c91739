//! Confidence intervals by resampling blocks.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::groups::{GroupError, Grouping, group_moments};
use crate::moments::Moments;
use crate::quantile::quantiles;
use crate::random::SplitMix64;
use crate::stat::{Reason, Stat};
use crate::values::Values;

/// A statistic that can be resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Relative L2 distance.
    RelativeL2,
    /// Mean absolute difference.
    Mad,
    /// Root mean square difference.
    Rms,
    /// Mean difference.
    MeanDifference,
    /// Pearson correlation.
    Pearson,
    /// One minus the Pearson correlation.
    OneMinusPearson,
    /// Cosine similarity.
    Cosine,
}

/// How to resample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BootstrapOptions {
    /// Number of resamples.
    pub resamples: u32,
    /// Probability that the interval leaves out, half on each side: 0.05 for 95 %.
    pub alpha: f64,
    /// Seed of the generator.
    pub seed: u64,
}

impl Default for BootstrapOptions {
    /// 1,000 resamples, 95 %, seed 0.
    fn default() -> Self {
        Self {
            resamples: 1000,
            alpha: 0.05,
            seed: 0,
        }
    }
}

/// A percentile interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// What was resampled.
    pub statistic: Statistic,
    /// The statistic over all blocks.
    pub estimate: Stat,
    /// Lower end.
    pub low: Stat,
    /// Upper end.
    pub high: Stat,
    /// Standard deviation over the resamples (divided by one less than their number).
    pub standard_error: Stat,
    /// Blocks that hold finite pairs.
    pub blocks: usize,
    /// Resamples in which the statistic was undefined; they are left out.
    pub undefined: u32,
}

/// Percentile intervals from whole blocks drawn with replacement (Efron & Tibshirani 1993, An
/// Introduction to the Bootstrap, chapters 8 and 13), which keeps the dependence within a block:
/// use windows of positions, or tracks. One pass over the arrays; a resample merges the blocks'
/// moments. Resample `i` draws from [`SplitMix64`] seeded with `seed + i * 0x2545F4914F6CDD1D`
/// (wrapping), so the result does not depend on the number of threads.
///
/// Undefined with fewer than two blocks, and where more than half of the resamples are undefined.
///
/// # Errors
/// [`GroupError`] where the blocks do not fit the arrays or the arrays each other.
pub fn bootstrap(
    reference: Values<'_>,
    candidate: Values<'_>,
    blocks: Grouping,
    statistics: &[Statistic],
    options: BootstrapOptions,
) -> Result<Vec<Interval>, GroupError> {
    let mut blocks = group_moments(reference, candidate, blocks)?;
    blocks.retain(|block| block.count > 0);
    let all = merged(blocks.iter());
    let resampled: Vec<Moments> = (0..u64::from(options.resamples))
        .into_par_iter()
        .map(|i| {
            let seed = options
                .seed
                .wrapping_add(i.wrapping_mul(0x2545_f491_4f6c_dd1d));
            let mut random = SplitMix64::new(seed);
            merged((0..blocks.len()).map(|_| &blocks[random.below(blocks.len())]))
        })
        .collect();
    Ok(statistics
        .iter()
        .map(|s| interval(*s, &all, &resampled, blocks.len(), options))
        .collect())
}

fn merged<'a>(blocks: impl Iterator<Item = &'a Moments>) -> Moments {
    blocks.fold(Moments::default(), |mut total, block| {
        total.merge(block);
        total
    })
}

impl Statistic {
    fn of(self, moments: &Moments) -> Stat {
        match self {
            Self::RelativeL2 => moments.relative_l2(),
            Self::Mad => Stat::mean(moments.abs_d, moments.count),
            Self::Rms => moments.rms(),
            Self::MeanDifference => match moments.count {
                0 => Stat::Undefined(Reason::Empty),
                _ => Stat::of(moments.mean_d),
            },
            Self::Pearson => moments.pearson().0,
            Self::OneMinusPearson => moments.pearson().1,
            Self::Cosine => moments.cosine().0,
        }
    }
}

fn interval(
    statistic: Statistic,
    all: &Moments,
    resampled: &[Moments],
    blocks: usize,
    options: BootstrapOptions,
) -> Interval {
    let mut values: Vec<f64> = resampled
        .iter()
        .filter_map(|moments| statistic.of(moments).value())
        .collect();
    let undefined = (resampled.len() - values.len()) as u32;
    let enough = blocks >= 2 && values.len() >= 2 && 2 * values.len() >= resampled.len();
    let (low, high, standard_error) = if enough {
        let pairs: Vec<(f64, f64)> = values.iter().map(|&v| (v, v)).collect();
        let spread = Moments::of_pairs(&pairs);
        let variance = spread.aa / (spread.count - 1) as f64;
        let half = options.alpha / 2.0;
        let ends = quantiles(&mut values, &[half, 1.0 - half]);
        (ends[0].value, ends[1].value, Stat::of(variance.sqrt()))
    } else {
        let none = Stat::Undefined(Reason::TooFew);
        (none, none, none)
    };
    let estimate = statistic.of(all);
    Interval {
        statistic,
        estimate,
        low,
        high,
        standard_error,
        blocks,
        undefined,
    }
}
