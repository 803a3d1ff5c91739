//! What can go wrong with a download.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;

use super::Settings;
use crate::snapshot;

/// Why a snapshot could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The repo is not an `org/name`.
    #[error(
        "{repo:?} is not the name of a model on the Hub; expected org/name, as in google/alphagenome-all-folds"
    )]
    BadRepo {
        /// What was given.
        repo: String,
    },

    /// The revision cannot be the name of a branch, tag or commit.
    #[error("{revision:?} cannot be a revision; expected a branch, a tag or a commit")]
    BadRevision {
        /// What was given.
        revision: String,
    },

    /// The Hub refused access: 401 or 403.
    #[error(
        "{repo}: the Hub refused access ({status}{}): the model is gated{}. To get access: 1. accept its terms at \
         https://huggingface.co/{repo} while logged in; 2. make a token that may read gated repos at \
         https://huggingface.co/settings/tokens; 3. give it in the environment variable HF_TOKEN, or in the file {} \
         (`hf auth login` writes it). {token}",
        said(.message), if *.maybe_missing { ", or private, or does not exist" } else { "" }, .token_file.display()
    )]
    Gated {
        /// The model.
        repo: String,
        /// The response's status.
        status: u16,
        /// What the Hub said.
        message: Option<String>,
        /// Whether the Hub left open that there may be no such model.
        maybe_missing: bool,
        /// Which token was sent, if any.
        token: String,
        /// Where a token may be written to.
        token_file: PathBuf,
    },

    /// There is no such model.
    #[error("{repo}: no such model at {endpoint}")]
    RepoNotFound {
        /// The model.
        repo: String,
        /// The Hub's address.
        endpoint: String,
    },

    /// The model has no such revision.
    #[error(
        "{repo}: no revision {revision:?} at {endpoint}; expected a branch, a tag or a commit of the model"
    )]
    RevisionNotFound {
        /// The model.
        repo: String,
        /// The revision.
        revision: String,
        /// The Hub's address.
        endpoint: String,
    },

    /// There is no checkpoint in the repository.
    #[error(
        "{repo}: holds no Orbax checkpoint (none of its {files} files at {revision} is _METADATA, manifest.ocdbt or in ocdbt.process_*), \
         so nothing was downloaded; AlphaGenome's are in google/alphagenome-all-folds and its like"
    )]
    NoCheckpoint {
        /// The model.
        repo: String,
        /// The revision.
        revision: String,
        /// How many files it has.
        files: usize,
    },

    /// The Hub's address is none.
    #[error("HF_ENDPOINT: {endpoint:?} is no address; expected one like https://huggingface.co")]
    BadEndpoint {
        /// What was given.
        endpoint: String,
    },

    /// A file that the Hub listed is not there.
    #[error("{url}: the Hub lists this file but has it not")]
    NotFound {
        /// The file's address.
        url: String,
    },

    /// A page for people came where the Hub's answer was expected.
    #[error(
        "{url}: expected the Hub's answer, got an HTML page ({status}{}): a proxy or a login page stands between; open the \
         address in a browser, or set HTTPS_PROXY or HF_ENDPOINT",
        said(.title)
    )]
    Page {
        /// Where it came from, after redirects.
        url: String,
        /// The response's status.
        status: u16,
        /// The page's title.
        title: Option<String>,
    },

    /// The Hub could not be reached, or stopped answering.
    #[error(
        "{url}: {reason}. Run the same command again to continue where it stopped; HF_HUB_OFFLINE=1 uses what the cache has"
    )]
    Network {
        /// What was asked for.
        url: String,
        /// What happened, down to the system's error.
        reason: String,
    },

    /// The Hub answered with an error.
    #[error("{url}: the Hub answered {status}{}{}", said(.message), next_step(*.status, *.wait))]
    Server {
        /// What was asked for.
        url: String,
        /// The response's status.
        status: u16,
        /// What the Hub said.
        message: Option<String>,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },

    /// The Hub's answer lacks something or is not to be trusted.
    #[error("{url}: the Hub's answer is malformed: {problem}")]
    Malformed {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A file arrived damaged, twice.
    #[error(
        "{url}: damaged in transfer: expected {expected}, received {received}; run the same command again"
    )]
    Corrupt {
        /// The file's address.
        url: String,
        /// Its size or digest.
        expected: String,
        /// The size or digest of what came.
        received: String,
    },

    /// A file in the cache has other bytes than its name says.
    #[error(
        "{}: damaged in the cache: expected {expected}, found {found}; without {variable}, the same command fetches it again",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its digest.
        expected: String,
        /// The digest of its bytes.
        found: String,
        /// Which variable forbids to fetch it.
        variable: &'static str,
    },

    /// The cache does not have what was asked for, and a variable forbids to fetch it.
    #[error("{repo}: {variable} is set, and the cache does not have it: {source}")]
    Offline {
        /// The model.
        repo: String,
        /// Which variable.
        variable: &'static str,
        /// What the cache lacks.
        source: Box<snapshot::Error>,
    },

    /// The disk is full.
    #[error(
        "{}: the disk is full; {missing} bytes of this file are missing. What was downloaded is kept: make room, or move the \
         cache with HF_HUB_CACHE, and run the same command again",
        .path.display()
    )]
    DiskFull {
        /// The file that was being written.
        path: PathBuf,
        /// How many bytes of it are missing.
        missing: u64,
    },

    /// A file of the cache could not be written or read.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// What was downloaded holds no checkpoint, or several.
    #[error(transparent)]
    Snapshot(#[from] snapshot::Error),
}

