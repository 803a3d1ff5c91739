//! Splice sites and junctions: sets of positions, and junction counts at equal positions.
//!
//! `splice_site_positions` is `[B, 4, K]`: donors and acceptors of the positive strand, then of the negative one, ascending,
//! and -1 past the last. The junction arrays are `[B, K, K, 2 tissues]`: entry `(i, j, c)` belongs to donor `i` and acceptor
//! `j` of the strand that channel `c` is of. A tiny difference in a probability moves every index after it, so entries are
//! compared where the positions are equal, never where the indices are (JAX: `heads.py`, `SpliceSitesJunctionHead`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use parity_stats::{Reason, Stat};
use serde::{Deserialize, Serialize};

use crate::recording::{Array, Values};
use crate::sample::{JunctionBlock, Layout, NotComparable, Pair};

/// The rows of `splice_site_positions`, in their order; the classes of the classification head begin with the same.
pub const SITE_KINDS: [&str; 4] = ["donor +", "acceptor +", "donor -", "acceptor -"];

/// What a recording without a threshold of its own was made with (`SpliceSitesJunctionHead`).
const THRESHOLD: f64 = 0.1;

/// One kind of splice site in both arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteSet {
    /// Batch element.
    pub batch: usize,
    /// One of [`SITE_KINDS`].
    pub kind: String,
    /// Positions in the reference.
    pub reference: usize,
    /// Positions in the candidate.
    pub candidate: usize,
    /// Positions in both.
    pub shared: usize,
    /// Shared positions over all positions of either.
    pub jaccard: Stat,
    /// Positions of the reference alone, in base pairs.
    pub only_reference: Vec<usize>,
    /// Positions of the candidate alone.
    pub only_candidate: Vec<usize>,
    /// Positions of one alone whose probability lies within the tolerance of the cut, so that rounding decides.
    pub ties: usize,
    /// Positions of one alone whose probability lies further off, or is not known.
    pub unexplained: usize,
    /// The largest distance of such a position's probability from the cut.
    pub widest: Stat,
}

/// Compares two `[B, 4, K]` arrays of positions as sets. `probabilities`, `[B, S, 5]`, are what the positions were chosen
/// by: differences within `tie` of the lowest probability chosen are ties.
///
/// # Errors
/// Where the shapes are no `[B, 4, K]` or differ in `B`.
pub fn site_sets(
    reference: &Array,
    candidate: &Array,
    probabilities: Option<&Array>,
    tie: f64,
) -> Result<Vec<SiteSet>, NotComparable> {
    let (a, b) = (rows(reference)?, rows(candidate)?);
    if a.len() != b.len() {
        return Err(NotComparable::Shape {
            reference: reference.full_shape.clone(),
            candidate: candidate.full_shape.clone(),
        });
    }
    let capacity = candidate.full_shape[2];
    Ok(a.iter()
        .zip(&b)
        .enumerate()
        .map(|(row, (a, b))| {
            let (batch, kind) = (row / 4, row % 4);
            site_set(batch, kind, a, b, capacity, tie, |position| {
                probability(probabilities?, batch, position, kind)
            })
        })
        .collect())
}

fn site_set(
    batch: usize,
    kind: usize,
    a: &[usize],
    b: &[usize],
    capacity: usize,
    tie: f64,
    probability: impl Fn(usize) -> Option<f64>,
) -> SiteSet {
    let without = |of: &[usize], other: &[usize]| -> Vec<usize> {
        let missing = of.iter().filter(|p| other.binary_search(p).is_err());
        missing.copied().collect()
    };
    let (only_reference, only_candidate) = (without(a, b), without(b, a));
    let shared = a.len() - only_reference.len();
    // With room left, the threshold made the cut; else the lowest probability that was chosen.
    let cut = if b.len() < capacity {
        Some(THRESHOLD)
    } else {
        b.iter()
            .filter_map(|&p| probability(p))
            .min_by(f64::total_cmp)
    };
    let (mut ties, mut unexplained, mut widest) = (0, 0, None::<f64>);
    for &position in only_reference.iter().chain(&only_candidate) {
        match cut.zip(probability(position)) {
            Some((cut, p)) => {
                let distance = (p - cut).abs();
                widest = Some(widest.map_or(distance, |w| w.max(distance)));
                if distance <= tie {
                    ties += 1;
                } else {
                    unexplained += 1;
                }
            }
            None => unexplained += 1,
        }
    }
    SiteSet {
        batch,
        kind: SITE_KINDS[kind].into(),
        reference: a.len(),
        candidate: b.len(),
        shared,
        jaccard: Stat::ratio(
            shared as f64,
            (a.len() + only_candidate.len()) as f64,
            Reason::Empty,
        ),
        only_reference,
        only_candidate,
        ties,
        unexplained,
        widest: widest.map_or(Stat::Undefined(Reason::Empty), Stat::of),
    }
}

