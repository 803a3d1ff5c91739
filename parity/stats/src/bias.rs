//! Bias, with standard errors that allow for dependent elements.

use serde::{Deserialize, Serialize};

use crate::groups::{GroupError, Grouping, group_moments};
use crate::moments::Moments;
use crate::stat::{Reason, Stat};
use crate::student;
pub use crate::track_bias::{TrackBias, benjamini_hochberg, track_bias};
use crate::ttest::{TTest, paired};
use crate::two_way::{Variance, two_way};
use crate::values::Values;

/// The clusters of an array `[..., positions, tracks]` within which elements depend on each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clusters {
    /// Blocks of neighbouring positions.
    pub blocks: Grouping,
    /// Tracks (channels).
    pub tracks: Grouping,
    /// The share of the variance that blocks of this length do not see
    /// ([`crate::dependence::Dependence`]); 0 where blocks are independent.
    pub cut: f64,
}

/// What decides about bias.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BiasOptions {
    /// The largest mean difference that still counts as none, in the array's own units.
    pub margin: f64,
    /// Significance level.
    pub alpha: f64,
}

/// The standard error of the mean difference and the t-test with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterError {
    /// Clusters that hold finite pairs.
    pub clusters: usize,
    /// Standard error of the mean difference.
    pub standard_error: Stat,
    /// The t-test of a mean difference of zero. Its degrees of freedom are one less than clusters,
    /// and Satterthwaite's for both kinds at once.
    pub t_test: TTest,
}

/// Two one-sided tests of a mean difference beyond the margin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Equivalence {
    /// The margin.
    pub margin: f64,
    /// The larger of the two one-sided probabilities.
    pub p: Stat,
    /// Lower end of the `1 - 2 alpha` confidence interval of the mean difference.
    pub low: Stat,
    /// Upper end of that interval.
    pub high: Stat,
    /// Whether the mean difference is shown to lie within the margin. Without differences it does;
    /// without enough clusters it is not shown.
    pub equivalent: bool,
}

/// The test for bias of a candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bias {
    /// Mean difference over the finite pairs.
    pub mean: Stat,
    /// The plain paired t-test, which takes every element for independent.
    pub plain: TTest,
    /// Standard error by blocks of positions.
    pub by_block: ClusterError,
    /// Standard error by tracks.
    pub by_track: ClusterError,
    /// Standard error by both at once, which the equivalence test uses. Undefined with fewer than six
    /// blocks; by block where there is one track.
    pub two_way: ClusterError,
    /// The equivalence test.
    pub equivalence: Equivalence,
    /// Whether the plain t-test and the one by both clusters disagree on rejecting at `alpha`: the
    /// plain one is not to be believed then.
    pub plain_disagrees: bool,
}

/// Tests for bias.
///
/// With residuals summed to `u_g` in each of `G` clusters, the variance of the mean over `n` values
/// is `G / (G - 1) * sum(u_g^2) / n^2` (Cameron & Miller 2015, "A practitioner's guide to
/// cluster-robust inference", for a regression on a constant alone), that by blocks divided by what
/// they see of it. For both kinds of clusters at once the variances add and that of what neither
/// explains is taken away (Cameron, Gelbach & Miller 2011); a kind whose variance an F-test does not
/// tell from that is left out. The equivalence test is Schuirmann's (1987).
///
/// # Errors
/// [`GroupError`] where the clusters do not fit the arrays or the arrays each other.
pub fn bias(
    reference: Values<'_>,
    candidate: Values<'_>,
    clusters: Clusters,
    options: BiasOptions,
) -> Result<Bias, GroupError> {
    let cells = block_track_moments(reference, candidate, clusters)?;
    let all = cells.iter().fold(Moments::default(), |mut all, cell| {
        all.merge(cell);
        all
    });
    let mean = if all.count == 0 {
        Stat::Undefined(Reason::Empty)
    } else {
        Stat::of(all.mean_d)
    };
    let constant = all.min_d == all.max_d;
    let std = if constant {
        Stat::Defined(0.0)
    } else {
        all.std(all.dd)
    };
    let plain = paired(all.count, mean, std);

    let found = two_way(
        &residuals(&cells, &all),
        clusters.tracks.count(),
        clusters.cut,
    );
    let by_block = cluster_error(&all, constant, found.blocks, Reason::TooFewBlocks);
    let by_track = cluster_error(&all, constant, found.tracks, Reason::TooFew);
    let two_way = cluster_error(&all, constant, found.both, Reason::TooFewBlocks);
    let rejects = |test: &TTest| test.p.value().map(|p| p < options.alpha);
    let plain_disagrees = match (rejects(&plain), rejects(&two_way.t_test)) {
        (Some(plain), Some(clustered)) => plain != clustered,
        _ => false,
    };
    let equivalence = equivalence(&all, constant, &two_way, options);
    Ok(Bias {
        mean,
        plain,
        by_block,
        by_track,
        two_way,
        equivalence,
        plain_disagrees,
    })
}

