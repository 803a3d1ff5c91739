//! A blob while it is being downloaded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Error;
use super::cache::create_parent;
use crate::{disk, owner};

const SUFFIX: &str = ".incomplete";

/// The first bytes of a blob, in a file that no other process writes to: locks cannot be relied on.
pub(super) struct Partial {
    blob: PathBuf,
    /// This download's own: the blob's name, its owner's mark and the suffix.
    path: PathBuf,
    file: File,
    have: AtomicU64,
}

impl Partial {
    /// Starts with what earlier attempts left of a blob of `size`, the longest, or nothing. `locked` says that nobody else
    /// who takes the cache's lock is at work on it.
    pub(super) fn open(blob: &Path, size: u64, locked: bool) -> Result<Self, Error> {
        create_parent(blob)?;
        let path = named(blob, &format!(".{}", owner::mark()));
        let mut left = leftovers(blob);
        left.sort_by_key(|left| std::cmp::Reverse(left.size));
        if let Some(longest) = left.iter().find(|left| left.size <= size) {
            // Only one process gets a file by renaming it. One that may be at work on it keeps it: its bytes are copied.
            let _ = match longest.is_free(locked) {
                true => fs::rename(&longest.path, &path),
                false => fs::copy(&longest.path, &path).map(drop),
            };
        }
        remove_free(&left, locked);
        let failed = |source| Error::io(&path, source);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(failed)?;
        let have = file.metadata().map_err(failed)?.len();
        let partial = Self {
            blob: blob.to_owned(),
            file,
            have: AtomicU64::new(have),
            path,
        };
        if have > size {
            partial.clear()?;
        }
        Ok(partial)
    }

    /// How many bytes are there.
    pub(super) fn have(&self) -> u64 {
        self.have.load(Ordering::Relaxed)
    }

    /// Adds bytes to a blob of `size`.
    pub(super) fn append(&self, bytes: &[u8], size: u64) -> Result<(), Error> {
        (&self.file)
            .write_all(bytes)
            .map_err(|source| match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::DiskFull {
                    path: self.path.clone(),
                    missing: size - self.have(),
                },
                _ => Error::io(&self.path, source),
            })?;
        self.have.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Discards everything.
    pub(super) fn clear(&self) -> Result<(), Error> {
        self.file
            .set_len(0)
            .map_err(|source| Error::io(&self.path, source))?;
        self.have.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the complete file the blob.
    pub(super) fn complete(&self, locked: bool) -> Result<(), Error> {
        disk::synced(self.file.sync_all())
            .and_then(|()| fs::rename(&self.path, &self.blob))
            .map_err(|source| Error::io(&self.blob, source))?;
        remove_free(&leftovers(&self.blob), locked);
        Ok(())
    }
}

impl Drop for Partial {
    /// What a failure leaves gets the name under which every tool looks for it.
    fn drop(&mut self) {
        let _ = match self.have() {
            0 => fs::remove_file(&self.path),
            _ => fs::rename(&self.path, named(&self.blob, "")),
        };
    }
}

/// A file that an earlier or another download left.
struct Leftover {
    path: PathBuf,
    size: u64,
    /// What stands between the blob's name and the suffix.
    owner: String,
    abandoned: bool,
}

impl Leftover {
    /// Whether no process is at work on it.
    fn is_free(&self, locked: bool) -> bool {
        match self.owner.strip_prefix('.') {
            // The name that tools share, and whose users take the lock.
            None => locked || self.abandoned,
            Some(mark) => owner::is_gone(mark) || self.abandoned,
        }
    }
}

/// What there is of a blob; what cannot be listed is not there.
fn leftovers(blob: &Path) -> Vec<Leftover> {
    let Some((folder, name)) = blob.parent().zip(blob.file_name()) else {
        return Vec::new();
    };
    let leftover = |entry: io::Result<fs::DirEntry>| {
        let path = entry.ok()?.path();
        let found = path.file_name()?.to_str()?;
        let owner = found.strip_prefix(name.to_str()?)?.strip_suffix(SUFFIX)?;
        let metadata = fs::metadata(&path)
            .ok()
            .filter(|metadata| !metadata.is_dir())?;
        Some(Leftover {
            owner: owner.to_owned(),
            size: metadata.len(),
            abandoned: owner::is_abandoned(&metadata),
            path,
        })
    };
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(leftover)
        .collect()
}

fn remove_free(leftovers: &[Leftover], locked: bool) {
    for leftover in leftovers.iter().filter(|leftover| leftover.is_free(locked)) {
        let _ = fs::remove_file(&leftover.path);
    }
}

fn named(blob: &Path, owner: &str) -> PathBuf {
    let mut name = blob.as_os_str().to_owned();
    name.push(format!("{owner}{SUFFIX}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_dead_process_leaves_its_bytes_and_a_live_one_keeps_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let blob = dir.path().join("b");
        let dead = named(&blob, &format!(".{}", owner::tests::mark_of_the_dead()));
        fs::write(&dead, "12345").unwrap();
        fs::write(named(&blob, ""), "1").unwrap();
        let live = Partial::open(&blob, 9, true).unwrap();
        assert_eq!((live.have(), names(dir.path()).len()), (5, 1));

        // As where locks are granted to everyone.
        for locked in [false, true] {
            let second = Partial::open(&blob, 9, locked).unwrap();
            assert_eq!(second.have(), 5);
            live.append(b"", 9).unwrap();
            assert!(live.path().is_file(), "the first one's file was taken");
            second.append(b"6", 9).unwrap();
            assert_eq!(fs::read(live.path()).unwrap(), b"12345");
            second.clear().unwrap();
        }
        live.append(b"6789", 9).unwrap();
        live.complete(true).unwrap();
        drop(live);
        assert_eq!(names(dir.path()), ["b"]);
        assert_eq!(fs::read(&blob).unwrap(), b"123456789");
    }

    #[test]
    fn a_failure_leaves_its_bytes_under_the_shared_name() {
        let dir = tempfile::tempdir().unwrap();
        let blob = dir.path().join("b");
        let partial = Partial::open(&blob, 9, false).unwrap();
        partial.append(b"123", 9).unwrap();
        drop(partial);
        assert_eq!(names(dir.path()), ["b.incomplete"]);
        drop(Partial::open(&blob, 2, true).unwrap());
        assert_eq!(names(dir.path()), [""; 0], "more than the blob has");
    }
}
