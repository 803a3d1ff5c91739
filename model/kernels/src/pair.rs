//! Products of all positions with all.

use rayon::prelude::*;

use crate::parallel::{for_pieces, vectorised};
use crate::product::{Matrix, MatrixMut, Threads, multiply};

/// The operands of [`pair_products`].
#[derive(Clone, Copy, Debug)]
pub struct Products<'a> {
    /// `[P, H, C]`.
    pub queries: &'a [f32],
    /// `[P, H, C]`.
    pub keys: &'a [f32],
    /// `[H, C]`.
    pub query_bias: &'a [f32],
    /// `[H, C]`.
    pub key_bias: &'a [f32],
    /// `[2 P, H, C]`, for the distances `-P..P`.
    pub positions: &'a [f32],
}

/// Products of all queries with all keys, plus terms of their distance: `[P, P, H]`.
///
/// With `R_q[q, d] = (q + q_bias) . positions[d]` and `R_k` likewise, the result is
/// `q . k + (R_q[q, k - q + P] + R_k[k, q - k + P]) / 2`.
///
/// # Panics
/// If the lengths contradict `P`, `H` and `C`.
pub fn pair_products(
    destination: &mut [f32],
    operands: Products<'_>,
    [length, heads, width]: [usize; 3],
) {
    assert_eq!(operands.queries.len(), length * heads * width, "queries");
    assert_eq!(operands.keys.len(), length * heads * width, "keys");
    assert_eq!(
        operands.query_bias.len(),
        heads * width,
        "the bias of the queries"
    );
    assert_eq!(
        operands.key_bias.len(),
        heads * width,
        "the bias of the keys"
    );
    assert_eq!(
        operands.positions.len(),
        2 * length * heads * width,
        "distances"
    );
    assert_eq!(destination.len(), length * length * heads, "results");
    if destination.is_empty() {
        return;
    }
    let mut of_heads = vec![0.0; destination.len()];
    let all = of_heads.par_chunks_mut(length * length).enumerate();
    all.for_each(|(head, destination)| {
        products_of_head(destination, operands, head, [length, heads, width])
    });
    for_pieces(destination, heads, |first, cells| {
        for (cell, heads_of_cell) in cells.chunks_exact_mut(heads).enumerate() {
            let column = of_heads[first + cell..].iter().step_by(length * length);
            for (y, &x) in heads_of_cell.iter_mut().zip(column) {
                *y = x;
            }
        }
    });
}

/// The products of one head, `[P, P]`.
fn products_of_head(
    destination: &mut [f32],
    operands: Products<'_>,
    head: usize,
    [length, heads, width]: [usize; 3],
) {
    let begin = head * width;
    let (queries, keys) = (&operands.queries[begin..], &operands.keys[begin..]);
    let left = Matrix::strided(queries, length, width, heads * width);
    let right = Matrix::strided(keys, length, width, heads * width).transposed();
    let positions = Matrix::strided(
        &operands.positions[begin..],
        2 * length,
        width,
        heads * width,
    );
    let product = MatrixMut::new(destination, length, length);
    multiply(product, left, right, Threads::One);
    let relative = |x: &[f32], bias: &[f32]| {
        let bias = &bias[begin..begin + width];
        let rows = (0..length).map(|i| &x[i * heads * width..][..width]);
        let biased: Vec<f32> = rows
            .flat_map(|row| row.iter().zip(bias).map(|(x, b)| x + b))
            .collect();
        let mut products = vec![0.0; length * 2 * length];
        let product = MatrixMut::new(&mut products, length, 2 * length);
        let biased = Matrix::new(&biased, length, width);
        multiply(product, biased, positions.transposed(), Threads::One);
        products
    };
    let of_queries = relative(queries, operands.query_bias);
    let of_keys = relative(keys, operands.key_bias);
    for (q, row) in destination.chunks_exact_mut(length).enumerate() {
        // Distance k - q stands at k - q + P: for k = 0 at P - q.
        let of_query = &of_queries[q * 2 * length + length - q..][..length];
        for (k, (y, &of_query)) in row.iter_mut().zip(of_query).enumerate() {
            let of_key = of_keys[k * 2 * length + length + q - k];
            *y += 0.5 * (of_query + of_key);
        }
    }
}

/// `(x + transposed x) / 2`: `x` `[P, P, C]`.
///
/// # Panics
/// If the lengths contradict `P` and `C`.
pub fn symmetrise(destination: &mut [f32], x: &[f32], [length, channels]: [usize; 2]) {
    assert_eq!(x.len(), length * length * channels, "a pair representation");
    assert_eq!(destination.len(), x.len(), "as many results as arguments");
    for_pieces(destination, channels, |first, cells| {
        vectorised(
            #[inline(always)]
            || {
                for (i, cell) in cells.chunks_exact_mut(channels).enumerate() {
                    let (row, column) = ((first + i) / length, (first + i) % length);
                    let one = &x[(row * length + column) * channels..][..channels];
                    let other = &x[(column * length + row) * channels..][..channels];
                    for ((y, &a), &b) in cell.iter_mut().zip(one).zip(other) {
                        *y = (a + b) / 2.0;
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
        fn any_shape(p in 0usize..9, h in 1usize..6, c in 1usize..20, seed: u64) {
            let [queries, keys] = [0, 1].map(|i| numbers(seed ^ i, p * h * c));
            let [query_bias, key_bias] = [2, 3].map(|i| numbers(seed ^ i, h * c));
            let positions = numbers(seed ^ 4, 2 * p * h * c);
            let dot = |x: &[f32], bias: Option<&[f32]>, y: &[f32]| -> f64 {
                let biased = |i: usize| x[i] as f64 + bias.map_or(0.0, |bias| bias[i] as f64);
                (0..c).map(|i| biased(i) * y[i] as f64).sum()
            };
            let mut truth = Vec::new();
            for (q, k, head) in (0..p * p * h).map(|i| (i / h / p, i / h % p, i % h)) {
                let at = |i: usize| (i * h + head) * c..(i * h + head + 1) * c;
                let of_query = dot(&queries[at(q)], Some(&query_bias[at(0)]), &positions[at(k + p - q)]);
                let of_key = dot(&keys[at(k)], Some(&key_bias[at(0)]), &positions[at(q + p - k)]);
                truth.push(dot(&queries[at(q)], None, &keys[at(k)]) + 0.5 * (of_query + of_key));
            }
            let operands = Products {
                queries: &queries, keys: &keys, query_bias: &query_bias, key_bias: &key_bias, positions: &positions,
            };
            let mut y = vec![f32::NAN; truth.len()];
            pair_products(&mut y, operands, [p, h, c]);
            assert_close(&y, &truth, 1e-5);
        }

        #[test]
        fn symmetric(p in 1usize..9, c in 1usize..40, seed: u64) {
            let x = numbers(seed, p * p * c);
            let mut y = vec![f32::NAN; x.len()];
            symmetrise(&mut y, &x, [p, c]);
            for i in 0..x.len() {
                let (row, column, k) = (i / c / p, i / c % p, i % c);
                prop_assert_eq!(y[i], (x[i] + x[(column * p + row) * c + k]) / 2.0);
            }
        }
    }
}
