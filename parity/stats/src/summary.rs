//! What a comparison finds.

use serde::{Deserialize, Serialize};

use crate::histogram::{DifferenceHistogram, MagnitudeBin, UlpHistogram};
use crate::nonfinite::NonFinite;
use crate::options::Tolerance;
use crate::outliers::Outliers;
use crate::stat::Stat;
use crate::ttest::TTest;

/// Mean, standard deviation and range of one array's finite values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Arithmetic mean.
    pub mean: Stat,
    /// Population standard deviation (divided by `n`).
    pub std: Stat,
    /// Smallest value.
    pub min: Stat,
    /// Largest value.
    pub max: Stat,
}

/// A pair of values at a place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Flat index.
    pub index: u64,
    /// The reference's value.
    pub reference: f64,
    /// The candidate's value.
    pub candidate: f64,
    /// `candidate - reference`.
    pub difference: Stat,
}

impl Place {
    pub(crate) fn new(index: u64, reference: f64, candidate: f64) -> Self {
        Self {
            index,
            reference,
            candidate,
            difference: Stat::of(candidate - reference),
        }
    }
}

/// Pairs within a tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WithinTolerance {
    /// The tolerance.
    #[serde(flatten)]
    pub tolerance: Tolerance,
    /// Pairs with `|d| <= absolute + relative * |reference|`.
    pub count: u64,
    /// Their share of the finite pairs.
    pub share: Stat,
}

/// Pairs whose absolute difference is below a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BelowLimit {
    /// The limit.
    pub limit: f64,
    /// Pairs with `|d| < limit`.
    pub count: u64,
    /// Their share of the finite pairs.
    pub share: Stat,
}

/// Pairs of equal sign (negative, zero, positive).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignAgreement {
    /// Number of pairs of equal sign.
    pub count: u64,
    /// Their share of the finite pairs.
    pub share: Stat,
}

/// The comparison of a candidate with a reference. `d` is candidate minus reference; all but the
/// counts, `non_finite` and `identical` is over the pairs in which both are finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Pairs.
    pub count: u64,
    /// Pairs in which both values are finite.
    pub finite: u64,
    /// NaN and infinity.
    pub non_finite: NonFinite,
    /// Finite pairs that are equal.
    pub equal: u64,
    /// Whether every pair is equal, or is the same kind of non-finite value.
    pub identical: bool,
    /// The reference's values.
    pub reference: Spread,
    /// The candidate's values.
    pub candidate: Spread,
    /// The differences `d`.
    pub difference: Spread,
    /// `||d|| / ||reference||`.
    pub relative_l2: Stat,
    /// Mean absolute difference.
    pub mad: Stat,
    /// Root mean square difference.
    pub rms: Stat,
    /// The first place of the largest `|d|`.
    pub max: Option<Place>,
    /// Pearson's correlation coefficient.
    pub pearson: Stat,
    /// `1 - r`, exact to the last digits also where `r` rounds to 1.
    pub one_minus_pearson: Stat,
    /// Cosine similarity, never above 1.
    pub cosine: Stat,
    /// `1 - cosine`, exact to the last digits.
    pub one_minus_cosine: Stat,
    /// Sign agreement.
    pub sign: SignAgreement,
    /// One entry for each tolerance asked for.
    pub within: Vec<WithinTolerance>,
    /// One entry for each limit asked for.
    pub below: Vec<BelowLimit>,
    /// The paired t-test of `d` against zero.
    pub t_test: TTest,
    /// Distances in units in the last place.
    pub ulp: Option<UlpHistogram>,
    /// Histogram of differences.
    pub histogram: Option<DifferenceHistogram>,
    /// Differences by the reference's magnitude.
    pub by_magnitude: Option<Vec<MagnitudeBin>>,
    /// Outliers among the differences.
    pub outliers: Option<Outliers>,
}

impl Summary {
    /// The largest `|d|`.
    #[must_use]
    pub fn max_abs(&self) -> Stat {
        match self.max {
            Some(place) => place.difference.map(f64::abs),
            None => Stat::Undefined(crate::Reason::Empty),
        }
    }

    /// The share of finite pairs within `tolerance`, if that tolerance was asked for.
    #[must_use]
    pub fn share_within(&self, tolerance: Tolerance) -> Stat {
        let found = self
            .within
            .iter()
            .find(|within| within.tolerance == tolerance);
        found.map_or(Stat::Undefined(crate::Reason::NotAsked), |within| {
            within.share
        })
    }
}
