//! Brings two arrays to the places that both kept, and chooses the places that a recording keeps.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::recording::{Array, Values};

/// Why two arrays have no values to compare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// The full shapes differ.
    #[error("shape {candidate:?}, expected {reference:?}")]
    Shape {
        /// Full shape in the reference.
        reference: Vec<usize>,
        /// Full shape in the candidate.
        candidate: Vec<usize>,
    },
    /// Both are sampled, at places of which none is the same.
    #[error(
        "the two recordings kept no index of axis {axis} in common; record one of them in full or with the other's places"
    )]
    Disjoint {
        /// The axis without a common index.
        axis: usize,
    },
}

/// Two arrays of equal shape with the same places.
#[derive(Clone, Debug)]
pub struct Pair<'a> {
    /// The reference's values, row-major.
    pub reference: Cow<'a, Values>,
    /// The candidate's values at the same places.
    pub candidate: Cow<'a, Values>,
    /// Where they stand in the full array.
    pub layout: Layout,
}

/// Where the values of a pair stand in the full array.
#[derive(Clone, Debug, PartialEq)]
pub enum Layout {
    /// A grid: on each axis the indices kept, or all.
    Grid {
        /// The full shape.
        full_shape: Vec<usize>,
        /// By axis the indices in the full array; an absent axis is whole.
        kept: BTreeMap<usize, Vec<usize>>,
    },
    /// Splice junctions at common positions, strand after strand.
    Junctions(Vec<JunctionBlock>),
}

/// Junctions of one strand of one batch element, `[donors, acceptors, tissues]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JunctionBlock {
    /// Batch element.
    pub batch: usize,
    /// 0 positive, 1 negative.
    pub strand: usize,
    /// Donor positions in base pairs.
    pub donors: Vec<usize>,
    /// Acceptor positions in base pairs.
    pub acceptors: Vec<usize>,
    /// Tissues.
    pub tissues: usize,
}

impl JunctionBlock {
    fn len(&self) -> usize {
        self.donors.len() * self.acceptors.len() * self.tissues
    }
}

impl Layout {
    /// The shape of the compared values.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Grid { full_shape, kept } => crate::recording::kept_shape(full_shape, kept),
            Self::Junctions(blocks) => {
                let tissues = blocks.first().map_or(0, |block| block.tissues);
                let pairs = blocks
                    .iter()
                    .map(|block| block.donors.len() * block.acceptors.len());
                vec![pairs.sum(), tissues]
            }
        }
    }

    /// The indices in the full array of flat place `index`: by axis for a grid, `[batch, donor, acceptor, channel]` with
    /// positions in base pairs for junctions.
    pub fn place(&self, index: usize) -> Vec<usize> {
        match self {
            Self::Grid { full_shape, kept } => {
                let shape = crate::recording::kept_shape(full_shape, kept);
                let mut rest = index;
                let mut place = vec![0; shape.len()];
                for axis in (0..shape.len()).rev() {
                    let local = rest % shape[axis].max(1);
                    rest /= shape[axis].max(1);
                    place[axis] = kept.get(&axis).map_or(local, |kept| kept[local]);
                }
                place
            }
            Self::Junctions(blocks) => {
                let mut rest = index;
                for block in blocks {
                    if rest < block.len() {
                        let (pair, tissue) = (rest / block.tissues, rest % block.tissues);
                        let donor = block.donors[pair / block.acceptors.len()];
                        let acceptor = block.acceptors[pair % block.acceptors.len()];
                        let channel = block.strand * block.tissues + tissue;
                        return vec![block.batch, donor, acceptor, channel];
                    }
                    rest -= block.len();
                }
                Vec::new()
            }
        }
    }
}

/// The values of both arrays at the places that both kept: where both are whole, all of them; where one is sampled, its
/// places; where both are, the intersection.
///
/// # Errors
/// Where the full shapes differ or nothing was kept by both.
pub fn common<'a>(reference: &'a Array, candidate: &'a Array) -> Result<Pair<'a>, NotComparable> {
    if reference.full_shape != candidate.full_shape {
        return Err(NotComparable::Shape {
            reference: reference.full_shape.clone(),
            candidate: candidate.full_shape.clone(),
        });
    }
    let mut kept = BTreeMap::new();
    for axis in 0..reference.full_shape.len() {
        let both = match (reference.kept.get(&axis), candidate.kept.get(&axis)) {
            (None, None) => continue,
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (Some(a), Some(b)) => intersection(a, b),
        };
        if both.is_empty() {
            return Err(NotComparable::Disjoint { axis });
        }
        kept.insert(axis, both);
    }
    Ok(Pair {
        reference: at(reference, &kept),
        candidate: at(candidate, &kept),
        layout: Layout::Grid {
            full_shape: reference.full_shape.clone(),
            kept,
        },
    })
}

/// The values of `array` at the full indices `kept`, which it holds.
pub fn at<'a>(array: &'a Array, kept: &BTreeMap<usize, Vec<usize>>) -> Cow<'a, Values> {
    if array.kept == *kept {
        return Cow::Borrowed(&array.values);
    }
    let shape = array.shape();
    let local: Vec<Vec<usize>> = (0..shape.len())
        .map(|axis| match (kept.get(&axis), array.kept.get(&axis)) {
            (None, _) => (0..shape[axis]).collect(),
            (Some(wanted), None) => wanted.clone(),
            (Some(wanted), Some(have)) => wanted
                .iter()
                .map(|index| have.partition_point(|h| h < index))
                .collect(),
        })
        .collect();
    Cow::Owned(array.values.gather(&places(&shape, &local)))
}

