//! What the Hub has: a revision's commit and its files.

use std::path::{Component, Path};

use serde::Deserialize;

use super::digest::Digest;
use super::origin::Origin;
use super::{Error, Settings};
use crate::snapshot;

/// The Hub gives a thousand entries a page.
const MAX_PAGES: usize = 1000;

/// The revision of a model that is wanted.
#[derive(Debug)]
pub(super) struct Target {
    /// `org/name`.
    pub(super) repo: String,
    /// A branch, tag or commit.
    pub(super) revision: String,
}

/// The files of a commit.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<RemoteFile>,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// Its path in the repo: plain names with slashes between.
    pub(super) path: String,
    /// Its bytes.
    pub(super) size: u64,
    /// What its bytes are known by.
    pub(super) digest: Digest,
}

/// What `/api/models/{repo}/revision/{revision}` says.
#[derive(Deserialize)]
struct Info {
    sha: String,
}

/// An entry of `/api/models/{repo}/tree/{commit}`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Entry {
    File {
        path: String,
        size: u64,
        /// Git's digest of the file, or of what stands in git for it.
        oid: String,
        lfs: Option<Stored>,
    },
    #[serde(other)]
    Other,
}

/// A file that is stored outside of git.
#[derive(Deserialize)]
struct Stored {
    #[serde(alias = "sha256")]
    oid: String,
}

impl Target {
    /// Checks the names, which become parts of addresses and paths.
    pub(super) fn new(repo: &str, revision: Option<&str>) -> Result<Self, Error> {
        let revision = revision.unwrap_or("main");
        if repo.split('/').count() != 2
            || !is_plain_path(repo)
            || repo.chars().any(|c| !is_repo_character(c))
        {
            return Err(Error::BadRepo {
                repo: repo.to_owned(),
            });
        }
        if !is_plain_path(revision) {
            return Err(Error::BadRevision {
                revision: revision.to_owned(),
            });
        }
        Ok(Self {
            repo: repo.to_owned(),
            revision: revision.to_owned(),
        })
    }
}

fn is_repo_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.')
}

/// Asks the Hub for the target's commit and files. A commit without a checkpoint is refused: nothing of it is of use.
pub(super) async fn list(
    settings: &Settings,
    origin: &Origin,
    target: &Target,
) -> Result<Listing, Error> {
    const API: [&str; 2] = ["api", "models"];
    let url = origin.url(&API, ["revision", &target.revision]);
    let (info, _) = origin
        .json::<Info>(&url)
        .await
        .map_err(|error| match error {
            Error::NotFound { .. } => Error::RevisionNotFound {
                repo: target.repo.clone(),
                revision: target.revision.clone(),
                endpoint: settings.endpoint.clone(),
            },
            error => error,
        })?;
    let commit = info.sha;
    if commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let problem = format!("{commit:?} is not a commit hash");
        return Err(Error::malformed(url.as_str(), problem));
    }

    let tree = origin.url(&API, ["tree", &commit]);
    let mut page = tree.clone();
    page.set_query(Some("recursive=true"));
    let mut files = Vec::new();
    for _ in 0..MAX_PAGES {
        let (entries, next) = origin.json::<Vec<Entry>>(&page).await?;
        for entry in entries {
            if let Entry::File {
                path,
                size,
                oid,
                lfs,
            } = entry
            {
                files.push(
                    remote_file(path, size, oid, lfs)
                        .map_err(|problem| Error::malformed(tree.as_str(), problem))?,
                );
            }
        }
        match next {
            Some(next) => page = next,
            None => {
                if !snapshot::may_hold_checkpoint(files.iter().map(|file| file.path.as_str())) {
                    return Err(Error::NoCheckpoint {
                        repo: target.repo.clone(),
                        revision: target.revision.clone(),
                        files: files.len(),
                    });
                }
                return Ok(Listing { commit, files });
            }
        }
    }
    let problem = format!("more than {MAX_PAGES} pages of files");
    Err(Error::malformed(tree.as_str(), problem))
}

fn remote_file(
    path: String,
    size: u64,
    oid: String,
    lfs: Option<Stored>,
) -> Result<RemoteFile, String> {
    if !is_plain_path(&path) {
        return Err(format!(
            "it lists the file {path:?}, which could lead out of the cache"
        ));
    }
    let name = lfs.as_ref().map_or(&oid, |stored| &stored.oid);
    let digest = match (Digest::parse(name), &lfs) {
        (Some(digest @ Digest::Git(_)), None) | (Some(digest @ Digest::Sha256(_)), Some(_)) => {
            digest
        }
        (_, Some(_)) => return Err(format!("{path}: {name:?} is no SHA-256")),
        (_, None) => return Err(format!("{path}: {name:?} is no SHA-1 of git")),
    };
    Ok(RemoteFile { path, size, digest })
}

/// Whether a path from the Hub stays below the folder that it is joined to, on any system.
fn is_plain_path(path: &str) -> bool {
    !path.contains(['\\', '\0', ':'])
        && path
            .split('/')
            .all(|name| !name.is_empty() && name != "." && name != "..")
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_cache_are_refused() {
        for path in [
            "a",
            "a/b.c",
            "d/735adb61",
            "ocdbt.process_0/d/x",
            ".gitattributes",
            "a b/é",
        ] {
            assert!(is_plain_path(path), "{path}");
        }
        for path in [
            "", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "c:a", "a\0",
        ] {
            assert!(!is_plain_path(path), "{path}");
        }
    }

    #[test]
    fn a_target_is_checked() {
        let target = Target::new("google/alphagenome-all-folds", None).unwrap();
        assert_eq!(target.revision, "main");
        assert_eq!(
            Target::new("a/b", Some("refs/pr/1")).unwrap().revision,
            "refs/pr/1"
        );
        for repo in [
            "",
            "google",
            "a/b/c",
            "/a",
            "a/..",
            "a/b?x",
            "https://huggingface.co/a/b",
        ] {
            assert!(
                matches!(Target::new(repo, None), Err(Error::BadRepo { .. })),
                "{repo}"
            );
        }
        for revision in ["", "../x", "/x"] {
            assert!(
                matches!(
                    Target::new("a/b", Some(revision)),
                    Err(Error::BadRevision { .. })
                ),
                "{revision}"
            );
        }
    }
}