/// What each cell adds to the difference of the mean from itself.
pub(crate) fn residuals(cells: &[Moments], all: &Moments) -> Vec<Option<f64>> {
    let residual = |cell: &Moments| cell.count as f64 * (cell.mean_d - all.mean_d);
    let filled = |cell: &Moments| (cell.count > 0).then(|| residual(cell) / all.count as f64);
    cells.iter().map(filled).collect()
}

pub(crate) fn cluster_error(
    all: &Moments,
    constant: bool,
    variance: Option<Variance>,
    few: Reason,
) -> ClusterError {
    let reason = match variance {
        _ if all.count == 0 => Reason::Empty,
        _ if constant => Reason::ConstantDifference,
        None => few,
        Some(found) if found.variance == 0.0 => Reason::ConstantDifference,
        Some(found) => {
            let standard_error = found.variance.sqrt();
            let t = all.mean_d / standard_error;
            let p = Stat::of(student::two_sided(t, found.freedom));
            let t_test = TTest {
                t: Stat::of(t),
                freedom: Stat::Defined(found.freedom),
                p,
            };
            return ClusterError {
                clusters: found.clusters,
                standard_error: Stat::of(standard_error),
                t_test,
            };
        }
    };
    let none = Stat::Undefined(reason);
    let t_test = TTest {
        t: none,
        freedom: none,
        p: none,
    };
    let clusters = variance.map_or(0, |found| found.clusters);
    ClusterError {
        clusters,
        standard_error: none,
        t_test,
    }
}

fn equivalence(
    all: &Moments,
    constant: bool,
    error: &ClusterError,
    options: BiasOptions,
) -> Equivalence {
    let margin = options.margin;
    let (Stat::Defined(standard_error), Stat::Defined(freedom)) =
        (error.standard_error, error.t_test.freedom)
    else {
        let none = error.standard_error;
        let equivalent = all.count > 0 && constant && all.mean_d.abs() < margin;
        return Equivalence {
            margin,
            p: none,
            low: none,
            high: none,
            equivalent,
        };
    };
    let tail = |distance: f64| student::upper_tail(distance / standard_error, freedom);
    let p = tail(all.mean_d + margin).max(tail(margin - all.mean_d));
    let half = student::upper_quantile(options.alpha, freedom) * standard_error;
    Equivalence {
        margin,
        p: Stat::of(p),
        low: Stat::of(all.mean_d - half),
        high: Stat::of(all.mean_d + half),
        equivalent: p < options.alpha,
    }
}

/// Moments of each (block, track) cell, block by block.
pub(crate) fn block_track_moments(
    reference: Values<'_>,
    candidate: Values<'_>,
    clusters: Clusters,
) -> Result<Vec<Moments>, GroupError> {
    let Clusters { blocks, tracks, .. } = clusters;
    let row = blocks.size * blocks.stride;
    let number = blocks.count() * tracks.count();
    let mut cells = vec![Moments::default(); number];
    for start in (0..reference.len()).step_by(row.max(1)) {
        for block in 0..blocks.count() {
            let from = start + block * blocks.window * blocks.stride;
            let to = start + ((block + 1) * blocks.window).min(blocks.size) * blocks.stride;
            let (a, b) = (reference.slice(from..to), candidate.slice(from..to));
            let found = group_moments(a, b, tracks)?;
            let cells = &mut cells[block * tracks.count()..];
            cells
                .iter_mut()
                .zip(&found)
                .for_each(|(cell, found)| cell.merge(found));
        }
    }
    Ok(cells)
}
