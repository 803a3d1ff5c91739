//! How far along the sequence differences depend on each other, and the blocks that follow from it.

use serde::{Deserialize, Serialize};

use crate::bias::Clusters;
use crate::groups::{GroupError, Grouping, group_moments};
use crate::values::Values;

/// Steps along the sequence over which the correlation is measured; a longer axis is cut into as many windows.
const STEPS: usize = 4096;
/// Blocks of more than this many are longer than they need be: more of them gain no freedom worth having.
const MOST_BLOCKS: usize = 64;
/// A block is as long as this many correlation times.
const TIMES: f64 = 3.0;

/// The dependence of neighbouring positions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// Lag-one correlation of the mean differences of neighbouring steps, with its small-sample bias taken away and one
    /// standard error added, at least 0.
    pub correlation: f64,
    /// Positions of a step.
    pub step: usize,
    /// Positions that count as one block.
    pub window: usize,
    /// The share of the variance that blocks of that length do not see.
    pub cut: f64,
}

/// Measures the dependence along `axis` of arrays of `shape`, and chooses blocks: three times `(1 + r) / (1 - r)`, the
/// correlation time of an autoregression of the first order with the correlation `r`, and at most 64 blocks. The estimate of
/// `r` is `r_1 + (1 + 3 r_1) / n` (Kendall 1954, against its bias) plus one standard error.
///
/// # Errors
/// [`GroupError`] where there is no such axis or the arrays do not fit the shape or each other.
pub fn dependence(
    reference: Values<'_>,
    candidate: Values<'_>,
    shape: &[usize],
    axis: usize,
) -> Result<Dependence, GroupError> {
    let size = shape.get(axis).copied().unwrap_or(0);
    let step = size.div_ceil(STEPS).max(1);
    let steps = Grouping::windows(shape, axis, step)?;
    let moments = group_moments(reference, candidate, steps)?;
    let means = moments.iter().filter(|step| step.count > 0);
    let means: Vec<f64> = means.map(|step| step.mean_d).collect();
    let low = moments
        .iter()
        .fold(f64::INFINITY, |low, step| low.min(step.min_d));
    let high = moments
        .iter()
        .fold(f64::NEG_INFINITY, |high, step| high.max(step.max_d));
    // Equal differences have means that differ by rounding.
    let correlation = if low < high { correlation(&means) } else { 0.0 };
    let time = (1.0 + correlation) / (1.0 - correlation);
    let apart = if correlation > 0.0 { TIMES * time } else { 1.0 };
    let length = (apart.ceil() as usize).clamp(1, size.max(1));
    let window = (length * step).max(size.div_ceil(MOST_BLOCKS)).max(1);
    // Of a block of `l` steps, sum_k |k| r^k / (l sum_k r^k) = 2 r / (1 - r^2) / l lies across its ends.
    let steps = window as f64 / step as f64;
    let cut = 2.0 * correlation / (1.0 - correlation * correlation) / steps;
    Ok(Dependence {
        correlation,
        step,
        window,
        cut: cut.min(0.5),
    })
}

impl Dependence {
    /// By how much the variance of a sum of squares exceeds that of independent windows of `window` positions: for windows
    /// whose neighbours correlate by `r`, normal squares by `r^2`, `(1 + r^2) / (1 - r^2)`.
    pub(crate) fn of_squares(&self, window: usize) -> f64 {
        let square = self
            .correlation
            .powf(2.0 * window as f64 / self.step as f64);
        (1.0 + square) / (1.0 - square)
    }

    /// The clusters of arrays of `shape` whose positions lie along `axis`.
    ///
    /// # Errors
    /// [`GroupError::NoSuchAxis`].
    pub fn clusters(&self, shape: &[usize], axis: usize) -> Result<Clusters, GroupError> {
        Ok(Clusters {
            blocks: Grouping::windows(shape, axis, self.window)?,
            tracks: Grouping::tracks(shape),
            cut: self.cut,
        })
    }
}

fn correlation(series: &[f64]) -> f64 {
    let n = series.len() as f64;
    let mean = series.iter().sum::<f64>() / n.max(1.0);
    let square: f64 = series.iter().map(|x| (x - mean).powi(2)).sum();
    let product: f64 = series
        .windows(2)
        .map(|pair| (pair[0] - mean) * (pair[1] - mean))
        .sum();
    if square == 0.0 || !square.is_finite() {
        return 0.0;
    }
    let r = product / square;
    let error = ((1.0 - r * r).max(0.0) / n).sqrt();
    (r + (1.0 + 3.0 * r) / n + error).clamp(0.0, 0.999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_the_correlation() {
        let zero = vec![0.0; 256];
        let wave: Vec<f64> = (0..256).map(|i| (f64::from(i) / 12.0).sin()).collect();
        let turns: Vec<f64> = (0..256).map(|i| f64::from(i % 2) - 0.5).collect();
        let of =
            |d: &[f64]| dependence(Values::F64(&zero), Values::F64(d), &[1, 256, 1], 1).unwrap();
        assert_eq!((of(&turns).window, of(&turns).correlation), (4, 0.0));
        // Longer than the sequence: one block, which promises nothing.
        assert_eq!(of(&wave).window, 256);
        assert_eq!(of(&zero).cut, 0.0);
    }
}
