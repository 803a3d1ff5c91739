//! float32 kernels for the CPU on plain slices: products, convolutions, norms, attention.
//!
//! Everything is row-major and channels-last: a sequence is `[S, C]`, a pair representation `[P, P, C]`. Products run
//! through the `gemm` crate, everything else is written so that the compiler vectorises it for the instruction set that
//! the machine is found to have, and is spread over the threads of the current rayon pool.
//!
//! Three things hold throughout:
//! - **Results do not depend on the number of threads.** Work is cut into pieces by its size alone, and no sum is split
//!   between threads.
//! - **NaN and infinities propagate** as in the formulas that the documentation states.
//! - **Lengths are the caller's contract.** A slice whose length contradicts the stated shape is a programming error,
//!   and panics before anything is computed.

mod accumulate;
pub mod activation;
pub mod attention;
pub mod bfloat16;
pub mod convolution;
pub mod embedding;
mod functions;
pub mod junctions;
pub mod linear;
mod matrix;
pub mod norm;
pub mod operands;
pub mod pair;
mod parallel;
pub mod pool;
pub mod product;
pub mod rotary;
mod round;
pub mod row_attention;
pub mod softmax;
pub mod tracks;

#[cfg(test)]
mod reference;
