//! The model's modules one by one: what each reads, and how to run one alone on given values.
//!
//! A forward pass carries errors along. To tell a module that makes one from a module that is only handed one, it is run
//! alone on values that somebody recorded: [`AlphaGenome::stages`] lists the modules in the order of the data, and
//! [`AlphaGenome::run_stage`] runs one. Both are read off the [graph](crate::graph): a module is what lies between its output
//! and the outputs of others, sums of the residual streams included.

mod network;

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use crate::array::{Array, Values};
use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::Config;
use crate::forward::AlphaGenome;
use crate::graph::{Between, Held, Operation, ValueId, unedited};
use crate::metadata::Metadata;
use crate::operations::{Operations, Source};
use crate::parts::Form;
use crate::precision::Arithmetic;
use crate::sequence::Sequence;
use crate::taps::NoTaps;
use network::Network;

/// Haiku's path of the organisms' embedding.
pub(crate) const EMBED: &str = "alphagenome/embed";

/// A module of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Haiku's path.
    pub path: String,
    /// Paths of the modules whose outputs it reads, in the order in which it reads them.
    pub inputs: Vec<String>,
    /// Those of them that are added to make what it reads first; all that a sum adds.
    pub sum: Vec<String>,
    /// Whether it also reads the bases.
    pub reads_sequence: bool,
    /// Names of what it gives: its path for a module that has a tap, names of outputs for others.
    pub outputs: Vec<String>,
    /// What the keys of its weights begin with.
    pub weights: String,
    pub(crate) values: Vec<ValueId>,
    pub(crate) read: Option<ValueId>,
}

impl Stage {
    fn missing(&self, input: &str) -> StageError {
        StageError::Missing {
            stage: self.path.clone(),
            input: input.into(),
        }
    }
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

/// The modules of a model in the order of the data; without metadata no head predicts in experimental units.
pub fn of(config: &Config, metadata: Option<&Metadata>) -> Vec<Stage> {
    let sequence = Sequence::from_indices(&[4; 2048]).expect("2,048 bp are a sequence");
    let batch = Batch::new(vec![sequence], vec![0]).expect("one sequence is a batch");
    let form = (Form::from(Arithmetic::default()), AttentionForm::default());
    network::graph(config, metadata, form, &batch).stages()
}

impl<B: Operations> AlphaGenome<B> {
    /// The modules in the order of the data.
    pub fn stages(&self) -> Vec<Stage> {
        of(self.config(), self.metadata())
    }

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
        self.run_with(path, batch, (known, None), None)
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
        self.run_with(path, batch, (known, None), Some(sums))
    }

    /// [`run_stage`](Self::run_stage) with other values in place of what the module reads first, which
    /// [`stage_input`](Self::stage_input) gives.
    ///
    /// # Errors
    /// As [`run_stage`](Self::run_stage).
    pub fn run_stage_on(
        &self,
        path: &str,
        batch: &Batch,
        known: &Known,
        read: &Array,
    ) -> Result<Vec<(String, Array)>, StageError> {
        self.run_with(path, batch, (known, Some(read)), None)
    }

    /// What the module at `path` reads first: the output of another one, before it is pooled, or a sum of several. Nothing
    /// where it reads bases or organisms alone.
    ///
    /// # Errors
    /// As [`run_stage`](Self::run_stage).
    pub fn stage_input(
        &self,
        path: &str,
        batch: &Batch,
        known: &Known,
    ) -> Result<Option<Array>, StageError> {
        let network = unedited(|| self.network(batch));
        let stage = network.stage(path)?;
        let Some(read) = stage.read else {
            return Ok(None);
        };
        let held = self.known(&network, stage, known)?;
        let values = self.evaluate(&network.graph, batch, held, &[read], None, &mut NoTaps)?;
        Ok(values.into_iter().next().map(Held::into_array))
    }

