//! A model's folder in the Hub's cache, for writing.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Error;

/// `models--org--name` in the cache.
#[derive(Debug, Clone)]
pub(super) struct Repo {
    dir: PathBuf,
    locks: PathBuf,
}

impl Repo {
    /// The folder of `repo`, an `org/name`, whether it exists or not.
    pub(super) fn new(cache: &Path, repo: &str) -> Self {
        let name = format!("models--{}", repo.replace('/', "--"));
        Self {
            dir: cache.join(&name),
            locks: cache.join(".locks").join(name),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a file's bytes lie.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.dir.join("blobs").join(etag)
    }

    /// Where a file's first bytes lie until it is complete.
    pub(super) fn partial(&self, etag: &str) -> PathBuf {
        self.dir.join("blobs").join(format!("{etag}.incomplete"))
    }

    /// The snapshot's name for a file.
    pub(super) fn pointer(&self, commit: &str, path: &str) -> PathBuf {
        self.dir.join("snapshots").join(commit).join(path)
    }

    /// Waits until no other process writes the blob, and keeps it so while the file is held.
    pub(super) fn lock(&self, etag: &str) -> Result<File, Error> {
        let path = self.locks.join(format!("{etag}.lock"));
        create_parent(&path)?;
        let file = File::create(&path).map_err(|source| Error::io(&path, source))?;
        file.lock().map_err(|source| Error::io(&path, source))?;
        Ok(file)
    }

    /// Makes `path` of the commit's snapshot a relative symlink to the blob.
    pub(super) fn point(&self, commit: &str, path: &str, etag: &str) -> Result<(), Error> {
        let pointer = self.pointer(commit, path);
        create_parent(&pointer)?;
        // Another process may be about the same snapshot: the link takes its name in one step.
        let parent = pointer.parent().unwrap_or(&self.dir);
        let up = "../".repeat(1 + path.split('/').count());
        let target = format!("{up}blobs/{etag}");
        let link = tempfile::Builder::new().make_in(parent, |name| {
            link(Path::new(&target), &self.blob(etag), name)
        });
        link.map_err(|source| Error::io(&pointer, source))?
            .persist(&pointer)
            .map_err(|error| Error::io(&pointer, error.error))?;
        Ok(())
    }

    /// Makes a branch or tag mean the commit.
    pub(super) fn write_ref(&self, name: &str, commit: &str) -> Result<(), Error> {
        let path = self.dir.join("refs").join(name);
        create_parent(&path)?;
        let parent = path.parent().unwrap_or(&self.dir);
        let mut file =
            tempfile::NamedTempFile::new_in(parent).map_err(|source| Error::io(parent, source))?;
        file.write_all(commit.as_bytes())
            .map_err(|source| Error::io(&path, source))?;
        file.persist(&path)
            .map_err(|error| Error::io(&path, error.error))?;
        Ok(())
    }
}

#[cfg(unix)]
fn link(relative: &Path, _blob: &Path, pointer: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(relative, pointer)
}

/// Symlinks need privileges elsewhere.
#[cfg(not(unix))]
fn link(_relative: &Path, blob: &Path, pointer: &Path) -> std::io::Result<()> {
    fs::hard_link(blob, pointer)
}

/// Makes the folder that `path` lies in.
pub(super) fn create_parent(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(|source| Error::io(parent, source)),
        None => Ok(()),
    }
}
