//! Splice-site positions as sets.

use parity_stats::{Reason, Stat};
use serde::{Deserialize, Serialize};

use crate::recording::{Array, Values};
use crate::sample::NotComparable;

/// The rows of `splice_site_positions`, in their order; the classes of the classification head begin with the same.
pub const SITE_KINDS: [&str; 4] = ["donor +", "acceptor +", "donor -", "acceptor -"];

/// What a recording without a threshold of its own was made with (`SpliceSitesJunctionHead`).
const THRESHOLD: f64 = 0.1;

/// Whether positions stand as every recording has them: ascending, and -1 past the last.
pub fn in_order(row: &[i32]) -> bool {
    let valid = row.iter().take_while(|&&position| position >= 0).count();
    let (positions, rest) = row.split_at(valid);
    positions.is_sorted() && rest.iter().all(|&position| position == -1)
}

/// The kinds of splice site, of all batch elements, whose positions are not [`in_order`].
pub fn out_of_order(positions: &Array) -> Vec<&'static str> {
    let (Values::I32(values), Some(&k)) = (&positions.values, positions.full_shape.last()) else {
        return Vec::new();
    };
    let rows = values.chunks(k.max(1)).enumerate();
    let rows = rows.filter(|(_, row)| !in_order(row));
    rows.map(|(index, _)| SITE_KINDS[index % 4]).collect()
}

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
