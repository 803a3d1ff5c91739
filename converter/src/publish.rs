//! Writing a folder so that it is there whole or not at all.
//!
//! Everything is written into a hidden folder beside the target, synced, and then takes the target's name in one step: a
//! rename, or an exchange of the two names when an older folder is replaced. A kill at any time leaves the old folder, the
//! new one, or none, never a mixture. The hidden folder is locked while its process lives; one without a lock is the
//! leftover of a kill, and the next conversion takes it away.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// A file that every finished folder has, by which one is known.
pub const MARK: &str = "conversion.json";

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

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io {
        path: path.to_owned(),
        action,
        source,
    }
}

/// A folder in the making.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    folder: PathBuf,
    force: bool,
    published: bool,
    /// Holds the lock.
    _lock: File,
}

impl Staging {
    /// Starts a folder that will become `target`. `names` says which files a folder of ours may hold.
    ///
    /// # Errors
    /// If `target` exists and may not be replaced, or nothing can be written beside it.
    pub fn new(
        target: &Path,
        force: bool,
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<Staging, Error> {
        let Some(name) = target.file_name() else {
            return Err(Error::NoName {
                path: target.to_owned(),
            });
        };
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        check_target(target, force, is_ours)?;
        fs::create_dir_all(&parent).map_err(failed(&parent, "cannot create the folder"))?;
        let prefix = format!(".{}.partial-", name.to_string_lossy());
        remove_leftovers(&parent, &prefix);
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .tempdir_in(&parent)
            .map_err(failed(&parent, "cannot create a folder in it"))?
            .keep();
        let lock = File::open(&folder).and_then(|lock| lock.lock().map(|()| lock));
        let lock = lock.map_err(failed(&folder, "cannot lock the folder"))?;
        Ok(Staging {
            target: target.to_owned(),
            folder,
            force,
            published: false,
            _lock: lock,
        })
    }

    /// Creates a file of `length` bytes and takes up its place on the disk, so that a full disk shows at once.
    ///
    /// # Errors
    /// If the disk is full or the file cannot be created.
    pub fn create(&self, name: &str, length: u64) -> Result<File, Error> {
        let path = self.folder.join(name);
        let file = File::create_new(&path).map_err(failed(&path, "cannot create the file"))?;
        if length > 0 {
            match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length) {
                Ok(()) => {}
                // The file system cannot reserve space; writing will show whether there is enough.
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                    file.set_len(length)
                        .map_err(|source| self.write_failed(name, length, source))?;
                }
                Err(errno) => return Err(self.write_failed(name, length, errno.into())),
            }
        }
        Ok(file)
    }

    /// Writes a whole file and syncs it.
    ///
    /// # Errors
    /// If the disk is full or the file cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        use std::io::Write;
        let path = self.folder.join(name);
        let mut file = File::create_new(&path).map_err(failed(&path, "cannot create the file"))?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        written.map_err(|source| self.write_failed(name, content.len() as u64, source))
    }

    /// What a failed write of a file of `length` bytes means.
    pub fn write_failed(&self, name: &str, length: u64, source: io::Error) -> Error {
        let path = self.target.join(name);
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Error::DiskFull {
                path,
                needed: crate::text::bytes(length),
            },
            _ => Error::Io {
                path,
                action: "cannot write",
                source,
            },
        }
    }

    /// Gives the folder its name.
    ///
    /// # Errors
    /// If something else took the name meanwhile, or the file system refuses.
    pub fn publish(mut self) -> Result<(), Error> {
        sync(&self.folder)?;
        let replaced = if self.force && self.target.exists() {
            exchange(&self.folder, &self.target)?;
            true
        } else {
            match fs::rename(&self.folder, &self.target) {
                Ok(()) => false,
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                    return Err(Error::Exists {
                        path: self.target.clone(),
                    });
                }
                Err(source) => return Err(failed(&self.target, "cannot rename to it")(source)),
            }
        };
        self.published = true;
        match self.target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync(parent)?,
            _ => sync(Path::new("."))?,
        }
        if replaced {
            // The old folder now has the hidden name.
            fs::remove_dir_all(&self.folder)
                .map_err(failed(&self.folder, "cannot remove the replaced folder"))?;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            // Nothing more can be done about a failure here; the next conversion removes what is left.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed(folder, "cannot sync the folder"))
}

/// Exchanges two names in one step; where the system cannot, the old folder steps aside first.
fn exchange(new: &Path, old: &Path) -> Result<(), Error> {
    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            let aside = new.with_extension("old");
            fs::rename(old, &aside).map_err(failed(old, "cannot step aside"))?;
            fs::rename(new, old).map_err(failed(old, "cannot rename to it"))?;
            fs::rename(&aside, new).map_err(failed(&aside, "cannot rename it"))
        }
        Err(errno) => Err(failed(old, "cannot be replaced")(errno.into())),
    }
}

/// Checks that `target` is free, or holds an older output of ours that `force` allows to replace. `is_ours` says which files
/// that may hold.
///
/// # Errors
/// If something is there that may not be replaced.
pub fn check_target(
    target: &Path,
    force: bool,
    is_ours: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let metadata = match fs::symlink_metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(target, "cannot be looked at")(source)),
    };
    let not_ours = |reason: &str| Error::NotOurs {
        path: target.to_owned(),
        reason: reason.to_owned(),
    };
    if !metadata.is_dir() {
        return Err(not_ours("it is no folder"));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(target).map_err(failed(target, "cannot be listed"))? {
        let entry = entry.map_err(failed(target, "cannot be listed"))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    if names.is_empty() {
        return Ok(());
    }
    if !force {
        return Err(Error::Exists {
            path: target.to_owned(),
        });
    }
    if !names.iter().any(|name| name == MARK) {
        return Err(not_ours(&format!("it has no {MARK}")));
    }
    match names.iter().find(|name| !is_ours(name)) {
        Some(name) => Err(not_ours(&format!("it holds {name}"))),
        None => Ok(()),
    }
}

/// Removes hidden folders whose process is gone.
fn remove_leftovers(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        // A lock that can be had means that nobody is at work; one that fails otherwise is none of our business.
        if let Ok(folder) = File::open(entry.path())
            && !matches!(
                folder.try_lock(),
                Err(TryLockError::WouldBlock | TryLockError::Error(_))
            )
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
