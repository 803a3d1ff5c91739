//! The inputs, by the recipes of `reference.py`: drawn from the same generator.

use half::{bf16, f16};
use parity_stats::Values;

pub fn draw(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let next = |_| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..n).map(next).collect()
}

pub fn make(recipe: &str, n: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let u = draw(2 * n, seed);
    let inputs = (0..n).map(|i| (i, u[i] * 8.0 - 4.0, u[n + i] - 0.5));
    inputs.map(|(i, x, e)| pair(recipe, i, x, e)).unzip()
}

fn pair(recipe: &str, i: usize, x: f64, e: f64) -> (f64, f64) {
    match recipe {
        "random" => (x, x + e * e * e * 0.125),
        "heavy" => {
            let e3 = e * e * e * 8.0;
            (x, x + e3 * e3 * e3 * e3 * e3)
        }
        "tiny_difference" => (x, x + e * 1e-9),
        "offset" => (x + 1e6, x + 1e6 + e * 0.125),
        "bias" => (x, x + e * 0.125 + 0.01),
        "scaled" => (x, x * 1.25),
        "opposite" => (x, e - x),
        "bit_equal" => (x, x),
        "constant_equal" => (x * 0.0 + 0.1, x * 0.0 + 0.1),
        "constant_reference" => (x * 0.0 + 0.1, e),
        "constant_both" => (x * 0.0 + 0.1, x * 0.0 + 0.3),
        "zero_reference" => (x * 0.0, e),
        "zero_both" => (x * 0.0, x * -0.0),
        "nan" => {
            let (mut a, mut b) = (x, x + e * 0.125);
            if i % 7 == 3 {
                (a, b) = (f64::NAN, f64::NAN);
            }
            if i % 31 == 1 {
                a = f64::NAN;
            }
            if i % 37 == 2 {
                b = f64::NAN;
            }
            if i % 41 == 5 {
                b = f64::INFINITY;
            }
            if i % 43 == 6 {
                (a, b) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
            }
            (a, b)
        }
        "all_nan" => (f64::NAN, f64::NAN),
        "positive" => (x.abs(), (x + e * 0.125).abs()),
        other => panic!("no recipe {other}"),
    }
}

pub enum Owned {
    F64(Vec<f64>),
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<u16>),
    I32(Vec<i32>),
    Bool(Vec<bool>),
}

impl Owned {
    pub fn rounded(x: &[f64], dtype: &str) -> Self {
        let single = x.iter().map(|&x| x as f32);
        match dtype {
            "f64" => Self::F64(x.to_vec()),
            "f32" => Self::F32(single.collect()),
            "f16" => Self::F16(single.map(f16::from_f32).collect()),
            "bf16" => Self::Bf16(single.map(|x| bf16::from_f32(x).to_bits()).collect()),
            "i32" => Self::I32(x.iter().map(|x| (x * 100.0) as i32).collect()),
            "bool" => Self::Bool(x.iter().map(|x| *x > 0.0).collect()),
            other => panic!("no dtype {other}"),
        }
    }

    pub fn view(&self) -> Values<'_> {
        match self {
            Self::F64(x) => Values::F64(x),
            Self::F32(x) => Values::F32(x),
            Self::F16(x) => Values::F16(x),
            Self::Bf16(x) => Values::Bf16(x),
            Self::I32(x) => Values::I32(x),
            Self::Bool(x) => Values::Bool(x),
        }
    }
}
