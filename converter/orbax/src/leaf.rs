use crate::{
    array::Array,
    dtype::DType,
    grid,
    key::{Key, display_path},
    layout::ZarrVersion,
};

/// An array of a checkpoint, and its place in the tree.
///
/// # Examples
///
/// ```
/// use orbax::{Checkpoint, DType};
///
/// let checkpoint = Checkpoint::open("tests/data/single")?;
/// let leaf = checkpoint.leaf("matrix").expect("the checkpoint has it");
/// assert_eq!(leaf.shape(), [4, 3]);
/// assert_eq!(leaf.dtype(), DType::F32);
/// assert_eq!(leaf.bytes(), 48);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    pub(crate) path: Vec<Key>,
    pub(crate) name: String,
    pub(crate) value_type: String,
    pub(crate) array: Array,
    pub(crate) stored_bytes: u64,
}

impl Leaf {
    /// Returns the way from the tree's root, as `_METADATA` gives it.
    pub fn path(&self) -> &[Key] {
        &self.path
    }

    /// Returns the name under which the array is stored: the keys of its path, joined by dots.
    ///
    /// Keys may hold dots and slashes themselves, so that a name cannot be split into a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the lengths of the axes, outermost first; none for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.array.shape
    }

    /// Returns the type of the elements.
    pub fn dtype(&self) -> DType {
        self.array.dtype
    }

    /// Returns the size of the whole array in bytes.
    pub fn bytes(&self) -> usize {
        self.array.bytes()
    }

    /// Returns the shape of what is compressed as one.
    pub fn chunk_shape(&self) -> &[usize] {
        &self.array.chunk
    }

    /// Returns the shape of what one stored value covers, if that is several chunks with an index (zarr v3's sharding).
    pub fn shard_shape(&self) -> Option<&[usize]> {
        self.array
            .sharding
            .as_ref()
            .map(|sharding| sharding.shape.as_slice())
    }

    /// Returns how many chunks the array has.
    pub fn chunks(&self) -> usize {
        grid::counts(&self.array.shape, &self.array.chunk)
            .iter()
            .product()
    }

    /// Returns how many bytes the chunks take as they are stored.
    pub fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    /// Returns the version of zarr that the array is stored in.
    pub fn zarr(&self) -> ZarrVersion {
        self.array.version
    }

    /// Returns what the value was when it was saved: `jax.Array`, `np.ndarray`, `scalar`, ...
    pub fn value_type(&self) -> &str {
        &self.value_type
    }

    /// Returns the key, or file name, of something of this array.
    pub(crate) fn key(&self, rest: &str) -> String {
        key(&self.name, rest)
    }

    pub(crate) fn display(&self) -> String {
        display_path(&self.path)
    }
}

/// A node of the tree that has no array: an empty container, `None`, or a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bare {
    /// The way from the tree's root.
    pub path: Vec<Key>,
    /// What the value was when it was saved: `Dict`, `None`, `string`, ...
    pub value_type: String,
}

/// Joins an array's name and what belongs to it. A tree that is a single leaf has an empty name.
pub(crate) fn key(name: &str, rest: &str) -> String {
    match name {
        "" => rest.to_owned(),
        name => format!("{name}/{rest}"),
    }
}
