//! How many independent values the differences of an array are worth.

use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use crate::dependence::Dependence;
use crate::groups::{GroupComparison, GroupError, Grouping, group_moments};
use crate::moments::Moments;
use crate::stat::{Reason, Stat};
use crate::values::Values;

/// Blocks of neighbouring positions whose sums of squares are compared.
const BLOCKS: usize = 32;
/// With fewer blocks their spread says nothing: every value then counts as half a one.
const LEAST_BLOCKS: usize = 8;

/// The number of independent normal differences whose mean square would vary as much as that of these: `2 / V`, with `V` the
/// relative variance of `sum(d^2)`. The relative standard error of the root mean square is then `1 / sqrt(2 n)`.
///
/// `V` adds what up to 32 blocks of positions show (`G / (G - 1) sum_g (s_g - n_g s / n)^2 / s^2` of the sums `s_g` of squares,
/// times what the measured dependence of neighbouring blocks adds; it holds dependence between tracks of a position and heavy
/// tails) and what an offset that a track keeps, or all values have, adds to it: a normal offset with the share `f` of the
/// squares varies by `2 f^2`. Scales that differ from track to track do not count: they are the same in any two comparisons
/// of one output.
///
/// Undefined where there is no difference.
///
/// # Errors
/// [`GroupError`] where the clusters do not fit the arrays or the arrays each other.
///
/// ```
/// use parity_stats::{Values, dependence::dependence, effective::effective};
///
/// // 64 positions of 2 tracks, all off by the same: one value's worth.
/// let (a, b) = ([0.0; 128], [0.5; 128]);
/// let (a, b, shape) = (Values::F64(&a), Values::F64(&b), [1, 64, 2]);
/// let n = effective(a, b, &shape, 1, &dependence(a, b, &shape, 1).unwrap()).unwrap();
/// assert!(n.value().unwrap() < 1.0);
/// ```
pub fn effective(
    reference: Values<'_>,
    candidate: Values<'_>,
    shape: &[usize],
    axis: usize,
    dependence: &Dependence,
) -> Result<Stat, GroupError> {
    let size = shape.get(axis).copied().unwrap_or(0);
    let windows = Grouping::windows(shape, axis, size.div_ceil(BLOCKS).max(1))?;
    let blocks = group_moments(reference, candidate, windows)?;
    let tracks = group_moments(reference, candidate, Grouping::tracks(shape))?;
    let dependence = dependence.of_squares(windows.window);
    Ok(of_moments(blocks, &tracks, dependence))
}

/// The same of an array that came in pieces, by its windows and tracks. What neighbouring windows have in common is not known,
/// and left out: an array that is not held has windows of thousands of positions.
#[must_use]
pub fn effective_of_groups(windows: &GroupComparison, tracks: &GroupComparison) -> Stat {
    of_moments(windows.moments.clone(), &tracks.moments, 1.0)
}

/// `dependence` is by how much more the sums of squares of neighbouring blocks vary than independent ones.
fn of_moments(mut blocks: Vec<Moments>, tracks: &[Moments], dependence: f64) -> Stat {
    blocks.retain(|block| block.count > 0);
    let all = blocks.iter().fold(Moments::default(), |mut all, block| {
        all.merge(block);
        all
    });
    let (squares, n) = (all.square_d(), all.count as f64);
    if all.count == 0 {
        return Stat::Undefined(Reason::Empty);
    }
    if squares == 0.0 {
        return Stat::Undefined(Reason::ConstantDifference);
    }
    let g = blocks.len() as f64;
    let residuals = blocks
        .iter()
        .map(|block| (block.square_d() / squares - block.count as f64 / n).powi(2));
    let between = if blocks.len() < 2 {
        0.0
    } else {
        g / (g - 1.0) * residuals.sum::<f64>() * dependence
    };
    let independent = if blocks.len() < LEAST_BLOCKS {
        4.0
    } else {
        2.0
    } / n;
    let offset = |part: &Moments| {
        let share = part.count as f64 * part.mean_d * part.mean_d / squares;
        2.0 * share * share
    };
    let offsets = tracks.iter().map(offset).sum::<f64>() + offset(&all);
    Stat::of(2.0 / (between.max(independent) + offsets))
}

/// The ratio of two root mean squares of equal expectation, worth `of` and `over` values, that chance exceeds with
/// probability `p`: the root of the quantile of Fisher's F.
#[must_use]
pub fn allowance(p: f64, of: f64, over: f64) -> f64 {
    let Ok(ratio) = FisherSnedecor::new(of.max(0.5), over.max(0.5)) else {
        return f64::INFINITY;
    };
    let (mut low, mut high) = (0.0f64, 1.0f64);
    while ratio.sf(high.exp()) > p && high < 700.0 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if ratio.sf(middle.exp()) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    (0.5 * high).exp()
}

#[cfg(test)]
mod tests {
    use super::allowance;

    #[test]
    fn the_allowance_is_fishers() {
        // scipy.stats.f.isf(p, a, b) ** 0.5
        for (p, a, b, expected) in [
            (0.01, 4.0, 4.0, 3.997_127_075),
            (1e-5, 16.0, 16.0, 3.284_208_228),
            (1e-5, 1e5, 1e5, 1.013_578_367),
            (1e-5, 2.5, 60.0, 3.471_728_237),
        ] {
            let found = allowance(p, a, b);
            assert!(
                (found / expected - 1.0).abs() < 1e-6,
                "{p} {a} {b}: {found}"
            );
        }
    }
}
