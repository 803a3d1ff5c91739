//! Transcendental functions without branches or tables, so that a loop over them becomes vector instructions.
//!
//! Nothing here uses a fused multiply-add or depends on the instruction set: results are the same on every machine.
//! The error bounds, in units in the last place (ulp), are those the tests hold the functions to.

use std::f32::consts::LOG2_E;

/// Adding `1.5 * 2^23` leaves a float's nearest integer in its low bits.
const TO_INTEGER: f32 = 12_582_912.0;
/// The first nine bits of `ln 2`: times an integer below 2^15 it is exact.
const LN_2_HIGH: f32 = 355.0 / 512.0;
/// The rest of `ln 2`.
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `x` written as `k ln 2 + r`: returns `e^r - 1` and `k`. For `|x|` up to 150.
#[inline(always)]
fn reduced_exponential(x: f32) -> (f32, i32) {
    let shifted = x * LOG2_E + TO_INTEGER;
    let k = shifted - TO_INTEGER;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let tail = 1.0 / 720.0 + r * (1.0 / 5040.0);
    let tail = 1.0 / 24.0 + r * (1.0 / 120.0 + r * tail);
    let tail = 0.5 + r * (1.0 / 6.0 + r * tail);
    let exponent = shifted.to_bits().wrapping_sub(TO_INTEGER.to_bits());
    (r + r * r * tail, exponent as i32)
}

/// `2^k` for `k` in -126..=127.
#[inline(always)]
fn power_of_two(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) as u32) << 23)
}

/// `x` inside `[low, high]`; NaN stays NaN.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// `e^x`, to 1.1 ulp; denormal results included.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let (r, k) = reduced_exponential(clamp(x, -104.0, 89.0));
    let half = k >> 1;
    (1.0 + r) * power_of_two(half) * power_of_two(k.wrapping_sub(half))
}

/// `1 / (1 + e^-x)`, to 2.5 ulp.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, to 3 ulp: `t / (t + 2)` with `t = e^(2x) - 1`.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let (r, k) = reduced_exponential(clamp(2.0 * x, -40.0, 40.0));
    let power = power_of_two(k);
    let t = power * r + (power - 1.0);
    t / (t + 2.0)
}

/// `ln(1 + y)` for `y` in `[0, 1]`, to 2.5 ulp: `2 artanh(s)` with `s = y / (2 + y)`, at most 1/3.
#[inline(always)]
fn ln_1p(y: f32) -> f32 {
    let s = y / (2.0 + y);
    let q = s * s;
    let tail = 1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0));
    let tail = 1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * tail));
    let tail = q * (1.0 / 3.0 + q * tail);
    2.0 * (s + s * tail)
}

/// `ln(1 + e^x)` without overflow, to 3 ulp: `max(x, 0) + ln(1 + e^-|x|)`.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    let positive = if x > 0.0 { x } else { 0.0 };
    positive + ln_1p(exp(-x.abs()))
}

/// `x * sigmoid(1.702 x)`, to 4 ulp of the result plus the sensitivity of `e^x` to the rounding of `1.702 x`.
#[inline(always)]
pub(crate) fn gelu_sigmoid(x: f32) -> f32 {
    sigmoid(1.702 * x) * x
}

/// The tanh form of gelu, operation by operation as `jax.nn.gelu(approximate=True)` has it.
#[inline(always)]
pub(crate) fn gelu_tanh(x: f32) -> f32 {
    const ROOT: f32 = 0.797_884_6;
    let inner = ROOT * (x + 0.044_715 * (x * x * x));
    x * (0.5 * (1.0 + tanh(inner)))
}

