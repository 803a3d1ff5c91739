//! Sets of positions, such as the splice sites that a model chose on a strand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stat::{Reason, Stat};

/// How two sets of positions overlap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Distinct positions in the reference.
    pub reference: usize,
    /// Distinct positions in the candidate.
    pub candidate: usize,
    /// Positions in both.
    pub shared: usize,
    /// Jaccard index: shared positions over positions in either. Undefined where both are empty.
    pub jaccard: Stat,
    /// For each shared position, by rising position: its index in the reference's array and in the
    /// candidate's (the first, should a position be repeated). Values at equal positions compare
    /// by these pairs.
    pub pairs: Vec<(usize, usize)>,
    /// Positions in the reference alone, rising.
    pub reference_only: Vec<i64>,
    /// Positions in the candidate alone, rising.
    pub candidate_only: Vec<i64>,
}

/// The overlap of one strand's and kind's positions (Jaccard 1912). Negative positions are padding
/// and are left out.
///
/// ```
/// use parity_stats::positions::overlap;
///
/// let found = overlap(&[10, 20, 30, -1], &[30, 10, 40, -1]);
/// assert_eq!(found.jaccard.value(), Some(0.5));
/// assert_eq!(found.pairs, [(0, 1), (2, 0)]);
/// ```
#[must_use]
pub fn overlap(reference: &[i64], candidate: &[i64]) -> Overlap {
    let (a, b) = (first_indices(reference), first_indices(candidate));
    let pairs: Vec<(usize, usize)> = a
        .iter()
        .filter_map(|(position, &i)| b.get(position).map(|&j| (i, j)))
        .collect();
    let only = |set: &BTreeMap<i64, usize>, other: &BTreeMap<i64, usize>| {
        set.keys()
            .filter(|position| !other.contains_key(position))
            .copied()
            .collect()
    };
    let either = a.len() + b.len() - pairs.len();
    Overlap {
        reference: a.len(),
        candidate: b.len(),
        shared: pairs.len(),
        jaccard: Stat::ratio(pairs.len() as f64, either as f64, Reason::Empty),
        pairs,
        reference_only: only(&a, &b),
        candidate_only: only(&b, &a),
    }
}

fn first_indices(positions: &[i64]) -> BTreeMap<i64, usize> {
    let mut indices = BTreeMap::new();
    for (index, &position) in positions.iter().enumerate() {
        if position >= 0 {
            indices.entry(position).or_insert(index);
        }
    }
    indices
}
