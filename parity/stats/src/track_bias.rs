//! Bias track by track, adjusted for the number of tracks.

use serde::{Deserialize, Serialize};

use crate::bias::{ClusterError, Clusters, block_track_moments, cluster_error, residuals};
use crate::groups::{GroupError, group_moments};
use crate::moments::Moments;
use crate::stat::{Reason, Stat};
use crate::two_way::two_way;
use crate::values::Values;

/// One track's test for bias, over the means of its position blocks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackBias {
    /// The track.
    pub track: usize,
    /// Mean difference of the track's finite pairs.
    pub mean: Stat,
    /// Standard error by position blocks and the t-test with it.
    pub by_block: ClusterError,
    /// The probability adjusted for the number of tracks (Benjamini & Hochberg).
    pub adjusted_p: Stat,
}

/// Tests each track for bias with standard errors by position block, and adjusts for their number.
///
/// # Errors
/// [`GroupError`] where the clusters do not fit the arrays or the arrays each other.
pub fn track_bias(
    reference: Values<'_>,
    candidate: Values<'_>,
    clusters: Clusters,
) -> Result<Vec<TrackBias>, GroupError> {
    let totals = group_moments(reference, candidate, clusters.tracks)?;
    let cells = block_track_moments(reference, candidate, clusters)?;
    let number = totals.len();
    let mut found: Vec<TrackBias> = totals
        .iter()
        .enumerate()
        .map(|(track, all)| {
            let blocks: Vec<Moments> = cells.iter().skip(track).step_by(number).copied().collect();
            let constant = all.min_d == all.max_d;
            let mean = if all.count == 0 {
                Stat::Undefined(Reason::Empty)
            } else {
                Stat::of(all.mean_d)
            };
            let variance = two_way(&residuals(&blocks, all), 1, clusters.cut).blocks;
            let by_block = cluster_error(all, constant, variance, Reason::TooFewBlocks);
            TrackBias {
                track,
                mean,
                by_block,
                adjusted_p: by_block.t_test.p,
            }
        })
        .collect();
    let adjusted = benjamini_hochberg(&found.iter().map(|t| t.adjusted_p).collect::<Vec<_>>());
    found
        .iter_mut()
        .zip(adjusted)
        .for_each(|(track, p)| track.adjusted_p = p);
    Ok(found)
}

/// Adjusts probabilities for their number so that rejecting those below `q` keeps the expected
/// share of false rejections below `q` (Benjamini & Hochberg 1995). Undefined ones stay undefined
/// and do not count.
///
/// ```
/// use parity_stats::{Stat, bias::benjamini_hochberg};
///
/// let adjusted = benjamini_hochberg(&[0.01, 0.04, 0.03].map(Stat::Defined));
/// assert_eq!(adjusted, [0.03, 0.04, 0.04].map(Stat::Defined));
/// ```
#[must_use]
pub fn benjamini_hochberg(p: &[Stat]) -> Vec<Stat> {
    let mut order: Vec<(f64, usize)> = p
        .iter()
        .enumerate()
        .filter_map(|(i, p)| p.value().map(|p| (p, i)))
        .collect();
    order.sort_by(|(x, _), (y, _)| x.total_cmp(y));
    let mut adjusted = p.to_vec();
    let (number, mut smallest) = (order.len() as f64, 1.0f64);
    for (rank, &(p, i)) in order.iter().enumerate().rev() {
        smallest = smallest.min(p * number / (rank + 1) as f64);
        adjusted[i] = Stat::Defined(smallest);
    }
    adjusted
}
