use std::ops::Range;

use genome::{Interval, Variant};

use crate::alignment::Alignment;
use crate::folds::{Fold, Folding};
use crate::{Aggregation, OutputType};

/// A window of bins around the variant's first base.
#[derive(Clone, Debug)]
pub(crate) struct CenterMask {
    pub(crate) window: Range<usize>,
    aggregation: Aggregation,
}

impl CenterMask {
    pub(crate) fn new(
        interval: &Interval,
        variant: &Variant,
        output: OutputType,
        width: Option<usize>,
        aggregation: Aggregation,
    ) -> Self {
        Self {
            window: window(interval, variant, width, output.resolution()),
            aggregation,
        }
    }

    pub(crate) fn fold(&self, output: OutputType) -> Fold {
        use Aggregation::{
            ActiveMean, ActiveSum, DiffLog2Sum, DiffMean, DiffSum, DiffSumLog2, L2Diff, L2DiffLog1p,
        };
        let folding = match self.aggregation {
            DiffSumLog2 => Folding::SumsOfLog2,
            L2Diff => Folding::Squares,
            L2DiffLog1p => Folding::SquaresOfLog1p,
            DiffMean | DiffSum | DiffLog2Sum | ActiveMean | ActiveSum => Folding::Sums,
        };
        let groups = vec![vec![self.window.clone()]];
        Fold::new(
            output,
            folding,
            groups,
            &Alignment::identity(self.window.end),
        )
    }

    /// One value a track. An empty window sums to zero and has no mean.
    pub(crate) fn scores(&self, folded: &[[f64; 2]]) -> Vec<f32> {
        use Aggregation::{
            ActiveMean, ActiveSum, DiffLog2Sum, DiffMean, DiffSum, DiffSumLog2, L2Diff, L2DiffLog1p,
        };
        let bins = self.window.len() as f64;
        let one = |[own, other]: [f64; 2]| match self.aggregation {
            DiffMean => other / bins - own / bins,
            DiffSum | DiffSumLog2 => other - own,
            DiffLog2Sum => (1.0 + other).log2() - (1.0 + own).log2(),
            L2Diff | L2DiffLog1p => other.sqrt(),
            ActiveMean => largest(other / bins, own / bins),
            ActiveSum => largest(other, own),
        };
        folded.iter().map(|sums| one(*sums) as f32).collect()
    }
}

/// The larger one; NaN where either is, as in `jax.numpy.maximum`.
pub(crate) fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// Bins `c - W / 2` to `c - W / 2 + W` around the variant's bin `c`, where `W` is the width in bins rounded up: of an even
/// `W`, one more to the left. Cut to the interval; empty where the variant starts outside of it.
pub fn window(
    interval: &Interval,
    variant: &Variant,
    width: Option<usize>,
    resolution: usize,
) -> Range<usize> {
    let inside = variant.chromosome() == interval.chromosome
        && (interval.start..interval.end).contains(&variant.start());
    if !inside {
        return 0..0;
    }
    let bins = interval.width() as usize / resolution;
    let Some(width) = width else { return 0..bins };
    let width = width.div_ceil(resolution);
    let center = (variant.start() - interval.start) as usize / resolution;
    center.saturating_sub(width / 2).min(bins)..(center + width).saturating_sub(width / 2).min(bins)
}