/// The valid positions of every row, ascending; row `4 b + kind`.
fn rows(positions: &Array) -> Result<Vec<Vec<usize>>, NotComparable> {
    let shape = &positions.full_shape;
    let (&[_, 4, k], Values::I32(values), false) =
        (shape.as_slice(), &positions.values, positions.is_sampled())
    else {
        return Err(NotComparable::Shape {
            reference: vec![0, 4, 0],
            candidate: shape.clone(),
        });
    };
    if k == 0 {
        return Ok(vec![Vec::new(); shape[0] * 4]);
    }
    Ok(values
        .chunks(k)
        .map(|row| {
            let mut row: Vec<usize> = row
                .iter()
                .filter_map(|&p| usize::try_from(p).ok())
                .collect();
            row.sort_unstable();
            row
        })
        .collect())
}

/// The probability of `kind` at `position`, where the array kept it.
fn probability(array: &Array, batch: usize, position: usize, kind: usize) -> Option<f64> {
    let shape = array.shape();
    let &[_, length, classes] = shape.as_slice() else {
        return None;
    };
    let local = match array.kept.get(&1) {
        Some(kept) => kept.binary_search(&position).ok()?,
        None => position,
    };
    let inside = local < length && kind < classes;
    inside
        .then(|| {
            array
                .values
                .view()
                .get((batch * length + local) * classes + kind)
        })
        .flatten()
}

/// The entries of two junction arrays at positions that both have, given each one's `splice_site_positions`.
///
/// # Errors
/// Where the shapes do not belong together, or no position is common to both.
pub fn junctions(
    reference: (&Array, &Array),
    candidate: (&Array, &Array),
) -> Result<Pair<'static>, NotComparable> {
    let (a, b) = (Side::new(reference)?, Side::new(candidate)?);
    if a.batch != b.batch || a.channels != b.channels {
        return Err(NotComparable::Shape {
            reference: reference.0.full_shape.clone(),
            candidate: candidate.0.full_shape.clone(),
        });
    }
    let tissues = a.channels / 2;
    let (mut blocks, mut places_a, mut places_b) = (Vec::new(), Vec::new(), Vec::new());
    for batch in 0..a.batch {
        for strand in 0..2 {
            let donors = common_sites(&a.sites(batch, strand, 0), &b.sites(batch, strand, 0));
            let acceptors = common_sites(&a.sites(batch, strand, 1), &b.sites(batch, strand, 1));
            for &(_, da, db) in &donors {
                for &(_, aa, ab) in &acceptors {
                    let at_a = a.place(batch, da, aa, strand * tissues);
                    let at_b = b.place(batch, db, ab, strand * tissues);
                    places_a.extend(at_a..at_a + tissues);
                    places_b.extend(at_b..at_b + tissues);
                }
            }
            blocks.push(JunctionBlock {
                batch,
                strand,
                donors: donors.iter().map(|site| site.0).collect(),
                acceptors: acceptors.iter().map(|site| site.0).collect(),
                tissues,
            });
        }
    }
    if places_a.is_empty() {
        return Err(NotComparable::Disjoint { axis: 1 });
    }
    Ok(Pair {
        reference: Cow::Owned(reference.0.values.gather(&places_a)),
        candidate: Cow::Owned(candidate.0.values.gather(&places_b)),
        layout: Layout::Junctions(blocks),
    })
}

/// A junction array with its positions.
struct Side<'a> {
    array: &'a Array,
    shape: Vec<usize>,
    batch: usize,
    channels: usize,
    positions: &'a [i32],
    k: usize,
}

