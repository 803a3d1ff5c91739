//! From a folder to the newest version of the database in it.

use thiserror::Error;

use crate::{
    limits::Limits,
    manifest::{Config, Manifest, ManifestError},
    name::{NameError, check_name},
    store::{Store, StoreError},
    version::Version,
};

const MANIFEST: &str = "manifest.ocdbt";

/// Why a database cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder given for the database is no name of one.
    #[error("the folder {folder:?} is not accepted: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A manifest cannot be read.
    #[error("{file}: {source}")]
    Manifest {
        /// The manifest's name.
        file: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The manifest says that numbered ones stand beside it, but there is none.
    #[error(
        "{file}: it refers to numbered manifests, but there is no file `{folder}manifest.` with 16 hexadecimal digits"
    )]
    NoNumbered {
        /// The manifest's name.
        file: String,
        /// The folder that should hold them.
        folder: String,
    },
    /// A numbered manifest has no versions.
    #[error("{file}: manifest_kind is 1 (numbered), expected 0 in a numbered manifest itself")]
    Nested {
        /// The manifest's name.
        file: String,
    },
    /// A numbered manifest was made with other settings, so that it belongs to another database.
    #[error("{file}: its settings and uuid differ from those of {of}")]
    Settings {
        /// The numbered manifest's name.
        file: String,
        /// The manifest it should agree with.
        of: String,
    },
}

/// Reads the manifest in a folder, and the numbered one that it may refer to.
pub(crate) fn newest(
    store: &impl Store,
    folder: &str,
    limits: &Limits,
) -> Result<(Config, Version), OpenError> {
    if !folder.is_empty() {
        check_name(folder.strip_suffix('/').unwrap_or("")).map_err(|source| OpenError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
    }
    let file = format!("{folder}{MANIFEST}");
    let Manifest { config, versions } = read_manifest(store, &file, folder, limits)?;
    let versions = match versions {
        Some(versions) => versions,
        None => read_numbered(store, &file, &config, folder, limits)?,
    };
    // A manifest's list is never empty.
    match versions.into_iter().next_back() {
        Some(version) => Ok((config, version)),
        None => Err(OpenError::Nested { file }),
    }
}

fn read_manifest(
    store: &impl Store,
    file: &str,
    folder: &str,
    limits: &Limits,
) -> Result<Manifest, OpenError> {
    let bytes = store.read_all(file)?;
    Manifest::parse(&bytes, folder, limits).map_err(|source| OpenError::Manifest {
        file: file.to_owned(),
        source,
    })
}

/// Reads the greatest of the numbered manifests `manifest.` and 16 hexadecimal digits.
fn read_numbered(
    store: &impl Store,
    of: &str,
    config: &Config,
    folder: &str,
    limits: &Limits,
) -> Result<Vec<Version>, OpenError> {
    let start = format!("{folder}manifest.");
    let is_number = |name: &String| {
        let digits = &name.as_bytes()[start.len()..];
        digits.len() == 16
            && digits
                .iter()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    let file = store
        .list(&start)?
        .into_iter()
        .filter(is_number)
        .max()
        .ok_or_else(|| OpenError::NoNumbered {
            file: of.to_owned(),
            folder: folder.to_owned(),
        })?;
    let manifest = read_manifest(store, &file, folder, limits)?;
    if manifest.config != *config {
        return Err(OpenError::Settings {
            file,
            of: of.to_owned(),
        });
    }
    manifest.versions.ok_or(OpenError::Nested { file })
}
