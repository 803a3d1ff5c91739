//! Writing a folder so that it is there whole or not at all.
//!
//! Everything is written into a hidden folder beside the target, synced, and then takes the target's name in one step: a
//! rename, or an exchange of the two names when an older folder is replaced. A kill at any time leaves the old folder, the
//! new one, or none, never a mixture. The hidden folder's name tells its process; that of a process which was killed is a
//! leftover, and the next conversion takes it away.

mod error;
mod live;
mod swap;
mod target;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

pub use error::Error;
use error::failed;
pub use live::abandon;
pub use target::check_target;
use target::resolve;

use crate::{disk, owner};

/// A file that every finished folder has, by which one is known.
pub const MARK: &str = "conversion.json";

/// Says which files a folder of ours may hold.
pub type IsOurs = fn(&str) -> bool;

/// A folder in the making.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    folder: PathBuf,
    force: bool,
    is_ours: IsOurs,
    /// Shows other machines that the folder is in use, where the file system has locks.
    _lock: Option<File>,
}

impl Staging {
    /// Starts a folder that will become `target`. `is_ours` says which files a folder of ours may hold.
    ///
    /// # Errors
    /// If `target` exists and may not be replaced, or nothing can be written beside it.
    pub fn new(target: &Path, force: bool, is_ours: IsOurs) -> Result<Staging, Error> {
        let target = resolve(target)?;
        let Some(name) = target.file_name() else {
            return Err(Error::NoName { path: target });
        };
        let parent = target::parent(&target);
        check_target(&target, force, is_ours)?;
        fs::create_dir_all(parent).map_err(failed(parent, "cannot create the folder"))?;
        let prefix = format!(".{}.partial-", name.to_string_lossy());
        remove_leftovers(parent, &prefix);
        let folder = parent.join(format!("{prefix}{}", owner::mark()));
        let mut live = live::hold();
        fs::create_dir(&folder).map_err(failed(parent, "cannot create a folder in it"))?;
        live.push(folder.clone());
        drop(live);
        let lock = File::open(&folder).ok();
        Ok(Staging {
            force,
            is_ours,
            _lock: lock.filter(|lock| lock.try_lock().is_ok()),
            target,
            folder,
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
                Err(errno) if disk::is_unsupported(&errno.into()) => {
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
        let written = file
            .write_all(content)
            .and_then(|()| disk::synced(file.sync_all()));
        written.map_err(|source| self.write_failed(name, content.len() as u64, source))
    }

    /// What a failed write of a file of `length` bytes means.
    pub fn write_failed(&self, name: &str, length: u64, source: io::Error) -> Error {
        let path = self.target.join(name);
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull {
                path,
                needed: crate::text::bytes(length),
            },
            io::ErrorKind::FileTooLarge => Error::TooLarge {
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
    pub fn publish(self) -> Result<(), Error> {
        self.publish_by(swap::exchange)
    }

    fn publish_by(self, exchange: swap::Exchange) -> Result<(), Error> {
        disk::synced(File::open(&self.folder).and_then(|folder| folder.sync_all()))
            .map_err(failed(&self.folder, "cannot sync the folder"))?;
        let live = live::hold();
        let replaced = match fs::rename(&self.folder, &self.target) {
            Ok(()) => None,
            // A folder is there: an older one of ours, or one that holds nothing of anyone's.
            Err(error) if self.target.is_dir() => {
                check_target(&self.target, self.force, self.is_ours)?;
                match error.kind() {
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {}
                    _ => return Err(failed(&self.target, "cannot rename to it")(error)),
                }
                Some(swap::replace(&self.folder, &self.target, exchange)?)
            }
            Err(source) => return Err(failed(&self.target, "cannot rename to it")(source)),
        };
        drop(live);
        // The folder is in its place: what fails now changes nothing about that, and the next conversion takes away what stays.
        let _ = File::open(target::parent(&self.target)).and_then(|parent| parent.sync_all());
        if let Some(replaced) = replaced {
            let _ = fs::remove_dir_all(replaced);
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nothing more can be done about a failure here; the next conversion removes what is left.
        let _ = fs::remove_dir_all(&self.folder);
        live::forget(&self.folder);
    }
}

/// Removes hidden folders whose process is gone.
fn remove_leftovers(parent: &Path, prefix: &str) {
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(mark) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else {
            continue;
        };
        if owner::is_gone(mark) || is_abandoned(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether nobody is at work on a folder of unknown origin, such as another machine's: no lock, and nothing changed for long.
fn is_abandoned(folder: &Path) -> bool {
    let unlocked = || Some(File::open(folder).ok()?.try_lock().is_ok());
    let old = |path: &Path| {
        path.metadata()
            .is_ok_and(|metadata| owner::is_abandoned(&metadata))
    };
    let mut entries = folder.read_dir().into_iter().flatten();
    old(folder)
        && entries.all(|entry| entry.is_ok_and(|entry| old(&entry.path())))
        && unlocked() == Some(true)
}
