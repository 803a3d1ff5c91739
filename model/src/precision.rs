//! Where numbers are rounded: the one place that knows what XLA does to operands.

use std::fmt;
use std::str::FromStr;

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor};

/// The arithmetic of a forward pass, a named choice.
///
/// JAX's program asks for bfloat16 operands with float32 accumulation
/// (`jax.lax.DotAlgorithmPreset.BF16_BF16_F32`) in five products under any policy. What becomes of that depends on the
/// compiler:
///
/// | product | operands | `xla-cpu-f32` | `xla-gpu-f32` |
/// |---|---|---|---|
/// | sequence attention, logits | queries, keys, both after the rotary embedding | as they are | bfloat16 |
/// | sequence attention, values | weights after the softmax, values | as they are | bfloat16 |
/// | row attention, logits | queries, keys | as they are | bfloat16 |
/// | row attention, values | weights after the softmax, values | as they are | bfloat16 |
/// | splice junctions | donors, acceptors, both after the rotary embedding | as they are | bfloat16 |
///
/// Every other product, every norm, every sum and every activation is float32 in both. A bfloat16 policy adds a variant
/// here and its own column to the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// float32 throughout, as XLA compiles the model for the CPU.
    #[default]
    XlaCpuF32,
    /// float32 as XLA compiles the model for a GPU at `jax_default_matmul_precision=highest`.
    XlaGpuF32,
}

impl Arithmetic {
    /// Every choice there is.
    pub const ALL: [Self; 2] = [Self::XlaCpuF32, Self::XlaGpuF32];

    /// What happens to the operands of the products in the table above.
    pub fn product_operands(self) -> Rounding {
        match self {
            Self::XlaCpuF32 => Rounding::None,
            Self::XlaGpuF32 => Rounding::ToBfloat16,
        }
    }

    /// The name as a person writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::XlaCpuF32 => "xla-cpu-f32",
            Self::XlaGpuF32 => "xla-gpu-f32",
        }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no arithmetic has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no arithmetic is called `{0}`: expected `xla-cpu-f32` or `xla-gpu-f32`")]
pub struct UnknownArithmetic(pub String);

impl FromStr for Arithmetic {
    type Err = UnknownArithmetic;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|arithmetic| arithmetic.name() == name)
            .ok_or_else(|| UnknownArithmetic(name.to_owned()))
    }
}

/// What happens to an operand before it enters a product. Accumulation is float32 in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// The operand is used as it is.
    None,
    /// The operand is rounded to the nearest bfloat16, ties to even, and used as float32.
    ToBfloat16,
}

impl Rounding {
    /// Rounds an operand; shape and float type stay.
    pub fn apply<B: Backend, const D: usize>(self, operand: Tensor<B, D>) -> Tensor<B, D> {
        match self {
            Self::None => operand,
            Self::ToBfloat16 => {
                let dtype = operand.dtype();
                operand.cast(DType::BF16).cast(dtype)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::Flex;

    #[test]
    fn names_read_back() {
        for arithmetic in Arithmetic::ALL {
            assert_eq!(arithmetic.to_string().parse(), Ok(arithmetic));
        }
        let error = "bf16".parse::<Arithmetic>().unwrap_err();
        assert!(error.to_string().contains("`bf16`"));
    }

    #[test]
    fn rounding_is_to_nearest_even() {
        let device = Default::default();
        // Steps of bfloat16 above 1 are 2^-7: half a step goes to the even neighbour, below for 1 and above for 1 + 2^-7.
        let values = [1.0, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -1.3];
        let x = Tensor::<Flex, 1>::from_floats(values, &device);
        let rounded = Rounding::ToBfloat16
            .apply(x.clone())
            .into_data()
            .to_vec::<f32>()
            .unwrap();
        assert_eq!(rounded, [1.0, 1.0, 1.015_625, -1.296_875]);
        let kept = Rounding::None.apply(x).into_data().to_vec::<f32>().unwrap();
        assert_eq!(kept, values);
    }
}
