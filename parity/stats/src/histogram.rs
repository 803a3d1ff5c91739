//! Histograms on a base-2 logarithmic scale: their bins are exact and cost a shift, not a logarithm.

use serde::{Deserialize, Serialize};

use crate::stat::Stat;
use crate::values::FloatType;

/// Exponents below this fall into the lowest bin.
pub const MIN_EXPONENT: i32 = -64;
/// Exponents above this fall into the highest bin.
pub const MAX_EXPONENT: i32 = 63;

/// Differences `d = candidate - reference` whose magnitude lies in `[2^exponent, 2^(exponent + 1))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceBin {
    /// Binary exponent; the first and last possible bins also hold what lies beyond.
    pub exponent: i32,
    /// Number of negative differences.
    pub negative: u64,
    /// Number of positive differences.
    pub positive: u64,
}

/// Histogram of signed differences on a logarithmic scale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceHistogram {
    /// Number of differences that are exactly zero.
    pub zero: u64,
    /// The bins that hold anything, by rising exponent.
    pub bins: Vec<DifferenceBin>,
}

/// Differences at reference values whose magnitude lies in `[2^exponent, 2^(exponent + 1))`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MagnitudeBin {
    /// Binary exponent of the reference's magnitude, or `None` for reference values of zero.
    pub exponent: Option<i32>,
    /// Number of values.
    pub count: u64,
    /// Mean of `|d|`.
    pub mad: Stat,
    /// Root mean square of `d`.
    pub rms: Stat,
    /// Largest `|d|`.
    pub max: Stat,
}

/// Pairs at a distance of `low..=high` representable steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UlpBin {
    /// Smallest distance of the bin.
    pub low: u64,
    /// Largest distance of the bin.
    pub high: u64,
    /// Number of pairs.
    pub count: u64,
}

/// Histogram of distances in units in the last place: the number of representable values from one
/// to the other, after rounding both to `float_type` (ties to even, by way of binary32).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UlpHistogram {
    /// The type whose representable values are counted.
    pub float_type: FloatType,
    /// Largest distance.
    pub max: u64,
    /// The bins 0, 1, 2 to 3, 4 to 7, ... that hold anything.
    pub bins: Vec<UlpBin>,
}

impl UlpHistogram {
    /// Number of pairs at most `steps` apart, where `steps` is 0 or one less than a power of two;
    /// other limits are lowered to the next such.
    #[must_use]
    pub fn within(&self, steps: u64) -> u64 {
        self.bins
            .iter()
            .filter(|bin| bin.high <= steps)
            .map(|bin| bin.count)
            .sum()
    }
}
