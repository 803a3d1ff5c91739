use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use crate::{
    blob::Blob,
    store::{Store, StoreError, check, cut, split_prefix},
};

/// Files in memory, for tests and examples.
///
/// # Examples
///
/// ```
/// use ocdbt::{MemoryStore, Store};
///
/// let mut store = MemoryStore::default();
/// store.insert("d/1f00", b"checkpoint".to_vec());
/// assert_eq!(&*store.read("d/1f00", 5..10)?, b"point");
/// # Ok::<_, ocdbt::StoreError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    files: BTreeMap<String, Blob>,
}

impl MemoryStore {
    /// Makes a store with a database of two keys: `a/x` holds `hi` in the leaf, `a/y` holds `longer!` in a data file.
    ///
    /// It was written by TensorStore without compression, and has two versions, the first one empty.
    pub fn example() -> Self {
        Self::from_iter([
            (
                "manifest.ocdbt",
                include_bytes!("../tests/data/example/manifest.ocdbt").as_slice(),
            ),
            (
                "d/d6d910ed268e6ab3d28f74d50c12bbc2",
                include_bytes!("../tests/data/example/d/d6d910ed268e6ab3d28f74d50c12bbc2"),
            ),
        ])
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(name.into(), Blob::from(bytes.into()));
    }

    fn file(&self, name: &str) -> Result<&Blob, StoreError> {
        check(name)?;
        self.files.get(name).ok_or_else(|| StoreError::NotFound {
            name: name.to_owned(),
        })
    }
}

impl<N: Into<String>, B: Into<Vec<u8>>> FromIterator<(N, B)> for MemoryStore {
    fn from_iter<I: IntoIterator<Item = (N, B)>>(files: I) -> Self {
        let mut store = Self::default();
        for (name, bytes) in files {
            store.insert(name, bytes);
        }
        store
    }
}

impl Store for MemoryStore {
    fn len(&self, name: &str) -> Result<u64, StoreError> {
        Ok(self.file(name)?.len() as u64)
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Blob, StoreError> {
        cut(name, self.file(name)?, range)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let (folder, _) = split_prefix(prefix)?;
        let up_to_slash = |name: &String| match name[folder.len()..].find('/') {
            Some(slash) => name[..=folder.len() + slash].to_owned(),
            None => name.clone(),
        };
        let names: BTreeSet<_> = self
            .files
            .range(prefix.to_owned()..)
            .map(|(name, _)| name)
            .take_while(|name| name.starts_with(prefix))
            .map(up_to_slash)
            .collect();
        Ok(names.into_iter().collect())
    }
}
