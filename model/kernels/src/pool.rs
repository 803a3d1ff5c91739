//! Pooling along a sequence, and the way back up.

use crate::accumulate::larger;
use crate::parallel::{for_pieces, vectorised};

/// The larger of each two neighbours, NaN if either is: `[S, C]` to `[S / 2, C]`.
///
/// # Panics
/// If `x` is not twice as long as `destination`, or not whole rows.
pub fn max_pool(destination: &mut [f32], x: &[f32], channels: usize) {
    assert!(
        channels > 0 && destination.len().is_multiple_of(channels),
        "whole rows of {channels}"
    );
    assert_eq!(
        x.len(),
        2 * destination.len(),
        "two positions for each pooled one"
    );
    for_pieces(destination, channels, |first, rows| {
        let x = &x[2 * first * channels..][..2 * rows.len()];
        vectorised(
            #[inline(always)]
            || {
                for (row, pair) in rows
                    .chunks_exact_mut(channels)
                    .zip(x.chunks_exact(2 * channels))
                {
                    let (even, odd) = pair.split_at(channels);
                    for ((y, &a), &b) in row.iter_mut().zip(even).zip(odd) {
                        *y = larger(a, b);
                    }
                }
            },
        );
    });
}

/// The mean of each `by` neighbours: `[S, C]` to `[S / by, C]`.
///
/// # Panics
/// If `x` is not `by` times as long as `destination`, or not whole rows.
pub fn mean_pool(destination: &mut [f32], x: &[f32], channels: usize, by: usize) {
    assert!(
        channels > 0 && destination.len().is_multiple_of(channels),
        "whole rows of {channels}"
    );
    assert!(
        by > 0 && x.len() == by * destination.len(),
        "{by} positions for each pooled one"
    );
    for_pieces(destination, channels, |first, rows| {
        let x = &x[by * first * channels..][..by * rows.len()];
        vectorised(
            #[inline(always)]
            || {
                for (row, window) in rows
                    .chunks_exact_mut(channels)
                    .zip(x.chunks_exact(by * channels))
                {
                    row.fill(0.0);
                    for position in window.chunks_exact(channels) {
                        for (y, &x) in row.iter_mut().zip(position) {
                            *y += x;
                        }
                    }
                    for y in row {
                        *y /= by as f32;
                    }
                }
            },
        );
    });
}

/// `destination += x * scale` with every position of `x` `[S, C]` twice: `destination` `[2 S, C]`.
///
/// # Panics
/// If `destination` is not twice as long as `x`, or `x` not whole rows.
pub fn upsample_add(destination: &mut [f32], x: &[f32], channels: usize, scale: f32) {
    assert!(
        channels > 0 && x.len().is_multiple_of(channels),
        "whole rows of {channels}"
    );
    assert_eq!(destination.len(), 2 * x.len(), "two positions for each");
    for_pieces(destination, 2 * channels, |first, rows| {
        let x = &x[first * channels..][..rows.len() / 2];
        vectorised(
            #[inline(always)]
            || {
                for (pair, x) in rows
                    .chunks_exact_mut(2 * channels)
                    .zip(x.chunks_exact(channels))
                {
                    let (even, odd) = pair.split_at_mut(channels);
                    for ((a, b), &x) in even.iter_mut().zip(odd).zip(x) {
                        *a += x * scale;
                        *b += x * scale;
                    }
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, numbers};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn down_and_up(length in 0usize..20, c in 1usize..50, by in 1usize..20, seed: u64) {
            let x = numbers(seed, 2 * length * c);
            let mut y = vec![f32::NAN; length * c];
            max_pool(&mut y, &x, c);
            for (i, y) in y.iter().enumerate() {
                let at = 2 * (i / c) * c + i % c;
                prop_assert_eq!(*y, x[at].max(x[at + c]));
            }

            let wide = numbers(seed ^ 1, by * length * c);
            let mut mean = vec![f32::NAN; length * c];
            mean_pool(&mut mean, &wide, c, by);
            let truth: Vec<f64> = (0..length * c)
                .map(|i| (0..by).map(|j| wide[(i / c * by + j) * c + i % c] as f64).sum::<f64>() / by as f64)
                .collect();
            assert_close(&mean, &truth, 1e-6);

            let mut up = x.clone();
            upsample_add(&mut up, &mean, c, 0.7);
            for (i, up) in up.iter().enumerate() {
                prop_assert_eq!(*up, x[i] + mean[i / (2 * c) * c + i % c] * 0.7);
            }
        }
    }

    #[test]
    fn nan_wins_a_maximum() {
        let mut y = [0.0; 4];
        let (nan, infinity) = (f32::NAN, f32::INFINITY);
        max_pool(
            &mut y,
            &[nan, 1.0, -infinity, 2.0, 5.0, nan, infinity, -3.0],
            4,
        );
        assert!(y[0].is_nan() && y[1].is_nan());
        assert_eq!(y[2..], [infinity, 2.0]);
    }
}
