//! One CUDA device, driven directly: memory, kernels compiled at run time, linear layers through cuBLASLt, convolutions
//! through cuDNN, and graphs that replay a whole forward pass with one launch.
//!
//! Nothing of CUDA is needed to build this: the driver and the libraries are loaded when a device is opened, and where
//! one is missing, the error says which and what to install. Everything is enqueued on one stream of the device and
//! runs in that order; calls return before the work is done, except those that hand values to the host.
//!
//! Everything is row-major: linear layers take `[M, K]` and give `[M, N]`, convolutions take `[B, S, C]`.
//!
//! ```no_run
//! use cuda::compile::{Options, Source, compile};
//! use cuda::graph::Graph;
//! use cuda::linear::{Linear, Operands, Product};
//! use cuda::module::Module;
//! use cuda::{Device, Element, arguments, cache};
//!
//! # fn main() -> cuda::Result<()> {
//! let device = Device::open(0)?;
//! let text = "extern \"C\" __global__ void twice(float *x, int n) { if (threadIdx.x < n) x[threadIdx.x] *= 2.0f; }";
//! let source = Source { name: "example", text, headers: &[] };
//! let folder = cache::folder().map(|folder| folder.join("kernels"));
//! let code = compile(&source, &Options::default(), device.properties().architecture, folder.as_deref())?;
//! let twice = Module::load(&device, &code)?.kernel("twice")?;
//!
//! let (x, w) = (device.upload(&[1.0f32; 64])?, device.upload(&[1.0f32; 128])?);
//! let (y, workspace) = (device.allocate(4 * 128)?, device.allocate(32 << 20)?);
//! // y[8, 16] = x[8, 8] · w[8, 16]
//! let linear = Linear::plan(&device, Product::new(8, 8, 16, Element::F32, Element::F32), workspace.bytes())?;
//! let operands = Operands { x, w, bias: None, c: None, y: y.clone() };
//! let enqueue = || {
//!     linear.run(&operands, &workspace)?;
//!     // SAFETY: the parameters are a pointer to floats and an int, and `y` holds 128 floats.
//!     unsafe { twice.launch([1, 1, 1], [128, 1, 1], 0, &arguments![&y, 128i32]) }
//! };
//! enqueue()?;
//! let graph = Graph::capture(&device, enqueue)?;
//! println!("{} ms", device.time(|| graph.replay())?);
//! assert_eq!(device.download::<f32>(&y)?, [16.0; 128]);
//! # Ok(())
//! # }
//! ```

pub mod arena;
pub mod cache;
pub mod choice;
pub mod compile;
pub mod convolution;
pub mod device;
pub mod element;
mod engine;
pub mod error;
pub mod event;
mod fusion;
pub mod graph;
pub mod library;
pub mod linear;
mod matmul;
pub mod memory;
pub mod module;
pub mod product;
mod properties;
mod status;

pub use device::Device;
pub use element::Element;
pub use error::{Error, Result};
pub use memory::Span;
