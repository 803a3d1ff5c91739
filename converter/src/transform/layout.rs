//! Transforms that move whole elements: permute, reshape, squeeze, slice, split, stack, concat.

use crate::{
    tensor::{Shape, Tensor, TensorType},
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

pub(super) fn sliced(
    shape: &[usize],
    axis: usize,
    start: usize,
    end: usize,
) -> Result<Vec<usize>, String> {
    axis_within(shape, axis)?;
    if start > end || end > shape[axis] {
        return Err(format!(
            "{start}..{end} does not lie within axis {axis} of {}",
            Shape(shape)
        ));
    }
    let mut shape = shape.to_vec();
    shape[axis] = end - start;
    Ok(shape)
}

pub(super) fn infer_split(
    kind: &TensorType,
    axis: usize,
    sizes: &[usize],
) -> Result<Vec<TensorType>, String> {
    axis_within(&kind.shape, axis)?;
    let total = sizes
        .iter()
        .try_fold(0usize, |sum, &size| sum.checked_add(size));
    if total != Some(kind.shape[axis]) {
        return Err(format!(
            "pieces {} do not add up to axis {axis} of {}",
            Shape(sizes),
            Shape(&kind.shape)
        ));
    }
    let piece = |&size: &usize| {
        let mut shape = kind.shape.clone();
        shape[axis] = size;
        TensorType {
            shape,
            dtype: kind.dtype,
        }
    };
    Ok(sizes.iter().map(piece).collect())
}

pub(super) fn infer_stack(input: &[TensorType], axis: usize) -> Result<TensorType, String> {
    let first = input.first().ok_or("there is nothing to stack")?;
    if let Some(other) = input.iter().find(|kind| *kind != first) {
        return Err(format!("{other} cannot be stacked on {first}"));
    }
    if axis > first.shape.len() {
        return Err(format!(
            "there is no place {axis} for a new axis in {}",
            Shape(&first.shape)
        ));
    }
    let mut shape = first.shape.clone();
    shape.insert(axis, input.len());
    Ok(TensorType {
        shape,
        dtype: first.dtype,
    })
}

pub(super) fn infer_concat(input: &[TensorType], axis: usize) -> Result<TensorType, String> {
    let first = input.first().ok_or("there is nothing to concatenate")?;
    axis_within(&first.shape, axis)?;
    let mut joined = first.clone();
    for other in &input[1..] {
        let mut expected = first.clone();
        expected.shape[axis] = other.shape.get(axis).copied().unwrap_or(0);
        if *other != expected {
            return Err(format!(
                "{other} does not continue {first} along axis {axis}"
            ));
        }
        joined.shape[axis] = joined.shape[axis]
            .checked_add(other.shape[axis])
            .ok_or("the axis overflows")?;
    }
    Ok(joined)
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
    let mut strides = vec![1; kind.shape.len()];
    for axis in (1..strides.len()).rev() {
        strides[axis - 1] = strides[axis] * kind.shape[axis];
    }
    let view: Vec<(usize, usize)> = axes
        .iter()
        .map(|&axis| (kind.shape[axis], strides[axis]))
        .collect();
    match (data.is_empty(), kind.dtype.size()) {
        (true, _) => Ok(()),
        (_, 1) => permuted::<1, E>(data, &view, sink),
        (_, 2) => permuted::<2, E>(data, &view, sink),
        (_, 4) => permuted::<4, E>(data, &view, sink),
        _ => permuted::<8, E>(data, &view, sink),
    }
}

/// Bytes of a piece: few enough to stay in the cache until they are used.
const PIECE: usize = 1 << 20;
/// Neighbours that are moved together on either side, so that a line of the cache is read once.
const TILE: usize = 16;

/// Hands on a strided view, given as the axes' lengths and strides, of elements of `N` bytes.
fn permuted<const N: usize, E>(
    data: &[u8],
    view: &[(usize, usize)],
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let source = data.as_chunks::<N>().0;
    // The rows are those along the axis whose elements are neighbours in the source.
    let rows_at = view
        .iter()
        .rposition(|&(length, stride)| stride == 1 && length > 1);
    let Some(rows_at) = rows_at else {
        return sink(data);
    };
    let (outer, inner) = (&view[..rows_at], &view[rows_at + 1..]);
    let (rows, width) = (
        view[rows_at].0,
        inner.iter().map(|axis| axis.0).product::<usize>(),
    );
    let (mid, last) = match inner {
        [mid @ .., last] => (offsets(mid), *last),
        [] => (vec![0], (1, 1)),
    };
    let at_once = (PIECE / (width * N)).next_multiple_of(TILE).min(rows);
    let mut piece = vec![[0; N]; at_once * width];
    for start in offsets(outer) {
        for first in (0..rows).step_by(at_once) {
            let count = at_once.min(rows - first);
            let from = &source[start + first..];
            for (column, mid) in mid.iter().enumerate() {
                for tile in (0..last.0).step_by(TILE) {
                    let tile = tile..(tile + TILE).min(last.0);
                    for row in 0..count {
                        let to = row * width + column * last.0;
                        let at = mid + row + tile.start * last.1;
                        let moved = from[at..].iter().step_by(last.1);
                        let to = &mut piece[to + tile.start..to + tile.end];
                        to.iter_mut()
                            .zip(moved)
                            .for_each(|(to, element)| *to = *element);
                    }
                }
            }
            sink(piece[..count * width].as_flattened())?;
        }
    }
    Ok(())
}

/// The offsets of all entries of these axes, in order.
fn offsets(axes: &[(usize, usize)]) -> Vec<usize> {
    axes.iter().fold(vec![0], |offsets, &(length, stride)| {
        let along = |offset| (0..length).map(move |entry| offset + entry * stride);
        offsets.into_iter().flat_map(along).collect()
    })
}

pub(super) fn slice(tensor: &Tensor, axis: usize, start: usize, kind: TensorType) -> Tensor {
    let inner = tensor.kind.dtype.size() * tensor.kind.shape[axis + 1..].iter().product::<usize>();
    let row = inner * tensor.kind.shape[axis];
    let (from, length) = (start * inner, kind.shape[axis] * inner);
    let mut data = Vec::with_capacity(kind.bytes());
    if length > 0 {
        for row in tensor.data.chunks_exact(row) {
            data.extend_from_slice(&row[from..from + length]);
        }
    }
    Tensor { kind, data }
}

pub(super) fn split(tensor: &Tensor, axis: usize, kinds: Vec<TensorType>) -> Vec<Tensor> {
    let mut start = 0;
    let mut pieces = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let length = kind.shape[axis];
        pieces.push(slice(tensor, axis, start, kind));
        start += length;
    }
    pieces
}

/// Concatenates along `axis`; stacking is the same with a new axis, along which every operand has length one.
pub(super) fn join(input: &[Tensor], axis: usize, kind: TensorType) -> Tensor {
    let outer: usize = kind.shape[..axis].iter().product();
    let mut data = Vec::with_capacity(kind.bytes());
    for row in 0..outer {
        for tensor in input {
            let length = tensor.data.len() / outer;
            data.extend_from_slice(&tensor.data[row * length..(row + 1) * length]);
        }
    }
    Tensor { kind, data }
}
