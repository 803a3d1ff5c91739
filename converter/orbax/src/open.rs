//! Opening a checkpoint: what it is, where its values are, and what its leaves look like.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ocdbt::{FolderStore, Store, StoreError};
use thiserror::Error;

use crate::{
    array::{Array, ArrayError},
    grid::{self, Indices},
    key::display_path,
    layout::Storage,
    leaf::{Leaf, key},
    source::Source,
    tree::{self, Tree, TreeEntry, TreeError},
    zarr2, zarr3,
};

/// The most that zstd can make of a byte: a block of 128 KiB that repeats one takes 4 bytes.
const BEST_RATIO: u64 = 1 << 15;

/// Why a checkpoint cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder cannot be reached.
    #[error("{folder:?}: {source}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The folder holds a checkpoint of Orbax's first format.
    #[error(
        "{folder:?} is a legacy checkpoint: a `checkpoint` file (msgpack) without `_METADATA`; restore it with a recent Orbax \
         and save it again with `StandardCheckpointer`"
    )]
    Legacy {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder has no tree, but folders in it have one.
    #[error(
        "{folder:?} has no `_METADATA`, so that it is no checkpoint; did you mean one of its folders {inside:?}?"
    )]
    Nested {
        /// The folder.
        folder: PathBuf,
        /// The folders in it that are checkpoints.
        inside: Vec<String>,
    },
    /// The folder has no tree.
    #[error(
        "{folder:?} has no `_METADATA`, the file that describes a checkpoint's tree: it is no checkpoint, or an incomplete copy"
    )]
    NoTree {
        /// The folder.
        folder: PathBuf,
    },
    /// The tree cannot be used.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A database cannot be opened.
    #[error(transparent)]
    Database(#[from] ocdbt::OpenError),
    /// A database's keys cannot be listed.
    #[error(transparent)]
    Keys(#[from] ocdbt::TreeError),
    /// `_METADATA` announces a database, but there is none.
    #[error(
        "{folder:?} has neither `manifest.ocdbt` nor a folder `ocdbt.process_*`, but `_METADATA` says use_ocdbt: the copy is incomplete"
    )]
    NoDatabase {
        /// The folder.
        folder: PathBuf,
    },
    /// A value is not where the database says.
    #[error("key {key}: {source}")]
    Value {
        /// The key.
        key: String,
        /// What the store says.
        source: StoreError,
    },
    /// The databases of two processes disagree.
    #[error("key {key}: the databases in {first} and {second} hold different values for it")]
    Conflict {
        /// The key.
        key: String,
        /// The folder of one database.
        first: String,
        /// The folder of the other.
        second: String,
    },
    /// A leaf has no array.
    #[error(
        "leaf {leaf}: neither {name}/.zarray nor {name}/zarr.json is there: the checkpoint is incomplete"
    )]
    NoArray {
        /// The leaf's path.
        leaf: String,
        /// The name it is stored under.
        name: String,
    },
    /// An array's metadata cannot be used.
    #[error("leaf {leaf}, {key}: {source}")]
    Array {
        /// The leaf's path.
        leaf: String,
        /// The key, or file, of the metadata.
        key: String,
        /// What is wrong with them.
        source: ArrayError,
    },
    /// An array's shape cannot be made of what one device wrote.
    #[error(
        "leaf {leaf}: shape {shape:?} is no multiple of the write_shape {written:?} that _METADATA gives"
    )]
    WriteShape {
        /// The leaf's path.
        leaf: String,
        /// The shape in the array's metadata.
        shape: Vec<usize>,
        /// The shape in `_METADATA`.
        written: Vec<usize>,
    },
    /// A chunk of an array is missing.
    #[error("leaf {leaf}: chunk {key} is missing: the checkpoint is incomplete")]
    MissingChunk {
        /// The leaf's path.
        leaf: String,
        /// The key, or file, of the chunk.
        key: String,
    },
    /// The chunks are too small for the array: no compression is so good.
    #[error("leaf {leaf}: {stored} stored bytes cannot hold an array of {bytes}")]
    TooSmall {
        /// The leaf's path.
        leaf: String,
        /// The bytes of all chunks.
        stored: u64,
        /// The bytes of the array.
        bytes: usize,
    },
}

/// Opens the folder and reads the tree.
pub(crate) fn read_tree(folder: &Path, root: &Path) -> Result<(Arc<FolderStore>, Tree), OpenError> {
    let store = FolderStore::open_within(folder, root).map_err(|source| OpenError::Folder {
        folder: folder.to_owned(),
        source,
    })?;
    let folder = store.folder().to_owned();
    let json = match store.read_all(tree::FILE) {
        Ok(json) => json,
        Err(StoreError::NotFound { .. }) if store.len("checkpoint").is_ok() => {
            return Err(OpenError::Legacy { folder });
        }
        Err(StoreError::NotFound { .. }) => return Err(no_tree(&store, folder)?),
        Err(error) => return Err(error.into()),
    };
    Ok((Arc::new(store), Tree::parse(&json)?))
}

fn no_tree(store: &FolderStore, folder: PathBuf) -> Result<OpenError, StoreError> {
    let mut inside = store.list("")?;
    inside
        .retain(|name| name.ends_with('/') && store.len(&format!("{name}{}", tree::FILE)).is_ok());
    Ok(match inside.is_empty() {
        true => OpenError::NoTree { folder },
        false => OpenError::Nested { folder, inside },
    })
}

/// Finds out how the values are stored, and by which processes.
pub(crate) fn find_source(
    store: Arc<FolderStore>,
    tree: &Tree,
) -> Result<(Source, Storage, Vec<String>), OpenError> {
    let mut processes = store.list("ocdbt.process_")?;
    processes.retain(|name| name.ends_with('/'));
    let top = match store.len("manifest.ocdbt") {
        Ok(_) => true,
        Err(StoreError::NotFound { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    let (source, storage) = match tree.use_ocdbt {
        Some(false) => (Source::Files(store), Storage::Folders),
        _ if top => (Source::databases(store, &[String::new()])?, Storage::Ocdbt),
        _ if !processes.is_empty() => (
            Source::databases(store, &processes)?,
            Storage::OcdbtProcesses,
        ),
        None => (Source::Files(store), Storage::Folders),
        Some(true) => {
            return Err(OpenError::NoDatabase {
                folder: store.folder().to_owned(),
            });
        }
    };
    for name in &mut processes {
        name.pop();
    }
    Ok((source, storage, processes))
}

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
