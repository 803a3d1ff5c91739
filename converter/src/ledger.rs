//! `conversion.json`: what became of every value.
//!
//! It holds neither times nor paths, so that the same input gives the same bytes.

mod entry;

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use entry::{LeafEntry, OutputEntry, SourceEntry, SpecEntry, TensorEntry, Tool, TracksEntry};

use crate::{
    checkpoint::Leaf,
    digest,
    plan::Plan,
    publish::MARK,
    safetensors_file::Layout,
    spec::Spec,
    tensor::{Dtype, TensorType},
};

/// The version of the ledger's form.
pub const FORMAT_VERSION: u32 = 1;

/// What the output and the program say when there is no track metadata.
pub const NO_TRACKS: &str = "unavailable: no track metadata was given (--metadata), so predictions cannot be scaled to experimental units";

/// The ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ledger {
    /// Always `conversion`.
    pub format: String,
    /// The version of this form.
    pub format_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// The algorithm of all digests: `blake3`.
    pub digest_algorithm: String,
    /// The checkpoint.
    pub source: SourceEntry,
    /// The mapping spec.
    pub spec: SpecEntry,
    /// The track metadata, if it was given.
    pub tracks: Option<TracksEntry>,
    /// `available`, or why predictions cannot be scaled to experimental units.
    pub unscaled_tracks: String,
    /// All that was written.
    pub output: OutputEntry,
    /// The leaves that the spec leaves out, and all that is no leaf: empty containers, strings, arrays of other types.
    pub ignored: Vec<String>,
    /// The tensors by name.
    pub tensors: BTreeMap<String, TensorEntry>,
}

/// The digests of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDigests {
    /// Of each source.
    pub read: Vec<String>,
    /// Of each target.
    pub written: Vec<String>,
}

/// What a ledger is made from.
pub(crate) struct Facts<'a> {
    pub spec: &'a Spec,
    pub plan: &'a Plan,
    pub leaves: &'a [Leaf],
    pub layout: &'a Layout,
    pub digests: &'a [JobDigests],
    pub dtype: Dtype,
    pub repo: Option<String>,
    pub revision: Option<String>,
    pub config: &'a [u8],
    pub tracks: Option<TracksEntry>,
}

/// Why a ledger could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No folder, or one without a ledger.
    #[error("{dir} is no folder that `convert` wrote: {why}")]
    NotConverted {
        /// The folder.
        dir: PathBuf,
        /// What is missing.
        why: String,
    },
    /// A file that cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not of the ledger's form.
    #[error("{path} is no ledger of this version: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Another version or another algorithm.
    #[error(
        "{path} is a ledger of version {version} with {algorithm} digests; this program reads version {FORMAT_VERSION}"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// Its algorithm.
        algorithm: String,
    },
}

impl Ledger {
    /// Reads the ledger of a converted folder.
    ///
    /// # Errors
    /// If there is none, or one of another version.
    pub fn read(dir: &Path) -> Result<Ledger, LedgerError> {
        let path = dir.join(MARK);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                let why = match dir.is_dir() {
                    true => format!("it has no {MARK}"),
                    false => "there is no such folder".to_owned(),
                };
                let dir = dir.to_owned();
                return Err(LedgerError::NotConverted { dir, why });
            }
            Err(source) => return Err(LedgerError::Read { path, source }),
        };
        let ledger: Ledger = match serde_json::from_slice(&text) {
            Ok(ledger) => ledger,
            Err(source) => return Err(LedgerError::Form { path, source }),
        };
        if ledger.format_version != FORMAT_VERSION || ledger.digest_algorithm != digest::ALGORITHM {
            let (version, algorithm) = (ledger.format_version, ledger.digest_algorithm);
            return Err(LedgerError::Version {
                path,
                version,
                algorithm,
            });
        }
        Ok(ledger)
    }

    pub(crate) fn new(facts: Facts<'_>) -> Ledger {
        let Facts {
            spec,
            plan,
            leaves,
            layout,
            ..
        } = facts;
        let mut read: Vec<(&str, &TensorType, &str)> = Vec::new();
        let mut written = Vec::new();
        let mut tensors = BTreeMap::new();
        for (job, digests) in plan.jobs.iter().zip(facts.digests) {
            let sources = job
                .sources
                .iter()
                .zip(&digests.read)
                .map(|(&leaf, digest)| {
                    let leaf = &leaves[leaf];
                    let Leaf { name, kind, .. } = leaf;
                    // The digest of the source is that of the checkpoint, whatever was made of it.
                    if !leaf.is_mean() {
                        read.push((name, kind, digest));
                    }
                    LeafEntry {
                        name: name.clone(),
                        dtype: kind.dtype.to_string(),
                        shape: kind.shape.clone(),
                        digest: digest.clone(),
                    }
                });
            let sources: Vec<LeafEntry> = sources.collect();
            for (&number, digest) in job.targets.iter().zip(&digests.written) {
                let target = &plan.targets[number];
                written.push((target.name.as_str(), &target.kind, digest.as_str()));
                let entry = TensorEntry {
                    file: layout.files[layout.places[number].file].name.clone(),
                    dtype: target.kind.dtype.to_string(),
                    shape: target.kind.shape.clone(),
                    digest: digest.clone(),
                    sources: sources.clone(),
                    transforms: job.chain.iter().map(ToString::to_string).collect(),
                };
                tensors.insert(target.name.clone(), entry);
            }
        }
        let mut ignored: Vec<String> = plan
            .ignored
            .iter()
            .map(|&leaf| leaves[leaf].name.clone())
            .chain(plan.others.iter().map(|other| other.name.clone()))
            .collect();
        ignored.sort_unstable();
        Ledger {
            format: "conversion".to_owned(),
            format_version: FORMAT_VERSION,
            tool: Tool {
                name: "convert".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            digest_algorithm: digest::ALGORITHM.to_owned(),
            source: SourceEntry {
                repo: facts.repo,
                revision: facts.revision,
                leaves: read.len(),
                bytes: read.iter().map(|(_, kind, _)| kind.bytes() as u64).sum(),
                digest: digest::of_arrays(read),
            },
            spec: SpecEntry {
                name: spec.name.clone(),
                digest: digest::of(spec.text.as_bytes()),
                options: spec.options.clone(),
            },
            unscaled_tracks: match &facts.tracks {
                Some(_) => "available".to_owned(),
                None => NO_TRACKS.to_owned(),
            },
            tracks: facts.tracks,
            output: OutputEntry {
                dtype: facts.dtype.to_string(),
                tensors: written.len(),
                bytes: plan.target_bytes(),
                digest: digest::of_arrays(written),
                config_digest: digest::of(facts.config),
                files: layout.files.iter().map(|file| file.name.clone()).collect(),
            },
            ignored,
            tensors,
        }
    }
}
