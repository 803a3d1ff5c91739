//! A converted folder as the checkpoint that it was made from.

use std::path::Path;

use orbax::Key;

use crate::{
    checkpoint::{Checkpoint, Leaf, ReadError},
    ledger::{Ledger, LedgerError, TensorEntry},
    safetensors_file::{Model, ModelError, Stored},
    tensor::{Dtype, TensorType},
};

/// The leaves that a folder's tensors were made of, where every tensor still has the bytes of its leaf.
pub struct Converted {
    model: Model,
    leaves: Vec<Leaf>,
    places: Vec<Stored>,
}

/// Why a folder does not hold its checkpoint's leaves.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The tensors.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A tensor that is no leaf any more.
    #[error(
        "tensor `{tensor}` no longer holds a leaf of the checkpoint ({why}); name the checkpoint, or a folder that was \
         converted without --fold and --dtype"
    )]
    Changed {
        /// Its name.
        tensor: String,
        /// What became of it.
        why: String,
    },
}

impl Converted {
    /// Opens the folder `dir`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(dir: &Path) -> Result<Converted, Error> {
        let ledger = Ledger::read(dir)?;
        let model = Model::open(dir)?;
        let (mut leaves, mut places) = (Vec::new(), Vec::new());
        for (tensor, entry) in &ledger.tensors {
            let changed = |why: String| Error::Changed {
                tensor: tensor.clone(),
                why,
            };
            let leaf = leaf(entry).map_err(changed)?;
            let stored = model
                .tensors
                .get(tensor)
                .filter(|stored| stored.kind.bytes() == leaf.kind.bytes());
            places.push(
                stored
                    .cloned()
                    .ok_or_else(|| changed("it is not stored as the ledger says".to_owned()))?,
            );
            leaves.push(leaf);
        }
        Ok(Converted {
            model,
            leaves,
            places,
        })
    }
}

/// The one leaf whose bytes a tensor has.
fn leaf(entry: &TensorEntry) -> Result<Leaf, String> {
    let [source] = entry.sources.as_slice() else {
        return Err(format!("it was made of {}", entry.sources.len()));
    };
    if source.digest != entry.digest {
        return Err(entry.transforms.join(", "));
    }
    let dtype = Dtype::by_name(&source.dtype).ok_or_else(|| format!("of type {}", source.dtype))?;
    let key = |key: &str| {
        key.parse()
            .map_or_else(|_| Key::Name(key.to_owned()), Key::Index)
    };
    Ok(Leaf {
        path: source.name.split('.').map(key).collect(),
        name: source.name.clone(),
        kind: TensorType {
            shape: source.shape.clone(),
            dtype,
        },
    })
}

impl Checkpoint for Converted {
    fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError> {
        self.model
            .read(&self.places[leaf], 0, out)
            .map_err(|source| ReadError::Other {
                leaf: self.leaves[leaf].name.clone(),
                source: source.into(),
            })
    }
}
