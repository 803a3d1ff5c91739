//! Softmax over rows.

use crate::accumulate::{maximum, sum};
use crate::functions::exp;
use crate::parallel::{for_pieces, vectorised};

/// Replaces a row by its softmax: `e^(x - max)` over the sum of those.
#[inline(always)]
pub(crate) fn softmax_row(row: &mut [f32]) {
    let largest = maximum(row);
    for x in row.iter_mut() {
        *x = exp(*x - largest);
    }
    let total = sum(row, |x| x);
    for x in row {
        *x /= total;
    }
}

/// Softmax over each row of `[rows, C]`, in place.
///
/// # Panics
/// If `values` is not a whole number of rows.
pub fn softmax(values: &mut [f32], channels: usize) {
    assert!(
        channels > 0 && values.len().is_multiple_of(channels),
        "whole rows of {channels}"
    );
    for_pieces(values, channels, |_, rows| {
        vectorised(
            #[inline(always)]
            || rows.chunks_exact_mut(channels).for_each(softmax_row),
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
        fn rows_of_any_width(rows in 0usize..9, channels in 1usize..80, seed: u64) {
            let x: Vec<f32> = numbers(seed, rows * channels).iter().map(|x| x * 30.0).collect();
            let mut truth = Vec::new();
            for row in x.chunks_exact(channels) {
                let total: f64 = row.iter().map(|&x| (x as f64).exp()).sum();
                truth.extend(row.iter().map(|&x| (x as f64).exp() / total));
            }
            let mut y = x;
            softmax(&mut y, channels);
            assert_close(&y, &truth, 1e-6);
        }
    }

    #[test]
    fn large_logits_do_not_overflow_and_nan_stays_in_its_row() {
        let mut x = [1e30, 1e30, f32::NAN, 0.0];
        softmax(&mut x, 2);
        assert_eq!(x[..2], [0.5, 0.5]);
        assert!(x[2].is_nan() && x[3].is_nan());
    }
}
