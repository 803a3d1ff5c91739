//! The files of a conversion, and what can be wrong with them.

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError};
use crate::metadata::{Metadata, MetadataError};

const CONFIG: &str = "config.json";

/// A folder that no model can be loaded from.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A folder that is none of a model.
    #[error("{}: {reason}; name the folder that `convert` wrote, or convert a checkpoint first", .dir.display())]
    NoModel {
        /// The folder.
        dir: PathBuf,
        /// Why it is none.
        reason: &'static str,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration.
    #[error("{}: {source}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// The track metadata.
    #[error("{}: {source}", .path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: MetadataError,
    },
    /// There are no tensors.
    #[error(
        "{} holds neither model.safetensors nor model.safetensors.index.json: name the folder that `convert` wrote",
        .dir.display()
    )]
    NoWeights {
        /// The folder.
        dir: PathBuf,
    },
    /// A safetensors file, or the index of several, is damaged.
    #[error("{}: {reason}", .path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tensors are not those that the configuration describes.
    #[error(
        "the tensors in {} are not those that config.json describes: {}",
        .dir.display(),
        list(.missing, .misshapen, .extra)
    )]
    Tensors {
        /// The folder.
        dir: PathBuf,
        /// Tensors that are not there, each with the shape it should have.
        missing: Vec<String>,
        /// Tensors of another shape or type, each with both.
        misshapen: Vec<String>,
        /// Tensors that the model does not have.
        extra: Vec<String>,
    },
}

fn list(missing: &[String], misshapen: &[String], extra: &[String]) -> String {
    let parts = [
        ("missing", missing),
        ("of another shape or type", misshapen),
        ("not of this model", extra),
    ];
    let parts = parts.iter().filter(|(_, names)| !names.is_empty());
    let parts = parts.map(|(what, names)| format!("{} {what}: {}", names.len(), names.join(", ")));
    parts.collect::<Vec<_>>().join("; ")
}

impl LoadError {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}

/// Fails where `dir` is no folder of a model.
pub fn check(dir: &Path) -> Result<(), LoadError> {
    let reason = match dir.is_dir() {
        true if dir.join(CONFIG).exists() => return Ok(()),
        true => "has no config.json",
        false => "there is no such folder",
    };
    Err(LoadError::NoModel {
        dir: dir.to_owned(),
        reason,
    })
}

/// Reads `config.json`, and `tracks.json` if it is there.
pub fn describe(dir: &Path) -> Result<(Config, Option<Metadata>), LoadError> {
    check(dir)?;
    let path = dir.join(CONFIG);
    let text = std::fs::read_to_string(&path).map_err(|source| LoadError::read(&path, source))?;
    let config = Config::parse(&text).map_err(|source| LoadError::Config { path, source })?;
    let path = dir.join("tracks.json");
    if !path.exists() {
        return Ok((config, None));
    }
    let text = std::fs::read_to_string(&path).map_err(|source| LoadError::read(&path, source))?;
    let metadata =
        Metadata::parse(&text, &config).map_err(|source| LoadError::Metadata { path, source })?;
    Ok((config, Some(metadata)))
}
