//! What can go wrong with a download.

use std::path::{Path, PathBuf};

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

    /// A file that the Hub listed is not there.
    #[error("{url}: the Hub lists this file but has it not")]
    FileNotFound {
        /// The file's address.
        url: String,
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
    #[error("{url}: the Hub answered {status}{}", said(.message))]
    Server {
        /// What was asked for.
        url: String,
        /// The response's status.
        status: u16,
        /// What the Hub said.
        message: Option<String>,
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

    /// The cache does not have what was asked for, and `HF_HUB_OFFLINE` forbids to fetch it.
    #[error("{repo}: HF_HUB_OFFLINE is set, and the cache does not have it: {source}")]
    Offline {
        /// The model.
        repo: String,
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

    /// Something else that `hf-hub` reports.
    #[error("{repo}: {source}")]
    Hub {
        /// The model.
        repo: String,
        /// What it said.
        source: Box<hf_hub::HFError>,
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

fn said(message: &Option<String>) -> String {
    message
        .as_deref()
        .filter(|message| !message.is_empty())
        .map(|message| format!(", {message:?}"))
        .unwrap_or_default()
}
