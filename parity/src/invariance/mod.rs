//! What may change without a prediction changing: the batch around a sequence, its order, the number of threads, and so on.

mod compare;
mod condition;
mod reverse;
mod run;
pub mod sequences;
mod table;

use serde::Serialize;

pub use compare::{Compared, Element, Output, compare};
pub use condition::Condition;
pub use run::{Limits, Runner, given_sites};
pub use table::write;

/// The name of the document of `--json`.
pub const SCHEMA: &str = "parity-invariance";
/// Its version.
pub const SCHEMA_VERSION: u32 = 1;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The model's folder.
    pub model: String,
    /// Where it ran.
    pub device: String,
    /// How it computed.
    pub arithmetic: String,
    /// Sequences of a batch.
    pub batch: usize,
    /// What shows it again.
    pub command: String,
    /// Seconds of everything after loading.
    pub seconds: f64,
    /// One a condition and length.
    pub rows: Vec<Row>,
    /// Conditions that were left out, and why.
    pub skipped: Vec<String>,
    /// Whether no row fails.
    pub agree: bool,
    /// The first row that fails, counted from 0: shortest length first.
    pub first_failure: Option<usize>,
}

/// One condition at one length.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Which one.
    pub condition: Condition,
    /// Base pairs.
    pub length: usize,
    /// What was changed.
    pub what: String,
    /// How it ended.
    pub verdict: Verdict,
    /// The largest relative L2 distance of an output that passes: 0 demands equal bits. Nothing where the row only informs.
    pub limit: Option<f64>,
    /// Seconds that it took.
    pub seconds: f64,
    /// What shows it again.
    pub command: String,
    /// The outputs.
    #[serde(flatten)]
    pub compared: Compared,
}

/// How a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within its limit.
    Pass,
    /// Beyond it.
    Fail,
    /// Nothing is demanded.
    Information,
}

impl Verdict {
    /// Judges what was found.
    pub fn of(compared: &Compared, limit: Option<f64>) -> Self {
        match limit {
            // Where an output is lost there is nothing to inform about.
            _ if compared.incomplete() => Self::Fail,
            None => Self::Information,
            Some(_) if compared.equal => Self::Pass,
            // Written so that NaN fails; a limit of zero has demanded equal bits.
            Some(limit) if limit > 0.0 && compared.distance() <= limit => Self::Pass,
            Some(_) => Self::Fail,
        }
    }
}
