//! An array with its numeric type and the places that were kept of it.

use std::collections::BTreeMap;

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

/// A numeric type, by numpy's name (`bfloat16` is stored as `uint16` bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// 64-bit IEEE float.
    Float64,
    /// 32-bit IEEE float.
    Float32,
    /// 16-bit IEEE float.
    Float16,
    /// 16-bit float with float32's exponent.
    Bfloat16,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// 8-bit unsigned integer.
    Uint8,
    /// A truth value, one byte.
    Bool,
}

impl DType {
    /// The type's name as the manifest has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float64 => "float64",
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Bool => "bool",
        }
    }

    /// True for the floating types: the ones that statistics are about.
    pub fn is_float(self) -> bool {
        matches!(
            self,
            Self::Float64 | Self::Float32 | Self::Float16 | Self::Bfloat16
        )
    }

    /// Half the distance from 1 to the next value: the largest relative error of one rounding.
    pub fn unit_roundoff(self) -> f64 {
        match self {
            Self::Float64 => f64::EPSILON / 2.0,
            Self::Float32 => f64::from(f32::EPSILON) / 2.0,
            Self::Float16 => f16::EPSILON.to_f64() / 2.0,
            Self::Bfloat16 => bf16::EPSILON.to_f64() / 2.0,
            Self::Int32 | Self::Int64 | Self::Uint8 | Self::Bool => 0.0,
        }
    }

    /// Bytes a value takes.
    pub fn size(self) -> usize {
        match self {
            Self::Float64 | Self::Int64 => 8,
            Self::Float32 | Self::Int32 => 4,
            Self::Float16 | Self::Bfloat16 => 2,
            Self::Uint8 | Self::Bool => 1,
        }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The values of an array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// float64
    F64(Vec<f64>),
    /// float32
    F32(Vec<f32>),
    /// float16
    F16(Vec<f16>),
    /// bfloat16, as bits: the upper half of a float32
    Bf16(Vec<u16>),
    /// Integers: int32, and int64 and uint8 where they fit
    I32(Vec<i32>),
    /// bool
    Bool(Vec<bool>),
}

impl Values {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F64(_) => DType::Float64,
            Self::F32(_) => DType::Float32,
            Self::F16(_) => DType::Float16,
            Self::Bf16(_) => DType::Bfloat16,
            Self::I32(_) => DType::Int32,
            Self::Bool(_) => DType::Bool,
        }
    }

    /// The view that statistics take.
    pub fn view(&self) -> parity_stats::Values<'_> {
        match self {
            Self::F64(v) => parity_stats::Values::F64(v),
            Self::F32(v) => parity_stats::Values::F32(v),
            Self::F16(v) => parity_stats::Values::F16(v),
            Self::Bf16(v) => parity_stats::Values::Bf16(v),
            Self::I32(v) => parity_stats::Values::I32(v),
            Self::Bool(v) => parity_stats::Values::Bool(v),
        }
    }

    /// All values as float64, exactly.
    pub fn to_f64(&self) -> Vec<f64> {
        self.view().to_f64()
    }

    /// The values at flat `places`, in that order; every place lies inside.
    pub fn gather(&self, places: &[usize]) -> Self {
        fn pick<T: Copy>(v: &[T], places: &[usize]) -> Vec<T> {
            places.iter().map(|&i| v[i]).collect()
        }
        match self {
            Self::F64(v) => Self::F64(pick(v, places)),
            Self::F32(v) => Self::F32(pick(v, places)),
            Self::F16(v) => Self::F16(pick(v, places)),
            Self::Bf16(v) => Self::Bf16(pick(v, places)),
            Self::I32(v) => Self::I32(pick(v, places)),
            Self::Bool(v) => Self::Bool(pick(v, places)),
        }
    }
}

/// An array of a case: its values, and which places of the full array they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The shape before sampling, batch first.
    pub full_shape: Vec<usize>,
    /// By axis: the kept indices, ascending. An axis that is absent was kept whole.
    pub kept: BTreeMap<usize, Vec<usize>>,
    /// The values at the kept places, row-major.
    pub values: Values,
}

impl Array {
    /// An array of which everything was kept.
    ///
    /// # Panics
    /// Where `values` has not as many values as `shape` says: the caller made both.
    pub fn full(shape: Vec<usize>, values: Values) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        Self {
            full_shape: shape,
            kept: BTreeMap::new(),
            values,
        }
    }

    /// The shape of what was kept.
    pub fn shape(&self) -> Vec<usize> {
        kept_shape(&self.full_shape, &self.kept)
    }

    /// The type of the values.
    pub fn dtype(&self) -> DType {
        self.values.dtype()
    }

    /// True where something was left out.
    pub fn is_sampled(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The index in the full array of local index `i` on `axis`.
    pub fn full_index(&self, axis: usize, i: usize) -> usize {
        self.kept.get(&axis).map_or(i, |kept| kept[i])
    }
}

/// The shape that is left of `full` with the `kept` indices.
pub fn kept_shape(full: &[usize], kept: &BTreeMap<usize, Vec<usize>>) -> Vec<usize> {
    full.iter()
        .enumerate()
        .map(|(axis, &n)| kept.get(&axis).map_or(n, Vec::len))
        .collect()
}
