use std::{io, ops::Range, path::PathBuf, sync::Arc};

use thiserror::Error;

use crate::{blob::Blob, name::NameError};

/// Why a store cannot answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file's name leads elsewhere than down from the store's root.
    #[error("the file name {name:?} is not accepted: {source}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// There is no such file.
    #[error("{name}: no such file")]
    NotFound {
        /// The file's name.
        name: String,
    },
    /// A symbolic link leads to nothing, as in a copy or download that is not complete.
    #[error(
        "{name}: it is a link to {target:?}, where nothing is: the copy is incomplete; copy or download it again"
    )]
    Dangling {
        /// The file's name.
        name: String,
        /// Where it leads, as the link has it.
        target: PathBuf,
    },
    /// A symbolic link leads out of the folder that the caller allows.
    #[error("{name}: it leads to {target:?}, outside {root:?}")]
    Outside {
        /// The file's name.
        name: String,
        /// Where it leads.
        target: PathBuf,
        /// The folder that it may not leave.
        root: PathBuf,
    },
    /// The name is that of a folder, pipe or device.
    #[error("{name}: not a regular file")]
    NotAFile {
        /// The file's name.
        name: String,
    },
    /// The file does not reach so far.
    #[error(
        "{name}: bytes {start} to {end} are needed, but the file has {length}: it is cut or damaged; copy or download it again"
    )]
    OutOfRange {
        /// The file's name.
        name: String,
        /// The first byte asked for.
        start: u64,
        /// The byte after the last one asked for.
        end: u64,
        /// How many bytes the file has.
        length: u64,
    },
    /// The operating system says no.
    #[error("{name}: {source}")]
    Io {
        /// The file's name.
        name: String,
        /// What it says.
        source: io::Error,
    },
}

/// Named files that do not change while they are read: a folder, a bucket, memory.
///
/// Names are relative, with `/` as separator, and obey [`check_name`](crate::check_name). Implementations refuse others.
///
/// # Examples
///
/// ```
/// use ocdbt::{MemoryStore, Store};
///
/// let store = MemoryStore::from_iter([("d/1f00", b"checkpoint")]);
/// assert_eq!(store.len("d/1f00")?, 10);
/// assert_eq!(&*store.read("d/1f00", 0..5)?, b"check");
/// assert_eq!(store.list("")?, ["d/"]);
/// # Ok::<_, ocdbt::StoreError>(())
/// ```
pub trait Store: Send + Sync {
    /// Returns how many bytes a file has.
    ///
    /// # Errors
    ///
    /// If there is no such file, or it cannot be reached.
    fn len(&self, name: &str) -> Result<u64, StoreError>;

    /// Reads a part of a file.
    ///
    /// # Errors
    ///
    /// If there is no such file, it cannot be reached, or does not hold the whole range.
    fn read(&self, name: &str, range: Range<u64>) -> Result<Blob, StoreError>;

    /// Lists what starts with `prefix`, sorted, up to the next slash: whole names of files, and of folders with a slash at
    /// their end. The prefix is empty or a name, perhaps cut or with a slash at its end.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read. A folder that does not exist holds nothing.
    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    fn read_all(&self, name: &str) -> Result<Blob, StoreError> {
        self.read(name, 0..self.len(name)?)
    }
}

impl<S: Store + ?Sized> Store for &S {
    fn len(&self, name: &str) -> Result<u64, StoreError> {
        (**self).len(name)
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Blob, StoreError> {
        (**self).read(name, range)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        (**self).list(prefix)
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn len(&self, name: &str) -> Result<u64, StoreError> {
        (**self).len(name)
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Blob, StoreError> {
        (**self).read(name, range)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        (**self).list(prefix)
    }
}

/// Cuts `range` out of a file's bytes.
pub(crate) fn cut(name: &str, bytes: &Blob, range: Range<u64>) -> Result<Blob, StoreError> {
    usize::try_from(range.start)
        .ok()
        .zip(usize::try_from(range.end).ok())
        .and_then(|(start, end)| bytes.slice(start..end))
        .ok_or_else(|| StoreError::OutOfRange {
            name: name.to_owned(),
            start: range.start,
            end: range.end,
            length: bytes.len() as u64,
        })
}

pub(crate) fn check(name: &str) -> Result<(), StoreError> {
    crate::name::check_name(name).map_err(|source| StoreError::Name {
        name: name.to_owned(),
        source,
    })
}

/// Splits a prefix into the folder to list, empty or with a slash at its end, and how the names in it start.
pub(crate) fn split_prefix(prefix: &str) -> Result<(&str, &str), StoreError> {
    let (folder, start) = prefix.split_at(prefix.rfind('/').map_or(0, |slash| slash + 1));
    if let Some(folder) = folder.strip_suffix('/') {
        check(folder)?;
    }
    Ok((folder, start))
}
