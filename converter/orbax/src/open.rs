//! Opening a checkpoint: what it is, where its values are, and what its leaves look like.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ocdbt::{FolderStore, Store, StoreError};
use thiserror::Error;

use crate::{
    aggregate::{self, AggregateError},
    array::ArrayError,
    layout::Storage,
    source::Source,
    tree::{self, Tree, TreeError},
};

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
    /// A chunk of an array is missing, and no fill value stands for it.
    #[error("leaf {leaf}: chunk {key} is missing, {why}: the checkpoint is incomplete")]
    MissingChunk {
        /// The leaf's path.
        leaf: String,
        /// The key, or file, of the chunk.
        key: String,
        /// Why it should be there.
        why: &'static str,
    },
    /// A file beside the arrays, such as `_strings.json`, is not the JSON that Orbax writes.
    #[error("{file}: {source}")]
    Json {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The file of aggregated leaves cannot be used.
    #[error("checkpoint: {0}")]
    Aggregate(#[from] AggregateError),
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
        Err(StoreError::NotFound { .. }) if store.len(aggregate::FILE).is_ok() => {
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
