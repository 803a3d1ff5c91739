//! Norms over the channels, alone and followed by an activation.

use crate::accumulate::sum;
use crate::activation::{Function, for_function};
use crate::functions;
use crate::parallel::{for_pieces, vectorised};

/// `x * scale + offset`, one pair of numbers a channel.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// `[C]`.
    pub scale: &'a [f32],
    /// `[C]`.
    pub offset: &'a [f32],
}

impl Affine<'_> {
    /// The number of channels.
    ///
    /// # Panics
    /// If `scale` and `offset` differ in length, or are empty.
    pub fn channels(&self) -> usize {
        assert_eq!(
            self.scale.len(),
            self.offset.len(),
            "scales and offsets of a norm"
        );
        assert!(!self.scale.is_empty(), "a norm over no channels");
        self.scale.len()
    }
}

/// `destination = f(x * scale + offset)` with `f` the identity if `function` is `None`; both `[rows, C]`.
///
/// # Panics
/// If the lengths contradict one another.
pub fn affine(destination: &mut [f32], x: &[f32], norm: Affine<'_>, function: Option<Function>) {
    let channels = norm.channels();
    assert_eq!(destination.len(), x.len(), "as many results as arguments");
    assert!(x.len().is_multiple_of(channels), "whole rows of {channels}");
    macro_rules! run {
        ($f:expr) => {
            for_pieces(destination, channels, |first, rows| {
                let x = &x[first * channels..][..rows.len()];
                vectorised(
                    #[inline(always)]
                    || {
                        let (scale, offset) = (norm.scale, norm.offset);
                        for (row, x) in rows
                            .chunks_exact_mut(channels)
                            .zip(x.chunks_exact(channels))
                        {
                            for (((y, &x), &a), &b) in row.iter_mut().zip(x).zip(scale).zip(offset)
                            {
                                *y = $f(x * a + b);
                            }
                        }
                    },
                )
            })
        };
    }
    match function {
        None => run!(std::convert::identity),
        Some(function) => for_function!(function, run),
    }
}

/// What a layer norm adds to the variance.
const EPSILON: f32 = 1e-5;

/// `destination = x * (scale / sqrt(mean(x^2) + 1e-5)) + offset` over each row of `[rows, C]`; `centred` takes the
/// row's mean off `x` first.
///
/// # Panics
/// If the lengths contradict one another.
pub fn layer_norm(destination: &mut [f32], x: &[f32], norm: Affine<'_>, centred: bool) {
    let channels = norm.channels();
    assert_eq!(destination.len(), x.len(), "as many results as arguments");
    assert!(x.len().is_multiple_of(channels), "whole rows of {channels}");
    for_pieces(destination, channels, |first, rows| {
        let x = &x[first * channels..][..rows.len()];
        vectorised(
            #[inline(always)]
            || {
                for (row, x) in rows
                    .chunks_exact_mut(channels)
                    .zip(x.chunks_exact(channels))
                {
                    let count = channels as f32;
                    let mean = if centred { sum(x, |x| x) / count } else { 0.0 };
                    let square = sum(x, |x| (x - mean) * (x - mean)) / count;
                    let inverse = 1.0 / (square + EPSILON).sqrt();
                    for (((y, &x), &a), &b) in
                        row.iter_mut().zip(x).zip(norm.scale).zip(norm.offset)
                    {
                        *y = (x - mean) * (a * inverse) + b;
                    }
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, numbers, on_threads};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn affine_of_any_width(rows in 0usize..12, channels in 1usize..70, seed: u64) {
            let x = numbers(seed, rows * channels);
            let (scale, offset) = (numbers(seed ^ 1, channels), numbers(seed ^ 2, channels));
            let norm = Affine { scale: &scale, offset: &offset };
            let normalised = |i: usize| x[i] as f64 * scale[i % channels] as f64 + offset[i % channels] as f64;
            let mut y = vec![f32::NAN; x.len()];
            affine(&mut y, &x, norm, None);
            assert_close(&y, &(0..x.len()).map(normalised).collect::<Vec<_>>(), 3e-7);
            affine(&mut y, &x, norm, Some(Function::GeluSigmoid));
            let gelu = |x: f64| x / (1.0 + (-1.702 * x).exp());
            assert_close(&y, &(0..x.len()).map(|i| gelu(normalised(i))).collect::<Vec<_>>(), 1e-6);
        }

        #[test]
        fn layer_norm_of_any_width(rows in 0usize..12, channels in 1usize..200, seed: u64, centred: bool) {
            let x = numbers(seed, rows * channels);
            let (scale, offset) = (numbers(seed ^ 1, channels), numbers(seed ^ 2, channels));
            let mut truth = Vec::new();
            for row in x.chunks_exact(channels) {
                let wide = row.iter().map(|&x| x as f64);
                let mean = if centred { wide.clone().sum::<f64>() / channels as f64 } else { 0.0 };
                let square = wide.clone().map(|x| (x - mean).powi(2)).sum::<f64>() / channels as f64;
                let inverse = (square + 1e-5).sqrt().recip();
                let cells = wide.zip(scale.iter().zip(&offset));
                truth.extend(cells.map(|(x, (&a, &b))| (x - mean) * a as f64 * inverse + b as f64));
            }
            let mut y = vec![f32::NAN; x.len()];
            layer_norm(&mut y, &x, Affine { scale: &scale, offset: &offset }, centred);
            // A row of one or two nearly equal channels is amplified by up to 1 / sqrt(1e-5).
            assert_close(&y, &truth, if channels < 8 { 1e-4 } else { 2e-6 });
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let x = numbers(5, 3 * 50_000);
        let (scale, offset) = (numbers(6, 300), numbers(7, 300));
        let run = || {
            let mut y = vec![0.0; x.len()];
            layer_norm(
                &mut y,
                &x,
                Affine {
                    scale: &scale,
                    offset: &offset,
                },
                true,
            );
            y
        };
        assert!(on_threads(1, run) == on_threads(2, run));
    }

    #[test]
    fn nan_stays_in_its_row() {
        let mut x = vec![1.0; 6];
        x[1] = f32::NAN;
        let mut y = vec![0.0; 6];
        layer_norm(
            &mut y,
            &x,
            Affine {
                scale: &[1.0; 3],
                offset: &[0.0; 3],
            },
            false,
        );
        assert!(y[..3].iter().all(|y| y.is_nan()) && y[3..].iter().all(|y| y.is_finite()));
    }
}
