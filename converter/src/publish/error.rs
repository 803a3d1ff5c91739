//! What can go wrong with a folder.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is there already.
    #[error("{path} exists already; --force replaces it, --out writes elsewhere")]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Something is there that `convert` did not write.
    #[error(
        "{path} was not written by `convert` ({reason}), so it is not replaced; remove it, or choose another --out"
    )]
    NotOurs {
        /// Where.
        path: PathBuf,
        /// How that is known.
        reason: String,
    },
    /// A path without a last part, such as `/` or `..`.
    #[error("{path} is no place for a folder of its own")]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("{path}: the disk is full: {needed} are needed; nothing was left behind")]
    DiskFull {
        /// Which file.
        path: PathBuf,
        /// How much the output takes up.
        needed: String,
    },
    /// A file system of its own begins there.
    #[error(
        "{path} is where another disk or volume is mounted, so that no finished folder can take its name; choose a folder in it, as in \
         --out {inside}"
    )]
    MountPoint {
        /// Where.
        path: PathBuf,
        /// A place that is none.
        inside: PathBuf,
    },
    /// The file system takes no file of this size.
    #[error(
        "{path}: the file system takes no file of {needed}; --max-shard-size 4GB writes several"
    )]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        needed: String,
    },
    /// The older folder stepped aside and could not come back.
    #[error(
        "{path}: cannot be replaced: {source}; the older folder is at {aside}, and the next conversion to the same place brings it back"
    )]
    Aside {
        /// Where the folder was.
        path: PathBuf,
        /// Where it is.
        aside: PathBuf,
        /// Why the new one could not take its name.
        source: io::Error,
    },
    /// Anything else.
    #[error("{path}: {action}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

pub(super) fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io {
        path: path.to_owned(),
        action,
        source,
    }
}
