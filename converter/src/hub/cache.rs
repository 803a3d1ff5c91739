//! A model's folder in the Hub's cache, for writing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Error;
use crate::disk::is_unsupported;

/// `models--org--name` in the cache.
#[derive(Debug, Clone)]
pub(super) struct Repo {
    dir: PathBuf,
    locks: PathBuf,
}

impl Repo {
    /// The folder of `repo`, an `org/name`, whether it exists or not.
    pub(super) fn new(cache: &Path, repo: &str) -> Self {
        let name = hf_hub::Repo::model(repo.to_owned()).folder_name();
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

    /// The snapshot's name for a file.
    pub(super) fn pointer(&self, commit: &str, path: &str) -> PathBuf {
        self.dir.join("snapshots").join(commit).join(path)
    }

    /// Waits until no other process writes the blob, and keeps it so while the file is held. `None` where the file system
    /// has no locks: processes then do each other's work, but no harm.
    pub(super) fn lock(&self, etag: &str) -> Option<File> {
        let path = self.locks.join(format!("{etag}.lock"));
        create_parent(&path).ok()?;
        let file = File::create(&path).ok()?;
        file.lock().ok()?;
        Some(file)
    }

    /// Makes `path` of the commit's snapshot the blob: a relative symlink to it, or where there are none (exFAT, SMB) a hard
    /// link, or else the blob itself if it is `spare`, so that nothing else needs it, or a copy.
    pub(super) fn point(
        &self,
        commit: &str,
        path: &str,
        etag: &str,
        spare: bool,
        symlink: Link,
    ) -> Result<(), Error> {
        let pointer = self.pointer(commit, path);
        create_parent(&pointer)?;
        let parent = pointer.parent().unwrap_or(&self.dir);
        let up = "../".repeat(1 + path.split('/').count());
        let (target, blob) = (format!("{up}blobs/{etag}"), self.blob(etag));
        // Another process may be about the same snapshot: the link takes its name in one step.
        let place = |link: &dyn Fn(&Path) -> io::Result<()>| {
            let link = tempfile::Builder::new().make_in(parent, link)?;
            link.persist(&pointer).map_err(|error| error.error)?;
            Ok(())
        };
        place(&|name| symlink(Path::new(&target), name))
            .or_else(|error: io::Error| match is_unsupported(&error) {
                true => place(&|name| fs::hard_link(&blob, name)),
                false => Err(error),
            })
            .or_else(|error| match is_unsupported(&error) {
                true if spare => fs::rename(&blob, &pointer),
                true => place(&|name| fs::copy(&blob, name).map(drop)),
                false => Err(error),
            })
            .map_err(|source| Error::io(&pointer, source))
    }

    /// Makes a branch or tag mean the commit. A cache that cannot be written to keeps what it has: the snapshot is found by
    /// its commit.
    pub(super) fn write_ref(&self, name: &str, commit: &str) -> Result<(), Error> {
        let path = self.dir.join("refs").join(name);
        if fs::read_to_string(&path).is_ok_and(|found| found == commit) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(&self.dir);
        let write = || {
            fs::create_dir_all(parent)?;
            let mut file = tempfile::Builder::new()
                .permissions(PermissionsExt::from_mode(0o666))
                .tempfile_in(parent)?;
            file.write_all(commit.as_bytes())?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        write().or_else(|error: io::Error| match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Ok(()),
            _ => Err(Error::io(&path, error)),
        })
    }
}

/// How a symlink with a target comes to a place.
pub(super) type Link = fn(&Path, &Path) -> io::Result<()>;

/// How symlinks are made, or refused.
pub(super) fn symlinks(wanted: bool) -> Link {
    match wanted {
        true => |target, place| std::os::unix::fs::symlink(target, place),
        false => |_, _| Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Makes the folder that `path` lies in.
pub(super) fn create_parent(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(|source| Error::io(parent, source)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn without_symlinks_a_snapshot_is_made_of_files() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Repo::new(dir.path(), "a/b");
        create_parent(&cache.blob("x")).unwrap();
        fs::write(cache.blob("x"), "bytes").unwrap();
        cache
            .point("c", "d/file", "x", true, symlinks(true))
            .unwrap();
        assert!(cache.pointer("c", "d/file").is_symlink());
        // exFAT says EPERM, others that they do not know it.
        let refusals: [Link; 2] = [
            |_, _| Err(Errno::PERM.into()),
            |_, _| Err(Errno::OPNOTSUPP.into()),
        ];
        for refuse in refusals {
            cache.point("c", "d/file", "x", true, refuse).unwrap();
            let pointer = cache.pointer("c", "d/file");
            assert!(!pointer.is_symlink() && cache.blob("x").is_file());
            assert_eq!(fs::read(pointer).unwrap(), b"bytes");
        }
        let full = cache.point("c", "d/file", "x", true, |_, _| Err(Errno::NOSPC.into()));
        assert!(full.is_err());
    }
}
