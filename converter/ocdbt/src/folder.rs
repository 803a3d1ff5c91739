use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    blob::{Blob, Buffers},
    store::{Store, StoreError, check, split_prefix},
};

/// A folder of the file system, read-only.
///
/// Symbolic links are followed as long as they lead to somewhere inside an allowed folder.
///
/// Files are read, not mapped into memory: one that is cut meanwhile is an error, where a map would end the process by a
/// signal (`SIGBUS`).
///
/// # Examples
///
/// ```
/// use ocdbt::{Database, FolderStore};
///
/// let store = FolderStore::open("tests/data/example")?;
/// let database = Database::open(store)?;
/// assert_eq!(database.version().statistics.keys, 2);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FolderStore {
    folder: PathBuf,
    root: PathBuf,
    /// Names of regular files, and where their links lead.
    resolved: RwLock<HashMap<String, PathBuf>>,
    buffers: Arc<Buffers>,
}

impl FolderStore {
    /// Opens a folder, out of which no symbolic link may lead.
    ///
    /// # Errors
    ///
    /// If the folder does not exist or cannot be reached.
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
        Self::open_within(&folder, &folder)
    }

    /// Opens a folder whose symbolic links may lead anywhere inside `root`, and nowhere else.
    ///
    /// # Errors
    ///
    /// If one of the two does not exist or cannot be reached, or the folder does not lie inside `root`.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = ocdbt::FolderStore::open_within("tests/data/example", "tests")?;
    /// assert!(ocdbt::FolderStore::open_within("tests/data/example", "src").is_err());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn open_within(folder: impl AsRef<Path>, root: impl AsRef<Path>) -> io::Result<Self> {
        let folder = folder.as_ref().canonicalize()?;
        let root = root.as_ref().canonicalize()?;
        if !folder.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        if !folder.starts_with(&root) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{folder:?} is not inside {root:?}"),
            ));
        }
        Ok(Self {
            folder,
            root,
            resolved: RwLock::default(),
            buffers: Arc::default(),
        })
    }

    /// Returns the folder, with all symbolic links resolved.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = ocdbt::FolderStore::open("tests/data/example")?;
    /// assert!(store.folder().ends_with("tests/data/example"));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Resolves a name, and makes sure that it does not lead out.
    fn resolve(&self, name: &str) -> Result<PathBuf, StoreError> {
        check(name)?;
        let path = self.folder.join(name);
        let target = path.canonicalize().map_err(|source| {
            // A file that should be there is not one that was never meant to be.
            match (explain(name, source), path.read_link()) {
                (StoreError::NotFound { name }, Ok(target)) => {
                    StoreError::Dangling { name, target }
                }
                (error, _) => error,
            }
        })?;
        if !target.starts_with(&self.root) {
            return Err(StoreError::Outside {
                name: name.to_owned(),
                target,
                root: self.root.clone(),
            });
        }
        Ok(target)
    }

    /// Opens a regular file. What a pipe or device would do is never found out.
    fn regular_file(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.resolve(name)?;
        if !path
            .metadata()
            .map_err(|source| explain(name, source))?
            .is_file()
        {
            return Err(StoreError::NotAFile {
                name: name.to_owned(),
            });
        }
        Ok(path)
    }

    /// The same, found once.
    fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        let resolved = self.resolved.read().unwrap_or_else(PoisonError::into_inner);
        let known = resolved.get(name).cloned();
        drop(resolved);
        if let Some(path) = known {
            return Ok(path);
        }
        let path = self.regular_file(name)?;
        let mut resolved = self
            .resolved
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        resolved.insert(name.to_owned(), path.clone());
        Ok(path)
    }
}

/// Reads `range` of a file into `bytes`, and says whether the file reaches so far.
fn read_range(file: &mut File, range: &Range<u64>, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let Some(wanted) = range.end.checked_sub(range.start) else {
        return Ok(false);
    };
    // The length is asked for before memory is: it may be made up.
    if range.end > file.metadata()?.len() {
        return Ok(false);
    }
    usize::try_from(wanted)
        .ok()
        .and_then(|wanted| bytes.try_reserve_exact(wanted).ok())
        .ok_or(io::ErrorKind::OutOfMemory)?;
    file.seek(SeekFrom::Start(range.start))?;
    file.take(wanted).read_to_end(bytes)?;
    Ok(bytes.len() as u64 == wanted)
}

fn explain(name: &str, source: io::Error) -> StoreError {
    let name = name.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NotFound { name },
        _ => StoreError::Io { name, source },
    }
}

impl Store for FolderStore {
    fn len(&self, name: &str) -> Result<u64, StoreError> {
        let metadata = self.path(name)?.metadata();
        Ok(metadata.map_err(|source| explain(name, source))?.len())
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Blob, StoreError> {
        let failed = |source| explain(name, source);
        let mut file = File::open(self.path(name)?).map_err(failed)?;
        let mut bytes = self.buffers.take();
        match read_range(&mut file, &range, &mut bytes).map_err(failed)? {
            true => Ok(self.buffers.lend(bytes)),
            false => Err(StoreError::OutOfRange {
                name: name.to_owned(),
                start: range.start,
                end: range.end,
                length: file.metadata().map_err(failed)?.len(),
            }),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let (folder, start) = split_prefix(prefix)?;
        let path = match folder.strip_suffix('/').map(|name| self.resolve(name)) {
            None => self.folder.clone(),
            Some(Ok(path)) => path,
            Some(Err(StoreError::NotFound { .. })) => return Ok(Vec::new()),
            Some(Err(error)) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in path.read_dir().map_err(|source| explain(folder, source))? {
            let entry = entry.map_err(|source| explain(folder, source))?;
            // A name that is no text cannot be asked for, so that it is no file of this store.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with(start) {
                let slash = if entry.path().is_dir() { "/" } else { "" };
                names.push(format!("{folder}{name}{slash}"));
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}
