//! What files of predictions need beside arrays.

use results::Selection;
use serde::{Deserialize, Serialize};

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Kind {
    /// Regions, or whole sequences.
    Regions,
    /// Both alleles of variants.
    Variants,
}

impl Kind {
    /// Its name, for a reader and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Regions => "regions",
            Self::Variants => "variants",
        }
    }
}

/// What files need beside arrays.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Header {
    /// What is predicted.
    pub kind: Kind,
    /// The genome's longest chromosome, and how many base pairs it has.
    pub longest: (String, i64),
    /// Outputs and tracks.
    pub selection: Selection,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Regions or variants, failed ones included.
    pub subjects: u64,
    /// Tracks of each.
    pub tracks: usize,
    /// Variants that have no predictions.
    pub failures: u64,
}
