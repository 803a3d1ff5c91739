//! One CUDA device, driven directly: memory, kernels compiled at run time, linear layers through cuBLASLt, convolutions
//! through cuDNN, and graphs that replay a whole forward pass with one launch.
//!
//! Nothing of CUDA is needed to build this: the driver and the libraries are loaded when a device is opened, and where
//! one is missing, the error says which and what to install. Everything is enqueued on one stream of the device and
//! runs in that order; calls return before the work is done, except those that hand values to the host.
//!
//! Everything is row-major: linear layers take `[M, K]` and give `[M, N]`, convolutions take `[B, S, C]`.

pub mod arena;
pub mod cache;
pub mod compile;
pub mod convolution;
pub mod device;
pub mod element;
mod engine;
pub mod error;
pub mod graph;
pub mod library;
pub mod linear;
pub mod memory;
pub mod module;
mod status;

pub use device::Device;
pub use element::Element;
pub use error::{Error, Result};
pub use memory::{Buffer, Span};
