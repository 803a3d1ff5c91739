//! Downloads a model's snapshot from the Hugging Face Hub into the standard cache.
//!
//! The cache is the one of Python's `huggingface_hub` and of the crate `hf-hub`, with their names and their locks, so all three
//! share what is in it; `hf-hub` 0.5 names the folders. The requests are made here: hf-hub 0.5 and 1.0 compare no digest, do not
//! wait as long as `Retry-After` says, and know no `HF_HUB_OFFLINE`; 1.0 starts an interrupted file over, and brings 250 crates.
//!
//! Whatever brought bytes into the cache, a file is used when its digest is the one that the Hub lists: git's for small files,
//! SHA-256 for large ones.

mod cache;
mod digest;
mod error;
mod origin;
mod partial;
mod progress;
mod remote;
mod settings;
mod transfer;

use std::path::Path;
use std::sync::Arc;

use tokio::task::LocalSet;

use crate::snapshot::{self, Snapshot};

pub use error::Error;
pub use progress::{Bar, Progress, Silent};
pub use settings::{Settings, Token};

/// Files that are fetched at a time.
const WORKERS: usize = 4;

/// Brings the snapshot of `revision` (a branch, tag or commit; `main` if not given) of the model `repo` (`org/name`) into the
/// cache, with the settings of the environment (see [`Settings::from_env`]).
///
/// What the cache has is checked, and fetched again only if it is damaged; an interrupted file continues where it stopped. The
/// snapshot appears in the cache when all its files are there.
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
    if let Some(variable) = settings.offline {
        let snapshot =
            snapshot::resolve(cache.dir(), revision).map_err(|source| Error::Offline {
                repo: repo.to_owned(),
                variable,
                source: Box::new(source),
            })?;
        check_links(&snapshot.dir, variable)?;
        return Ok(snapshot);
    }

    let progress: Arc<dyn Progress> = Arc::new(progress);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::io(cache.dir(), source))?;
    let (commit, ready) = LocalSet::new().block_on(&runtime, async {
        let origin = origin::Origin::new(settings, repo, Arc::clone(&progress))?;
        let listing = remote::list(settings, &origin, &target).await?;
        let commit = listing.commit.clone();
        progress.start(listing.files.iter().map(|file| file.size).sum());
        let ready = transfer::fetch_all(origin, &cache, listing).await?;
        progress.finish();
        Ok::<_, Error>((commit, ready))
    })?;

    let symlink = cache::symlinks(settings.symlinks);
    for (index, transfer::Ready { file, .. }) in ready.iter().enumerate() {
        let same = |other: &&transfer::Ready| other.file.digest == file.digest;
        // The last of equal files may be the blob itself, if no other snapshot had it.
        let spare = !ready[index + 1..].iter().any(|other| same(&other))
            && ready.iter().filter(same).any(|other| other.new);
        cache.point(&commit, &file.path, file.digest.name(), spare, symlink)?;
    }
    if target.revision != commit {
        cache.write_ref(&target.revision, &commit)?;
    }
    Ok(snapshot::resolve(cache.dir(), Some(&commit))?)
}

/// Compares the files of a snapshot with the digests that their blobs are called by. Where there are no symlinks, nothing
/// tells a file's digest.
fn check_links(dir: &Path, variable: &'static str) -> Result<(), Error> {
    let failed = |source| Error::io(dir, source);
    for entry in dir.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && !path.is_symlink() {
            check_links(&path, variable)?;
            continue;
        }
        let blob = path.read_link().ok().filter(|_| path.is_file());
        let name = blob.as_ref().and_then(|blob| blob.file_name()?.to_str());
        let Some(expected) = name.and_then(digest::Digest::parse) else {
            continue;
        };
        let found = expected
            .of(&path)
            .map_err(|source| Error::io(&path, source))?;
        if found != expected {
            return Err(Error::Damaged {
                path,
                expected: expected.describe(),
                found: found.describe(),
                variable,
            });
        }
    }
    Ok(())
}
