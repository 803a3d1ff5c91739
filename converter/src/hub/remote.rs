//! What the Hub has: a revision's commit and its files.

use std::path::{Component, Path};

use hf_hub::repository::RepoTreeEntry;
use hf_hub::{HFClientBuilder, HFError};
use reqwest::StatusCode;

use super::{Error, Settings};

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

/// Asks the Hub for the target's commit and files.
pub(super) fn list(settings: &Settings, target: &Target) -> Result<Listing, Error> {
    let failed = |error| explain(settings, target, error);
    let mut builder = HFClientBuilder::new()
        .endpoint(&settings.endpoint)
        .cache_dir(&settings.cache_dir)
        .client(client(settings, reqwest::redirect::Policy::default())?)
        .retry_max_attempts(settings.retries as usize)
        .retry_base_delay(settings.retry_pause / 2);
    if let Some(token) = &settings.token {
        builder = builder.token(&token.secret);
    }
    let hub = builder.build_sync().map_err(failed)?;
    let (owner, name) = hf_hub::split_id(&target.repo);
    let repo = hub.model(owner, name);

    let info = repo
        .info()
        .revision(&target.revision)
        .send()
        .map_err(failed)?;
    let url = format!("{}/api/models/{}", settings.endpoint, target.repo);
    let malformed = |problem| Error::Malformed {
        url: url.clone(),
        problem,
    };
    let commit = info
        .sha
        .ok_or_else(|| malformed("no commit hash".to_owned()))?;
    if commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(malformed(format!("{commit:?} is not a commit hash")));
    }

    let mut files = Vec::new();
    for entry in repo
        .list_tree()
        .revision(&commit)
        .recursive(true)
        .send()
        .map_err(failed)?
    {
        if let RepoTreeEntry::File { path, size, .. } = entry {
            if !is_plain_path(&path) {
                return Err(malformed(format!(
                    "it lists the file {path:?}, which could lead out of the cache"
                )));
            }
            files.push(RemoteFile { path, size });
        }
    }
    Ok(Listing { commit, files })
}

/// An HTTP client for the Hub. Tokens go into single requests, never into its defaults, so that `reqwest` drops them when a
/// redirect leads to another host.
pub(super) fn client(
    settings: &Settings,
    redirects: reqwest::redirect::Policy,
) -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .user_agent(concat!("alphagenome-convert/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.timeout)
        .read_timeout(settings.timeout)
        .redirect(redirects)
        .build()
        .map_err(|error| Error::network(&settings.endpoint, &error))
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

/// Says in terms of the download what `hf-hub` says in terms of HTTP.
fn explain(settings: &Settings, target: &Target, error: HFError) -> Error {
    let repo = target.repo.clone();
    let endpoint = settings.endpoint.clone();
    match error {
        HFError::AuthRequired { context }
        | HFError::Forbidden { context }
        | HFError::Http { context }
            if matches!(
                context.status,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            ) =>
        {
            Error::gated(
                settings,
                &repo,
                context.status,
                context.error_code.as_deref(),
                context.server_message,
            )
        }
        HFError::RevisionNotFound {
            context: Some(context),
            ..
        } if context.error_code.as_deref() == Some("RepoNotFound") => {
            Error::RepoNotFound { repo, endpoint }
        }
        HFError::RepoNotFound { .. } => Error::RepoNotFound { repo, endpoint },
        HFError::RevisionNotFound { revision, .. } => Error::RevisionNotFound {
            repo,
            revision,
            endpoint,
        },
        HFError::Http { context } | HFError::RateLimited { context, .. } => Error::Server {
            url: context.url,
            status: context.status.as_u16(),
            message: context.server_message,
        },
        HFError::Request { source, url } => {
            Error::network(url.as_deref().unwrap_or(&endpoint), &source)
        }
        other => Error::Hub {
            repo,
            source: Box::new(other),
        },
    }
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
