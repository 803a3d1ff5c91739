//! Moves files from the Hub into the cache's blobs, and checks those that are there.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{StatusCode, Url};
use tokio::task::{JoinSet, spawn_blocking};

use super::cache::Repo;
use super::digest::Digest;
use super::origin::{Failure, Origin, body, continues, is_html, passing};
use super::partial::Partial;
use super::remote::{Listing, RemoteFile};
use super::{Error, WORKERS};

/// What all workers share.
struct Transfer {
    origin: Origin,
    cache: Repo,
    commit: String,
    queue: Mutex<Vec<RemoteFile>>,
    done: AtomicU64,
}

/// A file that its snapshot lacks, and whose blob is there.
pub(super) struct Ready {
    pub(super) file: RemoteFile,
    /// Whether the blob was fetched now.
    pub(super) new: bool,
}

/// Checks what the snapshot has, and brings what it lacks into the cache's blobs.
pub(super) async fn fetch_all(
    origin: Origin,
    cache: &Repo,
    listing: Listing,
) -> Result<Vec<Ready>, Error> {
    // Workers take from the end: the largest file first, so that it is not the last one to finish.
    let mut files = listing.files;
    files.sort_by_key(|file| file.size);
    let transfer = Arc::new(Transfer {
        origin,
        cache: cache.clone(),
        commit: listing.commit,
        queue: Mutex::new(files),
        done: AtomicU64::new(0),
    });
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn_local(Arc::clone(&transfer).work());
    }
    let mut ready = Vec::new();
    while let Some(finished) = workers.join_next().await {
        ready.extend(finished.map_err(|error| Error::io(cache.dir(), error.into()))??);
    }
    Ok(ready)
}

impl Transfer {
    /// Sees to files until none is left.
    async fn work(self: Arc<Self>) -> Result<Vec<Ready>, Error> {
        let mut ready = Vec::new();
        loop {
            let next = self
                .queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let Some(file) = next else { return Ok(ready) };
            let pointer = self.cache.pointer(&self.commit, &file.path);
            if has(&pointer, &file).await {
                self.advance(file.size, 0);
                continue;
            }
            let new = self.fetch(&file).await?;
            ready.push(Ready { file, new });
        }
    }

    /// Brings a file into the blobs, from where an earlier attempt stopped, unless it is there.
    async fn fetch(&self, file: &RemoteFile) -> Result<bool, Error> {
        let blob = self.cache.blob(file.digest.name());
        let (cache, name) = (self.cache.clone(), file.digest.name().to_owned());
        // Waiting for another process must not stop this one's other files.
        let lock = blocking(&blob, move || Ok(cache.lock(&name))).await?;
        if has(&blob, file).await {
            self.advance(file.size, 0);
            return Ok(false);
        }
        match self.fetch_alone(&blob, file, lock.is_some()).await {
            Ok(()) => Ok(true),
            // Where locks do not keep them apart, another process may have finished first and tidied up.
            Err(_) if has(&blob, file).await => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn fetch_alone(&self, blob: &Path, file: &RemoteFile, locked: bool) -> Result<(), Error> {
        let (path, size) = (blob.to_owned(), file.size);
        let partial = blocking(blob, move || Partial::open(&path, size, locked)).await?;
        let url = self.origin.url(
            &[],
            ["resolve", &self.commit]
                .into_iter()
                .chain(file.path.split('/')),
        );
        self.advance(partial.have(), 0);
        let mut damaged = false;
        loop {
            self.origin
                .patiently(
                    || partial.have(),
                    async || self.receive(&url, file.size, &partial).await,
                )
                .await?;
            let found = digest_of(partial.path(), file).await?;
            if found == file.digest {
                return partial.complete(locked);
            }
            // What an earlier run left may be what is damaged: once more from the start.
            self.advance(0, partial.have());
            partial.clear()?;
            if damaged {
                return Err(Error::Corrupt {
                    url: url.to_string(),
                    expected: file.digest.describe(),
                    received: found.describe(),
                });
            }
            damaged = true;
        }
    }

    /// Appends what is missing of a file of `size` to the partial file.
    async fn receive(&self, url: &Url, size: u64, partial: &Partial) -> Result<(), Failure> {
        let have = partial.have();
        if have == size {
            return Ok(());
        }
        let mut response = self.origin.get(url, have).await?;
        if have > 0 && !continues(&response, have) {
            // Without the range, the whole file comes; with another one, or none, it is asked for again.
            self.advance(0, have);
            partial.clear()?;
            if response.status() != StatusCode::OK {
                let status = response.status();
                let problem = format!("asked for the bytes from {have}, it answered {status}");
                return Err(Failure::Passing(Error::malformed(url.as_str(), problem)));
            }
        }
        let missing = size - partial.have();
        if let Some(length) = response
            .content_length()
            .filter(|length| *length != missing)
        {
            if is_html(response.headers()) {
                let (at, status) = (response.url().to_string(), response.status());
                return Err(Error::page(&at, status, &body(response, 1 << 16).await?).into());
            }
            return Err(Failure::Final(Error::Corrupt {
                url: url.to_string(),
                expected: format!("{missing} bytes"),
                received: format!("an answer of {length}"),
            }));
        }
        while let Some(bytes) = response
            .chunk()
            .await
            .map_err(|error| passing(url, &error))?
        {
            if bytes.len() as u64 > size - partial.have() {
                self.advance(0, partial.have());
                partial.clear()?;
                return Err(Failure::Final(Error::Corrupt {
                    url: url.to_string(),
                    expected: format!("{size} bytes"),
                    received: "more".to_owned(),
                }));
            }
            partial.append(&bytes, size)?;
            self.advance(bytes.len() as u64, 0);
        }
        match size - partial.have() {
            0 => Ok(()),
            early => Err(Failure::Passing(Error::Network {
                url: url.to_string(),
                reason: format!("the response ended {early} bytes early"),
            })),
        }
    }

    /// Counts bytes that came, and bytes that are discarded.
    fn advance(&self, gained: u64, lost: u64) {
        self.done.fetch_add(gained, Ordering::Relaxed);
        self.done.fetch_sub(lost, Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed);
        self.origin.progress.update(done);
    }
}

/// Whether a path has the file's bytes: a cache may hold anything, from other tools, disks and times.
async fn has(path: &Path, file: &RemoteFile) -> bool {
    let fits = path
        .metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() == file.size);
    // What cannot be read is fetched again.
    fits && digest_of(path, file)
        .await
        .is_ok_and(|found| found == file.digest)
}

async fn digest_of(path: &Path, file: &RemoteFile) -> Result<Digest, Error> {
    let (digest, at) = (file.digest.clone(), path.to_owned());
    blocking(path, move || {
        digest.of(&at).map_err(|source| Error::io(&at, source))
    })
    .await
}

/// Runs what blocks on a thread of its own. `path` is what it is about.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    spawn_blocking(work)
        .await
        .map_err(|error| Error::io(path, error.into()))?
}
