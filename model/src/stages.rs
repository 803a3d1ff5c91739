//! The model's modules one by one: what each reads, and how to run one alone on given values.
//!
//! A forward pass carries errors along. To tell a module that makes one from a module that is only handed one, it is run
//! alone on values that somebody recorded: [`AlphaGenome::stages`] lists the modules in the order of the data, and
//! [`AlphaGenome::run_stage`] runs one. Both are read off the [graph](crate::graph): a module is what lies between its output
//! and the outputs of others, sums of the residual streams included.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use burn::tensor::TensorData;

use crate::array::{Array, Values};
use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::{Config, Head};
use crate::faults;
use crate::forward::AlphaGenome;
use crate::graph::{Between, Evaluation, Graph, Held, Operation, ValueId, describe};
use crate::heads::junctions::SpliceSitePositions;
use crate::metadata::Metadata;
use crate::operations::{Operations, Organisms, Source};
use crate::parts::Form;
use crate::precision::Arithmetic;
use crate::request::Request;
use crate::sequence::Sequence;
use crate::taps::{NoTaps, Taps};

/// Haiku's path of the organisms' embedding.
pub(crate) const EMBED: &str = "alphagenome/embed";
/// Graphs that are kept on a thread: of a few forms of a model.
const KEPT: usize = 4;

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
    faults::without(|| graph(config, metadata, form, &batch).stages())
}

/// The graph of everything on given splice sites, which no choice precedes.
fn graph(
    config: &Config,
    metadata: Option<&Metadata>,
    form: (Form, AttentionForm),
    batch: &Batch,
) -> Graph {
    let request = Request {
        splice_site_positions: Some(SpliceSitePositions {
            count: 1,
            places: vec![-1; 4 * batch.size()],
        }),
        ..Request::everything()
    };
    // Nothing of such a request can be refused but organisms that the model does not have, which have no part in a graph.
    describe(config, metadata, form, batch, &request).unwrap_or_default()
}

/// A graph with its modules, and what it is the graph of.
struct Network {
    config: Config,
    metadata: Option<Arc<Metadata>>,
    form: (Form, AttentionForm),
    shape: [usize; 2],
    fault: faults::Chosen,
    graph: Graph,
    stages: Vec<Stage>,
}

