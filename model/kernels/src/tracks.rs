//! Genome tracks: from a linear layer's output to predictions.

use rayon::prelude::*;

use crate::functions::{softplus, unsquash};
use crate::parallel::{for_pieces, rows_in_piece, vectorised};

/// Where the soft clip of the training targets begins (`_SOFT_CLIP_VALUE`).
const SOFT_CLIP: f32 = 10.0;

/// How scaled predictions become experimental units.
#[derive(Clone, Copy, Debug)]
pub struct Unscale<'a> {
    /// Track mean times resolution, `[C]`; NaN where a track has no mean.
    pub factor: &'a [f32],
    /// Whether the training targets were squashed by the power 0.75.
    pub squashing: bool,
}

/// `x = softplus(x) * scale` in place: `x` `[S, C]`, `scale` `[C]`.
///
/// # Panics
/// If `x` is not whole rows of `scale`.
pub fn scaled(x: &mut [f32], scale: &[f32]) {
    let channels = scale.len();
    assert!(
        channels > 0 && x.len().is_multiple_of(channels),
        "whole rows of {channels}"
    );
    for_pieces(x, channels, |_, rows| {
        vectorised(
            #[inline(always)]
            || {
                rows.chunks_exact_mut(channels)
                    .for_each(|row| scale_row(row, scale))
            },
        );
    });
}

/// The same as [`scaled`], and in the same pass the predictions in experimental units: those above 10 become
/// `(x + 10)^2 / 40`, squashed ones `x^(1 / 0.75)`, then times the factor.
///
/// # Panics
/// If the lengths contradict one another.
pub fn scaled_and_unscaled(
    x: &mut [f32],
    unscaled: &mut [f32],
    scale: &[f32],
    unscale: Unscale<'_>,
) {
    let channels = scale.len();
    assert!(
        channels > 0 && x.len().is_multiple_of(channels),
        "whole rows of {channels}"
    );
    assert_eq!(unscale.factor.len(), channels, "a factor for each track");
    assert_eq!(
        x.len(),
        unscaled.len(),
        "as many unscaled predictions as scaled"
    );
    let piece = rows_in_piece(channels) * channels;
    let pieces = x.par_chunks_mut(piece).zip(unscaled.par_chunks_mut(piece));
    pieces.for_each(|(x, unscaled)| {
        vectorised(
            #[inline(always)]
            || {
                for (x, y) in x
                    .chunks_exact_mut(channels)
                    .zip(unscaled.chunks_exact_mut(channels))
                {
                    scale_row(x, scale);
                    for ((y, &x), &factor) in y.iter_mut().zip(&*x).zip(unscale.factor) {
                        let clipped = (x + SOFT_CLIP) * (x + SOFT_CLIP) / (4.0 * SOFT_CLIP);
                        let linear = if x > SOFT_CLIP { clipped } else { x };
                        *y = if unscale.squashing {
                            unsquash(linear)
                        } else {
                            linear
                        } * factor;
                    }
                }
            },
        );
    });
}

#[inline(always)]
fn scale_row(row: &mut [f32], scale: &[f32]) {
    for (x, &scale) in row.iter_mut().zip(scale) {
        *x = softplus(*x) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, numbers};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_units(rows in 0usize..9, c in 1usize..60, seed: u64, squashing: bool) {
            let x: Vec<f32> = numbers(seed, rows * c).iter().map(|x| x * 40.0).collect();
            let scale: Vec<f32> = numbers(seed ^ 1, c).iter().map(|x| x.abs()).collect();
            let mut factor: Vec<f32> = numbers(seed ^ 2, c).iter().map(|x| 3.0 * x.abs()).collect();
            factor[c / 2] = f32::NAN;
            let first: Vec<f64> = (0..x.len())
                .map(|i| (x[i] as f64).exp().ln_1p() * scale[i % c] as f64)
                .collect();
            let second: Vec<f64> = (0..x.len())
                .map(|i| {
                    let y = first[i];
                    let y = if y > 10.0 { (y + 10.0).powi(2) / 40.0 } else { y };
                    let y = if squashing { y.powf(4.0 / 3.0) } else { y };
                    y * factor[i % c] as f64
                })
                .collect();
            let (mut y, mut unscaled) = (x.clone(), vec![0.0; x.len()]);
            scaled_and_unscaled(&mut y, &mut unscaled, &scale, Unscale { factor: &factor, squashing });
            assert_close(&y, &first, 1e-6);
            assert_close(&unscaled, &second, 2e-6);
            let mut alone = x;
            scaled(&mut alone, &scale);
            prop_assert_eq!(alone, y);
        }
    }
}
