//! A leaf as it is stored: its metadata, and that all its chunks are there.

use crate::{
    array::{Array, ArrayError},
    grid::{self, Indices},
    key::display_path,
    leaf::{Leaf, key},
    open::OpenError,
    source::Source,
    tree::TreeEntry,
    zarr2, zarr3,
};

/// The most that zstd can make of a byte: a block of 128 KiB that repeats one takes 4 bytes.
const BEST_RATIO: u64 = 1 << 15;

/// Reads a leaf's metadata and makes sure that all its chunks are there. `claim` is told every key's place.
pub(crate) fn read_leaf(
    source: &Source,
    entry: TreeEntry,
    use_zarr3: bool,
    mut claim: impl FnMut(usize),
) -> Result<Leaf, OpenError> {
    let leaf = || display_path(&entry.path);
    let (array, place) = read_array(source, &entry, use_zarr3)?;
    claim(place);
    if let Some(written) = &entry.write_shape {
        check_write_shape(&entry, &array.shape, written)?;
    }
    let mut stored_bytes = 0u64;
    // Counting ends at the first chunk that is missing, so that a made-up shape does not keep it busy.
    for index in Indices::new(grid::counts(&array.shape, array.stored_shape())) {
        let key = key(&entry.name, &array.chunk_key(&index));
        let (bytes, place) = source.find(&key)?.ok_or_else(|| OpenError::MissingChunk {
            leaf: leaf(),
            key: key.clone(),
        })?;
        claim(place);
        stored_bytes = stored_bytes.saturating_add(bytes);
    }
    if stored_bytes.saturating_mul(BEST_RATIO) < array.bytes() as u64 {
        return Err(OpenError::TooSmall {
            leaf: leaf(),
            stored: stored_bytes,
            bytes: array.bytes(),
        });
    }
    Ok(Leaf {
        path: entry.path,
        name: entry.name,
        value_type: entry.value_type,
        array,
        stored_bytes,
    })
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
