//! Which folder holds the checkpoint that a path means, and which folder its symlinks may not leave.
//!
//! A path may be a checkpoint folder, a step's folder with one tree an item, a folder with one of these somewhere below, a repo's folder in the Hub's cache
//! (`models--org--name`), or the cache itself while it holds one model. The cache's layout is that of
//! [`huggingface_hub`](https://huggingface.co/docs/huggingface_hub/guides/manage-cache): `refs/<branch>` holds a commit,
//! `snapshots/<commit>/` holds symlinks into `blobs/`.

mod cache;
mod error;
mod search;

use std::path::{Path, PathBuf};

pub use error::Error;
pub(crate) use search::may_hold_checkpoint;

/// A checkpoint on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The folder of the checkpoint, without symlinks.
    pub dir: PathBuf,
    /// The items of a step that hold its trees, as folders of `dir`, sorted. None, if `dir` is one tree.
    pub items: Vec<String>,
    /// Saves that were not finished, which were passed over.
    pub unfinished: Vec<PathBuf>,
    /// The folder that the checkpoint's symlinks may not leave: the repo's folder when the snapshot lies in the Hub's cache,
    /// so that links into `blobs` work, otherwise the snapshot itself.
    pub root: PathBuf,
    /// The commit, when the snapshot lies in the Hub's cache.
    pub revision: Option<String>,
    /// `org/name`, when the snapshot lies in the Hub's cache.
    pub repo: Option<String>,
}

/// Finds the checkpoint that `path` means. In a repo's cache folder, `revision` may be a branch, a tag, a commit, or the
/// start of one; without it `refs/main` decides, or the only snapshot there is.
///
/// # Errors
/// Nothing there, no checkpoint in it, a revision that is not there, or several candidates, which are then listed.
pub fn resolve(path: &Path, revision: Option<&str>) -> Result<Snapshot, Error> {
    let given = canonical(path)?;
    if let Some(repo) = cache::Repo::open(&given)? {
        let commit = repo.commit(revision)?;
        return inside(&repo, commit);
    }
    if let Some((repo, commit)) = cache::Repo::around(&given) {
        return match revision {
            Some(wanted) if repo.commit(revision)? != commit => Err(Error::OtherRevision {
                path: path.to_owned(),
                commit,
                revision: wanted.to_owned(),
            }),
            _ => found(&given, repo.dir, Some(commit), repo.id),
        };
    }
    let repos = cache::repos(&given)?;
    match repos.as_slice() {
        [] => {}
        [only] => return resolve(only, revision),
        several => {
            return Err(Error::SeveralRepos {
                path: path.to_owned(),
                choices: several.to_vec(),
            });
        }
    }
    let snapshot = found(&given, given.clone(), None, None)?;
    match revision {
        Some(revision) => Err(Error::NoRevisions {
            path: path.to_owned(),
            revision: revision.to_owned(),
        }),
        None => Ok(snapshot),
    }
}

/// The checkpoint of a commit in a repo's cache folder.
fn inside(repo: &cache::Repo, commit: String) -> Result<Snapshot, Error> {
    let dir = canonical(&repo.snapshot(&commit))?;
    if !dir.starts_with(&repo.dir) {
        return Err(Error::Outside {
            path: repo.snapshot(&commit),
            root: repo.dir.clone(),
        });
    }
    found(&dir, repo.dir.clone(), Some(commit), repo.id.clone())
}

/// The one checkpoint at or below `dir`.
fn found(
    dir: &Path,
    root: PathBuf,
    revision: Option<String>,
    repo: Option<String>,
) -> Result<Snapshot, Error> {
    let (found, unfinished) = search::checkpoint(dir)?;
    Ok(Snapshot {
        dir: found.dir,
        items: found.items,
        unfinished,
        root,
        revision,
        repo,
    })
}

/// The folder `path` without symlinks.
fn canonical(path: &Path) -> Result<PathBuf, Error> {
    let resolved = path.canonicalize().map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    if resolved.is_dir() {
        Ok(resolved)
    } else {
        Err(Error::NotAFolder {
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
