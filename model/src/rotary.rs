//! Rotary position embeddings (`attention.apply_rope`) and the widths of relative distances.
//!
//! JAX computes all of this in float32, and the angle of a far position magnifies every rounding: at position 2^20 a
//! table made in float64 is 0.04 rad off. So what follows is the float32 arithmetic of XLA's compiled program, in its
//! order: in `geomspace(1, m, n)` the constants `log10(e)`, `1 / (n - 1)` and `ln m` are multiplied first, in that
//! order, then the product with the index; `10^x` is rounded correctly, and the last value comes from `log10 m` itself.

use crate::layers::Rotation;
use crate::operations::{Operations, Source};
use crate::precision::Rounding;

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

/// `1 / (arange(n) + geomspace(1, max_position - n + 1, n))` for `n` channel pairs, the sum and the quotient rounded.
pub fn inverse_frequencies(
    pairs: usize,
    max_position: usize,
    [denominators, quotients]: [Rounding; 2],
) -> Vec<f32> {
    let spaced = geomspace((max_position + 1).saturating_sub(pairs).max(1), pairs);
    spaced
        .iter()
        .enumerate()
        .map(|(index, value)| quotients.number(1.0 / denominators.number(index as f32 + value)))
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
///
/// In bfloat16 the positions, the angles, their cosines and their sines are all rounded: positions above 256 are no
/// longer exact, nor are angles that many turns away.
pub fn rotation<B: Operations>(
    positions: impl ExactSizeIterator<Item = f32>,
    inverse_frequencies: &[f32],
    rounding: Rounding,
    device: &B::Device,
) -> Rotation<B> {
    let shape = [positions.len(), inverse_frequencies.len()];
    let mut cosine = Vec::with_capacity(shape[0] * shape[1]);
    let mut sine = Vec::with_capacity(shape[0] * shape[1]);
    for position in positions {
        for frequency in inverse_frequencies {
            let angle = rounding.number(rounding.number(position) * frequency);
            let (s, c) = f64::from(angle).sin_cos();
            cosine.push(rounding.number(c as f32));
            sine.push(rounding.number(s as f32));
        }
    }
    let tensor = |name, values| B::floats(Source::Constant(name), shape, || values, device);
    Rotation {
        cosine: tensor("cosine", cosine),
        sine: tensor("sine", sine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOAT32: [Rounding; 2] = [Rounding::None; 2];

    /// What JAX 0.10.2 gives on a CPU, jitted: bits of float32.
    const OF_8192: [u32; 8] = [
        0x3f80_0000,
        0x3e5d_8705,
        0x3d87_6e2d,
        0x3ca2_1b7b,
        0x3bb9_fad7,
        0x3ad0_768a,
        0x39e7_6ba9,
        0x3900_0000,
    ];
    const OF_1048576: [u32; 8] = [
        0x3f80_0000,
        0x3df8_5e8e,
        0x3c96_4ee1,
        0x3b2a_ed7f,
        0x39bd_eea7,
        0x3851_f43c,
        0x36e7_db5b,
        0x3580_0001,
    ];
    const WIDTHS: [u32; 32] = [
        0x3f80_0000,
        0x400d_9fca,
        0x405e_260d,
        0x4099_186c,
        0x40c5_3fee,
        0x40f3_fdd0,
        0x4112_ef89,
        0x412d_c75e,
        0x414a_ee1a,
        0x416a_e18c,
        0x4187_1d22,
        0x419a_d8a8,
        0x41b1_138e,
        0x41ca_55f4,
        0x41e7_44ee,
        0x4204_545b,
        0x4217_ba13,
        0x422e_66e6,
        0x4249_0d73,
        0x4268_8666,
        0x4286_ec3f,
        0x429d_213a,
        0x42b7_a36d,
        0x42d7_5d42,
        0x42fd_6b0d,
        0x4315_92d4,
        0x4331_17ad,
        0x4352_41b7,
        0x437a_44a1,
        0x4395_4ac0,
        0x43b2_7c78,
        0x43d5_c9ed,
    ];

    fn bits(values: Vec<f32>) -> Vec<u32> {
        values.into_iter().map(f32::to_bits).collect()
    }

    /// Every bit of many numbers in two.
    fn digest(values: Vec<f32>) -> (u32, u64) {
        let bits = bits(values);
        let sum = bits
            .iter()
            .zip(1..)
            .map(|(&bits, place)| u64::from(bits) * place)
            .sum();
        (bits.iter().fold(0, |all, bits| all ^ bits), sum)
    }

    #[test]
    fn frequencies_are_those_of_jax_to_the_last_bit() {
        assert_eq!(bits(inverse_frequencies(8, 8192, FLOAT32)), OF_8192);
        assert_eq!(bits(inverse_frequencies(8, 1 << 20, FLOAT32)), OF_1048576);
        assert_eq!(
            digest(inverse_frequencies(64, 8192, FLOAT32)),
            (0x0041_8f0c, 0x01df_270e_1e98)
        );
        assert_eq!(
            digest(inverse_frequencies(384, 1 << 20, FLOAT32)),
            (0x033b_f899, 0x3fde_baa7_1f5f)
        );
    }

    /// What JAX 0.10.2 gives on a CPU, jitted, in bfloat16: bits.
    #[test]
    fn bfloat16_frequencies_and_angles_are_those_of_jax() {
        let short = |values: Vec<f32>| -> Vec<u32> {
            let bits = bits(values);
            assert!(bits.iter().all(|bits| bits.trailing_zeros() >= 16));
            bits.iter().map(|bits| bits >> 16).collect()
        };
        let frequencies = inverse_frequencies(8, 8192, [Rounding::ToBfloat16; 2]);
        let jax = [
            0x3f80, 0x3e5d, 0x3d87, 0x3ca2, 0x3bba, 0x3ad1, 0x39e7, 0x3900,
        ];
        assert_eq!(short(frequencies.clone()), jax);
        let shipped = inverse_frequencies(8, 8192, [Rounding::None, Rounding::ToBfloat16]);
        assert_eq!(short(shipped)[5], 0x3ad0, "the denominator is not rounded");
        let chosen = [frequencies[0], frequencies[1], frequencies[4]];
        let places = [1.0, 7.0, 300.0, 1999.0].into_iter();
        let device = Default::default();
        let rotation =
            rotation::<burn::backend::Flex>(places, &chosen, Rounding::ToBfloat16, &device);
        let cosine = [
            0x3f0a, 0x3f7a, 0x3f80, 0x3f41, 0x3d81, 0x3f80, 0xbcb5, 0xbdc7, 0xbe07, 0xbebc, 0x3cfe,
            0x3ebe,
        ];
        let sine = [
            0x3f57, 0x3e5b, 0x3bba, 0x3f28, 0x3f7f, 0x3d23, 0xbf80, 0x3f7f, 0x3f7e, 0x3f6e, 0xbf80,
            0xbf6e,
        ];
        let values = |x: burn::tensor::Tensor<_, 2>| x.into_data().to_vec::<f32>().unwrap();
        assert_eq!(short(values(rotation.cosine)), cosine);
        assert_eq!(short(values(rotation.sine)), sine);
    }

    #[test]
    fn distances_fall_on_the_side_of_a_mask_where_jax_has_them() {
        let widths = central_mask_widths(32, 512);
        for (width, jax) in widths.iter().zip(WIDTHS.map(f32::from_bits)) {
            assert!((width / jax - 1.0).abs() < 1e-6);
            assert_eq!(
                width.ceil(),
                jax.ceil(),
                "no whole distance lies between {width} and {jax}"
            );
        }
    }

    #[test]
    fn features_are_masks_and_signed_masks() {
        let features = distance_features(2, &[1.0, 1.5]);
        // Distances -2, -1, 0, 1.
        let expected = [
            [0.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, -1.0],
            [1.0, 1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 1.0],
        ];
        assert_eq!(features, expected.as_flattened());
    }

    #[test]
    fn one_channel_pair_turns_once_a_radian() {
        assert_eq!(inverse_frequencies(1, 100, FLOAT32), [0.5f32.recip() / 2.0]);
        assert!(inverse_frequencies(0, 100, FLOAT32).is_empty());
    }
}
