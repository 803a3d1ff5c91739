//! Rotary position embeddings (`attention.apply_rope`) and the widths of relative distances.
//!
//! JAX computes all of this in float32, and the angle of a far position magnifies every rounding: at position 2^20 a
//! table made in float64 is 0.04 rad off. So what follows is the float32 arithmetic of XLA's compiled program, in its
//! order: in `geomspace(1, m, n)` the constants `log10(e)`, `1 / (n - 1)` and `ln m` are multiplied first, in that
//! order, then the product with the index; `10^x` is rounded correctly, and the last value comes from `log10 m` itself.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::layers::Rotation;

/// `jnp.geomspace(1, stop, count)` in float32, with the stop, as XLA computes it.
fn geomspace(stop: usize, count: usize) -> Vec<f32> {
    let log = (stop as f64).ln() as f32;
    let log10_e = std::f32::consts::LOG10_E;
    let last = log * log10_e;
    if count < 2 {
        return vec![1.0; count];
    }
    let step = log10_e * (1.0 / (count - 1) as f32) * log;
    let exponents = (0..count - 1)
        .map(|index| index as f32 * step)
        .chain([last]);
    exponents
        .map(|exponent| 10f64.powf(f64::from(exponent)) as f32)
        .collect()
}

/// `1 / (arange(n) + geomspace(1, max_position - n + 1, n))` for `n` channel pairs.
pub fn inverse_frequencies(pairs: usize, max_position: usize) -> Vec<f32> {
    let spaced = geomspace((max_position + 1).saturating_sub(pairs).max(1), pairs);
    spaced
        .iter()
        .enumerate()
        .map(|(index, value)| 1.0 / (index as f32 + value))
        .collect()
}

/// `arange(n) + geomspace(1, longest - n + 1, n, endpoint=False)`: distances below which a mask feature is one.
pub fn central_mask_widths(features: usize, longest: usize) -> Vec<f32> {
    let stop = (longest + 1).saturating_sub(features).max(1);
    let step = std::f32::consts::LOG10_E * (1.0 / features as f32) * ((stop as f64).ln() as f32);
    let width = |index: usize| index as f32 + 10f64.powf(f64::from(index as f32 * step)) as f32;
    (0..features).map(width).collect()
}

/// Features of the distances `-positions..positions`, `[2 * positions, 2 * masks]`: masks, then masks times the sign.
pub fn distance_features(positions: usize, widths: &[f32]) -> Vec<f32> {
    let mut features = Vec::with_capacity(4 * positions * widths.len());
    for distance in -(positions as i64)..positions as i64 {
        let masks = widths
            .iter()
            .map(|&width| f32::from(width > distance.abs() as f32));
        features.extend(masks.clone());
        features.extend(masks.map(|mask| mask * distance.signum() as f32));
    }
    features
}

/// Angles of some positions, `[positions, n]`, as cosines and sines.
pub fn rotation<B: Backend>(
    positions: impl ExactSizeIterator<Item = f32>,
    inverse_frequencies: &[f32],
    device: &B::Device,
) -> Rotation<B> {
    let shape = [positions.len(), inverse_frequencies.len()];
    let mut cosine = Vec::with_capacity(shape[0] * shape[1]);
    let mut sine = Vec::with_capacity(shape[0] * shape[1]);
    for position in positions {
        for frequency in inverse_frequencies {
            let (s, c) = f64::from(position * frequency).sin_cos();
            cosine.push(c as f32);
            sine.push(s as f32);
        }
    }
    let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), device);
    Rotation {
        cosine: tensor(cosine),
        sine: tensor(sine),
    }
}
