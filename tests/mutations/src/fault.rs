//! Mistakes in code: changes of the graph that a pass is computed from.

use std::sync::Arc;

use model::graph::{DType, Edit, Graph, Operation, Slice};
use model::operations::Activation;
use serde::Deserialize;

/// A mistake that no edit of tensors or configuration stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The other form of gelu: attention bias, sequence to pair, convolution blocks of width 1, output pair.
    OtherGelu,
    /// A residual is not added: convolution blocks, attention, MLPs, row attention, pair MLPs.
    DroppedResidual,
    /// The relative shift of the pair takes the distance before the right one.
    ShiftedDistances,
    /// The pair is made from the first position of every window instead of the mean.
    FirstOfWindow,
    /// The hidden activations of an MLP are rounded to bfloat16.
    RoundedActivations,
    /// The rotary embedding turns the queries of an attention and not its keys.
    UnturnedKeys,
    /// relu is left out of a pair MLP.
    NoRelu,
    /// Row attention goes along the columns.
    AlongColumns,
    /// The encoder halves the length by means instead of maxima before a block.
    MeanForMax,
    /// The output pair is not made symmetric.
    AsymmetricPair,
    /// Splice sites stand in the descending order of their positions.
    LastFirst,
    /// The junctions of each strand are written in the tracks of the other.
    ExchangedStrands,
}

impl Fault {
    /// The change that puts the fault into the module at a Haiku path.
    pub fn edit(self, module: &str) -> Edit {
        let module = module.to_owned();
        Arc::new(move |graph| self.put(graph, &module))
    }

    fn put(self, graph: &mut Graph, module: &str) {
        use Operation as Op;
        let own = graph.operations(module);
        let places = |wanted: &dyn Fn(&Operation) -> bool| -> Vec<usize> {
            let wanted = own
                .iter()
                .filter(|&&place| wanted(&graph.nodes[place].operation));
            wanted.copied().collect()
        };
        match self {
            Self::OtherGelu => {
                for place in own {
                    if let Op::Activate(gelu) | Op::PointwiseBlock { gelu, .. } =
                        &mut graph.nodes[place].operation
                    {
                        *gelu = gelu.other();
                    }
                }
            }
            Self::DroppedResidual => drop_residual(graph, module),
            Self::ShiftedDistances => {
                // The shift takes row `k - q + P`, which is never the first: one place too far back is a roll by one.
                for place in places(&|op| *op == Op::PairProducts) {
                    let rows = graph.values[graph.nodes[place].inputs[2]].shape[0];
                    graph.turn(place, 2, 0, rows - 1);
                }
            }
            Self::FirstOfWindow => {
                for place in places(&|op| matches!(op, Op::MeanPool(_))) {
                    if let Op::MeanPool(by) = graph.nodes[place].operation {
                        let first = Slice::new(0, None, by as isize);
                        graph.nodes[place].operation =
                            Op::Slice(vec![Slice::full(), first, Slice::full()]);
                    }
                }
            }
            Self::RoundedActivations => {
                let linears = places(&|op| matches!(op, Op::Project { .. }));
                if let Some(&last) = linears.last() {
                    graph.before(last, 0, [DType::BF16, DType::F32].map(Op::Cast));
                }
            }
            Self::UnturnedKeys => {
                if let Some(&keys) = places(&|op| *op == Op::Rotate).last() {
                    graph.pass(keys, 0);
                }
            }
            Self::NoRelu => {
                for place in own {
                    if let Op::Project { activation, .. } = &mut graph.nodes[place].operation {
                        *activation = Activation::Identity;
                    }
                }
            }
            Self::AlongColumns => {
                for place in places(&|op| *op == Op::RowAttention) {
                    graph.after(place, Op::SwapDims(1, 2));
                    for input in 0..3 {
                        graph.before(place + input, input, [Op::SwapDims(1, 2)]);
                    }
                }
            }
            Self::MeanForMax => {
                // It stands between two blocks.
                let between = graph.operations("").into_iter();
                let pools = between.filter(|&place| {
                    let node = &graph.nodes[place];
                    let mut readers = graph.readers(node.outputs[0]).into_iter();
                    let reads = |reader: usize| graph.nodes[reader].path.starts_with(module);
                    node.operation == Op::MaxPool && readers.any(reads)
                });
                for place in pools.collect::<Vec<_>>() {
                    graph.nodes[place].operation = Op::MeanPool(2);
                }
            }
            Self::AsymmetricPair => {
                for place in places(&|op| *op == Op::Symmetrise) {
                    graph.pass(place, 0);
                }
            }
            Self::LastFirst => {
                for place in places(&|op| matches!(op, Op::BestPositions { .. })) {
                    let turned = Slice::new(0, None, -1);
                    graph.after(place, Op::Slice(vec![Slice::full(), Slice::full(), turned]));
                }
            }
            Self::ExchangedStrands => {
                for place in places(&|op| matches!(op, Op::JunctionCounts { .. })) {
                    graph.after(place, Op::Slice(vec![Slice::full(); 4]));
                    let counts = graph.nodes[place].outputs[0];
                    let tracks = graph.values[counts].shape[3];
                    graph.turn(place + 1, 0, 3, tracks / 2);
                }
            }
        }
    }
}

/// Inside a convolution block a residual is an input, elsewhere an addition of the module's output.
fn drop_residual(graph: &mut Graph, module: &str) {
    for place in graph.operations(module) {
        if graph.nodes[place].operation == (Operation::ConvolutionBlock { residual: true }) {
            graph.nodes[place].operation = Operation::ConvolutionBlock { residual: false };
            graph.nodes[place].inputs.remove(1);
        }
    }
    let mut modules = graph.modules.iter();
    let Some(&(_, output)) = modules.find(|(path, _)| path == module) else {
        return;
    };
    for place in graph.readers(output) {
        let node = &graph.nodes[place];
        if node.operation == Operation::Add && node.inputs[1] == output {
            graph.pass(place, 1);
        }
    }
}
