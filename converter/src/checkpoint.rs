//! What the converter wants of a checkpoint: its leaves, and their bytes.

use orbax::Key;

use crate::{snapshot::Snapshot, tensor::TensorType};

/// One array of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The keys from the root.
    pub path: Vec<Key>,
    /// What messages and the ledger call it.
    pub name: String,
    /// Shape and element type.
    pub kind: TensorType,
}

/// A tree of arrays that can be read from several threads.
pub trait Checkpoint: Sync {
    /// The leaves, in a fixed order.
    fn leaves(&self) -> &[Leaf];

    /// Reads leaf number `leaf` in row-major order, little-endian, into exactly its bytes.
    ///
    /// # Errors
    /// Says which file, key or offset is wrong.
    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError>;
}

/// A leaf that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A leaf of an Orbax checkpoint; the error names it.
    #[error(transparent)]
    Orbax(#[from] orbax::ReadError),
    /// A leaf of another source.
    #[error("leaf `{leaf}` cannot be read: {source}")]
    Other {
        /// The leaf's name.
        leaf: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An Orbax checkpoint.
pub struct OrbaxCheckpoint {
    inner: orbax::Checkpoint,
    leaves: Vec<Leaf>,
}

impl OrbaxCheckpoint {
    /// Opens the checkpoint in `snapshot.dir`; symlinks may lead as far as `snapshot.root`.
    ///
    /// # Errors
    /// If it is no checkpoint, or a damaged one.
    pub fn open(snapshot: &Snapshot) -> Result<OrbaxCheckpoint, orbax::OpenError> {
        let inner = orbax::Checkpoint::open_within(&snapshot.dir, &snapshot.root)?;
        let leaf = |leaf: &orbax::Leaf| Leaf {
            path: leaf.path().to_vec(),
            name: leaf.name().to_owned(),
            kind: TensorType {
                shape: leaf.shape().to_vec(),
                dtype: leaf.dtype().into(),
            },
        };
        let leaves = inner.leaves().iter().map(leaf).collect();
        Ok(OrbaxCheckpoint { inner, leaves })
    }

    /// The checkpoint itself.
    pub fn inner(&self) -> &orbax::Checkpoint {
        &self.inner
    }
}

impl Checkpoint for OrbaxCheckpoint {
    fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError> {
        let leaf = &self.inner.leaves()[leaf];
        Ok(self.inner.read_into(leaf, out)?)
    }
}
