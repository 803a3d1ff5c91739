//! What is seen and kept of a genome, and what it is called.

use genome::Interval;
use serde::{Deserialize, Serialize};

/// What is appended to names for either allele of a variant.
pub const ALLELES: [&str; 2] = ["ref", "alt"];

/// A region, or the window of a variant, whose predictions are written.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Subject {
    /// Its name, which no other has in files.
    pub name: String,
    /// The bases that are kept.
    pub interval: Interval,
}

/// What the model sees in one pass, and what is kept of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The bases that the model sees.
    pub seen: Interval,
    /// Those of them whose predictions are kept.
    pub kept: Interval,
}

impl Window {
    /// The bins of `resolution` base pairs that are kept: each that has a base of what is kept.
    pub fn bins(&self, resolution: usize) -> std::ops::Range<usize> {
        let offset = |base: i64| (base - self.seen.start) as usize;
        let (from, to) = (offset(self.kept.start), offset(self.kept.end));
        from / resolution..to.div_ceil(resolution)
    }

    /// The first base of a bin.
    pub fn first_base(&self, resolution: usize, bin: usize) -> i64 {
        self.seen.start + (bin * resolution) as i64
    }
}
