use std::sync::Arc;

use crate::{
    array::{Array, Compression},
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
    pub(crate) filled: usize,
    pub(crate) key_implementation: Option<String>,
    /// The elements, if they came with the tree.
    pub(crate) elements: Option<Arc<[u8]>>,
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

    /// Returns how many chunks (with sharding: shards) are not stored, since they hold the array's fill value alone.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Returns the version of zarr that the array is stored in, or `None` for a leaf in the file of aggregated leaves.
    pub fn zarr(&self) -> Option<ZarrVersion> {
        self.elements.is_none().then_some(self.array.version)
    }

    /// Returns the implementation of the random number generator whose keys the array holds (`threefry2x32`), if it was
    /// saved as typed keys. The array is what `jax.random.key_data` gives.
    pub fn key_implementation(&self) -> Option<&str> {
        self.key_implementation.as_deref()
    }

    /// Makes a leaf of elements that are in memory already.
    pub(crate) fn of_elements(
        path: Vec<Key>,
        name: String,
        value_type: String,
        (dtype, shape): (DType, Vec<usize>),
        bytes: Vec<u8>,
    ) -> Self {
        Self {
            path,
            name,
            value_type,
            array: Array {
                version: ZarrVersion::V2,
                chunk: shape.iter().map(|&width| width.max(1)).collect(),
                shape,
                dtype,
                sharding: None,
                compression: Compression::Raw,
                key_prefix: "",
                separator: '.',
                fill: None,
            },
            stored_bytes: bytes.len() as u64,
            filled: 0,
            key_implementation: None,
            elements: Some(bytes.into()),
        }
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

/// Joins an array's name and what belongs to it. A tree that is a single leaf has an empty name, and TensorStore adds no
/// second slash to a name that ends in one.
pub(crate) fn key(name: &str, rest: &str) -> String {
    match name.is_empty() || name.ends_with('/') {
        true => format!("{name}{rest}"),
        false => format!("{name}/{rest}"),
    }
}