/// `x^(1 / 0.75)` with the exponent rounded to float32, for `x >= 0`, to 3 ulp; NaN below 0.
///
/// That is `x * cbrt(x)`, times `x^(f32(4/3) - 4/3)`.
#[inline(always)]
pub(crate) fn unsquash(x: f32) -> f32 {
    const EXCESS: f32 = (1.333_333_373_069_763_2_f64 - 4.0 / 3.0) as f32;
    // A third of the bits plus a constant is a third of the logarithm: a cube root to 3.4 % (Kahan's trick).
    let guess = f32::from_bits(x.to_bits() / 3 + 709_958_130);
    let cube = guess * guess * guess;
    let halley = guess * ((cube + 2.0 * x) / (2.0 * cube + x));
    let square = halley * halley;
    let root = halley - (square * halley - x) / (3.0 * square);
    let logarithm =
        (x.to_bits() as i32 as f32 * (1.0 / 8_388_608.0) - 127.0) * std::f32::consts::LN_2;
    let y = x * root;
    let y = y + y * (EXCESS * logarithm);
    let y = if x == f32::INFINITY { x } else { y };
    if x < 0.0 { f32::NAN } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error in ulp of `function` against `exact` over `[low, high]`, sampled at 2^20 points.
    fn largest_error(
        function: impl Fn(f32) -> f32,
        exact: impl Fn(f64) -> f64,
        low: f32,
        high: f32,
    ) -> f64 {
        let count = 1 << 20;
        (0..=count)
            .map(|i| low + (high - low) * (i as f32 / count as f32))
            .map(|x| {
                let truth = exact(x as f64);
                let ulp = (truth.abs() as f32).max(f32::MIN_POSITIVE);
                let ulp = (f32::from_bits(ulp.to_bits() + 1) - ulp) as f64;
                (function(x) as f64 - truth).abs() / ulp
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn errors_stay_within_bounds() {
        let check = |name: &str, error: f64, bound: f64| {
            assert!(error <= bound, "{name}: {error} ulp, bound {bound}");
        };
        for (low, high) in [(-104.0, 88.7), (-1.0, 1.0), (-1e-4, 1e-4)] {
            check("exp", largest_error(exp, f64::exp, low, high), 1.1);
        }
        for (low, high) in [(-80.0, 30.0), (-2.0, 2.0)] {
            let exact = |x: f64| 1.0 / (1.0 + (-x).exp());
            check("sigmoid", largest_error(sigmoid, exact, low, high), 2.5);
            let exact = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            check("softplus", largest_error(softplus, exact, low, high), 3.0);
        }
        for (low, high) in [(-12.0, 12.0), (-1.0, 1.0), (-1e-3, 1e-3)] {
            check("tanh", largest_error(tanh, f64::tanh, low, high), 3.0);
        }
        for (low, high) in [(1e-20, 1e-18), (1e-6, 1.0), (1.0, 100.0), (100.0, 1e8)] {
            let exact = |x: f64| x.powf((1.0f32 / 0.75) as f64);
            check("unsquash", largest_error(unsquash, exact, low, high), 3.0);
        }
    }

    #[test]
    fn gelus_are_within_float32_noise() {
        for i in -4000..=4000 {
            let x = i as f32 * 0.005;
            let wide = x as f64;
            let sigmoid_form = wide / (1.0 + (-1.702 * wide).exp());
            let error = (gelu_sigmoid(x) as f64 - sigmoid_form).abs();
            assert!(
                error <= 1e-6 * sigmoid_form.abs() + 1e-7 * wide.abs(),
                "gelu_sigmoid({x})"
            );
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044_715 * wide.powi(3));
            let tanh_form = 0.5 * wide * (1.0 + inner.tanh());
            let error = (gelu_tanh(x) as f64 - tanh_form).abs();
            assert!(error <= 3e-7 * wide.abs(), "gelu_tanh({x})");
        }
    }

    #[test]
    fn special_values_follow_the_formulas() {
        let infinity = f32::INFINITY;
        assert_eq!(
            (exp(infinity), exp(-infinity), exp(0.0)),
            (infinity, 0.0, 1.0)
        );
        assert_eq!(
            (tanh(infinity), tanh(-infinity), tanh(0.0)),
            (1.0, -1.0, 0.0)
        );
        assert_eq!((sigmoid(infinity), sigmoid(-infinity)), (1.0, 0.0));
        assert_eq!((softplus(infinity), softplus(-infinity)), (infinity, 0.0));
        assert_eq!(
            (unsquash(infinity), unsquash(0.0), unsquash(1.0)),
            (infinity, 0.0, 1.0)
        );
        // 0 times infinity: what x * sigmoid(1.702 x) is at the far end.
        assert!(gelu_sigmoid(-infinity).is_nan() && gelu_tanh(-infinity).is_nan());
        assert_eq!(
            (gelu_sigmoid(infinity), gelu_tanh(infinity)),
            (infinity, infinity)
        );
        assert!(unsquash(-1.0).is_nan());
        for function in [
            exp,
            tanh,
            sigmoid,
            softplus,
            unsquash,
            gelu_sigmoid,
            gelu_tanh,
        ] {
            assert!(function(f32::NAN).is_nan());
        }
    }
}
