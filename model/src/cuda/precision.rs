//! The arithmetics that run on a GPU.

use super::CudaError;
use crate::precision::Arithmetic;

/// The arithmetic of a pass on a GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// bfloat16 as XLA compiles it for a GPU: rounded after every operation, products accumulated in float32.
    #[default]
    Bf16,
    /// As [`Self::Bf16`] without excess precision (`--xla_allow_excess_precision=false`).
    Bf16Strict,
    /// float32 throughout; only the operands of both attentions and of the junctions are bfloat16, as in XLA.
    F32,
    /// As [`Self::F32`], with products of TF32 operands (10 bits of mantissa).
    Tf32,
}

impl Precision {
    /// Whether tensors hold bfloat16.
    pub(super) fn is_bf16(self) -> bool {
        matches!(self, Self::Bf16 | Self::Bf16Strict)
    }
}

impl TryFrom<Arithmetic> for Precision {
    type Error = CudaError;

    fn try_from(arithmetic: Arithmetic) -> Result<Self, CudaError> {
        match arithmetic {
            Arithmetic::XlaGpuF32 => Ok(Self::F32),
            Arithmetic::XlaGpuTf32 => Ok(Self::Tf32),
            Arithmetic::XlaGpuBf16 => Ok(Self::Bf16),
            Arithmetic::XlaGpuBf16Strict => Ok(Self::Bf16Strict),
            Arithmetic::XlaCpuF32 | Arithmetic::XlaCpuBf16 => {
                Err(CudaError::Arithmetic(arithmetic))
            }
        }
    }
}
