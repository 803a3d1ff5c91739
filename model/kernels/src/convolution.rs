//! Convolutions along a sequence, as one product of a strided view, without unfolding the input.
//!
//! With the input padded by zeros to `[S + W - 1, C]`, output position `s` is the product of the `W * C` numbers from
//! `s * C` on with the kernel `[W * C, O]`. Those rows overlap, which a product that reads through strides does not mind.

use crate::activation::Function;
use crate::linear::{Epilogue, finish};
use crate::norm::{Affine, affine};
use crate::product::{Matrix, MatrixMut, multiply_rows};

/// Positions that are convolved at once: bounds the padded copy, and is long enough for the product's full rate.
const POSITIONS: usize = 1 << 14;

/// `destination = epilogue(convolution(f(norm(x))))` with SAME padding: `x` `[S, C]`, `kernel` `[W, C, O]`, result
/// `[S, O]`. Without `norm` the input is taken as it is.
///
/// # Panics
/// If `W` is even or the lengths contradict `S`, `W`, `C` and `O`.
pub fn convolve(
    destination: &mut [f32],
    x: &[f32],
    norm: Option<(Affine<'_>, Function)>,
    kernel: &[f32],
    epilogue: Epilogue<'_>,
    [length, width, inputs, outputs]: [usize; 4],
) {
    assert!(width % 2 == 1, "a convolution of odd width, not {width}");
    assert_eq!(x.len(), length * inputs, "the input of a convolution");
    assert_eq!(
        destination.len(),
        length * outputs,
        "the output of a convolution"
    );
    assert!(
        inputs > 0 && outputs > 0,
        "{inputs} channels in, {outputs} out"
    );
    let kernel = Matrix::new(kernel, width * inputs, outputs);
    let reach = width / 2;
    let mut padded = vec![0.0; (length.min(POSITIONS) + 2 * reach) * inputs];
    for (piece, destination) in destination.chunks_mut(POSITIONS * outputs).enumerate() {
        let (first, count) = (piece * POSITIONS, destination.len() / outputs);
        let begin = first.saturating_sub(reach);
        let end = (first + count + reach).min(length);
        // Rows of `padded` stand for the positions from `first - reach` on, which may be before the sequence.
        let before = begin + reach - first;
        let rows = before..before + end - begin;
        let padded = &mut padded[..(count + 2 * reach) * inputs];
        padded[..rows.start * inputs].fill(0.0);
        padded[rows.end * inputs..].fill(0.0);
        let inside = &mut padded[rows.start * inputs..rows.end * inputs];
        let x = &x[begin * inputs..end * inputs];
        match norm {
            Some((norm, function)) => {
                assert_eq!(norm.channels(), inputs, "the norm before a convolution");
                affine(inside, x, norm, Some(function));
            }
            None => inside.copy_from_slice(x),
        }
        let windows = Matrix::strided(padded, count, width * inputs, inputs);
        multiply_rows(MatrixMut::new(destination, count, outputs), windows, kernel);
    }
    finish(destination, outputs, epilogue);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::Residual;
    use crate::reference::{assert_close, numbers, on_threads};
    use proptest::prelude::*;

    fn exact(
        x: &[f64],
        kernel: &[f32],
        bias: &[f32],
        [length, width, inputs, outputs]: [usize; 4],
    ) -> Vec<f64> {
        let mut y = Vec::new();
        for s in 0..length {
            for o in 0..outputs {
                let mut sum = bias[s * outputs + o] as f64;
                for w in 0..width {
                    let Some(from) = (s + w).checked_sub(width / 2).filter(|&from| from < length)
                    else {
                        continue;
                    };
                    for c in 0..inputs {
                        sum += x[from * inputs + c] * kernel[(w * inputs + c) * outputs + o] as f64;
                    }
                }
                y.push(sum);
            }
        }
        y
    }

    proptest! {
        #[test]
        fn any_shape(length in 0usize..30, half in 0usize..8, c in 1usize..9, o in 1usize..20, seed: u64) {
            let shape = [length, 2 * half + 1, c, o];
            let x = numbers(seed, length * c);
            let kernel = numbers(seed ^ 1, shape[1] * c * o);
            let bias = numbers(seed ^ 2, length * o);
            let epilogue = Epilogue { residual: Some(Residual { values: &bias, channels: o }), ..Epilogue::default() };
            let mut y = vec![f32::NAN; length * o];
            convolve(&mut y, &x, None, &kernel, epilogue, shape);
            let wide: Vec<f64> = x.iter().map(|&x| x as f64).collect();
            assert_close(&y, &exact(&wide, &kernel, &bias, shape), 1e-5);

            let (scale, offset) = (numbers(seed ^ 3, c), numbers(seed ^ 4, c));
            let normalised = |i: usize| x[i] as f64 * scale[i % c] as f64 + offset[i % c] as f64;
            let gelu: Vec<f64> = (0..x.len()).map(normalised).map(|x| x / (1.0 + (-1.702 * x).exp())).collect();
            let mut y = vec![f32::NAN; length * o];
            let norm = Affine { scale: &scale, offset: &offset };
            convolve(&mut y, &x, Some((norm, Function::GeluSigmoid)), &kernel, epilogue, shape);
            assert_close(&y, &exact(&gelu, &kernel, &bias, shape), 1e-5);
        }
    }

    #[test]
    fn pieces_meet_without_a_seam() {
        for length in [POSITIONS - 1, POSITIONS, POSITIONS + 1, 2 * POSITIONS + 3] {
            let shape = [length, 5, 2, 3];
            let (x, kernel) = (numbers(1, length * 2), numbers(2, 5 * 2 * 3));
            let wide: Vec<f64> = x.iter().map(|&x| x as f64).collect();
            let zeros = vec![0.0; length * 3];
            let truth = exact(&wide, &kernel, &zeros, shape);
            let run = || {
                let mut y = zeros.clone();
                convolve(&mut y, &x, None, &kernel, Epilogue::default(), shape);
                y
            };
            let y = on_threads(2, run);
            assert_close(&y, &truth, 1e-5);
            assert!(y == on_threads(1, run));
        }
    }
}