thread_local! {
    static NETWORKS: RefCell<Vec<Rc<Network>>> = const { RefCell::new(Vec::new()) };
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
        let network = faults::without(|| self.network(batch));
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
        let heads = &self.config().heads;
        let choice = heads.values().find_map(|head| match head {
            Head::SpliceSitesJunction {
                top_k, threshold, ..
            } => Some((*top_k, *threshold)),
            _ => None,
        });
        let classes = heads
            .iter()
            .find(|(_, head)| matches!(head, Head::SpliceSitesClassification { .. }));
        let (Some((top_k, own)), Some((name, _))) = (choice, classes) else {
            return Ok(None);
        };
        let network = self.network(batch);
        let stage = network.stage(&format!("alphagenome/head/{name}"))?;
        let held = self.known(&network, stage, known)?;
        let wanted = stage.values.last().map(|&value| network.graph.made(value));
        let wanted: Vec<_> = wanted.into_iter().collect();
        let values = self.evaluate(&network.graph, batch, held, &wanted, None, &mut NoTaps)?;
        let probabilities = values.into_iter().next().and_then(Held::floats);
        let sites = probabilities.map(|x| B::best_positions(x, top_k, threshold.unwrap_or(own)));
        Ok(sites.map(Array::from_ints))
    }

    /// Computes a pass from its graph: every output by its name, and the taps, as [`forward`](Self::forward) gives them.
    ///
    /// # Errors
    /// [`ForwardError`](crate::ForwardError) as there.
    pub fn replay(
        &self,
        batch: &Batch,
        request: &Request,
        taps: &mut dyn Taps,
    ) -> Result<BTreeMap<String, Array>, crate::ForwardError> {
        let form = (self.form, self.attention());
        let graph = describe(self.config(), self.metadata(), form, batch, request)?;
        let given = graph
            .source(&Source::SpliceSites)
            .zip(request.splice_site_positions.as_ref());
        let held = given.map(|(value, given)| {
            let shape = [batch.size(), 4, given.count];
            let places = || given.places.clone();
            (
                value,
                B::integers(Source::SpliceSites, shape, places, &self.device).into(),
            )
        });
        let modules = graph.modules.iter().filter(|(path, _)| taps.wants(path));
        let modules: Vec<_> = modules.collect();
        let wanted = graph.outputs.iter().map(|(_, value, _)| *value);
        let wanted: Vec<_> = wanted
            .chain(modules.iter().map(|(_, value)| *value))
            .collect();
        let held = held.into_iter().collect();
        let values = self.evaluate(&graph, batch, held, &wanted, None, taps);
        let mut values = values
            .expect("a whole pass needs nothing that is not there")
            .into_iter();
        let mut outputs = BTreeMap::new();
        for ((name, _, kind), value) in graph.outputs.iter().zip(values.by_ref()) {
            outputs.insert(
                name.clone(),
                kind.on_host(value.into_array(), batch.organisms()),
            );
        }
        for ((path, _), value) in modules.into_iter().zip(values) {
            taps.take(path, value.into_array());
        }
        Ok(outputs)
    }

    fn run_with(
        &self,
        path: &str,
        batch: &Batch,
        (known, read): (&Known, Option<&Array>),
        sums: Option<Arithmetic>,
    ) -> Result<Vec<(String, Array)>, StageError> {
        // What a module reads and gives is that of the model without a fault.
        let right = faults::without(|| self.network(batch));
        let (right, network) = (right.stage(path)?.clone(), self.network(batch));
        let stage = network.stage(path)?;
        let mut held = self.known(&network, &right, known)?;
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
        let mut held = BTreeMap::new();
        let missing = |input: &str| StageError::Missing {
            stage: stage.path.clone(),
            input: input.into(),
        };
        for input in &stage.inputs {
            let array = known.get(input).ok_or_else(|| missing(input))?;
            let value = network.stage(input)?.values[0];
            let shape = &network.graph.values[value].shape;
            held.insert(value, self.held(&stage.path, input, array, shape)?);
        }
        let counts = |&value: &ValueId| {
            let node = network.graph.node(network.graph.made(value));
            matches!(node.operation, Operation::JunctionCounts(_))
        };
        if stage.values.iter().any(counts)
            && let Some(value) = network.graph.source(&Source::SpliceSites)
        {
            let name = stage.path.trim_start_matches("alphagenome/head/");
            let name = format!("{name}/splice_site_positions");
            let sites = known.get(&name).ok_or_else(|| missing(&name))?;
            let (Values::I32(places), &[batch, 4, count]) = (&sites.values, &sites.shape[..])
            else {
                return Err(missing(&name));
            };
            let places = || places.clone();
            let sites = B::integers(Source::SpliceSites, [batch, 4, count], places, &self.device);
            held.insert(value, sites.into());
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

    fn evaluate(
        &self,
        graph: &Graph,
        batch: &Batch,
        held: BTreeMap<ValueId, Held<B>>,
        wanted: &[ValueId],
        between: Option<Between<'_>>,
        taps: &mut dyn Taps,
    ) -> Result<Vec<Held<B>>, StageError> {
        let organisms = &Organisms::new(batch.organisms(), &self.device);
        let evaluation = Evaluation {
            graph,
            parameters: &self.parameters,
            batch,
            organisms,
            device: &self.device,
            between,
            held,
        };
        evaluation.run(wanted, taps)
    }

    /// The graph of this model on batches of this shape, with the fault that is chosen.
    fn network(&self, batch: &Batch) -> Rc<Network> {
        let (form, shape) = (
            (self.form, self.attention()),
            [batch.size(), batch.length()],
        );
        let fault = faults::chosen();
        let fits = |network: &&Rc<Network>| {
            let same = match (&network.metadata, &self.metadata) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (a, b) => a.is_none() && b.is_none(),
            };
            same && (network.form, network.shape, &network.fault) == (form, shape, &fault)
                && network.config == *self.config()
        };
        let found = NETWORKS.with_borrow(|kept| kept.iter().find(fits).cloned());
        found.unwrap_or_else(|| {
            let graph = graph(self.config(), self.metadata(), form, batch);
            let network = Rc::new(Network {
                config: self.config().clone(),
                metadata: self.metadata.clone(),
                form,
                shape,
                fault,
                stages: graph.stages(),
                graph,
            });
            NETWORKS.with_borrow_mut(|kept| {
                kept.truncate(KEPT - 1);
                kept.insert(0, network.clone());
            });
            network
        })
    }
}

impl Network {
    fn stage(&self, path: &str) -> Result<&Stage, StageError> {
        let mut stages = self.stages.iter();
        let found = stages.find(|stage| stage.path == path);
        found.ok_or_else(|| StageError::Unknown(path.into()))
    }
}
