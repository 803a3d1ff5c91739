//! Linear layers, and what follows a product.

use crate::parallel::{for_pieces, vectorised};
use crate::product::{Matrix, MatrixMut, Threads, multiply, multiply_rows};

/// What follows the product of a layer, in this order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Added to every row, `[O]`.
    pub bias: Option<&'a [f32]>,
    /// Added to the row of the same number, `[rows, channels]`, its channels cut or zero-padded to `O`.
    pub residual: Option<Residual<'a>>,
    /// Whether `max(x, 0)` comes last; NaN stays NaN.
    pub relu: bool,
}

/// Rows that are added to a layer's output.
#[derive(Clone, Copy, Debug)]
pub struct Residual<'a> {
    /// `[rows, channels]`.
    pub values: &'a [f32],
    /// Channels of each row.
    pub channels: usize,
}

/// `destination = epilogue(x * weight)`: `x` `[rows, I]`, `weight` `[I, O]`, result `[rows, O]`. Of two rows or more, none depends
/// on how many others there are; one alone is summed in the order that suits it.
///
/// # Panics
/// If the lengths contradict `rows`, `I` and `O`.
pub fn linear(
    destination: &mut [f32],
    x: &[f32],
    weight: &[f32],
    epilogue: Epilogue<'_>,
    [rows, inputs, outputs]: [usize; 3],
) {
    let (x, weight) = (
        Matrix::new(x, rows, inputs),
        Matrix::new(weight, inputs, outputs),
    );
    let product = MatrixMut::new(destination, rows, outputs);
    match rows {
        1 => multiply(product, x, weight, Threads::All),
        _ => multiply_rows(product, x, weight),
    }
    finish(destination, outputs, epilogue);
}

/// Applies an epilogue to `[rows, O]` in place.
///
/// # Panics
/// If the lengths contradict one another.
pub(crate) fn finish(rows: &mut [f32], outputs: usize, epilogue: Epilogue<'_>) {
    if outputs == 0 {
        return;
    }
    let Epilogue {
        bias,
        residual,
        relu,
    } = epilogue;
    assert!(
        bias.is_none_or(|bias| bias.len() == outputs),
        "a bias of {outputs} channels"
    );
    let Residual { values, channels } = residual.unwrap_or(Residual {
        values: &[],
        channels: 0,
    });
    assert_eq!(
        values.len() * outputs,
        rows.len() * channels,
        "rows of the residual"
    );
    if bias.is_none() && channels == 0 && !relu {
        return;
    }
    let shared = channels.min(outputs);
    for_pieces(rows, outputs, |first, rows| {
        vectorised(
            #[inline(always)]
            || {
                for (i, row) in rows.chunks_exact_mut(outputs).enumerate() {
                    if let Some(bias) = bias {
                        for (y, &bias) in row.iter_mut().zip(bias) {
                            *y += bias;
                        }
                    }
                    let residual = &values[(first + i) * channels..][..shared];
                    for (y, &x) in row[..shared].iter_mut().zip(residual) {
                        *y += x;
                    }
                    if relu {
                        for y in row {
                            *y = if *y < 0.0 { 0.0 } else { *y };
                        }
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
        fn with_any_epilogue(
            rows in 0usize..20, i in 1usize..40, o in 1usize..40, channels in 1usize..50, seed: u64,
            relu: bool, biased: bool, residual: bool,
        ) {
            let (x, w, b) = (numbers(seed, rows * i), numbers(seed ^ 3, i * o), numbers(seed ^ 5, o));
            let addend = numbers(seed ^ 9, rows * channels);
            let truth: Vec<f64> = (0..rows * o)
                .map(|cell| {
                    let (r, c) = (cell / o, cell % o);
                    let mut sum: f64 = (0..i).map(|k| x[r * i + k] as f64 * w[k * o + c] as f64).sum();
                    if biased {
                        sum += b[c] as f64;
                    }
                    if residual && c < channels {
                        sum += addend[r * channels + c] as f64;
                    }
                    if relu { sum.max(0.0) } else { sum }
                })
                .collect();
            let mut y = vec![f32::NAN; rows * o];
            let epilogue = Epilogue {
                bias: biased.then_some(&b),
                residual: residual.then_some(Residual { values: &addend, channels }),
                relu,
            };
            linear(&mut y, &x, &w, epilogue, [rows, i, o]);
            assert_close(&y, &truth, 1e-5);
        }
    }

    #[test]
    fn relu_keeps_nan() {
        let mut y = [0.0; 3];
        let epilogue = Epilogue {
            relu: true,
            ..Epilogue::default()
        };
        linear(&mut y, &[1.0], &[f32::NAN, -1.0, 2.0], epilogue, [1, 1, 3]);
        assert!(y[0].is_nan());
        assert_eq!(y[1..], [0.0, 2.0]);
    }
}
