//! The result of a comparison: what every report is made of, and what `--json` writes.
//!
//! `schema/result.schema.json` describes the JSON; [`SCHEMA_VERSION`] changes with it.

mod farthest;
mod heads;
mod output;
mod verdict;

use parity_stats::Stat;
use parity_stats::effects::EffectParity;
use serde::{Deserialize, Serialize};

use crate::align::SiteSet;
use crate::recording::{DType, Manifest, Recording};

pub use farthest::{Farthest, KnownTrack, KnownTracks};
pub use heads::{HeadSummary, by_head};
pub use output::{
    BiasResult, Check, FloorRatio, NotCompared, OutputResult, Padding, PositionBin, ScatterPoint,
    TrackTable,
};
pub use verdict::{Decision, Verdict};

/// Name of the JSON document.
pub const SCHEMA: &str = "parity-result";
/// Its version: raised by one with every change that is no addition.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of the program.
    pub program: String,
    /// The command, `level2` or `compare`.
    pub command: String,
    /// The whole command line, without the program.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// The level that was judged.
    pub level: u8,
    /// The profile of bounds, or the file they were read from.
    pub profile: String,
    /// The noise floor that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<FloorUse>,
    /// By organism and head.
    #[serde(default)]
    pub heads: Vec<HeadSummary>,
    /// What the run compared, in order.
    pub runs: Vec<Run>,
    /// What follows from all of it.
    pub verdict: Verdict,
}

/// The noise floor that outputs were held to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FloorUse {
    /// The recordings that it was measured on.
    pub recordings: Vec<String>,
    /// The largest ratio for many values; few values have a larger one of their own.
    pub limit: f64,
}

/// One reference recording against the candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The reference.
    pub reference: Provenance,
    /// The candidate.
    pub candidate: Provenance,
    /// The dtype whose bounds count.
    pub dtype: DType,
    /// The cases both have.
    pub cases: Vec<CaseResult>,
    /// Effects of variants, where both recordings hold both alleles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantResult>,
    /// True where every case passed.
    pub pass: bool,
}

/// ALT minus REF of one variant on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VariantResult {
    /// The variant's name.
    pub id: String,
    /// Per prediction.
    pub outputs: Vec<VariantOutput>,
    /// Predictions whose four arrays kept no places in common.
    pub left_out: Vec<String>,
}

/// The effect on one prediction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VariantOutput {
    /// Its name.
    pub name: String,
    /// Sign agreement, rank correlation, largest changes.
    pub effects: EffectParity,
    /// Where the reference changes most: indices in the full array.
    pub largest_place: Option<Vec<usize>>,
}

/// What made one side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// A name to print: the recording's folder or the model's.
    pub name: String,
    /// Where it lies.
    pub path: String,
    /// `jax`, `burn`, ...
    pub framework: String,
    /// One line: versions, device, dtype, precision, flags.
    pub made_by: String,
    /// The type it computes in.
    pub compute_dtype: DType,
    /// Versions of what made it, by name.
    #[serde(default)]
    pub versions: Vec<String>,
    /// `cpu`, `gpu`.
    pub platform: Option<String>,
    /// The device by its maker's name.
    #[serde(default)]
    pub device: Option<String>,
    /// Precision of matrix products, in the framework's words.
    #[serde(default)]
    pub matmul_precision: Option<String>,
    /// Compiler flags.
    #[serde(default)]
    pub flags: Option<String>,
    /// A name for the weights.
    pub checkpoint: Option<String>,
    /// A digest of the weights.
    pub checkpoint_digest: Option<String>,
    /// Tensors of a converted model that are not as its ledger says they were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_tensors: Vec<String>,
}

impl Provenance {
    /// The provenance of a recording.
    pub fn of(recording: &Recording) -> Self {
        let manifest: &Manifest = &recording.manifest;
        Self {
            name: recording.name(),
            path: recording.path.display().to_string(),
            framework: manifest.framework.clone(),
            made_by: manifest.made_by(),
            compute_dtype: manifest.compute_dtype,
            versions: manifest.all_versions(),
            platform: manifest.platform.clone(),
            device: manifest.device.clone(),
            matmul_precision: manifest.matmul_precision.clone(),
            flags: manifest.xla_flags.clone().filter(|flags| !flags.is_empty()),
            checkpoint: manifest.checkpoint.clone(),
            checkpoint_digest: manifest.checkpoint_digest.clone(),
            changed_tensors: Vec::new(),
        }
    }
}

/// One case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// Base pairs.
    pub sequence_length: usize,
    /// 0 human, 1 mouse.
    pub organism_index: usize,
    /// Time of the candidate's forward pass, where it was run.
    pub seconds: Option<f64>,
    /// Every output that both have, in reading order.
    pub outputs: Vec<OutputResult>,
    /// Splice positions as sets.
    pub splice_sites: Vec<SiteSet>,
    /// Outputs that could not be compared, with the reason.
    pub not_compared: Vec<NotCompared>,
    /// Outputs of the candidate alone.
    pub extra: Vec<String>,
    /// True where every deciding check passed.
    pub pass: bool,
}

/// A statistic at full precision, or why there is none; `Stat` prints it.
pub fn text(stat: Stat, digits: usize) -> String {
    match stat {
        Stat::Defined(0.0) => "0".into(),
        Stat::Defined(x) => format!("{x:.digits$e}"),
        Stat::Undefined(reason) => reason.to_string(),
    }
}
