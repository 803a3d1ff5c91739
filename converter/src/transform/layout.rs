//! Transforms that move whole elements: permute, reshape, squeeze.

use crate::{
    tensor::{Shape, TensorType},
    text::counted,
};

fn axis_within(shape: &[usize], axis: usize) -> Result<(), String> {
    if axis < shape.len() {
        Ok(())
    } else {
        Err(format!("there is no axis {axis} in {}", Shape(shape)))
    }
}

pub(super) fn permuted_shape(shape: &[usize], axes: &[usize]) -> Result<Vec<usize>, String> {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..shape.len()) {
        return Err(format!(
            "{} is no permutation of the axes of {}",
            Shape(axes),
            Shape(shape)
        ));
    }
    Ok(axes.iter().map(|&axis| shape[axis]).collect())
}

pub(super) fn reshaped(kind: &TensorType, shape: &[usize]) -> Result<Vec<usize>, String> {
    let new = TensorType {
        shape: shape.to_vec(),
        dtype: kind.dtype,
    };
    if new.checked_elements() != kind.checked_elements() {
        return Err(format!(
            "{} does not hold as many elements as {}",
            Shape(shape),
            Shape(&kind.shape)
        ));
    }
    Ok(new.shape)
}

pub(super) fn squeezed(shape: &[usize], axes: &[usize]) -> Result<Vec<usize>, String> {
    for &axis in axes {
        axis_within(shape, axis)?;
        if shape[axis] != 1 {
            return Err(format!(
                "axis {axis} of {} is not of length 1",
                Shape(shape)
            ));
        }
    }
    Ok(shape
        .iter()
        .enumerate()
        .filter(|(at, _)| !axes.contains(at))
        .map(|(_, &length)| length)
        .collect())
}

pub(super) fn squeezed_leading(shape: &[usize], keep_last: usize) -> Result<Vec<usize>, String> {
    let Some(extra) = shape.len().checked_sub(keep_last) else {
        return Err(format!(
            "{} has fewer than {}",
            Shape(shape),
            counted(keep_last, "axis", "axes")
        ));
    };
    squeezed(shape, &(0..extra).collect::<Vec<_>>())
}

/// Hands on the elements of `data`, of this `kind`, with axis `i` of the result axis `axes[i]`: in order, in pieces.
///
/// # Errors
/// What `sink` says.
pub fn permute<E>(
    data: &[u8],
    kind: &TensorType,
    axes: &[usize],
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let view = view(kind, axes);
    match (data.is_empty(), kind.dtype.size()) {
        (true, _) => Ok(()),
        (_, 1) => permuted::<1, E>(data, &view, sink),
        (_, 2) => permuted::<2, E>(data, &view, sink),
        (_, 4) => permuted::<4, E>(data, &view, sink),
        _ => permuted::<8, E>(data, &view, sink),
    }
}

/// Bytes of the largest piece that [`permute`] hands on.
#[must_use]
pub fn piece_bytes(kind: &TensorType, axes: &[usize]) -> usize {
    let view = view(kind, axes);
    let element = kind.dtype.size();
    view.iter().rposition(is_along).map_or(0, |at| {
        let width: usize = view[at + 1..].iter().map(|&(length, _)| length).product();
        element * width * rows_at_once(view[at].0, width * element)
    })
}

/// Lengths and strides of the axes of the result.
fn view(kind: &TensorType, axes: &[usize]) -> Vec<(usize, usize)> {
    let mut strides = vec![1; kind.shape.len()];
    for axis in (1..strides.len()).rev() {
        strides[axis - 1] = strides[axis] * kind.shape[axis];
    }
    let axes = axes.iter();
    axes.map(|&axis| (kind.shape[axis], strides[axis]))
        .collect()
}

/// Whether the elements of an axis are neighbours in the source.
fn is_along(&(length, stride): &(usize, usize)) -> bool {
    stride == 1 && length > 1
}

/// Rows of a piece, of `rows` of so many bytes.
fn rows_at_once(rows: usize, bytes: usize) -> usize {
    (PIECE / bytes.max(1)).next_multiple_of(TILE).min(rows)
}

/// Bytes of a piece: few enough to stay in the cache until they are used.
const PIECE: usize = 1 << 20;
/// Neighbours along the last axis of the result that are moved together: a line of the cache.
const TILE: usize = 16;

/// Hands on a strided view, given as the axes' lengths and strides, of elements of `N` bytes.
fn permuted<const N: usize, E>(
    data: &[u8],
    view: &[(usize, usize)],
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let source = data.as_chunks::<N>().0;
    // The rows are those along the axis whose elements are neighbours in the source.
    let Some(rows_at) = view.iter().rposition(is_along) else {
        return sink(data);
    };
    let (outer, inner) = (&view[..rows_at], &view[rows_at + 1..]);
    let rows = view[rows_at].0;
    let width: usize = inner.iter().map(|&(length, _)| length).product();
    let (columns, (length, stride)) = match inner {
        [columns @ .., last] => (offsets(columns), *last),
        [] => (vec![0], (1, 1)),
    };
    let at_once = rows_at_once(rows, width * N);
    let mut piece = vec![[0; N]; at_once * width];
    for start in offsets(outer) {
        for first in (0..rows).step_by(at_once) {
            let piece = &mut piece[..at_once.min(rows - first) * width];
            for (column, offset) in columns.iter().enumerate() {
                let mut done = 0;
                while done < length {
                    let from = &source[start + first + offset + done * stride..];
                    let to = column * length + done;
                    // A convolution of this model is five wide.
                    done += match length - done {
                        TILE.. => tile::<N, TILE>(from, stride, piece, width, to),
                        5 => tile::<N, 5>(from, stride, piece, width, to),
                        4.. => tile::<N, 4>(from, stride, piece, width, to),
                        _ => tile::<N, 1>(from, stride, piece, width, to),
                    };
                }
            }
            sink(piece.as_flattened())?;
        }
    }
    Ok(())
}

/// Moves `K` neighbours of every row of `width` elements, from element `to` of the row on; returns `K`.
fn tile<const N: usize, const K: usize>(
    from: &[[u8; N]],
    stride: usize,
    rows: &mut [[u8; N]],
    width: usize,
    to: usize,
) -> usize {
    let count = rows.len() / width;
    let streams: [&[[u8; N]]; K] = std::array::from_fn(|k| &from[k * stride..][..count]);
    for (row, elements) in rows.chunks_exact_mut(width).enumerate() {
        for (element, stream) in elements[to..to + K].iter_mut().zip(streams) {
            *element = stream[row];
        }
    }
    K
}

/// The offsets of all entries of these axes, in order.
fn offsets(axes: &[(usize, usize)]) -> Vec<usize> {
    axes.iter().fold(vec![0], |offsets, &(length, stride)| {
        let along = |offset| (0..length).map(move |entry| offset + entry * stride);
        offsets.into_iter().flat_map(along).collect()
    })
}
