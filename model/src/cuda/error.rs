//! Why the model does not run on a GPU.

use crate::load::LoadError;
use crate::plan::ForwardError;
use crate::precision::Arithmetic;

/// Why the model does not run on a GPU.
#[derive(Debug, thiserror::Error)]
pub enum CudaError {
    /// The conversion.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The batch or the request.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The device, its driver or its libraries.
    #[error(transparent)]
    Device(#[from] ::cuda::Error),
    /// A parameter is stored in a type that cannot be read.
    #[error("the parameter `{0}` is neither float32 nor bfloat16")]
    Parameter(String),
    /// The arithmetic is XLA's on the CPU.
    #[error(
        "`{0}` is the CPU's arithmetic: on a GPU, choose xla-gpu-bf16, xla-gpu-bf16-strict, xla-gpu-f32 or xla-gpu-tf32"
    )]
    Arithmetic(Arithmetic),
    /// The model's shape is not one that the kernels take.
    #[error("the CUDA form does not run this model: {0}")]
    Shape(String),
    /// Rows of an output that it does not have.
    #[error("rows of {name} were asked for that it does not have: it is {shape:?}")]
    Rows {
        /// The output.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The sequences are longer than the rotary tables.
    #[error("a sequence of {0} bp is too long: at most 1,048,576 bp run on a GPU")]
    TooLong(usize),
}
