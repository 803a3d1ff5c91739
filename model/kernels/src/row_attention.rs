//! Attention along the rows of a pair representation.

use rayon::prelude::*;

use crate::operands::{Operands, operand, scratch_of, weights};
use crate::parallel::vectorised;
use crate::product::{Matrix, MatrixMut, Threads, multiply};

/// Attention with a single head along every row: all `[R, P, F]`, logits `q . k / sqrt(F)`.
///
/// # Panics
/// If the lengths contradict `R`, `P` and `F`.
pub fn row_attention(
    destination: &mut [f32],
    [queries, keys, values]: [&[f32]; 3],
    operands: Operands,
    [rows, columns, width]: [usize; 3],
) {
    for given in [queries, keys, values, &*destination] {
        assert_eq!(
            given.len(),
            rows * columns * width,
            "{rows} rows of {columns} x {width}"
        );
    }
    if destination.is_empty() {
        return;
    }
    let root = (width as f32).sqrt();
    let size = columns * width;
    let all = destination.par_chunks_mut(size).enumerate();
    all.for_each_init(
        Default::default,
        |scratch: &mut [Vec<f32>; 4], (row, destination)| {
            let [of_queries, of_keys, of_values, of_logits] = scratch;
            let part = row * size..(row + 1) * size;
            let queries = operand(of_queries, &queries[part.clone()], operands);
            let keys = operand(of_keys, &keys[part.clone()], operands);
            let values = operand(of_values, &values[part], operands);
            let logits = scratch_of(of_logits, columns * columns);
            multiply(
                MatrixMut::new(logits, columns, columns),
                Matrix::new(queries, columns, width),
                Matrix::new(keys, columns, width).transposed(),
                Threads::One,
            );
            vectorised(
                #[inline(always)]
                || {
                    for row in logits.chunks_exact_mut(columns) {
                        for x in row.iter_mut() {
                            *x /= root;
                        }
                        weights(row, operands);
                    }
                },
            );
            multiply(
                MatrixMut::new(destination, columns, width),
                Matrix::new(logits, columns, columns),
                Matrix::new(values, columns, width),
                Threads::One,
            );
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, attend, bound, numbers};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_rows(rows in 0usize..5, columns in 1usize..20, width in 1usize..20, seed: u64, rounding: bool) {
            let operands = if rounding { Operands::Bfloat16 } else { Operands::Float32 };
            let [q, k, v] = [0, 1, 2].map(|i| numbers(seed ^ i, rows * columns * width));
            let mut y = vec![f32::NAN; q.len()];
            row_attention(&mut y, [&q, &k, &v], operands, [rows, columns, width]);
            let logit = |_, x: f64| x / (width as f64).sqrt();
            let of = |i: usize| {
                let row = i / columns * columns * width..(i / columns + 1) * columns * width;
                attend(&q[i * width..][..width], &k[row.clone()], &v[row], operands, logit)
            };
            let truth: Vec<f64> = (0..rows * columns).flat_map(of).collect();
            assert_close(&y, &truth, bound(operands));
        }
    }
}