/// Flat places of the grid that `local` indices span in an array of `shape`, row-major.
pub fn places(shape: &[usize], local: &[Vec<usize>]) -> Vec<usize> {
    let mut flat = vec![0];
    for (axis, indices) in local.iter().enumerate() {
        let length = shape[axis];
        flat = flat
            .iter()
            .flat_map(|&base| indices.iter().map(move |&i| base * length + i))
            .collect();
    }
    flat
}

/// What two ascending lists have in common.
fn intersection(a: &[usize], b: &[usize]) -> Vec<usize> {
    a.iter()
        .copied()
        .filter(|x| b.binary_search(x).is_ok())
        .collect()
}

/// The places that a recording keeps of an array of `shape` so that at most about `budget` values remain: indices of axis
/// 1 for rank 3, of axes 1 and 2 for rank 4, spread at random but the same for the same `seed`.
pub fn choose(shape: &[usize], budget: usize, seed: u64) -> BTreeMap<usize, Vec<usize>> {
    let mut kept = BTreeMap::new();
    let mut random = SplitMix(seed);
    match *shape {
        [_, length, channels] => {
            let wanted = (budget / channels.max(1)).max(1);
            if wanted < length {
                kept.insert(1, random.choose(length, wanted));
            }
        }
        [_, rows, columns, channels] => {
            let wanted = ((budget / channels.max(1)) as f64).sqrt() as usize;
            for (axis, length) in [(1, rows), (2, columns)] {
                if wanted.max(1) < length {
                    kept.insert(axis, random.choose(length, wanted.max(1)));
                }
            }
        }
        _ => {}
    }
    kept
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough to spread places, and the same everywhere.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `count` of `0..length`, ascending (selection sampling, Knuth 3.4.2 S).
    pub(crate) fn choose(&mut self, length: usize, count: usize) -> Vec<usize> {
        let mut chosen = Vec::with_capacity(count);
        for i in 0..length {
            let left = (length - i) as u64;
            if self.next() % left < (count - chosen.len()) as u64 {
                chosen.push(i);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(shape: &[usize], kept: &[(usize, &[usize])]) -> Array {
        let kept: BTreeMap<usize, Vec<usize>> =
            kept.iter().map(|(axis, k)| (*axis, k.to_vec())).collect();
        let whole = (0..shape.iter().product::<usize>()).map(|i| i as i32);
        let full = Array::full(shape.to_vec(), Values::I32(whole.collect()));
        let values = at(&full, &kept).into_owned();
        Array {
            full_shape: shape.to_vec(),
            kept,
            values,
        }
    }

    #[test]
    fn full_and_sampled_meet_at_the_sampled_places() {
        let full = array(&[1, 5, 2], &[]);
        let sampled = array(&[1, 5, 2], &[(1, &[1, 4])]);
        for (a, b) in [(&full, &sampled), (&sampled, &full)] {
            let pair = common(a, b).unwrap();
            assert_eq!(*pair.reference, Values::I32(vec![2, 3, 8, 9]));
            assert_eq!(pair.reference, pair.candidate);
            assert_eq!(pair.layout.shape(), [1, 2, 2]);
            assert_eq!(pair.layout.place(3), [0, 4, 1]);
        }
    }

    #[test]
    fn sampled_elsewhere_meets_at_the_intersection_of_each_axis() {
        let a = array(&[1, 4, 4, 2], &[(1, &[0, 1, 3]), (2, &[1, 2])]);
        let b = array(&[1, 4, 4, 2], &[(1, &[1, 2, 3]), (2, &[2, 3])]);
        let pair = common(&a, &b).unwrap();
        assert_eq!(*pair.reference, Values::I32(vec![12, 13, 28, 29]));
        assert_eq!(pair.reference, pair.candidate);
        assert_eq!(pair.layout.place(2), [0, 3, 2, 0]);
    }

    #[test]
    fn other_shapes_and_disjoint_places_are_refused() {
        let a = array(&[1, 4, 2], &[(1, &[0, 1])]);
        let b = array(&[1, 4, 2], &[(1, &[2, 3])]);
        assert_eq!(
            common(&a, &b).unwrap_err(),
            NotComparable::Disjoint { axis: 1 }
        );
        let c = array(&[1, 2, 4], &[]);
        assert!(matches!(common(&a, &c), Err(NotComparable::Shape { .. })));
    }

    #[test]
    fn chosen_places_fit_the_budget_and_repeat() {
        let kept = choose(&[1, 4096, 32], 4000, 7);
        assert_eq!(kept[&1].len(), 125);
        assert!(kept[&1].windows(2).all(|w| w[0] < w[1]) && *kept[&1].last().unwrap() < 4096);
        assert_eq!(kept, choose(&[1, 4096, 32], 4000, 7));
        assert!(choose(&[1, 32, 4], 4000, 7).is_empty());
        let pair = choose(&[1, 512, 512, 6], 600, 7);
        assert_eq!((pair[&1].len(), pair[&2].len()), (10, 10));
    }
}