impl Error {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn gated(
        settings: &Settings,
        repo: &str,
        status: StatusCode,
        code: Option<&str>,
        message: Option<String>,
    ) -> Self {
        let token = match &settings.token {
            None => "No token was sent.".to_owned(),
            Some(token) => format!("The token from {} was sent.", token.origin),
        };
        Self::Gated {
            repo: repo.to_owned(),
            status: status.as_u16(),
            message,
            // To those without access the Hub does not tell a private model from a missing one.
            maybe_missing: code == Some("RepoNotFound"),
            token,
            token_file: settings.token_file.clone(),
        }
    }

    pub(super) fn malformed(url: &str, problem: String) -> Self {
        Self::Malformed {
            url: url.to_owned(),
            problem,
        }
    }

    pub(super) fn page(url: &str, status: StatusCode, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let lower = text.to_ascii_lowercase();
        let title = lower.find("<title").and_then(|start| {
            let start = start + lower[start..].find('>')? + 1;
            let end = start + lower[start..].find('<')?;
            let words: Vec<&str> = text[start..end].split_whitespace().take(12).collect();
            Some(words.join(" "))
        });
        Self::Page {
            url: url.to_owned(),
            status: status.as_u16(),
            title,
        }
    }

    /// A transport error, with the causes that `reqwest` keeps to itself.
    pub(super) fn network(url: &str, error: &reqwest::Error) -> Self {
        let mut reason = if error.is_timeout() {
            "timed out".to_owned()
        } else {
            "the connection failed".to_owned()
        };
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            reason = format!("{reason}: {error}");
            cause = error.source();
        }
        Self::Network {
            url: url.to_owned(),
            reason,
        }
    }
}

/// What to do about a status.
fn next_step(status: u16, wait: Option<Duration>) -> String {
    let pause = match wait {
        Some(wait) => format!("in {} s", wait.as_secs().max(1)),
        None => "in some minutes".to_owned(),
    };
    let again = format!("run the same command again {pause}: what was downloaded is kept");
    match status {
        429 => format!(
            ". It limits how often an address may ask, with a token (HF_TOKEN) less than without; {again}"
        ),
        500.. => format!(". It is in trouble (https://status.huggingface.co); {again}"),
        _ => String::new(),
    }
}

fn said(message: &Option<String>) -> String {
    message
        .as_deref()
        .filter(|message| !message.is_empty())
        .map(|message| format!(", {message:?}"))
        .unwrap_or_default()
}
