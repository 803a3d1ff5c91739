//! Moves files from the Hub into the cache's blobs.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::StatusCode;
use tokio::task::{JoinSet, LocalSet, spawn_blocking};

use super::cache::Repo;
use super::origin::{Blob, Failure, Origin, continues, passing};
use super::partial::{Partial, verify};
use super::remote::{RemoteFile, Target};
use super::{Error, Progress, Settings, WORKERS};

/// What all workers share.
struct Transfer {
    settings: Settings,
    origin: Origin,
    cache: Repo,
    queue: Mutex<Vec<RemoteFile>>,
    done: AtomicU64,
    progress: Arc<dyn Progress>,
}

/// Fetches `files` into the cache's blobs, and gives each file's path with the blob's name.
pub(super) fn fetch_all(
    settings: &Settings,
    target: &Target,
    commit: &str,
    cache: &Repo,
    mut files: Vec<RemoteFile>,
    progress: Arc<dyn Progress>,
) -> Result<Vec<(String, String)>, Error> {
    // Workers take from the end: the largest file first, so that it is not the last one to finish.
    files.sort_by_key(|file| file.size);
    let transfer = Arc::new(Transfer {
        settings: settings.clone(),
        origin: Origin::new(settings, target, commit)?,
        cache: cache.clone(),
        queue: Mutex::new(files),
        done: AtomicU64::new(0),
        progress,
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::io(cache.dir(), source))?;
    LocalSet::new().block_on(&runtime, async {
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn_local(Arc::clone(&transfer).work());
        }
        let mut blobs = Vec::new();
        while let Some(finished) = workers.join_next().await {
            blobs.extend(finished.map_err(|error| Error::io(cache.dir(), error.into()))??);
        }
        Ok(blobs)
    })
}

impl Transfer {
    /// Fetches files until none is left.
    async fn work(self: Arc<Self>) -> Result<Vec<(String, String)>, Error> {
        let mut blobs = Vec::new();
        loop {
            let next = self
                .queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let Some(file) = next else { return Ok(blobs) };
            let blob = self
                .patiently(|| 0, async || self.origin.describe(&file).await)
                .await?;
            self.fetch(&blob).await?;
            blobs.push((file.path, blob.etag));
        }
    }

    /// Tries again after passing failures, each time after a longer pause. An attempt that made `have` grow starts the
    /// count of retries again.
    async fn patiently<T>(
        &self,
        have: impl Fn() -> u64,
        attempt: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let mut pause = self.settings.retry_pause;
        let mut left = self.settings.retries;
        loop {
            let before = have();
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error)) => {
                    if have() > before {
                        left = self.settings.retries;
                        pause = self.settings.retry_pause;
                    }
                    if left == 0 {
                        return Err(error);
                    }
                    left -= 1;
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
    }

    /// Brings a blob into the cache, from where an earlier attempt stopped.
    async fn fetch(&self, blob: &Blob) -> Result<(), Error> {
        let path = self.cache.blob(&blob.etag);
        let (cache, etag) = (self.cache.clone(), blob.etag.clone());
        // Waiting for another process must not stop this one's other files.
        let _lock = blocking(&path, move || cache.lock(&etag)).await?;
        if path.is_file() {
            self.advance(blob.size, 0);
            return Ok(());
        }
        let partial = Partial::open(self.cache.partial(&blob.etag), blob.size)?;
        self.advance(partial.have(), 0);
        let mut damaged = false;
        loop {
            self.patiently(
                || partial.have(),
                async || self.receive(blob, &partial).await,
            )
            .await?;
            let (file, url) = (partial.path().to_owned(), blob.url.to_string());
            let etag = blob.etag.clone();
            match blocking(&path, move || verify(&file, &url, &etag)).await {
                Ok(()) => break,
                Err(Error::Corrupt { .. }) if !damaged => {
                    // What an earlier run left may be what is damaged: once more from the start.
                    damaged = true;
                    self.advance(0, partial.have());
                    partial.clear()?;
                }
                Err(error) => {
                    partial.clear()?;
                    return Err(error);
                }
            }
        }
        partial.complete(&path)
    }

    /// Appends what is missing of a blob to the partial file.
    async fn receive(&self, blob: &Blob, partial: &Partial) -> Result<(), Failure> {
        let have = partial.have();
        if have == blob.size {
            return Ok(());
        }
        let mut response = self.origin.get(blob, have).await?;
        if have > 0 && !continues(&response, have) {
            // Without the range, the whole file comes; with another one, or none, it is asked for again.
            self.advance(0, have);
            partial.clear()?;
            if response.status() != StatusCode::OK {
                let problem = format!(
                    "asked for the bytes from {have}, it answered {}",
                    response.status()
                );
                return Err(Failure::Passing(Error::Malformed {
                    url: blob.url.to_string(),
                    problem,
                }));
            }
        }
        while let Some(bytes) = response
            .chunk()
            .await
            .map_err(|error| passing(&blob.url, &error))?
        {
            if bytes.len() as u64 > blob.size - partial.have() {
                self.advance(0, partial.have());
                partial.clear()?;
                let (expected, received) = (format!("{} bytes", blob.size), "more".to_owned());
                return Err(Failure::Final(Error::Corrupt {
                    url: blob.url.to_string(),
                    expected,
                    received,
                }));
            }
            partial.append(&bytes, blob.size)?;
            self.advance(bytes.len() as u64, 0);
        }
        if partial.have() < blob.size {
            let reason = format!(
                "the response ended {} bytes early",
                blob.size - partial.have()
            );
            return Err(Failure::Passing(Error::Network {
                url: blob.url.to_string(),
                reason,
            }));
        }
        Ok(())
    }

    /// Counts bytes that came, and bytes that are discarded.
    fn advance(&self, gained: u64, lost: u64) {
        self.done.fetch_add(gained, Ordering::Relaxed);
        self.done.fetch_sub(lost, Ordering::Relaxed);
        self.progress.update(self.done.load(Ordering::Relaxed));
    }
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
