//! The forward pass as a graph of operations, read off the modules by running them on a backend that only records.
//!
//! A node is a call of an operation of [`Operations`](crate::Operations), or one of the few that the modules ask of Burn
//! itself. It has the Haiku path of the module that it stands in, and where it rounds. Nothing in it depends on weights: a
//! parameter is a key, and an organism, a base or a chosen splice site is a value like any other.

mod edit;
mod evaluate;
mod held;
mod modules;
mod operations;
mod read;
mod record;
mod replay;
#[cfg(test)]
mod roundings;

use std::sync::Arc;

use burn_flex::FlexDevice;

use self::read::{float_value, integer_value};
use self::record::{Recorded, recorded};
use crate::array::{Array, Values};
use crate::attention::AttentionForm;
use crate::batch::Batch;
use crate::config::Config;
use crate::forward::AlphaGenome;
use crate::heads::junctions::{JunctionMask, JunctionShape, SpliceSitePositions, Tissues};
use crate::metadata::Metadata;
use crate::operations::{Activation, Gelu, Source};
use crate::outputs::Output;
use crate::parameters::Loader;
use crate::parts::Form;
use crate::plan::ForwardError;
use crate::precision::Roundings;
use crate::request::Request;
use crate::store::Store;
use crate::taps::NoTaps;

pub use burn::tensor::{DType, Slice};

pub use self::edit::{Edit, edited};
pub(crate) use self::edit::{chosen, unedited};
pub(crate) use self::evaluate::{Between, Evaluation};
pub(crate) use self::held::Held;

/// A value: where it stands in [`Graph::values`].
pub type ValueId = usize;

/// A forward pass of one batch size and length.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Operations in an order in which they can run.
    pub nodes: Vec<Node>,
    /// What they read and give.
    pub values: Vec<Value>,
    /// Outputs of modules by Haiku path, in the order of the data; a convolution block whose residual is added within has
    /// none.
    pub modules: Vec<(String, ValueId)>,
    /// Outputs of the pass by the names of JAX's prediction tree.
    pub outputs: Vec<(String, ValueId, Kind)>,
}

/// A value of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// The node that gives it.
    pub node: usize,
}

/// An operation in its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub operation: Operation,
    /// Where it rounds; nothing where it cannot.
    pub roundings: Option<Roundings>,
    /// Haiku's path of the innermost module around it; empty between modules.
    pub path: Arc<str>,
    /// Activations, then parameters.
    pub inputs: Vec<ValueId>,
    /// What it gives.
    pub outputs: Vec<ValueId>,
}

/// What an output becomes on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its own type.
    Plain,
    /// Places of splice sites.
    Sites,
    /// float16.
    Half,
    /// Which junctions there are between splice sites.
    Mask(Tissues),
}

/// What a node does; shapes and values are described at [`Operations`](crate::Operations).
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is the method of its name")]
pub enum Operation {
    /// A value from outside; a constant has its numbers.
    Source(Source, Arc<[f32]>),
    Reshape,
    SwapDims(usize, usize),
    Slice(Vec<Slice>),
    Cat(usize),
    Select(usize),
    Cast(DType),
    TakeRows,
    Add,
    Normalise,
    Activate(Gelu),
    LayerNormalise {
        centred: bool,
    },
    Project {
        bias: bool,
        activation: Activation,
    },
    Stem,
    ConvolutionBlock {
        residual: bool,
    },
    PointwiseBlock {
        bias: bool,
        gelu: Gelu,
    },
    MaxPool,
    MeanPool(usize),
    UpsampleAdd,
    Rotate,
    SequenceAttention {
        soft_cap: f32,
        form: AttentionForm,
    },
    RowAttention,
    PairProducts,
    Symmetrise,
    OutputEmbedding {
        skip: bool,
    },
    OrganismLinear,
    Tracks {
        squashing: Option<bool>,
    },
    Probabilities,
    Logistic,
    BestPositions {
        k: usize,
        threshold: f32,
    },
    JunctionCounts {
        shape: JunctionShape,
        rows: bool,
    },
    /// An operation of Burn's that no module uses.
    Foreign(String),
}

/// The graph of a pass: what the modules do for a batch of this size and length and a request.
///
/// # Errors
/// [`ForwardError`] where the request does not fit the model.
pub(crate) fn describe(
    config: &Config,
    metadata: Option<&Metadata>,
    (form, attention): (Form, AttentionForm),
    batch: &Batch,
    request: &Request,
) -> Result<Graph, ForwardError> {
    let (store, device) = (Store::empty(), FlexDevice);
    let roundings = form.arithmetic.roundings();
    let (mut graph, outputs) = recorded(|| {
        let loader = Loader::survey(&store, config.folds, roundings, &device).describing();
        let mut loader = loader.with_gelu(form.other_gelu);
        let mut model = AlphaGenome::<Recorded>::build(&mut loader, config, metadata, form);
        model.set_attention(attention);
        model.forward(batch, request, &mut NoTaps)
    });
    for (name, output) in outputs?.iter() {
        let (value, kind) = match output {
            Output::Sequence(x) => (float_value(x), Kind::Plain),
            Output::Half(x) => (float_value(x), Kind::Half),
            Output::Pair(x) => (float_value(x), Kind::Plain),
            Output::Positions(x) => (integer_value(x), Kind::Sites),
            Output::Mask(sites, tissues, _) => (integer_value(sites), Kind::Mask(tissues.clone())),
        };
        graph.outputs.push((name.to_owned(), value, kind));
    }
    Ok(graph)
}

impl Graph {
    /// The node that gives a value.
    pub fn node(&self, value: ValueId) -> &Node {
        &self.nodes[self.values[value].node]
    }

    /// What a value becomes on the host where it is an output.
    pub(crate) fn kind(&self, value: ValueId) -> Kind {
        let mut outputs = self.outputs.iter();
        let output = outputs.find(|(_, its, kind)| *its == value && *kind == Kind::Half);
        output.map_or(Kind::Plain, |(_, _, kind)| kind.clone())
    }
}

impl Kind {
    /// The output for a batch of these organisms.
    pub(crate) fn on_host(&self, array: Array, organisms: &[usize]) -> Array {
        match (self, array.values) {
            (Self::Half, values) => Array { values, ..array }.into_f16(),
            (Self::Mask(tissues), Values::I32(places)) => {
                let count = array.shape[2];
                let sites = SpliceSitePositions { count, places };
                let known = organisms.iter().map(|&index| tissues.known[index]);
                let mask = JunctionMask::new(sites, known.collect(), tissues.most);
                Array {
                    shape: mask.shape().to_vec(),
                    values: Values::Bool(mask.values()),
                }
            }
            (_, values) => Array { values, ..array },
        }
    }
}
