use std::path::Path;

use crate::{
    bare::Bare,
    beside::{Beside, aggregated},
    layout::{Layout, ZarrVersion},
    leaf::Leaf,
    open::{OpenError, find_source, read_tree},
    source::Source,
    stored::{Rules, Stored, read_leaf},
};

/// An Orbax checkpoint, opened for reading.
///
/// # Examples
///
/// ```
/// use orbax::Checkpoint;
///
/// let checkpoint = Checkpoint::open("tests/data/single")?;
/// for leaf in checkpoint.leaves() {
///     let bytes = checkpoint.read(leaf)?;
///     println!("{} {} {:?}: {} bytes", leaf.name(), leaf.dtype(), leaf.shape(), bytes.len());
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Checkpoint {
    pub(crate) source: Source,
    layout: Layout,
    leaves: Vec<Leaf>,
    bare: Vec<Bare>,
    unlisted: Vec<String>,
}

impl Checkpoint {
    /// Opens a checkpoint's folder, out of which no symbolic link may lead.
    ///
    /// All metadata are read and checked, and all chunks are known to be there afterwards; no array is read.
    ///
    /// # Errors
    ///
    /// If the folder is no checkpoint, of a form that is not supported, incomplete or damaged.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_within(&folder, &folder)
    }

    /// Opens a checkpoint's folder whose symbolic links may lead anywhere inside `root`, and nowhere else. That is how the
    /// snapshots in the cache of a model hub refer to its files.
    ///
    /// # Errors
    ///
    /// If the folder does not lie in `root`, is no checkpoint, of a form that is not supported, incomplete or damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// let checkpoint = orbax::Checkpoint::open_within("tests/data/single", "tests/data")?;
    /// assert_eq!(checkpoint.layout().to_string(), "zarr v2 in OCDBT, 1 process folder(s)");
    /// # Ok::<_, orbax::OpenError>(())
    /// ```
    pub fn open_within(
        folder: impl AsRef<Path>,
        root: impl AsRef<Path>,
    ) -> Result<Self, OpenError> {
        let (store, tree) = read_tree(folder.as_ref(), root.as_ref())?;
        let (source, storage, processes) = find_source(store, &tree)?;
        let aggregated = aggregated(source.store(), &tree)?;
        let mut beside = Beside::read(source.store(), &tree, aggregated.as_deref())?;
        let rules = Rules::of(&tree);
        let mut claimed = vec![false; source.entries().len()];
        let mut leaves = Vec::new();
        let mut bare = Vec::new();
        for entry in tree.entries {
            let stored = if entry.has_array() {
                let claim = |place: usize| {
                    if let Some(claimed) = claimed.get_mut(place) {
                        *claimed = true;
                    }
                };
                read_leaf(&source, entry, rules, claim)?
            } else {
                beside.take(entry)?
            };
            match stored {
                Stored::Leaf(mut leaf) => {
                    beside.complete(&mut leaf);
                    leaves.push(leaf);
                }
                Stored::Bare(node) => bare.push(node),
            }
        }
        let entries = source.entries().iter().zip(&claimed);
        let unlisted = entries
            .filter(|(_, claimed)| !**claimed)
            .map(|(entry, _)| entry.key.escape_ascii().to_string())
            .collect();
        Ok(Self {
            layout: Layout {
                storage,
                zarr: common_version(&leaves),
                processes,
            },
            source,
            leaves,
            bare,
            unlisted,
        })
    }

    /// Returns the arrays, in the order of `_METADATA`.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Finds the leaf that is stored under a name.
    pub fn leaf(&self, name: &str) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.name == name)
    }

    /// Returns the nodes of the tree that are not read as arrays: empty containers, `None`, strings, and arrays of types that
    /// have no place in [`DType`](crate::DType).
    pub fn bare(&self) -> &[Bare] {
        &self.bare
    }

    /// Returns the database's keys that belong to no leaf, sorted: a sign that `_METADATA` and the arrays are not of the same
    /// save. Without a database nothing is listed.
    pub fn unlisted(&self) -> &[String] {
        &self.unlisted
    }

    /// Returns how the checkpoint is stored.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

fn common_version(leaves: &[Leaf]) -> Option<ZarrVersion> {
    let mut versions = leaves.iter().filter_map(Leaf::zarr);
    let first = versions.next()?;
    versions.all(|version| version == first).then_some(first)
}

const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<Checkpoint>();
};
