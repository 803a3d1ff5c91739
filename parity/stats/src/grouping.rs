//! Which elements of an array belong together.

use serde::{Deserialize, Serialize};

use crate::values::LengthMismatch;

/// A way to group the elements of an array: by the coordinate along one axis, `window` neighbours
/// to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouping {
    /// Length of the axis.
    pub size: usize,
    /// Elements between neighbours along the axis: the product of the later axes' lengths.
    pub stride: usize,
    /// Neighbours along the axis that form one group.
    pub window: usize,
}

/// A grouping that does not fit the array.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The axis does not exist.
    #[error("axis {axis} of an array of shape {shape:?}: it has {} axes", shape.len())]
    NoSuchAxis {
        /// The axis asked for.
        axis: usize,
        /// The array's shape.
        shape: Vec<usize>,
    },
    /// The number of elements is no multiple of what one pass along the axis takes.
    #[error(
        "{len} values do not divide into rows of {size} x {stride}: pass the array's own shape"
    )]
    Shape {
        /// Number of elements.
        len: usize,
        /// Length of the axis.
        size: usize,
        /// Stride of the axis.
        stride: usize,
    },
    /// The window is zero.
    #[error("a window of 0 positions: give at least 1")]
    EmptyWindow,
    /// The arrays differ in length.
    #[error(transparent)]
    Length(#[from] LengthMismatch),
}

impl Grouping {
    /// Each coordinate of the last axis of `shape`: one group a track.
    #[must_use]
    pub fn tracks(shape: &[usize]) -> Self {
        Self {
            size: shape.last().copied().unwrap_or(1),
            stride: 1,
            window: 1,
        }
    }

    /// Windows of `window` neighbours along `axis` of an array of `shape`.
    ///
    /// # Errors
    /// [`GroupError::NoSuchAxis`], [`GroupError::EmptyWindow`].
    pub fn windows(shape: &[usize], axis: usize, window: usize) -> Result<Self, GroupError> {
        let Some(&size) = shape.get(axis) else {
            return Err(GroupError::NoSuchAxis {
                axis,
                shape: shape.to_vec(),
            });
        };
        if window == 0 {
            return Err(GroupError::EmptyWindow);
        }
        Ok(Self {
            size,
            stride: shape[axis + 1..].iter().product(),
            window,
        })
    }

    /// Number of groups.
    #[must_use]
    pub fn count(&self) -> usize {
        self.size.div_ceil(self.window.max(1))
    }

    /// Whether an array of `len` elements divides into rows along the axis.
    pub(crate) fn check(&self, len: usize) -> Result<(), GroupError> {
        let Self {
            size,
            stride,
            window,
        } = *self;
        if window == 0 {
            return Err(GroupError::EmptyWindow);
        }
        match size.checked_mul(stride) {
            Some(row) if row > 0 && len.is_multiple_of(row) => Ok(()),
            Some(0) if len == 0 => Ok(()),
            _ => Err(GroupError::Shape { len, size, stride }),
        }
    }
}
