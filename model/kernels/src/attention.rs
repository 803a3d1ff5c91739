//! Attention, a block of queries at a time: no more logits exist than a block needs.

use rayon::prelude::*;

use crate::functions::tanh;
use crate::operands::{Operands, operand, scratch_of, weights};
use crate::parallel::vectorised;
use crate::product::{Matrix, MatrixMut, Threads, multiply};

/// Rows of logits that one product makes, if the sequence has as many.
const ROWS: usize = 128;

/// The sizes of [`attention`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// `S`, positions.
    pub length: usize,
    /// `H`, query heads.
    pub heads: usize,
    /// `C`, the width of a query and of the key.
    pub key_width: usize,
    /// `V`, the width of the value.
    pub value_width: usize,
    /// `P`, rows of the bias: `S / P` neighbouring positions share one.
    pub bias_rows: usize,
}

/// Attention of `H` query heads on one shared key and value head, with a bias and a soft cap.
///
/// `queries` `[S, H, C]`, `keys` `[S, C]`, `values` `[S, V]`, `bias` `[H, P, P]`, result `[S, H, V]`. Logits are
/// `cap * tanh((q . k / sqrt(C) + bias) / cap)`, weights their softmax.
///
/// # Panics
/// If the lengths contradict the shape, or `S` is no multiple of `P`.
pub fn attention(
    destination: &mut [f32],
    [queries, keys, values, bias]: [&[f32]; 4],
    soft_cap: f32,
    operands: Operands,
    shape: Shape,
) {
    let Shape {
        length,
        heads,
        key_width,
        value_width,
        bias_rows,
    } = shape;
    assert_eq!(queries.len(), length * heads * key_width, "queries");
    assert_eq!(keys.len(), length * key_width, "keys");
    assert_eq!(values.len(), length * value_width, "values");
    assert_eq!(bias.len(), heads * bias_rows * bias_rows, "biases");
    assert_eq!(destination.len(), length * heads * value_width, "results");
    if destination.is_empty() {
        return;
    }
    assert!(
        bias_rows > 0 && length.is_multiple_of(bias_rows),
        "{length} positions in {bias_rows} rows"
    );
    let pool = length / bias_rows;
    let (mut of_keys, mut of_values) = (Vec::new(), Vec::new());
    let keys = operand(&mut of_keys, keys, operands);
    let values = operand(&mut of_values, values, operands);
    let keys = Matrix::new(keys, length, key_width).transposed();
    let values = Matrix::new(values, length, value_width);
    let root = (key_width as f32).sqrt();

    let row_positions = pool * heads;
    let rows_in_block = (ROWS / row_positions).clamp(1, bias_rows);
    let positions_in_block = rows_in_block * pool;
    let blocks = destination.par_chunks_mut(positions_in_block * heads * value_width);
    blocks.enumerate().for_each_init(
        Default::default,
        |scratch: &mut [Vec<f32>; 3], (block, destination)| {
            let [of_queries, of_logits, of_bias] = scratch;
            let rows = destination.len() / value_width;
            let first = block * positions_in_block * heads;
            let queries = &queries[first * key_width..][..rows * key_width];
            let queries = operand(of_queries, queries, operands);
            let logits = scratch_of(of_logits, rows * length);
            let product = MatrixMut::new(logits, rows, length);
            multiply(
                product,
                Matrix::new(queries, rows, key_width),
                keys,
                Threads::One,
            );
            let repeated = scratch_of(of_bias, heads * length);
            vectorised(
                #[inline(always)]
                || {
                    for (i, logits) in logits.chunks_exact_mut(row_positions * length).enumerate() {
                        repeat_bias(repeated, bias, block * rows_in_block + i, pool, bias_rows);
                        let biases = repeated.chunks_exact(length).cycle();
                        for (row, bias) in logits.chunks_exact_mut(length).zip(biases) {
                            for (x, &bias) in row.iter_mut().zip(bias) {
                                *x = tanh((*x / root + bias) / soft_cap) * soft_cap;
                            }
                            weights(row, operands);
                        }
                    }
                },
            );
            let product = MatrixMut::new(destination, rows, value_width);
            multiply(
                product,
                Matrix::new(logits, rows, length),
                values,
                Threads::One,
            );
        },
    );
}

