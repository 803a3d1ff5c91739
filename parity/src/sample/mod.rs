//! Brings two arrays to the places that both kept, and chooses the places that a recording keeps.

mod choose;
mod layout;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::recording::{Array, Values};

pub(crate) use choose::SplitMix;
pub use choose::choose;
pub use layout::{JunctionBlock, Layout};

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
}
