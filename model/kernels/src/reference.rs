//! What the tests share: numbers from a seed, comparison with float64.

use crate::operands::Operands;
use crate::round::to_bfloat16;

/// `count` numbers in -1..1 from a seed (xorshift64*).
pub(crate) fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed | 1;
    (0..count)
        .map(|_| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
            bits as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// Fails unless every element is within `bound`, absolutely or of the truth's size, whichever is larger.
#[track_caller]
pub(crate) fn assert_close(values: &[f32], truth: &[f64], bound: f64) {
    assert_eq!(values.len(), truth.len());
    for (i, (&value, &truth)) in values.iter().zip(truth).enumerate() {
        let error = (value as f64 - truth).abs();
        let close = error <= bound * truth.abs().max(1.0) || (value.is_nan() && truth.is_nan());
        assert!(
            close,
            "element {i}: {value}, truth {truth}, error {error:e}, bound {bound:e}"
        );
    }
}

/// Runs `work` in a rayon pool of `count` threads.
pub(crate) fn on_threads<R: Send>(count: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
    pool.expect("a pool of threads").install(work)
}

fn rounded(x: f64, operands: Operands) -> f64 {
    match operands {
        Operands::Float32 => x,
        Operands::Bfloat16 => to_bfloat16(x as f32) as f64,
    }
}

/// Softmax-weighted values of one query, in float64; `logit` is given the product of query and key.
pub(crate) fn attend(
    query: &[f32],
    keys: &[f32],
    values: &[f32],
    operands: Operands,
    logit: impl Fn(usize, f64) -> f64,
) -> Vec<f64> {
    let round = |&x: &f32| rounded(x as f64, operands);
    let width = values.len() / (keys.len() / query.len());
    let dot = |key: &[f32]| {
        query
            .iter()
            .zip(key)
            .map(|(q, k)| round(q) * round(k))
            .sum()
    };
    let keys = keys.chunks_exact(query.len()).enumerate();
    let weights: Vec<f64> = keys.map(|(i, key)| logit(i, dot(key)).exp()).collect();
    let total: f64 = weights.iter().sum();
    let column = |j| {
        let values = values.iter().skip(j).step_by(width);
        weights
            .iter()
            .zip(values)
            .map(|(w, v)| rounded(w / total, operands) * round(v))
            .sum()
    };
    (0..width).map(column).collect()
}

/// One rounding of a weight to bfloat16 may go the other way: 2^-8 of it.
pub(crate) fn bound(operands: Operands) -> f64 {
    match operands {
        Operands::Float32 => 2e-6,
        Operands::Bfloat16 => 4e-3,
    }
}
