//! What is done to a tensor.

use anyhow::{Result, ensure};
use half::bf16;
use serde::Deserialize;

use crate::mutation::Part;

/// A tensor on the host, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// As many values as the shape has places.
    pub values: Vec<f32>,
}

/// A change of a tensor.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// The last two axes exchanged; they have one length.
    Transpose,
    /// The indices of an axis backwards.
    Reverse(usize),
    /// The indices of an axis moved on, round the end.
    Roll {
        /// The axis.
        axis: usize,
        /// By how many.
        by: usize,
    },
    /// Two indices of an axis exchanged.
    Exchange {
        /// The axis.
        axis: usize,
        /// The one.
        a: usize,
        /// The other.
        b: usize,
    },
    /// An axis that counts `groups` first and places in a group then, counted the other way round.
    Regroup {
        /// The axis.
        axis: usize,
        /// Groups.
        groups: usize,
    },
    /// In every run of `width` indices, the second half between those of the first.
    ///
    /// A rotary embedding of interleaved pairs of what comes out is that of halves of what went in.
    Interleave {
        /// The axis.
        axis: usize,
        /// Indices of a run.
        width: usize,
    },
    /// One value everywhere.
    Set(f32),
    /// Every value times this.
    Scale(f32),
    /// Every value plus this.
    Add(f32),
    /// Every value rounded to bfloat16.
    Round,
    /// The values of another tensor of the same shape, named from the root.
    From(String),
}

impl Edit {
    /// Changes a tensor, or a part of it; `other` gives the sound tensors by name.
    ///
    /// # Errors
    /// Where the tensor's shape does not allow it.
    pub(crate) fn apply(
        &self,
        tensor: &Tensor,
        part: Option<Part>,
        other: impl Fn(&str) -> Option<Tensor>,
    ) -> Result<Tensor> {
        let mut made = tensor.clone();
        let rank = tensor.shape.len();
        match self {
            Self::Transpose => {
                let (a, b) = (rank - 2, rank - 1);
                ensure!(
                    tensor.shape[a] == tensor.shape[b],
                    "no square: {:?}",
                    tensor.shape
                );
                made.values = gather(tensor, |place| place.swap(a, b));
            }
            Self::Reverse(axis) => made.values = reindex(tensor, *axis, part, |n, i| n - 1 - i)?,
            Self::Roll { axis, by } => {
                made.values = reindex(tensor, *axis, part, |n, i| (i + n - by % n) % n)?;
            }
            Self::Exchange { axis, a, b } => {
                made.values = reindex(tensor, *axis, part, |_, i| match i {
                    i if i == *a => *b,
                    i if i == *b => *a,
                    i => i,
                })?;
            }
            Self::Regroup { axis, groups } => {
                made.values = reindex(tensor, *axis, part, |n, i| {
                    (i % groups) * (n / groups) + i / groups
                })?;
            }
            Self::Interleave { axis, width } => {
                made.values = reindex(tensor, *axis, part, |_, i| {
                    let (run, place) = (i / width, i % width);
                    run * width + place / 2 + (place % 2) * (width / 2)
                })?;
            }
            Self::Set(value) => each(&mut made, part, |_| *value),
            Self::Scale(factor) => each(&mut made, part, |x| x * factor),
            Self::Add(term) => each(&mut made, part, |x| x + term),
            Self::Round => each(&mut made, part, |x| bf16::from_f32(x).to_f32()),
            Self::From(name) => {
                let from = other(name);
                let from = from.filter(|from| from.shape == tensor.shape);
                ensure!(from.is_some(), "{name} is absent or of another shape");
                made = from.unwrap_or(made);
            }
        }
        Ok(made)
    }
}

/// Values at `source(place)` for every place.
fn gather(tensor: &Tensor, source: impl Fn(&mut Vec<usize>)) -> Vec<f32> {
    let place = |index: usize| {
        let mut place = unravel(index, &tensor.shape);
        source(&mut place);
        tensor.values[ravel(&place, &tensor.shape)]
    };
    (0..tensor.values.len()).map(place).collect()
}

/// The indices of an axis, or of a part of it, taken from others: `source(length, index)`.
fn reindex(
    tensor: &Tensor,
    axis: usize,
    part: Option<Part>,
    source: impl Fn(usize, usize) -> usize,
) -> Result<Vec<f32>> {
    ensure!(
        axis < tensor.shape.len(),
        "no axis {axis}: {:?}",
        tensor.shape
    );
    let (from, to) = match part {
        Some(part) => (part.from, part.to),
        None => (0, tensor.shape[axis]),
    };
    ensure!(
        part.is_none_or(|part| part.axis == axis) && to <= tensor.shape[axis] && from < to,
        "no indices {from} to {to} of axis {axis}: {:?}",
        tensor.shape
    );
    Ok(gather(tensor, |place| {
        if (from..to).contains(&place[axis]) {
            place[axis] = from + source(to - from, place[axis] - from);
        }
    }))
}

fn each(tensor: &mut Tensor, part: Option<Part>, f: impl Fn(f32) -> f32) {
    for index in 0..tensor.values.len() {
        let place = unravel(index, &tensor.shape);
        if part.is_none_or(|part| (part.from..part.to).contains(&place[part.axis])) {
            tensor.values[index] = f(tensor.values[index]);
        }
    }
}

fn unravel(mut index: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (place, &length) in place.iter_mut().zip(shape).rev() {
        (*place, index) = (index % length, index / length);
    }
    place
}

fn ravel(place: &[usize], shape: &[usize]) -> usize {
    place
        .iter()
        .zip(shape)
        .fold(0, |index, (place, length)| index * length + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(edit: Edit, shape: &[usize], part: Option<Part>) -> Vec<f32> {
        let count = shape.iter().product::<usize>();
        let tensor = Tensor {
            shape: shape.to_vec(),
            values: (0..count).map(|x| x as f32).collect(),
        };
        edit.apply(&tensor, part, |_| None).unwrap().values
    }

    #[test]
    fn places_move() {
        assert_eq!(done(Edit::Transpose, &[2, 2], None), [0., 2., 1., 3.]);
        assert_eq!(done(Edit::Reverse(0), &[3], None), [2., 1., 0.]);
        assert_eq!(
            done(Edit::Roll { axis: 0, by: 1 }, &[3], None),
            [2., 0., 1.]
        );
        let exchange = Edit::Exchange {
            axis: 1,
            a: 0,
            b: 1,
        };
        assert_eq!(done(exchange, &[2, 3], None), [1., 0., 2., 4., 3., 5.]);
        assert_eq!(
            done(Edit::Regroup { axis: 0, groups: 2 }, &[6], None),
            [0., 3., 1., 4., 2., 5.]
        );
        let interleave = Edit::Interleave { axis: 0, width: 4 };
        assert_eq!(
            done(interleave, &[8], None),
            [0., 2., 1., 3., 4., 6., 5., 7.]
        );
    }

    #[test]
    fn a_part_changes_alone() {
        let part = |axis, from, to| Some(Part { axis, from, to });
        assert_eq!(
            done(Edit::Set(9.0), &[2, 2], part(0, 1, 2)),
            [0., 1., 9., 9.]
        );
        assert_eq!(
            done(Edit::Roll { axis: 0, by: 1 }, &[4], part(0, 0, 2)),
            [1., 0., 2., 3.]
        );
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let tensor = Tensor {
            shape: vec![1, 2],
            values: vec![0.0; 2],
        };
        for edit in [Edit::Transpose, Edit::Reverse(2), Edit::From("x".into())] {
            assert!(edit.apply(&tensor, None, |_| None).is_err(), "{edit:?}");
        }
    }
}
