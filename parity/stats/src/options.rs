//! What a comparison is asked for.

use serde::{Deserialize, Serialize};

use crate::values::FloatType;

/// An allowance of `absolute + relative * |reference|` for a difference, as numpy's `allclose` has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Allowed at a reference value of zero.
    pub absolute: f64,
    /// Allowed in proportion to the reference's magnitude.
    pub relative: f64,
}

impl Tolerance {
    /// The same number as absolute and as relative allowance: `t + t |reference|`.
    #[must_use]
    pub const fn both(t: f64) -> Self {
        Self {
            absolute: t,
            relative: t,
        }
    }
}

/// What [`compare`](crate::compare()) computes beside what it always does.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Tolerances whose share of pairs is wanted.
    pub tolerances: Vec<Tolerance>,
    /// Limits for which the share of pairs with `|d|` below the limit is wanted.
    pub limits: Vec<f64>,
    /// The type in which distances in units in the last place are counted, if they are wanted.
    pub ulp: Option<FloatType>,
    /// Whether histograms of differences and differences by magnitude are wanted.
    pub histograms: bool,
    /// A difference is an outlier beyond this many standard deviations; `None` saves the second
    /// pass over the arrays that outliers need.
    pub outlier_sigmas: Option<f64>,
    /// How many places (mismatches of NaN, worst outliers) are listed.
    pub listed: usize,
}

impl Default for Options {
    /// The tolerances of the levels (1e-2, 5e-2, 1e-3, 1e-4), the limits 0.001, 0.01 and 0.1,
    /// float32 steps, histograms, outliers beyond five sigma, 16 places.
    fn default() -> Self {
        Self {
            tolerances: [1e-2, 5e-2, 1e-3, 1e-4].map(Tolerance::both).to_vec(),
            limits: vec![1e-3, 1e-2, 1e-1],
            ulp: Some(FloatType::F32),
            histograms: true,
            outlier_sigmas: Some(5.0),
            listed: 16,
        }
    }
}
