//! A blob while it is being downloaded.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::Error;
use super::cache::create_parent;

/// The first bytes of a blob.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    have: AtomicU64,
}

impl Partial {
    /// Opens what an earlier attempt left, or nothing; more than `size` bytes cannot be of this blob.
    pub(super) fn open(path: PathBuf, size: u64) -> Result<Self, Error> {
        create_parent(&path)?;
        let failed = |source| Error::io(&path, source);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(failed)?;
        let have = file.metadata().map_err(failed)?.len();
        let partial = Self {
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

    /// Makes the complete file the blob `path`.
    pub(super) fn complete(&self, path: &Path) -> Result<(), Error> {
        self.file
            .sync_all()
            .map_err(|source| Error::io(&self.path, source))?;
        std::fs::rename(&self.path, path).map_err(|source| Error::io(path, source))
    }
}

/// Compares a large file with the SHA-256 that the Hub knows it by. Small ones go by git's id, and only their size is
/// checked.
pub(super) fn verify(file: &Path, url: &str, etag: &str) -> Result<(), Error> {
    if etag.len() != 64 || !etag.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let mut reader = File::open(file).map_err(|source| Error::io(file, source))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader
            .read(&mut buffer)
            .map_err(|source| Error::io(file, source))?
        {
            0 => break,
            count => digest.update(&buffer[..count]),
        }
    }
    let received: String = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if received.eq_ignore_ascii_case(etag) {
        return Ok(());
    }
    Err(Error::Corrupt {
        url: url.to_owned(),
        expected: format!("SHA-256 {etag}"),
        received: format!("SHA-256 {received}"),
    })
}
