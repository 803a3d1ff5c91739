//! Where the stored values of a checkpoint come from.

use std::{collections::HashMap, sync::Arc};

use ocdbt::{Blob, Database, Entry, FolderStore, Limits, Store, StoreError, Value};

use crate::open::OpenError;

/// The values of a checkpoint by key, in a database or as files.
#[derive(Debug)]
pub(crate) enum Source {
    /// All entries of one or more databases, sorted by key. Their values are named from the store's root.
    Entries {
        store: Arc<FolderStore>,
        entries: Vec<Entry>,
    },
    Files(Arc<FolderStore>),
}

/// Reads a file of a store, or gives `None` if there is no such file.
pub(crate) fn optional(store: &FolderStore, name: &str) -> Result<Option<Blob>, StoreError> {
    match store.read_all(name) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Source {
    /// Lists the databases in `folders` of a store, whose keys are united.
    pub(crate) fn databases(
        store: Arc<FolderStore>,
        folders: &[String],
    ) -> Result<Self, OpenError> {
        let mut all: Vec<(Entry, &str)> = Vec::new();
        for folder in folders {
            let database = Database::open_in(Arc::clone(&store), folder, Limits::default())?;
            for entry in database.entries() {
                all.push((entry?, folder));
            }
        }
        // The sort is stable and free for a single database, which is sorted already.
        all.sort_by(|a, b| a.0.key.cmp(&b.0.key));
        let mut entries: Vec<Entry> = Vec::with_capacity(all.len());
        let mut from = "";
        for (entry, folder) in all {
            match entries.last() {
                Some(last) if last.key == entry.key => {
                    check_same(&store, last, from, &entry, folder)?
                }
                _ => {
                    entries.push(entry);
                    from = folder;
                }
            }
        }
        check_ranges(&store, &entries)?;
        Ok(Self::Entries { store, entries })
    }

    /// Returns the number of bytes of a value, and its place among the entries, or `None` if there is no such key.
    pub(crate) fn find(&self, key: &str) -> Result<Option<(u64, usize)>, StoreError> {
        match self {
            Self::Entries { entries, .. } => {
                Ok(search(entries, key).map(|place| (entries[place].value.len(), place)))
            }
            Self::Files(store) => match store.len(key) {
                Ok(length) => Ok(Some((length, 0))),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Reads a value, or gives `None` if there is no such key.
    pub(crate) fn read(&self, key: &str) -> Result<Option<Blob>, StoreError> {
        match self {
            Self::Entries { store, entries } => search(entries, key)
                .map(|place| read_value(store, &entries[place].value))
                .transpose(),
            Self::Files(store) => optional(store, key),
        }
    }

    /// Says where a key's bytes stand, for messages.
    pub(crate) fn place(&self, key: &str) -> String {
        let value = match self {
            Self::Entries { entries, .. } => {
                search(entries, key).map(|place| &entries[place].value)
            }
            Self::Files(_) => None,
        };
        match value {
            Some(Value::Indirect {
                file,
                offset,
                length,
            }) => {
                format!("{key} ({length} bytes at offset {offset} of {file})")
            }
            _ => key.to_owned(),
        }
    }

    /// Returns the folder's files, whatever the values are stored in.
    pub(crate) fn store(&self) -> &FolderStore {
        match self {
            Self::Entries { store, .. } | Self::Files(store) => store,
        }
    }

    /// Returns the places of all keys that start so.
    pub(crate) fn starting(&self, prefix: &str) -> std::ops::Range<usize> {
        let entries = self.entries();
        let first = entries.partition_point(|entry| entry.key.as_slice() < prefix.as_bytes());
        let last = entries[first..]
            .iter()
            .take_while(|entry| entry.key.starts_with(prefix.as_bytes()))
            .count();
        first..first + last
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match self {
            Self::Entries { entries, .. } => entries,
            Self::Files(_) => &[],
        }
    }
}

fn search(entries: &[Entry], key: &str) -> Option<usize> {
    entries
        .binary_search_by(|entry| entry.key.as_slice().cmp(key.as_bytes()))
        .ok()
}

fn read_value(store: &FolderStore, value: &Value) -> Result<Blob, StoreError> {
    match value {
        Value::Inline(bytes) => Ok(bytes.clone()),
        Value::Indirect {
            file,
            offset,
            length,
        } => store.read(file.path(), *offset..offset.saturating_add(*length)),
    }
}

/// Makes sure that the data files hold all values, so that a file that is missing or cut shows before any array is read.
fn check_ranges(store: &FolderStore, entries: &[Entry]) -> Result<(), OpenError> {
    let mut lengths = HashMap::new();
    for entry in entries {
        let Value::Indirect {
            file,
            offset,
            length,
        } = &entry.value
        else {
            continue;
        };
        let (offset, length) = (*offset, *length);
        let found = match lengths.get(file) {
            Some(found) => Ok(*found),
            None => store.len(file.path()),
        };
        found
            .and_then(|found| {
                lengths.insert(file, found);
                let end = offset.saturating_add(length);
                if end > found {
                    return Err(StoreError::OutOfRange {
                        name: file.path().to_owned(),
                        start: offset,
                        end,
                        length: found,
                    });
                }
                Ok(())
            })
            .map_err(|source| OpenError::Value {
                key: entry.key.escape_ascii().to_string(),
                source,
            })?;
    }
    Ok(())
}

/// Processes may store the same value twice, as they do with an array's metadata, but not different ones.
fn check_same(
    store: &FolderStore,
    a: &Entry,
    a_folder: &str,
    b: &Entry,
    b_folder: &str,
) -> Result<(), OpenError> {
    if a.value.len() == b.value.len()
        && read_value(store, &a.value)? == read_value(store, &b.value)?
    {
        return Ok(());
    }
    Err(OpenError::Conflict {
        key: a.key.escape_ascii().to_string(),
        first: a_folder.to_owned(),
        second: b_folder.to_owned(),
    })
}
