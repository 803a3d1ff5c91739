//! How far a module may be from the reference on the same input: read from `data/local_floor.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::recording::DType;

/// A rule for the local floor.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalFloor {
    /// What the response to one rounding of the input is multiplied with.
    pub roundings: f64,
    /// The least floor, in roundings of the output.
    pub least: f64,
    /// The relative size of a rounding.
    #[serde(skip)]
    pub unit: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    float32: LocalFloor,
    float64: LocalFloor,
    bfloat16: LocalFloor,
    same_program: LocalFloor,
    two_recordings: Jump,
}

/// When an error jumps in a module of which only the output is known.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jump {
    /// The ratio to the largest error before from which on it does.
    pub jump: f64,
    /// The least error before, in roundings.
    pub roundings: f64,
}

impl Jump {
    /// The rule.
    pub fn rule() -> Self {
        TABLE.two_recordings
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    toml::from_str(include_str!("../../data/local_floor.toml")).expect("the shipped table is valid")
});

impl LocalFloor {
    /// The rule for a recording in `dtype`, that this program wrote with the same arithmetic if `same_program`.
    pub fn of(dtype: DType, same_program: bool) -> Self {
        let float32 = DType::Float32.unit_roundoff();
        match (same_program, dtype) {
            (true, _) => Self {
                unit: float32,
                ..TABLE.same_program
            },
            (false, DType::Bfloat16) => Self {
                unit: dtype.unit_roundoff(),
                ..TABLE.bfloat16
            },
            (false, DType::Float64) => Self {
                unit: float32,
                ..TABLE.float64
            },
            (false, _) => Self {
                unit: float32,
                ..TABLE.float32
            },
        }
    }

    /// The floor of a module whose output moved by `response` when its input did by one rounding.
    pub fn value(&self, response: f64) -> f64 {
        (self.roundings * response).hypot(self.least * self.unit)
    }
}

/// The largest ratio to the local floor that passes for `values` values: `ratio * (1 + 2 / sqrt(values))`.
///
/// Numerator and denominator are both root mean squares over `n` values. Each has a relative standard error of `1 / sqrt(2 n)`
/// where the differences are normal and independent, so their ratio has `1 / sqrt(n)`: the limit allows for two of them.
pub fn limit(ratio: f64, values: u64) -> f64 {
    ratio * (1.0 + 2.0 / (values as f64).sqrt())
}
