//! Neighbours made one, and pairs turned.

use model::{Array, Values};

/// How neighbours become one.
pub(super) type Pool = fn(&[f32]) -> f32;

/// The largest.
pub(super) fn largest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The mean.
pub(super) fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

/// The first.
pub(super) fn first(values: &[f32]) -> f32 {
    values[0]
}

/// `[B, S, C]` to `[B, S / by, C]`.
pub(super) fn pooled(x: &Array, by: usize, pool: Pool) -> Array {
    let channels = x.shape.last().copied().unwrap_or(1);
    let values = x.values.to_f32();
    let mut small = Vec::with_capacity(values.len() / by);
    let mut column = Vec::with_capacity(by);
    for window in values.chunks_exact(channels * by) {
        for channel in 0..channels {
            column.clear();
            column.extend(window[channel..].iter().step_by(channels));
            small.push(pool(&column));
        }
    }
    let mut shape = x.shape.clone();
    if let Some(length) = shape.get_mut(1) {
        *length /= by;
    }
    Array {
        shape,
        values: Values::F32(small),
    }
}

/// `[B, P, P, F]` with rows and columns exchanged.
pub(super) fn exchanged(x: &[f32], shape: &[usize]) -> Vec<f32> {
    let (n, channels) = (shape[1], shape[3]);
    let mut turned = Vec::with_capacity(x.len());
    for matrix in x.chunks_exact(n * n * channels) {
        for row in 0..n {
            for column in 0..n {
                let from = (column * n + row) * channels;
                turned.extend_from_slice(&matrix[from..from + channels]);
            }
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_pooled_channel_by_channel() {
        let x = Array {
            shape: vec![1, 4, 2],
            values: Values::F32(vec![1.0, 8.0, 3.0, 6.0, 5.0, 4.0, 7.0, 2.0]),
        };
        let pool = |pool| pooled(&x, 2, pool).values.to_f32();
        assert_eq!(pool(largest), [3.0, 8.0, 7.0, 4.0]);
        assert_eq!(pool(mean), [2.0, 7.0, 6.0, 3.0]);
        assert_eq!(pool(first), [1.0, 8.0, 5.0, 4.0]);
        assert_eq!(pooled(&x, 2, first).shape, [1, 2, 2]);
    }

    #[test]
    fn rows_and_columns_change_places() {
        let x: Vec<f32> = (0..8u8).map(f32::from).collect();
        let turned = exchanged(&x, &[1, 2, 2, 2]);
        assert_eq!(turned, [0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]);
    }
}
