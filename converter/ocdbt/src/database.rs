use thiserror::Error;

use crate::{
    blob::Blob,
    limits::Limits,
    manifest::{Manifest, ManifestError},
    name::{NameError, check_name},
    node::{Entries, Value},
    store::{Store, StoreError},
    tree::{TreeError, read_node},
    version::{NodeLocation, Version},
    walk::Walk,
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

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key. OCDBT allows any bytes.
    pub key: Vec<u8>,
    /// The value, or where it stands.
    pub value: Value,
}

/// An OCDBT database, opened at its newest version.
///
/// # Examples
///
/// ```
/// use ocdbt::{Database, MemoryStore};
///
/// let database = Database::open(MemoryStore::example())?;
/// for entry in database.entries() {
///     let entry = entry?;
///     println!("{} has {} bytes", entry.key.escape_ascii(), entry.value.len());
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Database<S> {
    store: S,
    limits: Limits,
    config: crate::Config,
    version: Version,
}

impl<S: Store> Database<S> {
    /// Opens the database whose manifest stands at the root of a store.
    ///
    /// # Errors
    ///
    /// If there is no manifest, or it is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::{Database, MemoryStore};
    ///
    /// let database = Database::open(MemoryStore::example())?;
    /// assert_eq!(database.version().generation, 2);
    /// # Ok::<_, ocdbt::OpenError>(())
    /// ```
    pub fn open(store: S) -> Result<Self, OpenError> {
        Self::open_in(store, "", Limits::default())
    }

    /// Opens the database in a folder of a store: empty for the store's root, or a name with a slash at its end.
    ///
    /// # Errors
    ///
    /// If there is no manifest, or it is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::{Database, FolderStore, Limits};
    ///
    /// let store = FolderStore::open("tests/data")?;
    /// let database = Database::open_in(store, "example/", Limits::default())?;
    /// assert_eq!(database.version().statistics.keys, 2);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_in(store: S, folder: &str, limits: Limits) -> Result<Self, OpenError> {
        if !folder.is_empty() {
            let name = folder.strip_suffix('/').unwrap_or("");
            check_name(name).map_err(|source| OpenError::Folder {
                folder: folder.to_owned(),
                source,
            })?;
        }
        let file = format!("{folder}{MANIFEST}");
        let manifest = read_manifest(&store, &file, folder, &limits)?;
        let config = manifest.config;
        let versions = match manifest.versions {
            Some(versions) => versions,
            None => read_numbered(&store, &file, &config, folder, &limits)?,
        };
        // `Manifest` never has an empty list.
        let version = versions
            .into_iter()
            .next_back()
            .ok_or_else(|| OpenError::Nested { file })?;
        Ok(Self {
            store,
            limits,
            config,
            version,
        })
    }

    /// Returns the settings that the database was made with.
    pub fn config(&self) -> &crate::Config {
        &self.config
    }

    /// Returns the version that is read: the newest one.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Returns the store that holds the database.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Walks over all entries, in the order of their keys.
    ///
    /// The number of keys that the manifest and every inner node state is checked on the way.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::{Database, MemoryStore};
    ///
    /// let database = Database::open(MemoryStore::example())?;
    /// let entries = database.entries().collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(entries[1].key, b"a/y");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn entries(&self) -> Walk<'_, S> {
        self.entries_under(b"")
    }

    /// Walks over the entries whose keys start with `prefix`, in the order of their keys. Other subtrees are not read.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::{Database, MemoryStore};
    ///
    /// let database = Database::open(MemoryStore::example())?;
    /// assert_eq!(database.entries_under(b"a/").count(), 2);
    /// assert_eq!(database.entries_under(b"b/").count(), 0);
    /// # Ok::<_, ocdbt::OpenError>(())
    /// ```
    pub fn entries_under(&self, prefix: &[u8]) -> Walk<'_, S> {
        Walk::new(&self.store, &self.version, prefix, self.limits)
    }

    /// Looks up one key. Only the nodes on the way to it are read.
    ///
    /// # Errors
    ///
    /// If a node on the way is missing or damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::{Database, MemoryStore};
    ///
    /// let database = Database::open(MemoryStore::example())?;
    /// let value = database.get(b"a/y")?.expect("the example has this key");
    /// assert_eq!(&*database.read(&value)?, b"longer!");
    /// assert_eq!(database.get(b"a/z")?, None);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, TreeError> {
        let Some(root) = &self.version.root else {
            return Ok(None);
        };
        let mut location: NodeLocation = root.clone();
        let mut prefix_length = 0;
        // Every step goes down by one, so that there are at most 256.
        loop {
            let node = read_node(&self.store, &location, &self.limits)?;
            let relative = &key[prefix_length..];
            let index = node.keys.before(relative, true);
            let Some(index) = index.checked_sub(1) else {
                return Ok(None);
            };
            match &node.entries {
                Entries::Values(values) => {
                    return Ok((node.key(index) == relative).then(|| values[index].clone()));
                }
                Entries::Children(children) => {
                    let child = &children[index];
                    if !relative.starts_with(&node.key(index)[..child.shared_prefix]) {
                        return Ok(None);
                    }
                    prefix_length += child.shared_prefix;
                    location = child.location.clone();
                }
            }
        }
    }

    /// Reads a value. Out-of-line values carry no checksum: the format has none for them.
    ///
    /// # Errors
    ///
    /// If the data file is missing or too short.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::{Database, MemoryStore};
    ///
    /// let database = Database::open(MemoryStore::example())?;
    /// for entry in database.entries_under(b"a/x") {
    ///     assert_eq!(&*database.read(&entry?.value)?, b"hi");
    /// }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&self, value: &Value) -> Result<Blob, StoreError> {
        match value {
            Value::Inline(bytes) => Ok(bytes.clone()),
            Value::Indirect {
                file,
                offset,
                length,
            } => self
                .store
                .read(file.path(), *offset..offset.saturating_add(*length)),
        }
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
    config: &crate::Config,
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
