//! A file that keeps its first fault instead of giving it: of a full disk, one crate that writes predictions panics, and another
//! prints a line of its own.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

/// The file. After a fault it takes all that comes, and writes nothing.
#[derive(Debug)]
pub struct Steady {
    file: File,
    fault: Fault,
}

/// The first fault of a file.
#[derive(Clone, Debug)]
pub struct Fault {
    path: PathBuf,
    first: Arc<Mutex<Option<io::Error>>>,
}

impl Steady {
    /// An empty file, and where its fault is found.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(path: &Path) -> Result<(Self, Fault)> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let fault = Fault {
            path: path.to_owned(),
            first: Arc::default(),
        };
        let steady = Self {
            file,
            fault: fault.clone(),
        };
        Ok((steady, fault))
    }

    /// Brings the file to the disk.
    ///
    /// # Errors
    /// Where that, or anything before, failed.
    pub fn finish(self) -> Result<()> {
        self.fault.check()?;
        let synced = self.file.sync_data();
        synced.with_context(|| self.fault.path.display().to_string())
    }
}

impl Fault {
    /// Gives the fault, with the file's path.
    ///
    /// # Errors
    /// Where there is one.
    pub fn check(&self) -> Result<()> {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        match first.take() {
            Some(error) => Err(error).with_context(|| self.path.display().to_string()),
            None => Ok(()),
        }
    }
}

impl Write for Steady {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut first = self
            .fault
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            match self.file.write(bytes) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => *first = Some(error),
                done => return done,
            }
        }
        // Whoever writes goes by places in the file.
        self.file.seek(SeekFrom::Current(bytes.len() as i64))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Steady {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_kept_and_named() {
        let (mut full, fault) = Steady::create("/dev/full".as_ref()).unwrap();
        full.write_all(b"a line").unwrap();
        full.write_all(b"another").unwrap();
        let error = terminal::message(&fault.check().unwrap_err());
        assert!(error.starts_with("/dev/full: No space left"), "{error}");
        assert!(fault.check().is_ok(), "it is given once");
        full.write_all(b"more").unwrap();
        assert!(full.finish().is_err());
    }
}
