//! The model's modules one by one: what each reads, and how to run one alone on given values.
//!
//! A forward pass carries errors along. To tell a module that makes one from a module that is only handed one, it is run
//! alone on values that somebody recorded: [`AlphaGenome::stages`] lists the modules in the order of the data, and
//! [`AlphaGenome::run_stage`] runs one. Sums that stand between modules (the residual streams of trunk and pair) are made
//! from what was added to them, in the model's order and with its roundings.

mod list;
mod run;
mod values;

use std::collections::BTreeMap;

pub use self::list::of;
use self::run::Run;
use crate::array::Array;
use crate::batch::Batch;
use crate::forward::AlphaGenome;
use crate::operations::Operations;
use crate::precision::Arithmetic;

/// Haiku's path of the organisms' embedding.
pub(crate) const EMBED: &str = "alphagenome/embed";
const ENCODER: &str = "alphagenome/sequence_encoder";
const DECODER: &str = "alphagenome/sequence_decoder/up_res_block";

/// A module of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Haiku's path.
    pub path: String,
    /// Paths of the modules whose outputs it reads, in the order of the data.
    pub inputs: Vec<String>,
    /// Whether it also reads the bases.
    pub reads_sequence: bool,
    /// Names of what it gives: its path for a module that has a tap, names of outputs for others.
    pub outputs: Vec<String>,
    /// What the keys of its weights begin with.
    pub weights: String,
}

/// A module that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// The model has no such module.
    #[error("the model has no module `{0}`")]
    Unknown(String),
    /// A value that the module reads is not there.
    #[error("module `{stage}` reads the output of `{input}`, which was not given")]
    Missing {
        /// The module.
        stage: String,
        /// What it reads.
        input: String,
    },
    /// A value has another shape than the module reads.
    #[error("module `{stage}`: the output of `{input}` is {found:?}, expected {expected}")]
    Shape {
        /// The module.
        stage: String,
        /// What it reads.
        input: String,
        /// Its shape.
        found: Vec<usize>,
        /// What it should be.
        expected: String,
    },
}

/// Outputs of modules by path, whole; for the junctions also `HEAD/splice_site_positions`, int32 `[B, 4, K]`.
pub type Known = BTreeMap<String, Array>;

impl<B: Operations> AlphaGenome<B> {
    /// Runs the module at `path` alone on `known` outputs of others, and gives what it gives, by the names of
    /// [`Stage::outputs`].
    ///
    /// # Errors
    /// [`StageError`] where there is no such module, or what it reads is missing or of another shape.
    pub fn run_stage(
        &self,
        path: &str,
        batch: &Batch,
        known: &Known,
    ) -> Result<Vec<(String, Array)>, StageError> {
        self.run_of(path, batch, known, |run| run.run())
    }

    /// [`run_stage`](Self::run_stage) within a model of another arithmetic: the sums that stand before the module are rounded
    /// as there.
    ///
    /// # Errors
    /// As [`run_stage`](Self::run_stage).
    pub fn run_stage_between(
        &self,
        path: &str,
        batch: &Batch,
        known: &Known,
        sums: Arithmetic,
    ) -> Result<Vec<(String, Array)>, StageError> {
        let sums = sums.roundings();
        self.run_of(path, batch, known, |run| Run { sums, ..run }.run())
    }

    /// The splice sites that the head at `path` chooses on `known` outputs of others, int32 `[B, 4, K]`: those of a
    /// probability below `threshold` left out, by default the configuration's. Nothing where the model has no such heads.
    ///
    /// # Errors
    /// As [`run_stage`](Self::run_stage).
    pub fn choose_sites(
        &self,
        path: &str,
        batch: &Batch,
        known: &Known,
        threshold: Option<f32>,
    ) -> Result<Option<Array>, StageError> {
        self.run_of(path, batch, known, |run| run.sites(threshold))
    }

    fn run_of<R>(
        &self,
        path: &str,
        batch: &Batch,
        known: &Known,
        f: impl FnOnce(Run<'_, B>) -> Result<R, StageError>,
    ) -> Result<R, StageError> {
        let stages = self.stages();
        let stage = stages
            .iter()
            .find(|stage| stage.path == path)
            .ok_or_else(|| StageError::Unknown(path.into()))?;
        f(Run {
            model: self,
            stage,
            batch,
            known,
            sums: self.arithmetic().roundings(),
        })
    }
}