    /// The splice sites that the model chooses on `known` outputs of others, int32 `[B, 4, K]`: those of a probability below
    /// `threshold` left out, by default the configuration's. Nothing where the model has no such heads.
    ///
    /// # Errors
    /// As [`run_stage`](Self::run_stage).
    pub fn choose_sites(
        &self,
        batch: &Batch,
        known: &Known,
        threshold: Option<f32>,
    ) -> Result<Option<Array>, StageError> {
        let network = self.network(batch);
        let mut graph = network.graph.clone();
        let mut nodes = graph.nodes.iter_mut();
        let chooses = nodes.find_map(|node| match &mut node.operation {
            Operation::BestPositions { threshold, .. } => Some((threshold, node.path.clone())),
            _ => None,
        });
        let Some((own, path)) = chooses else {
            return Ok(None);
        };
        *own = threshold.unwrap_or(*own);
        let Some((_, sites)) = network.sites(&path) else {
            return Ok(None);
        };
        let held = self.modules(&network, network.stage(&path)?, known)?;
        let values = self.evaluate(&graph, batch, held, &[sites], None, &mut NoTaps)?;
        Ok(values.into_iter().next().map(Held::into_array))
    }

    fn run_with(
        &self,
        path: &str,
        batch: &Batch,
        (known, read): (&Known, Option<&Array>),
        sums: Option<Arithmetic>,
    ) -> Result<Vec<(String, Array)>, StageError> {
        let network = self.network(batch);
        let stage = network.stage(path)?;
        let mut held = self.known(&network, stage, known)?;
        if let (Some(value), Some(read)) = (stage.read, read) {
            held.insert(
                value,
                self.held(path, path, read, &network.graph.values[value].shape)?,
            );
        }
        let adds = stage.read == stage.values.first().copied();
        let between = sums.map(|sums| Between {
            sums: sums.roundings(),
            module: (!adds).then_some(path),
        });
        let wanted = &stage.values;
        let values = self.evaluate(&network.graph, batch, held, wanted, between, &mut NoTaps)?;
        let kinds = wanted.iter().map(|value| network.graph.kind(*value));
        let arrays = values.into_iter().zip(kinds);
        let arrays = arrays.map(|(held, kind)| kind.on_host(held.into_array(), batch.organisms()));
        let mut arrays: Vec<_> = arrays.collect();
        // A module with a tap gives one value under all its names.
        arrays.resize(stage.outputs.len(), arrays[0].clone());
        Ok(stage.outputs.iter().cloned().zip(arrays).collect())
    }

    /// What a stage reads, by the values of the graph.
    fn known(
        &self,
        network: &Network,
        stage: &Stage,
        known: &Known,
    ) -> Result<BTreeMap<ValueId, Held<B>>, StageError> {
        let mut held = self.modules(network, stage, known)?;
        if let Some((name, value)) = network.sites(&stage.path) {
            let sites = known.get(name).ok_or_else(|| stage.missing(name))?;
            let (Values::I32(places), &[batch, 4, count]) = (&sites.values, &sites.shape[..])
            else {
                return Err(stage.missing(name));
            };
            let places = || places.clone();
            let sites = B::integers(Source::SpliceSites, [batch, 4, count], places, &self.device);
            held.insert(value, sites.into());
        }
        Ok(held)
    }

    /// The outputs of other modules that a stage reads, by the values of the graph.
    fn modules(
        &self,
        network: &Network,
        stage: &Stage,
        known: &Known,
    ) -> Result<BTreeMap<ValueId, Held<B>>, StageError> {
        let mut held = BTreeMap::new();
        for input in &stage.inputs {
            let array = known.get(input).ok_or_else(|| stage.missing(input))?;
            let value = network.stage(input)?.values[0];
            let shape = &network.graph.values[value].shape;
            held.insert(value, self.held(&stage.path, input, array, shape)?);
        }
        Ok(held)
    }

    /// An array on the device, of as many axes as in the graph.
    fn held(
        &self,
        stage: &str,
        input: &str,
        array: &Array,
        shape: &[usize],
    ) -> Result<Held<B>, StageError> {
        if array.shape.len() != shape.len() {
            return Err(StageError::Shape {
                stage: stage.into(),
                input: input.into(),
                found: array.shape.clone(),
                expected: format!("{} axes, as {shape:?}", shape.len()),
            });
        }
        let data = TensorData::new(array.values.to_f32(), array.shape.clone());
        Ok(Held::Float(B::float_from_data(data, &self.device)))
    }
}
