//! AlphaGenome's forward pass in Burn, from the folder that a conversion wrote to predictions.
//!
//! ```no_run
//! use burn::backend::Flex;
//! use model::{AlphaGenome, Arithmetic, Batch, NoTaps, Request, Sequence};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = std::path::Path::new("alphagenome-model");
//! let model = AlphaGenome::<Flex>::load(dir, &Default::default(), Arithmetic::XlaCpuF32)?;
//! let batch = Batch::new(vec![Sequence::parse(&"ACGT".repeat(1024))?], vec![0])?;
//! let outputs = model.forward(&batch, &Request::heads(["rna_seq"]), &mut NoTaps)?;
//! for (name, array) in outputs.into_arrays() {
//!     println!("{name} {:?}", array.shape);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The modules follow google-deepmind/alphagenome_research (`src/alphagenome_research/model`), and so do their names.

pub mod array;
pub mod attention;
pub mod batch;
pub mod config;
pub mod convolutions;
mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod decoder;
pub mod embeddings;
pub mod encoder;
pub mod folds;
pub mod forward;
pub mod graph;
pub mod heads;
pub mod layers;
pub mod load;
pub mod memory;
pub mod metadata;
pub mod names;
pub mod operations;
pub mod outputs;
pub mod pair;
mod parameters;
pub mod parts;
pub mod plain;
pub mod plan;
pub mod precision;
pub mod regions;
pub mod request;
pub mod rotary;
pub mod rows;
pub mod sequence;
pub mod splice_sites;
pub mod stages;
mod store;
pub mod taps;
pub mod tower;

#[cfg(feature = "cuda")]
pub use self::cuda::{
    CudaAlphaGenome, CudaError, CudaOutputs, ModuleCost, NonFinite, Resident, Taken,
};
pub use array::{Array, Values};
pub use attention::AttentionForm;
pub use batch::Batch;
pub use config::Config;
pub use forward::AlphaGenome;
pub use heads::junctions::SpliceSitePositions;
pub use load::LoadError;
pub use operations::Operations;
pub use outputs::{Output, Outputs};
pub use parameters::Edit;
pub use parts::{Form, Parts};
pub use plan::ForwardError;
pub use precision::Arithmetic;
pub use regions::{Patch, Windows};
pub use request::{Embedding, Request};
pub use rows::runs;
pub use sequence::Sequence;
pub use stages::{Known, Stage, StageError};
pub use taps::{NoTaps, Taps};
