//! What the converter wants of a checkpoint: its leaves, and their bytes.

use std::path::Path;

use orbax::{Content, Key};

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

/// A value of a checkpoint that no conversion reads: an empty container, a string, an array of a type such as `int4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The keys from the root.
    pub path: Vec<Key>,
    /// What messages and the ledger call it.
    pub name: String,
    /// What it is: `string "adam"`, `None`, `an array of dtype int4 [3, 4]`.
    pub what: String,
    /// Whether `what` tells all of it, so that equal words mean equal values.
    pub compared: bool,
}

/// A tree of arrays that can be read from several threads.
pub trait Checkpoint: Sync {
    /// The leaves, in a fixed order.
    fn leaves(&self) -> &[Leaf];

    /// What else the tree holds, in a fixed order.
    fn others(&self) -> &[Other] {
        &[]
    }

    /// Reads leaf number `leaf` in row-major order, little-endian, into exactly its bytes.
    ///
    /// # Errors
    /// Says which file, key or offset is wrong.
    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError>;
}

impl<C: Checkpoint + ?Sized> Checkpoint for Box<C> {
    fn leaves(&self) -> &[Leaf] {
        (**self).leaves()
    }

    fn others(&self) -> &[Other] {
        (**self).others()
    }

    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_into(leaf, out)
    }
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

/// An Orbax checkpoint: a tree of arrays, or several that were saved as items of one step.
pub struct OrbaxCheckpoint {
    parts: Vec<Part>,
    leaves: Vec<Leaf>,
    /// Of each leaf: its part, and its number there.
    places: Vec<(usize, usize)>,
    others: Vec<Other>,
}

/// One tree of an [`OrbaxCheckpoint`].
pub struct Part {
    /// The item's name, which is the first key of all its paths; none if the checkpoint has no items.
    pub item: Option<String>,
    /// The tree and its arrays.
    pub checkpoint: orbax::Checkpoint,
}

impl Part {
    /// A path in this tree as the whole checkpoint has it.
    pub fn path(&self, path: &[Key]) -> Vec<Key> {
        let item = self.item.iter().map(|item| Key::Name(item.clone()));
        item.chain(path.iter().cloned()).collect()
    }

    /// A name in this tree as the whole checkpoint has it.
    pub fn name(&self, name: &str) -> String {
        match &self.item {
            None => name.to_owned(),
            Some(item) => format!("{item}.{name}"),
        }
    }

    fn leaf(&self, leaf: &orbax::Leaf) -> Leaf {
        Leaf {
            path: self.path(leaf.path()),
            name: self.name(leaf.name()),
            kind: TensorType {
                shape: leaf.shape().to_vec(),
                dtype: leaf.dtype().into(),
            },
        }
    }

    fn others(&self) -> impl Iterator<Item = Other> {
        let bare = self.checkpoint.bare().iter().map(|bare| Other {
            path: self.path(&bare.path),
            name: self.name(&bare.name),
            what: match &bare.content {
                Content::Array { dtype, shape } => format!("an array of dtype {dtype} {shape:?}"),
                _ => bare.to_string(),
            },
            compared: !matches!(bare.content, Content::Array { .. } | Content::Unread(_)),
        });
        let keys = self.checkpoint.leaves().iter().filter_map(|leaf| {
            let implementation = leaf.key_implementation()?;
            let below = [leaf.path(), &[Key::Name(IMPLEMENTATION.to_owned())]].concat();
            Some(Other {
                path: self.path(&below),
                name: format!("{}.{IMPLEMENTATION}", self.name(leaf.name())),
                what: format!("random keys of {implementation}"),
                compared: true,
            })
        });
        bare.chain(keys)
    }
}

/// What stands for the last key of what an array's random numbers are drawn by; no key of a tree is called so.
const IMPLEMENTATION: &str = "(key implementation)";

impl OrbaxCheckpoint {
    /// Opens the checkpoint in `snapshot.dir`; symlinks may lead as far as `snapshot.root`.
    ///
    /// # Errors
    /// If it is no checkpoint, or a damaged one.
    pub fn open(snapshot: &Snapshot) -> Result<OrbaxCheckpoint, orbax::OpenError> {
        let open = |dir: &Path, item: Option<&String>| {
            Ok(Part {
                item: item.cloned(),
                checkpoint: orbax::Checkpoint::open_within(dir, &snapshot.root)?,
            })
        };
        let items = snapshot.items.iter();
        let parts = match snapshot.items.is_empty() {
            true => vec![open(&snapshot.dir, None)?],
            false => items
                .map(|item| open(&snapshot.dir.join(item), Some(item)))
                .collect::<Result<_, orbax::OpenError>>()?,
        };
        let (mut leaves, mut places) = (Vec::new(), Vec::new());
        for (number, part) in parts.iter().enumerate() {
            let found = part.checkpoint.leaves();
            leaves.extend(found.iter().map(|leaf| part.leaf(leaf)));
            places.extend((0..found.len()).map(|leaf| (number, leaf)));
        }
        let others = parts.iter().flat_map(Part::others).collect();
        Ok(OrbaxCheckpoint {
            parts,
            leaves,
            places,
            others,
        })
    }

    /// The trees: one, unless several were saved as items.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// How the arrays are stored.
    pub fn layout(&self) -> String {
        let layouts = self.parts.iter().map(|part| {
            let layout = part.checkpoint.layout();
            match &part.item {
                None => layout.to_string(),
                Some(item) => format!("{item} as {layout}"),
            }
        });
        layouts.collect::<Vec<_>>().join(", ")
    }
}

impl Checkpoint for OrbaxCheckpoint {
    fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    fn others(&self) -> &[Other] {
        &self.others
    }

    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError> {
        let (part, leaf) = self.places[leaf];
        let checkpoint = &self.parts[part].checkpoint;
        Ok(checkpoint.read_into(&checkpoint.leaves()[leaf], out)?)
    }
}
