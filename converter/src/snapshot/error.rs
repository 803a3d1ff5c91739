//! What can go wrong when a path is to mean a checkpoint.

use std::path::{Path, PathBuf};

/// Why a path means no checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read, or is not there.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// The path is a file.
    #[error("{}: is a file; a snapshot is a folder", .path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },

    /// There is no checkpoint in the folder.
    #[error(
        "{}: holds no Orbax checkpoint (no _METADATA, manifest.ocdbt or ocdbt.process_* in it or in a folder below); expected \
         a snapshot folder, a cache folder models--org--name with snapshots/, or a cache with one such folder",
        .path.display()
    )]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
    },

    /// Several folders below hold a checkpoint.
    #[error(
        "{}: holds {} checkpoints; give one of them as the path:{}{}",
        .path.display(), .choices.len(), paths(.choices), left_aside(.unfinished)
    )]
    SeveralCheckpoints {
        /// The folder.
        path: PathBuf,
        /// The checkpoints.
        choices: Vec<PathBuf>,
        /// The saves that were not finished, which are no choice.
        unfinished: Vec<PathBuf>,
    },

    /// The only checkpoint there was not saved to its end.
    #[error(
        "{}: an unfinished save, which may lack values: Orbax renames it once all is written; give a finished checkpoint (to \
         take it as it is, rename it yourself)",
        .path.display()
    )]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },

    /// The cache holds several models.
    #[error("{}: a cache with {} models; give one of their folders as the path:{}", .path.display(), .choices.len(), paths(.choices))]
    SeveralRepos {
        /// The cache.
        path: PathBuf,
        /// The models' folders.
        choices: Vec<PathBuf>,
    },

    /// The repo's cache folder has several snapshots, and nothing says which.
    #[error("{}: {why}; choose one with --revision:{}", .path.display(), lines(.choices))]
    AmbiguousRevision {
        /// The repo's folder.
        path: PathBuf,
        /// Why it is ambiguous.
        why: String,
        /// The revisions that are there: commit, and the refs that name it.
        choices: Vec<String>,
    },

    /// The revision is not in the repo's cache folder.
    #[error("{}: {why}; there are:{}", .path.display(), lines(.choices))]
    UnknownRevision {
        /// The repo's folder.
        path: PathBuf,
        /// What was looked for.
        why: String,
        /// The revisions that are there: commit, and the refs that name it.
        choices: Vec<String>,
    },

    /// A ref does not hold a commit.
    #[error("{}: expected a commit hash, found {found:?}", .path.display())]
    BadRef {
        /// The ref's file.
        path: PathBuf,
        /// What it holds, shortened.
        found: String,
    },

    /// The path is one snapshot, and the revision names another.
    #[error("{}: is the snapshot of commit {commit}, not of --revision {revision}", .path.display())]
    OtherRevision {
        /// The path.
        path: PathBuf,
        /// Its commit.
        commit: String,
        /// What was asked for.
        revision: String,
    },

    /// The path is a snapshot outside of any cache, which has no revisions.
    #[error("{}: is a single snapshot, so there is no --revision {revision} to choose; leave it out", .path.display())]
    NoRevisions {
        /// The path.
        path: PathBuf,
        /// What was asked for.
        revision: String,
    },

    /// A snapshot's folder is a symlink out of its repo's cache folder.
    #[error("{}: leads out of {}", .path.display(), .root.display())]
    Outside {
        /// The symlink.
        path: PathBuf,
        /// What it may not leave.
        root: PathBuf,
    },
}

fn left_aside(unfinished: &[PathBuf]) -> String {
    match unfinished {
        [] => String::new(),
        _ => format!("\nunfinished saves, left aside:{}", paths(unfinished)),
    }
}

fn paths(choices: &[PathBuf]) -> String {
    choices
        .iter()
        .map(|choice: &PathBuf| format!("\n  {}", Path::display(choice)))
        .collect()
}

fn lines(choices: &[String]) -> String {
    if choices.is_empty() {
        return " none".to_owned();
    }
    choices
        .iter()
        .map(|choice| format!("\n  {choice}"))
        .collect()
}
