//! NaN and infinity: how many, and where one array has them and the other has not.

use serde::{Deserialize, Serialize};

/// What kind of number a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A finite number.
    Finite,
    /// Not a number.
    Nan,
    /// Positive infinity.
    PositiveInfinity,
    /// Negative infinity.
    NegativeInfinity,
}

impl Class {
    /// The class of `x`.
    #[must_use]
    pub fn of(x: f64) -> Self {
        if x.is_finite() {
            Self::Finite
        } else if x.is_nan() {
            Self::Nan
        } else if x > 0.0 {
            Self::PositiveInfinity
        } else {
            Self::NegativeInfinity
        }
    }
}

/// A place where the classes of the two values differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Flat index.
    pub index: u64,
    /// Class of the reference's value.
    pub reference: Class,
    /// Class of the candidate's value.
    pub candidate: Class,
}

/// Counts of values that are not finite, and the places where the two arrays disagree on them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonFinite {
    /// NaN in the reference.
    pub reference_nan: u64,
    /// NaN in the candidate.
    pub candidate_nan: u64,
    /// Infinities of either sign in the reference.
    pub reference_inf: u64,
    /// Infinities of either sign in the candidate.
    pub candidate_inf: u64,
    /// Places where the classes differ: finite, NaN, positive or negative infinity.
    pub mismatches: u64,
    /// The first of those places, as many as were asked for.
    pub first: Vec<Mismatch>,
}

impl NonFinite {
    pub(crate) fn add(&mut self, index: u64, reference: f64, candidate: f64, limit: usize) {
        let (reference, candidate) = (Class::of(reference), Class::of(candidate));
        match reference {
            Class::Finite => {}
            Class::Nan => self.reference_nan += 1,
            _ => self.reference_inf += 1,
        }
        match candidate {
            Class::Finite => {}
            Class::Nan => self.candidate_nan += 1,
            _ => self.candidate_inf += 1,
        }
        if reference != candidate {
            self.mismatches += 1;
            if self.first.len() < limit {
                self.first.push(Mismatch {
                    index,
                    reference,
                    candidate,
                });
            }
        }
    }

    pub(crate) fn merge(&mut self, later: Self, limit: usize) {
        self.reference_nan += later.reference_nan;
        self.candidate_nan += later.candidate_nan;
        self.reference_inf += later.reference_inf;
        self.candidate_inf += later.candidate_inf;
        self.mismatches += later.mismatches;
        let room = limit - self.first.len().min(limit);
        self.first.extend(later.first.into_iter().take(room));
    }
}
