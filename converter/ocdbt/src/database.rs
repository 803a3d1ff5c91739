use crate::{
    blob::Blob,
    limits::Limits,
    manifest::Config,
    node::Entries,
    open::{self, OpenError},
    store::{Store, StoreError},
    tree::{TreeError, read_node},
    value::Value,
    version::{NodeLocation, Version},
    walk::Walk,
};

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
    config: Config,
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
        let (config, version) = open::newest(&store, folder, &limits)?;
        Ok(Self {
            store,
            limits,
            config,
            version,
        })
    }

    /// Returns the settings that the database was made with.
    pub fn config(&self) -> &Config {
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
