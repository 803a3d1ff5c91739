//! What one output has to reach.

use parity_stats::Tolerance;
use serde::{Deserialize, Serialize};

use super::LEVELS;
use crate::outputs::fits;
use crate::recording::DType;

/// One `[[rule]]` of a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    level: u8,
    dtype: Option<DType>,
    outputs: Vec<String>,
    within: Option<Within>,
    pearson: Option<f64>,
    relative_l2: Option<f64>,
    constant_l2: Option<f64>,
    tracks: Option<Each>,
    shapes: Option<Each>,
    windows: Option<Each>,
    outliers: Option<f64>,
    t_test_p: Option<f64>,
    steps: Option<u64>,
    tie: Option<f64>,
    tie_per_difference: Option<f64>,
}

/// What one output has to reach. An absent bound decides nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bounds {
    /// The share of values within a tolerance.
    pub within: Option<Within>,
    /// The least Pearson correlation.
    pub pearson: Option<f64>,
    /// The largest relative L2 distance.
    pub relative_l2: Option<f64>,
    /// The largest relative L2 distance of an output that is constant and has no correlation.
    pub constant_l2: Option<f64>,
    /// What each track must reach; few values and many tracks widen it (see [`crate::compare`]).
    pub tracks: Option<Each>,
    /// What each track must reach without its mean, in units of how much it varies; widened likewise. `floor` is a share of what
    /// `tracks` divides by.
    pub shapes: Option<Each>,
    /// What each window of neighbouring positions must reach, over all tracks.
    pub windows: Option<Each>,
    /// The largest share of differences beyond five standard deviations.
    pub outliers: Option<f64>,
    /// The least p of the paired t-test.
    pub t_test_p: Option<f64>,
    /// The most representable steps between two values.
    pub steps: Option<u64>,
    /// Splice positions may differ only where the probability is this near the cut.
    pub tie: Option<f64>,
    /// The same as a multiple of the largest difference of any probability: a perturbation of at most `e` cannot swap two
    /// that are more than `2 e` apart.
    pub tie_per_difference: Option<f64>,
}

/// What every track or window must reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Each {
    /// The largest relative L2 distance of a track or window from its own reference.
    pub relative_l2: f64,
    /// This share of the whole output's root mean square is added, in squares, to that of the track's or window's own
    /// reference: where values have both signs, noise does not become smaller with a track that is nearly zero.
    #[serde(default)]
    pub floor: f64,
}

/// At least `share` of the values within `absolute + relative |reference|`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Allowed at zero.
    pub absolute: f64,
    /// Allowed in proportion.
    pub relative: f64,
    /// The share that must be inside, 0 to 1.
    pub share: f64,
}

impl Within {
    /// Its tolerance, as the statistics take it.
    pub fn tolerance(&self) -> Tolerance {
        Tolerance {
            absolute: self.absolute,
            relative: self.relative,
        }
    }
}

impl Rule {
    /// True where it is about `output` at `level` in `dtype`.
    pub(super) fn fits(&self, level: u8, dtype: DType, output: &str) -> bool {
        self.level == level
            && self.dtype.is_none_or(|d| d == dtype)
            && self.outputs.iter().any(|pattern| fits(pattern, output))
    }

    /// What it asks for.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            within: self.within,
            pearson: self.pearson,
            relative_l2: self.relative_l2,
            constant_l2: self.constant_l2,
            tracks: self.tracks,
            shapes: self.shapes,
            windows: self.windows,
            outliers: self.outliers,
            t_test_p: self.t_test_p,
            steps: self.steps,
            tie: self.tie,
            tie_per_difference: self.tie_per_difference,
        }
    }

    /// What makes no sense about it.
    pub(super) fn fault(&self) -> Option<String> {
        if !LEVELS.contains(&self.level) {
            return Some(format!("level {}; expected 1 to 4", self.level));
        }
        if self.outputs.is_empty() {
            return Some("no outputs; write [\"*\"] for all".into());
        }
        if self
            .dtype
            .is_some_and(|d| d != DType::Float32 && d != DType::Bfloat16)
        {
            return Some("dtype must be float32 or bfloat16".into());
        }
        let shares = [
            ("pearson", self.pearson),
            ("within.share", self.within.map(|w| w.share)),
            ("outliers", self.outliers),
            ("t_test_p", self.t_test_p),
        ];
        let distances = [
            ("relative_l2", self.relative_l2),
            ("constant_l2", self.constant_l2),
            ("tracks.relative_l2", self.tracks.map(|t| t.relative_l2)),
            ("tracks.floor", self.tracks.map(|t| t.floor)),
            ("shapes.relative_l2", self.shapes.map(|t| t.relative_l2)),
            ("shapes.floor", self.shapes.map(|t| t.floor)),
            ("windows.relative_l2", self.windows.map(|w| w.relative_l2)),
            ("windows.floor", self.windows.map(|w| w.floor)),
            ("within.absolute", self.within.map(|w| w.absolute)),
            ("within.relative", self.within.map(|w| w.relative)),
            ("tie", self.tie),
            ("tie_per_difference", self.tie_per_difference),
        ];
        let outside = |bound: &(&str, Option<f64>), high: f64| {
            bound.1.is_some_and(|x| !(0.0..=high).contains(&x))
        };
        if let Some((name, _)) = shares.iter().find(|bound| outside(bound, 1.0)) {
            return Some(format!("{name} must lie between 0 and 1"));
        }
        let (name, _) = distances.iter().find(|bound| outside(bound, f64::MAX))?;
        Some(format!("{name} must not be negative"))
    }
}
