//! Linear layers.

use crate::activation;
use crate::parallel::{for_pieces, vectorised};
use crate::product::{Matrix, MatrixMut, Onto, Threads, multiply};

/// Writes `bias` into every row of `[rows, C]`: what a product is then added to.
///
/// # Panics
/// If `destination` is not a whole number of rows.
pub fn fill_rows(destination: &mut [f32], bias: &[f32]) {
    assert!(
        !bias.is_empty() && destination.len().is_multiple_of(bias.len()),
        "whole rows of {}",
        bias.len()
    );
    for_pieces(destination, bias.len(), |_, rows| {
        for row in rows.chunks_exact_mut(bias.len()) {
            row.copy_from_slice(bias);
        }
    });
}

/// What follows a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epilogue {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
}

/// `destination = epilogue(x * weight + bias)`: `x` `[rows, I]`, `weight` `[I, O]`, `bias` `[O]`, result `[rows, O]`.
///
/// # Panics
/// If the lengths contradict `rows`, `I` and `O`.
pub fn linear(
    destination: &mut [f32],
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    [rows, inputs, outputs]: [usize; 3],
    epilogue: Epilogue,
) {
    let onto = match bias {
        Some(bias) => {
            assert_eq!(bias.len(), outputs, "the bias of a linear layer");
            fill_rows(destination, bias);
            Onto::Present
        }
        None => Onto::Nothing,
    };
    let (x, weight) = (
        Matrix::new(x, rows, inputs),
        Matrix::new(weight, inputs, outputs),
    );
    multiply(
        MatrixMut::new(destination, rows, outputs),
        onto,
        x,
        weight,
        Threads::All,
    );
    if epilogue == Epilogue::Relu {
        activation::apply(destination, activation::Function::Relu);
    }
}

/// `destination += addend` cut or zero-padded to `channels`: `destination` `[rows, channels]`, `addend` `[rows, any]`.
///
/// # Panics
/// If the two do not have the same number of rows.
pub fn add_channels(destination: &mut [f32], channels: usize, addend: &[f32], given: usize) {
    assert!(
        channels > 0 && given > 0,
        "rows of {channels} and {given} channels"
    );
    assert_eq!(
        destination.len() * given,
        addend.len() * channels,
        "rows of both"
    );
    let shared = channels.min(given);
    for_pieces(destination, channels, |first, rows| {
        vectorised(
            #[inline(always)]
            || {
                let addends = addend[first * given..].chunks_exact(given);
                for (row, addend) in rows.chunks_exact_mut(channels).zip(addends) {
                    for (y, &x) in row[..shared].iter_mut().zip(addend) {
                        *y += x;
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
        fn with_bias_and_relu(rows in 1usize..20, i in 1usize..40, o in 1usize..40, seed: u64, relu: bool) {
            let (x, w, b) = (numbers(seed, rows * i), numbers(seed ^ 3, i * o), numbers(seed ^ 5, o));
            let truth: Vec<f64> = (0..rows * o)
                .map(|cell| {
                    let (r, c) = (cell / o, cell % o);
                    let sum: f64 = (0..i).map(|k| x[r * i + k] as f64 * w[k * o + c] as f64).sum();
                    let y = sum + b[c] as f64;
                    if relu { y.max(0.0) } else { y }
                })
                .collect();
            let mut y = vec![f32::NAN; rows * o];
            let epilogue = if relu { Epilogue::Relu } else { Epilogue::None };
            linear(&mut y, &x, &w, Some(&b), [rows, i, o], epilogue);
            assert_close(&y, &truth, 1e-5);
        }

        #[test]
        fn residuals_of_other_widths(rows in 1usize..9, c in 1usize..50, given in 1usize..50, seed: u64) {
            let (base, addend) = (numbers(seed, rows * c), numbers(seed ^ 9, rows * given));
            let mut y = base.clone();
            add_channels(&mut y, c, &addend, given);
            for (cell, value) in y.into_iter().enumerate() {
                let (r, k) = (cell / c, cell % c);
                let residual = if k < given { addend[r * given + k] } else { 0.0 };
                prop_assert_eq!(value, base[cell] + residual);
            }
        }
    }
}
