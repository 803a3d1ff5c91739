//! Exact quantiles. They need all values at once (8 bytes for each finite pair), so they are a step
//! of their own beside the streaming comparison.

use serde::{Deserialize, Serialize};

use crate::moments::Moments;
use crate::stat::{Reason, Stat};
use crate::values::{LengthMismatch, Values, same_length};

/// A probability and the quantile at it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// Probability, 0 to 1.
    pub probability: f64,
    /// The quantile.
    pub value: Stat,
}

/// Quantiles of the differences and of their magnitudes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DifferenceQuantiles {
    /// Quantiles of `d`.
    pub signed: Vec<Quantile>,
    /// Quantiles of `|d|`.
    pub absolute: Vec<Quantile>,
}

/// The pairs whose reference lies in one tenth of the reference's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalDecile {
    /// 1 to 10, by rising reference value.
    pub decile: u8,
    /// Smallest reference value in it.
    pub low: Stat,
    /// Largest reference value in it.
    pub high: Stat,
    /// Number of pairs.
    pub count: u64,
    /// Relative L2 distance over these pairs.
    pub relative_l2: Stat,
    /// Mean absolute difference.
    pub mad: Stat,
    /// Mean difference.
    pub mean: Stat,
    /// Largest absolute difference.
    pub max: Stat,
    /// Pearson correlation within the decile.
    pub pearson: Stat,
}

/// The quantiles of `values` at `probabilities` (clamped to 0..=1), with linear interpolation
/// between order statistics: definition 7 of Hyndman & Fan (1996), numpy's default. Reorders
/// `values`, which must be finite.
///
/// ```
/// use parity_stats::quantile::quantiles;
///
/// let found = quantiles(&mut [4.0, 1.0, 3.0, 2.0], &[0.5, 1.0]);
/// assert_eq!(found[0].value.value(), Some(2.5));
/// assert_eq!(found[1].value.value(), Some(4.0));
/// ```
#[must_use]
pub fn quantiles(values: &mut [f64], probabilities: &[f64]) -> Vec<Quantile> {
    probabilities
        .iter()
        .map(|&probability| Quantile {
            probability,
            value: quantile(values, probability),
        })
        .collect()
}

/// The median of `values`, which it reorders and which must be finite.
#[must_use]
pub fn median(values: &mut [f64]) -> Stat {
    quantile(values, 0.5)
}

fn quantile(values: &mut [f64], probability: f64) -> Stat {
    if values.is_empty() {
        return Stat::Undefined(Reason::Empty);
    }
    let at = probability.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (below, share) = (at.floor() as usize, at - at.floor());
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Stat::of(if share == 0.0 {
        low
    } else {
        low + (high - low) * share
    })
}

/// Quantiles of `d` and `|d|` over the finite pairs.
///
/// # Errors
/// [`LengthMismatch`] where the arrays differ in length.
pub fn difference_quantiles(
    reference: Values<'_>,
    candidate: Values<'_>,
    probabilities: &[f64],
) -> Result<DifferenceQuantiles, LengthMismatch> {
    let mut d: Vec<f64> = finite_pairs(reference, candidate)?
        .into_iter()
        .map(|(a, b)| b - a)
        .collect();
    let signed = quantiles(&mut d, probabilities);
    d.iter_mut().for_each(|d| *d = d.abs());
    Ok(DifferenceQuantiles {
        signed,
        absolute: quantiles(&mut d, probabilities),
    })
}

/// The comparison within each tenth of the reference's distribution. Decile `k` holds the pairs
/// of ranks `floor((k - 1) n / 10)` to `floor(k n / 10) - 1` by reference value (by flat index
/// among equal values), so no decile is empty for ten values or more, however many are equal.
///
/// # Errors
/// [`LengthMismatch`] where the arrays differ in length.
pub fn signal_deciles(
    reference: Values<'_>,
    candidate: Values<'_>,
) -> Result<Vec<SignalDecile>, LengthMismatch> {
    let mut pairs = finite_pairs(reference, candidate)?;
    // The sum of a and zero makes both zeros equal to the total order; the sort is stable.
    pairs.sort_by(|(a, _), (b, _)| (a + 0.0).total_cmp(&(b + 0.0)));
    let n = pairs.len();
    let deciles = (0..10usize).map(|k| {
        let pairs = &pairs[k * n / 10..(k + 1) * n / 10];
        let moments = Moments::of_pairs(pairs);
        let some = |x: f64| {
            if pairs.is_empty() {
                Stat::Undefined(Reason::Empty)
            } else {
                Stat::of(x)
            }
        };
        SignalDecile {
            decile: k as u8 + 1,
            low: some(moments.min_a),
            high: some(moments.max_a),
            count: moments.count,
            relative_l2: moments.relative_l2(),
            mad: Stat::mean(moments.abs_d, moments.count),
            mean: some(moments.mean_d),
            max: some(moments.max_abs_d()),
            pearson: moments.pearson().0,
        }
    });
    Ok(deciles.collect())
}

/// The pairs in which both values are finite.
pub(crate) fn finite_pairs(
    reference: Values<'_>,
    candidate: Values<'_>,
) -> Result<Vec<(f64, f64)>, LengthMismatch> {
    same_length(reference, candidate)?;
    let pairs = reference.to_f64().into_iter().zip(candidate.to_f64());
    Ok(pairs
        .filter(|(a, b)| a.is_finite() && b.is_finite())
        .collect())
}
