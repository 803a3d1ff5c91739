//! What a search finds.

use serde::Serialize;

use super::kind::{Kind, Trial};

/// Name of the JSON document.
pub const SCHEMA: &str = "parity-bisect";
/// Its version.
pub const SCHEMA_VERSION: u32 = 1;

/// The whole search.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The recording, or the reference of two.
    pub recording: String,
    /// What made it.
    pub made_by: String,
    /// The model, or the other recording.
    pub candidate: String,
    /// How the model computed; nothing without a model.
    pub arithmetic: Option<String>,
    /// How the local floor was found, in words.
    pub floor: Option<String>,
    /// The largest ratio to the floor that passes.
    pub limit: f64,
    /// The cases.
    pub cases: Vec<Case>,
    /// True where no case has a culprit, and of two recordings no error jumps.
    pub clean: bool,
}

/// One case.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The modules, in the order of the data.
    pub rows: Vec<Row>,
    /// The first module whose local error leaves its floor.
    pub culprit: Option<Culprit>,
    /// Modules whose local error leaves its floor too; of two recordings those in which the error jumps, in the order of the data.
    pub also: Vec<String>,
    /// What the figures say where there is no culprit, or beside it.
    pub notes: Vec<String>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Where a module's input came from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Input {
    /// The share of the values it reads that was recorded; the others are ours.
    pub recorded: f64,
    /// The modules whose outputs were not recorded, or not all of them.
    pub completed: Vec<String>,
}

/// One module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Haiku's path.
    pub module: String,
    /// The recorded array that it is held to.
    pub output: String,
    /// Values compared.
    pub values: usize,
    /// Relative L2 distance of the output in an ordinary pass.
    pub propagated: Option<f64>,
    /// That over the largest propagated error of what it reads, of two recordings of all that comes before: above 1 it
    /// amplifies.
    pub gain: Option<f64>,
    /// Relative L2 distance of the output on the recorded input.
    pub local: Option<f64>,
    /// What the local error may be by rounding alone.
    pub floor: Option<f64>,
    /// Local error over floor.
    pub ratio: Option<f64>,
    /// The largest ratio that passes, with the allowance for few values.
    pub limit: Option<f64>,
    /// Where the input came from.
    pub input: Option<Input>,
}

impl Row {
    /// True where the local error leaves the floor.
    pub fn fails(&self) -> bool {
        let both = self.ratio.zip(self.limit);
        both.is_some_and(|(ratio, limit)| ratio.is_nan() || ratio > limit)
    }
}

/// The module at fault, with the evidence.
#[derive(Clone, Debug, Serialize)]
pub struct Culprit {
    /// Haiku's path.
    pub module: String,
    /// The module where it shows, where that is another one: a sum is made by those that read it.
    pub seen_in: Option<String>,
    /// The recorded array that it does not give.
    pub output: String,
    /// Keys of its weights.
    pub weights: Vec<String>,
    /// The likely kind, where a trial explains at least half of the difference.
    pub kind: Option<Kind>,
    /// What was tried, what explains most first.
    pub trials: Vec<Trial>,
    /// The command that shows it again.
    pub command: String,
}
