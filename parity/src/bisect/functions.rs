//! Places of an array, and numbers fitted to pairs of values.

/// The indices of the neighbour along an axis, within the shape.
pub(super) fn shifted(index: &[usize], shape: &[usize], axis: usize, step: isize) -> Vec<usize> {
    let mut index = index.to_vec();
    index[axis] = index[axis].saturating_add_signed(step).min(shape[axis] - 1);
    index
}

/// The indices of the mirrored place along an axis.
pub(super) fn reversed(index: &[usize], shape: &[usize], axis: usize) -> Vec<usize> {
    let mut index = index.to_vec();
    index[axis] = shape[axis] - 1 - index[axis];
    index
}

/// The indices of a flat place.
pub(super) fn unravel(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (axis, &length) in shape.iter().enumerate().rev() {
        index[axis] = place % length;
        place /= length;
    }
    index
}

/// The flat place of indices.
pub(super) fn ravel(index: &[usize], shape: &[usize]) -> usize {
    index
        .iter()
        .zip(shape)
        .fold(0, |place, (index, length)| place * length + index)
}

fn finite<'a>(x: &'a [f64], y: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
    let pairs = x.iter().zip(y).map(|(&x, &y)| (x, y));
    pairs.filter(|(x, y)| x.is_finite() && y.is_finite())
}

/// The mean of `y - x`.
pub(super) fn mean_difference(x: &[f64], y: &[f64]) -> f64 {
    let (sum, count) = finite(x, y).fold((0.0, 0.0), |(sum, count), (x, y)| {
        (sum + y - x, count + 1.0)
    });
    if count > 0.0 { sum / count } else { 0.0 }
}

/// The factor that brings `x` nearest to `y`.
pub(super) fn factor_of(x: &[f64], y: &[f64]) -> f64 {
    let (xy, xx) = finite(x, y).fold((0.0, 0.0), |(xy, xx), (x, y)| (xy + x * y, xx + x * x));
    if xx > 0.0 { xy / xx } else { 1.0 }
}

/// `y` as a function of `x` alone, value by value: the mean of `y` among values of about that size.
pub(super) fn by_value(x: &[f64], y: &[f64], bins: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let mut values = x.to_vec();
    for chunk in order.chunks(x.len().div_ceil(bins).max(1)) {
        let xs: Vec<f64> = chunk.iter().map(|&i| x[i]).collect();
        let ys: Vec<f64> = chunk.iter().map(|&i| y[i]).collect();
        let offset = mean_difference(&xs, &ys);
        for &i in chunk {
            values[i] += offset;
        }
    }
    values
}
