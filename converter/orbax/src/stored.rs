//! A leaf as it is stored: its metadata, and that all its chunks are there, or may be missing.

use crate::{
    array::{Array, ArrayError},
    bare::{Bare, Content},
    grid::{self, Indices},
    key::display_path,
    leaf::{Leaf, key},
    open::OpenError,
    source::Source,
    tree::{Tree, TreeEntry},
    zarr2, zarr3,
};

/// An entry of the tree with what is there of it.
#[derive(Debug)]
pub(crate) enum Stored {
    Leaf(Leaf),
    Bare(Bare),
}

/// The most that zstd can make of a byte: a block of 128 KiB that repeats one takes 4 bytes.
const BEST_RATIO: u64 = 1 << 15;

/// The most chunks of an array that may be missing, so that a made-up shape does not keep the search for them busy.
const MOST_FILLED: usize = 1 << 20;

/// What the tree says of all arrays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Arrays are zarr v3 rather than v2.
    zarr3: bool,
    /// Every chunk is stored, whatever it holds.
    stores_fill: bool,
}

impl Rules {
    pub(crate) fn of(tree: &Tree) -> Self {
        Self {
            zarr3: tree.use_zarr3 == Some(true),
            stores_fill: tree.stores_fill,
        }
    }
}

/// Reads a leaf's metadata and makes sure that all its chunks are there, but for those that are fill values. `claim` is told
/// every key's place.
pub(crate) fn read_leaf(
    source: &Source,
    entry: TreeEntry,
    rules: Rules,
    mut claim: impl FnMut(usize),
) -> Result<Stored, OpenError> {
    let leaf = || display_path(&entry.path);
    let (mut array, place) = match read_array(source, &entry, rules.zarr3) {
        Err(OpenError::Array {
            source: ArrayError::DType { found, shape },
            ..
        }) => {
            source.starting(&key(&entry.name, "")).for_each(claim);
            return Ok(Stored::Bare(Bare {
                path: entry.path,
                name: entry.name,
                value_type: entry.value_type,
                content: Content::Array {
                    dtype: found,
                    shape,
                },
            }));
        }
        read => read?,
    };
    claim(place);
    let why = match &array.fill {
        Some(_) if rules.stores_fill => {
            array.fill = None;
            "and `_METADATA` says that every chunk is stored"
        }
        Some(_) => "as are too many others for fill values",
        None => "and its fill_value is null",
    };
    if let Some(written) = &entry.write_shape {
        check_write_shape(&entry, &array.shape, written)?;
    }
    let (mut stored_bytes, mut stored, mut filled) = (0u64, 0usize, 0);
    // Counting ends at the first chunk that is missing, so that a made-up shape does not keep it busy.
    for index in Indices::new(grid::counts(&array.shape, array.stored_shape())) {
        let key = key(&entry.name, &array.chunk_key(&index));
        match source.find(&key)? {
            Some((bytes, place)) => {
                claim(place);
                stored += 1;
                stored_bytes = stored_bytes.saturating_add(bytes);
            }
            None if array.fill.is_some() && filled < MOST_FILLED => filled += 1,
            None => {
                return Err(OpenError::MissingChunk {
                    leaf: leaf(),
                    key,
                    why,
                });
            }
        }
    }
    let held = match (&array.fill, &array.sharding) {
        (None, _) => array.bytes(),
        (Some(_), None) => array
            .bytes()
            .min(stored.saturating_mul(array.chunk_bytes())),
        // Nor need a shard hold all its chunks.
        (Some(_), Some(_)) => 0,
    };
    if stored_bytes.saturating_mul(BEST_RATIO) < held as u64 {
        return Err(OpenError::TooSmall {
            leaf: leaf(),
            stored: stored_bytes,
            bytes: array.bytes(),
        });
    }
    Ok(Stored::Leaf(Leaf {
        path: entry.path,
        name: entry.name,
        value_type: entry.value_type,
        array,
        stored_bytes,
        filled,
        key_implementation: None,
        elements: None,
    }))
}

/// Reads an array's metadata, of the version that `_METADATA` announces or else of the other.
fn read_array(
    source: &Source,
    entry: &TreeEntry,
    use_zarr3: bool,
) -> Result<(Array, usize), OpenError> {
    type Parse = fn(&[u8]) -> Result<Array, ArrayError>;
    let mut formats: [(&str, Parse); 2] =
        [(zarr2::FILE, zarr2::parse), (zarr3::FILE, zarr3::parse)];
    if use_zarr3 {
        formats.reverse();
    }
    for (file, parse) in formats {
        let key = key(&entry.name, file);
        let (Some(json), Some((_, place))) = (source.read(&key)?, source.find(&key)?) else {
            continue;
        };
        let array = parse(&json).map_err(|source| OpenError::Array {
            leaf: display_path(&entry.path),
            key,
            source,
        })?;
        return Ok((array, place));
    }
    Err(OpenError::NoArray {
        leaf: display_path(&entry.path),
        name: entry.name.clone(),
    })
}

/// Devices hold equal parts of an array. Without OCDBT nothing else would show a damaged shape.
fn check_write_shape(
    entry: &TreeEntry,
    shape: &[usize],
    written: &[usize],
) -> Result<(), OpenError> {
    let divides = |(width, part): (&usize, &usize)| {
        (*part == 0 && *width == 0) || (*part > 0 && *width > 0 && width % part == 0)
    };
    if written.len() == shape.len() && shape.iter().zip(written).all(divides) {
        return Ok(());
    }
    Err(OpenError::WriteShape {
        leaf: display_path(&entry.path),
        shape: shape.to_vec(),
        written: written.to_vec(),
    })
}
