//! Recordings: what a model gave for some sequences, on disk. The format is described in `docs/recordings.md`.

mod array;
mod error;
mod manifest;
mod npy;
mod reader;
mod writer;

pub use array::{Array, DType, Values, kept_shape};
pub use error::RecordingError;
pub use manifest::{Allele, CaseEntry, FORMAT, Manifest, OutputEntry, Variant};
pub use npy::NpyStream;
pub use reader::{ArrayStream, CaseReader, Recording};
pub use writer::{RecordingWriter, describe, put_cells, start_array};
