//! The two types of numbers that tensors have on the device.

use std::fmt;

use cudarc::cublaslt::sys::cudaDataType_t;
use cudarc::cudnn::sys::cudnnDataType_t;

/// What a tensor's elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// bfloat16.
    Bf16,
    /// float32.
    F32,
}

impl Element {
    /// Bytes an element.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }

    pub(crate) fn cublas(self) -> cudaDataType_t {
        match self {
            Self::Bf16 => cudaDataType_t::CUDA_R_16BF,
            Self::F32 => cudaDataType_t::CUDA_R_32F,
        }
    }

    pub(crate) fn cudnn(self) -> cudnnDataType_t {
        match self {
            Self::Bf16 => cudnnDataType_t::CUDNN_DATA_BFLOAT16,
            Self::F32 => cudnnDataType_t::CUDNN_DATA_FLOAT,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
        })
    }
}