/// Writes row `row` of every head's bias `[H, P, P]` into `[H, S]`, each element `pool` times.
#[inline(always)]
fn repeat_bias(repeated: &mut [f32], bias: &[f32], row: usize, pool: usize, bias_rows: usize) {
    let heads = bias.chunks_exact(bias_rows * bias_rows);
    for (repeated, bias) in repeated.chunks_exact_mut(pool * bias_rows).zip(heads) {
        let bias = &bias[row * bias_rows..][..bias_rows];
        for (repeated, &bias) in repeated.chunks_exact_mut(pool).zip(bias) {
            repeated.fill(bias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, attend, bound, numbers, on_threads};
    use proptest::prelude::*;

    fn exact([q, k, v, bias]: [&[f32]; 4], cap: f64, operands: Operands, shape: Shape) -> Vec<f64> {
        let Shape {
            length,
            heads,
            key_width,
            bias_rows,
            ..
        } = shape;
        let pool = length / bias_rows;
        let of = |i: usize| {
            let (s, h) = (i / heads, i % heads);
            let logit = |t: usize, x: f64| {
                let bias = bias[(h * bias_rows + s / pool) * bias_rows + t / pool] as f64;
                cap * ((x / (key_width as f64).sqrt() + bias) / cap).tanh()
            };
            attend(&q[i * key_width..][..key_width], k, v, operands, logit)
        };
        (0..length * heads).flat_map(of).collect()
    }

    proptest! {
        #[test]
        fn any_shape(
            bias_rows in 1usize..6, pool in 1usize..18, heads in 1usize..9, key_width in 1usize..20,
            value_width in 1usize..24, seed: u64, rounding: bool,
        ) {
            let length = bias_rows * pool;
            let shape = Shape { length, heads, key_width, value_width, bias_rows };
            let operands = if rounding { Operands::Bfloat16 } else { Operands::Float32 };
            let q: Vec<f32> = numbers(seed, length * heads * key_width).iter().map(|x| 4.0 * x).collect();
            let k: Vec<f32> = numbers(seed ^ 1, length * key_width).iter().map(|x| 4.0 * x).collect();
            let v = numbers(seed ^ 2, length * value_width);
            let bias = numbers(seed ^ 3, heads * bias_rows * bias_rows);
            let mut y = vec![f32::NAN; length * heads * value_width];
            attention(&mut y, [&q, &k, &v, &bias], 5.0, operands, shape);
            assert_close(&y, &exact([&q, &k, &v, &bias], 5.0, operands, shape), bound(operands));
        }

    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let shape = Shape {
            length: 256,
            heads: 8,
            key_width: 32,
            value_width: 48,
            bias_rows: 16,
        };
        let (q, k, v) = (
            numbers(1, 256 * 8 * 32),
            numbers(2, 256 * 32),
            numbers(3, 256 * 48),
        );
        let bias = numbers(4, 8 * 16 * 16);
        let run = || {
            let mut y = vec![0.0; 256 * 8 * 48];
            attention(&mut y, [&q, &k, &v, &bias], 5.0, Operands::Bfloat16, shape);
            y
        };
        assert!(on_threads(1, run) == on_threads(2, run));
    }

    #[test]
    fn a_query_of_nan_leaves_the_others_alone() {
        let shape = Shape {
            length: 2,
            heads: 1,
            key_width: 1,
            value_width: 1,
            bias_rows: 1,
        };
        let mut y = [0.0; 2];
        attention(
            &mut y,
            [&[f32::NAN, 1.0], &[1.0, 1.0], &[3.0, 5.0], &[0.0]],
            5.0,
            Operands::Float32,
            shape,
        );
        assert!(y[0].is_nan());
        assert_eq!(y[1], 4.0);
    }
}
