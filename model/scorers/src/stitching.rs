//! Stitching the embeddings of an indel from two sequences, so that what lies right of it is computed in its own frame.
//!
//! A deletion stitches REF, an insertion ALT. `genome::alleles::stitched` gives the two sequences; their embeddings are taken
//! from the left one before the stitch and from the right one, moved, from the stitch on.

use genome::{Interval, Variant};

use crate::{Allele, Behaviour};

/// Where and how the embeddings of an indel are stitched, in the frame that the model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stitch {
    /// The allele that is stitched; the other one is plain.
    pub allele: Allele,
    /// Bases that the left embeddings move to the left.
    pub left_shift: i64,
    /// Bases that the right embeddings move to the right.
    pub right_shift: i64,
    /// First base that is taken from the right.
    pub index: i64,
    /// First base of what one allele has and the other has not.
    pub start: i64,
}

/// Which embeddings a position is taken from, and which position of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The left sequence's.
    Left(usize),
    /// The right sequence's.
    Right(usize),
}

impl Stitch {
    /// The stitch of an indel; `None` for alleles of one length.
    ///
    /// On `-`, 0.3.0's index is no mirror of that of `+`: it adds the length that both alleles share. Corrected: it is.
    pub fn new(variant: &Variant, interval: &Interval, behaviour: Behaviour) -> Option<Self> {
        let (reference, alternate) = (variant.reference_length(), variant.alternate_length());
        if reference == alternate {
            return None;
        }
        let (shared, shift) = (reference.min(alternate), (reference - alternate).abs());
        let start = variant.start() + shared - interval.start;
        let index = variant.start() + reference.max(alternate) - interval.start;
        let allele = if variant.is_deletion() {
            Allele::Reference
        } else {
            Allele::Alternate
        };
        if !interval.negative_strand() {
            return Some(Self {
                allele,
                left_shift: 0,
                right_shift: shift,
                index,
                start,
            });
        }
        let beyond = if behaviour == Behaviour::V0_3_0 {
            shared
        } else {
            0
        };
        let width = interval.width();
        Some(Self {
            allele,
            left_shift: shift,
            right_shift: 0,
            index: width - start + beyond,
            start: width - index,
        })
    }

    /// Where base `at` of `width` comes from. Moves wrap round.
    pub fn base(&self, width: usize, at: usize) -> From {
        if at as i64 >= self.index {
            From::Right(moved(width, at, -self.right_shift))
        } else {
            From::Left(moved(width, at, self.left_shift))
        }
    }

    /// Where bin `at` of `bins`, each of `bin` base pairs, comes from. For a map of pairs both places are looked up: it is
    /// [`From::Right`] where both are, and [`From::Left`] elsewhere ([`Stitch::pair`]).
    pub fn bin(&self, bin: usize, bins: usize, at: usize) -> From {
        let (last, shift) = self.bins(bin);
        if at as i64 >= last.clamp(0, bins as i64) {
            From::Right(moved(
                bins,
                at,
                if self.right_shift > 0 { -shift } else { 0 },
            ))
        } else {
            From::Left(moved(bins, at, if self.left_shift > 0 { shift } else { 0 }))
        }
    }

    /// Where a pair of bins comes from: whether from the right, and the row and column there.
    pub fn pair(&self, bin: usize, bins: usize, row: usize, column: usize) -> (bool, usize, usize) {
        let (last, shift) = self.bins(bin);
        let from = last.clamp(0, bins as i64);
        let right = row as i64 >= from && column as i64 >= from;
        let shift = match right {
            true if self.right_shift > 0 => -shift,
            false if self.left_shift > 0 => shift,
            _ => 0,
        };
        (right, moved(bins, row, shift), moved(bins, column, shift))
    }

    /// The first bin from the right, not yet clipped to the map, and how many bins the sides move.
    pub fn bins(&self, bin: usize) -> (i64, i64) {
        let bin = bin as i64;
        let last = (self.index - 1).div_euclid(bin);
        (last, last - self.start.div_euclid(bin))
    }
}

/// Place `at + by` of `length`, wrapping round.
fn moved(length: usize, at: usize, by: i64) -> usize {
    (at as i64 + by).rem_euclid(length.max(1) as i64) as usize
}
