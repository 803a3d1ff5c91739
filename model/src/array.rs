//! Values on the host, as a caller gets them.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Int, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// A dense array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// As many values as the shape has places.
    pub values: Values,
}

/// The values of an [`Array`].
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// float32.
    F32(Vec<f32>),
    /// float16.
    F16(Vec<f16>),
    /// bfloat16.
    Bf16(Vec<bf16>),
    /// int32.
    I32(Vec<i32>),
    /// bool.
    Bool(Vec<bool>),
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::Bf16(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many are NaN or infinite.
    pub fn non_finite(&self) -> usize {
        match self {
            Self::F32(values) => values.iter().filter(|value| !value.is_finite()).count(),
            Self::F16(values) => values.iter().filter(|value| !value.is_finite()).count(),
            Self::Bf16(values) => values.iter().filter(|value| !value.is_finite()).count(),
            Self::I32(_) | Self::Bool(_) => 0,
        }
    }

    /// The values as float32, exact but for integers above 2^24; `true` is 1.
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Self::F32(values) => values.clone(),
            Self::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
            Self::Bf16(values) => values.iter().map(|value| value.to_f32()).collect(),
            Self::I32(values) => values.iter().map(|&value| value as f32).collect(),
            Self::Bool(values) => values.iter().map(|&value| f32::from(value)).collect(),
        }
    }

    /// The same of values that are no longer needed: float32 is not copied.
    pub fn into_f32(self) -> Vec<f32> {
        match self {
            Self::F32(values) => values,
            other => other.to_f32(),
        }
    }
}

impl Array {
    /// Brings a tensor to the host; float16 and bfloat16 stay, every other float type becomes float32.
    pub fn from_floats<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Self {
        let data = tensor.into_data();
        let shape = data.shape.to_vec();
        let values = match data.dtype {
            DType::F16 => data.into_vec().map(Values::F16),
            DType::BF16 => data.into_vec().map(Values::Bf16),
            _ => data.convert::<f32>().into_vec().map(Values::F32),
        };
        Self {
            shape,
            values: values.expect("the data has the type it was matched or converted to"),
        }
    }

    /// Brings a tensor of integers to the host as int32.
    pub fn from_ints<B: Backend, const D: usize>(tensor: Tensor<B, D, Int>) -> Self {
        let data = tensor.into_data().convert::<i32>();
        let shape = data.shape.to_vec();
        let values = data.into_vec().map(Values::I32);
        Self {
            shape,
            values: values.expect("the data was converted to int32"),
        }
    }

    /// The same values as float16, rounded to nearest, ties to even.
    pub fn into_f16(self) -> Self {
        let values = match self.values {
            Values::F16(values) => values,
            Values::F32(values) => rounded(&values),
            values => rounded(&values.to_f32()),
        };
        Self {
            shape: self.shape,
            values: Values::F16(values),
        }
    }
}

/// Rounds to float16, to nearest, ties to even.
fn rounded(values: &[f32]) -> Vec<f16> {
    let mut rounded = vec![f16::ZERO; values.len()];
    rounded.convert_from_f32_slice(values);
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_infinity_count_in_every_type() {
        let odd = [1.0, f32::NAN, f32::INFINITY];
        let all = [
            Values::F32(odd.to_vec()),
            Values::F16(odd.map(f16::from_f32).to_vec()),
            Values::Bf16(odd.map(bf16::from_f32).to_vec()),
        ];
        for values in all {
            assert_eq!(values.non_finite(), 2, "{values:?}");
        }
    }
}