impl<'a> Side<'a> {
    fn new((array, positions): (&'a Array, &'a Array)) -> Result<Self, NotComparable> {
        let misfit = || NotComparable::Shape {
            reference: positions.full_shape.clone(),
            candidate: array.full_shape.clone(),
        };
        let (&[batch, donors, acceptors, channels], &[rows, 4, k]) =
            (array.full_shape.as_slice(), positions.full_shape.as_slice())
        else {
            return Err(misfit());
        };
        let Values::I32(values) = &positions.values else {
            return Err(misfit());
        };
        if positions.is_sampled()
            || rows != batch
            || donors != k
            || acceptors != k
            || channels % 2 != 0
        {
            return Err(misfit());
        }
        Ok(Self {
            array,
            shape: array.shape(),
            batch,
            channels,
            positions: values,
            k,
        })
    }

    /// Position to local index of what was kept: `end` 0 donors, 1 acceptors.
    fn sites(&self, batch: usize, strand: usize, end: usize) -> BTreeMap<usize, usize> {
        let row = &self.positions[(batch * 4 + strand * 2 + end) * self.k..][..self.k];
        (0..self.shape[1 + end])
            .filter_map(|local| {
                let full = self.array.full_index(1 + end, local);
                Some((usize::try_from(row[full]).ok()?, local))
            })
            .collect()
    }

    fn place(&self, batch: usize, donor: usize, acceptor: usize, channel: usize) -> usize {
        ((batch * self.shape[1] + donor) * self.shape[2] + acceptor) * self.channels + channel
    }
}

/// Positions of both, each with its two local indices.
fn common_sites(
    a: &BTreeMap<usize, usize>,
    b: &BTreeMap<usize, usize>,
) -> Vec<(usize, usize, usize)> {
    a.iter()
        .filter_map(|(&position, &in_a)| Some((position, in_a, *b.get(&position)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(rows: [[i32; 3]; 4]) -> Array {
        Array::full(vec![1, 4, 3], Values::I32(rows.concat()))
    }

    /// Entry (donor p, acceptor q, channel c) is 100 p + 10 q + c, whatever the index of p and q.
    fn counts(rows: [[i32; 3]; 4]) -> Array {
        let mut values = Vec::new();
        for i in 0..3 {
            for j in 0..3 {
                for c in 0..2 {
                    let (d, a) = (rows[2 * c][i], rows[2 * c + 1][j]);
                    values.push((100 * d + 10 * a + c as i32) as f32);
                }
            }
        }
        Array::full(vec![1, 3, 3, 2], Values::F32(values))
    }

    const A: [[i32; 3]; 4] = [[1, 4, 6], [2, 5, -1], [3, 7, 8], [0, 9, -1]];
    const B: [[i32; 3]; 4] = [[4, 5, 6], [2, 5, 8], [3, 7, -1], [9, -1, -1]];

    #[test]
    fn junctions_meet_at_equal_positions() {
        let pair = junctions((&counts(A), &positions(A)), (&counts(B), &positions(B))).unwrap();
        assert_eq!(
            *pair.reference,
            Values::F32(vec![420.0, 450.0, 620.0, 650.0, 391.0, 791.0])
        );
        assert_eq!(pair.reference, pair.candidate);
        assert_eq!(pair.layout.place(1), [0, 4, 5, 0]);
        assert_eq!(pair.layout.place(5), [0, 7, 9, 1]);
    }

    #[test]
    fn sites_compare_as_sets_and_ties_are_told() {
        let mut probabilities = vec![0.5f32; 10 * 5];
        probabilities[5] = 0.499_999_5; // donor + at 1: just under the cut of 0.5
        let probabilities = Array::full(vec![1, 10, 5], Values::F32(probabilities));
        let sets = site_sets(&positions(A), &positions(B), Some(&probabilities), 1e-6).unwrap();
        assert_eq!(sets[0].only_reference, [1]);
        assert_eq!(sets[0].only_candidate, [5]);
        assert_eq!((sets[0].ties, sets[0].unexplained), (2, 0));
        assert_eq!(sets[0].jaccard, Stat::Defined(0.5));
        // Negative acceptors: the candidate's list has room, so its cut is the threshold 0.1, far from 0.5.
        assert_eq!((sets[3].ties, sets[3].unexplained), (0, 1));
        let blind = site_sets(&positions(A), &positions(B), None, 1e-6).unwrap();
        assert_eq!((blind[0].ties, blind[0].unexplained), (0, 2));
    }
}
