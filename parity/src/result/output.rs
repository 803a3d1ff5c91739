//! The result for one output of one case.

use parity_stats::bias::Bias;
use parity_stats::classes::ClassParity;
use parity_stats::groups::GroupStats;
use parity_stats::intervals::Interval;
use parity_stats::loss::TrackLoss;
use parity_stats::quantile::{DifferenceQuantiles, SignalDecile};
use parity_stats::{Stat, Summary, Tolerance};
use serde::{Deserialize, Serialize};

use super::Farthest;
use crate::outputs::Kind;
use crate::recording::DType;

/// One output of one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputResult {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The head it belongs to.
    pub head: Option<String>,
    /// Base pairs a position.
    pub resolution: Option<u32>,
    /// The full shape.
    pub full_shape: Vec<usize>,
    /// The shape of what was compared.
    pub compared_shape: Vec<usize>,
    /// The reference's type.
    pub reference_dtype: DType,
    /// The candidate's type.
    pub candidate_dtype: DType,
    /// The figures.
    pub summary: Summary,
    /// Where the largest difference stands: indices in the full array.
    pub max_place: Option<Vec<usize>>,
    /// NaN that is expected.
    pub padding: Padding,
    /// The checks of the level.
    pub checks: Vec<Check>,
    /// True where no deciding check failed.
    pub pass: bool,
    /// The track that is farthest from the reference by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub farthest_track: Option<Farthest>,
    /// The window of positions that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub farthest_window: Option<Farthest>,
    /// The ratio to a measured noise floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<FloorRatio>,
    /// How many independent values the differences are worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<f64>,
    /// Per track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracks: Option<TrackTable>,
    /// Quantiles of the differences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<DifferenceQuantiles>,
    /// By decile of the reference's signal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deciles: Vec<SignalDecile>,
    /// Along the sequence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<PositionBin>,
    /// The windows farthest from the reference, farthest first, as indices into `positions`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worst_positions: Vec<usize>,
    /// Bias, with errors by block and by track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<BiasResult>,
    /// Golden values of a classification head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassParity>,
    /// The terms of AlphaGenome's loss, with the reference as the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<TrackLoss>,
    /// Some pairs of values, for a picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scatter: Vec<ScatterPoint>,
    /// What was left out and why, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One bound and how the output stands to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `non_finite`, `within`, `pearson`, `relative_l2`, ...
    pub name: String,
    /// What was measured.
    pub value: Stat,
    /// The bound.
    pub bound: f64,
    /// True where `value` must be at least the bound, false where at most.
    pub at_least: bool,
    /// True where it holds. An undefined value does not hold.
    pub pass: bool,
    /// The tolerance whose share of values was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Tolerance>,
    /// What a reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The track or window that decides, of a check that holds each by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub farthest: Option<Farthest>,
}

impl Check {
    /// A value that must reach a bound.
    pub fn at_least(name: &str, value: Stat, bound: f64) -> Self {
        Self::new(name, value, bound, true)
    }

    /// A value that must not exceed a bound.
    pub fn at_most(name: &str, value: Stat, bound: f64) -> Self {
        Self::new(name, value, bound, false)
    }

    fn new(name: &str, value: Stat, bound: f64, at_least: bool) -> Self {
        let pass = value
            .value()
            .is_some_and(|x| if at_least { x >= bound } else { x <= bound });
        Self {
            name: name.into(),
            value,
            bound,
            at_least,
            pass,
            tolerance: None,
            note: None,
            farthest: None,
        }
    }

    /// The check of the share within a tolerance.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// The check with a note.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The bound in words: `pearson 0.99985 >= 0.9999`.
    pub fn sentence(&self) -> String {
        let relation = match (self.at_least, self.pass) {
            (true, true) => ">=",
            (true, false) => "<",
            (false, true) => "<=",
            (false, false) => ">",
        };
        let note = self
            .note
            .as_ref()
            .map(|n| format!(" ({n})"))
            .unwrap_or_default();
        // A bound that was computed has more digits than anyone set.
        let bound = match self.farthest {
            Some(_) => short(self.bound),
            None => self.bound.to_string(),
        };
        match self.value {
            Stat::Defined(x) => {
                format!("{} {} {relation} {bound}{note}", self.name, short(x))
            }
            Stat::Undefined(reason) => {
                format!("{} undefined: {reason}; bound {bound}{note}", self.name)
            }
        }
    }
}

/// A number with as many digits as tell it from its neighbours.
fn short(x: f64) -> String {
    let magnitude = x.abs();
    if magnitude != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        format!("{x:.2e}")
    } else {
        let text = format!("{x:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    }
}

/// NaN that stands in whole tracks, on both sides: tracks without a mean in the published metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Padding {
    /// Tracks that are NaN throughout in the reference.
    pub tracks: usize,
    /// NaN of the reference outside such tracks: worth a look, though the candidate may have it too.
    pub elsewhere: u64,
    /// Those tracks.
    #[serde(skip)]
    pub channels: Vec<usize>,
    /// Tracks that are zero throughout in the candidate, and not in the reference.
    #[serde(skip)]
    pub zeroed: Vec<usize>,
}

/// How far an output is from the reference in units of JAX's distance to itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloorRatio {
    /// Relative L2 of JAX against JAX.
    pub floor: f64,
    /// The two recordings it was measured on.
    pub pair: String,
    /// The candidate's relative L2 over it.
    pub ratio: Stat,
    /// The largest ratio that passes, with the allowance for chance.
    pub limit: f64,
    /// True where the floor was measured on this case; else on others.
    #[serde(default)]
    pub same_case: bool,
    /// True where the ratio is within the limit.
    pub pass: bool,
}

/// An output that could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCompared {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
    /// True where that alone makes the case fail: a shape that differs, an output that is missing.
    pub fails: bool,
}

/// Statistics per track of one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackTable {
    /// Positions that every track's figures are over.
    pub positions: usize,
    /// All tracks that hold finite values, in channel order; `group` is the channel.
    pub tracks: Vec<GroupStats>,
    /// The channels farthest from the reference, farthest first.
    pub worst: Vec<usize>,
}

/// The tests for bias of one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BiasResult {
    /// The margin as a share of the reference's standard deviation.
    pub margin_of_std: f64,
    /// Significance level.
    pub alpha: f64,
    /// The tests over all values.
    pub test: Bias,
    /// Tracks with a defined test, where enough positions were kept.
    pub tracks_tested: Option<usize>,
    /// Of those, tracks rejected after Benjamini-Hochberg.
    pub tracks_rejected: Option<usize>,
    /// Intervals that allow for errors shared along positions and by tracks.
    #[serde(default)]
    pub intervals: Vec<Interval>,
}

/// A window of positions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PositionBin {
    /// First position that was kept of it, in units of the output's resolution.
    pub from: usize,
    /// Last position.
    pub to: usize,
    /// The figures; `group` counts the windows.
    #[serde(flatten)]
    pub stats: GroupStats,
}

/// A pair of values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScatterPoint(
    /// The reference's value.
    pub f64,
    /// The candidate's.
    pub f64,
);
