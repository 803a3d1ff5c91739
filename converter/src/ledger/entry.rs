//! The parts of a ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Where the values came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// The Hub's name of the model, if the checkpoint lay in its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// The commit, if the checkpoint lay in the Hub's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Number of leaves that were read.
    pub leaves: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The digest of the lines `name dtype shape digest` of the leaves that were read.
    pub digest: String,
}

/// The mapping spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecEntry {
    /// Its name.
    pub name: String,
    /// The digest of its file.
    pub digest: String,
    /// Its options as they were set.
    pub options: BTreeMap<String, bool>,
}

/// The track metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracksEntry {
    /// Its file.
    pub file: String,
    /// The digest of that file.
    pub digest: String,
}

/// All that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputEntry {
    /// The type of floating-point tensors that the spec does not cast itself.
    pub dtype: String,
    /// Number of tensors.
    pub tensors: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The digest of the lines `name dtype shape digest` of the tensors.
    pub digest: String,
    /// The digest of `config.json`.
    pub config_digest: String,
    /// The files of tensors.
    pub files: Vec<String>,
}

/// What became one tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorEntry {
    /// Its file.
    pub file: String,
    /// Its element type.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The digest of its bytes.
    pub digest: String,
    /// What it was made of.
    pub sources: Vec<LeafEntry>,
    /// What happened in between.
    pub transforms: Vec<String>,
}

/// A leaf that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafEntry {
    /// Its name in the checkpoint.
    pub name: String,
    /// Its element type.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The digest of its bytes, row-major and little-endian.
    pub digest: String,
}
