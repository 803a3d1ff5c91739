//! Downloads a model's snapshot from the Hugging Face Hub into the standard cache.
//!
//! `hf-hub` speaks the Hub's API: it finds the commit and lists its files. Moving the files is done here, because hf-hub 1.0
//! starts an interrupted file over (`File::create` on the partial file), saves the body of an error response as if it were
//! the file, compares no digest, does not know `HF_HUB_OFFLINE`, and leaves a snapshot half in place when it fails. The cache
//! is the one of hf-hub and Python's `huggingface_hub`, with their names and their locks, so all three share what is in it.

mod cache;
mod error;
mod origin;
mod partial;
mod progress;
mod remote;
mod settings;
mod transfer;

use std::sync::Arc;

use crate::snapshot::{self, Snapshot};

pub use error::Error;
pub use progress::{Bar, Progress, Silent};
pub use settings::{Settings, Token};

/// Files that are fetched at a time.
const WORKERS: usize = 4;

/// Brings the snapshot of `revision` (a branch, tag or commit; `main` if not given) of the model `repo` (`org/name`) into the
/// cache, with the settings of the environment (see [`Settings::from_env`]).
///
/// What the cache has is not fetched again, and an interrupted file continues where it stopped. The snapshot appears in the
/// cache when all its files are there.
///
/// # Errors
/// See [`Error`]. Partial files stay, and the next call continues them.
pub fn download(
    repo: &str,
    revision: Option<&str>,
    progress: impl Progress,
) -> Result<Snapshot, Error> {
    download_with(&Settings::from_env(), repo, revision, progress)
}

/// [`download`] with settings from elsewhere.
///
/// # Errors
/// As [`download`].
pub fn download_with(
    settings: &Settings,
    repo: &str,
    revision: Option<&str>,
    progress: impl Progress,
) -> Result<Snapshot, Error> {
    let target = remote::Target::new(repo, revision)?;
    let cache = cache::Repo::new(&settings.cache_dir, repo);
    if settings.offline {
        return snapshot::resolve(cache.dir(), revision).map_err(|source| Error::Offline {
            repo: repo.to_owned(),
            source: Box::new(source),
        });
    }

    let listing = remote::list(settings, &target)?;
    let missing: Vec<_> = listing
        .files
        .iter()
        .filter(|file| !cache.pointer(&listing.commit, &file.path).is_file())
        .cloned()
        .collect();
    let progress: Arc<dyn Progress> = Arc::new(progress);
    progress.start(missing.iter().map(|file| file.size).sum());
    let blobs = transfer::fetch_all(
        settings,
        &target,
        &listing.commit,
        &cache,
        missing,
        Arc::clone(&progress),
    )?;
    progress.finish();

    for (path, etag) in &blobs {
        cache.point(&listing.commit, path, etag)?;
    }
    if target.revision != listing.commit {
        cache.write_ref(&target.revision, &listing.commit)?;
    }
    Ok(snapshot::resolve(cache.dir(), Some(&listing.commit))?)
}
