#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod blob;
mod database;
mod envelope;
mod field;
mod folder;
mod key;
mod limits;
mod manifest;
mod memory;
mod name;
mod node;
mod open;
mod store;
mod table;
mod tree;
mod value;
mod version;
mod walk;

pub use blob::Blob;
pub use database::{Database, Entry};
pub use envelope::{EnvelopeError, Kind, open_envelope};
pub use field::FieldError;
pub use folder::FolderStore;
pub use key::KeyError;
pub use limits::Limits;
pub use manifest::{Compression, Config, Manifest, ManifestError};
pub use memory::MemoryStore;
pub use name::{NameError, check_name};
pub use node::{Child, Node, NodeError};
pub use open::OpenError;
pub use store::{Store, StoreError};
pub use table::{DataFile, FileTable, TableError};
pub use tree::TreeError;
pub use value::Value;
pub use version::{NodeLocation, Statistics, Version};
pub use walk::Walk;
