#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod aggregate;
mod array;
mod bare;
mod beside;
mod checkpoint;
mod chunk;
mod dtype;
mod fill;
mod grid;
mod key;
mod layout;
mod leaf;
mod open;
mod read;
mod source;
mod stored;
mod tree;
mod zarr2;
mod zarr3;

pub use aggregate::AggregateError;
pub use array::ArrayError;
pub use bare::{Bare, Content};
pub use checkpoint::Checkpoint;
pub use chunk::ChunkError;
pub use dtype::DType;
pub use key::{Key, display_path};
pub use layout::{Layout, Storage, ZarrVersion};
pub use leaf::Leaf;
pub use open::OpenError;
pub use read::ReadError;
pub use tree::TreeError;
