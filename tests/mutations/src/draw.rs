//! Faults that nobody picked: drawn by a seed from the graph of the model.
//!
//! Every operation is a candidate that can be another one or be left out, every pair of inputs of one shape that can change
//! places, and every parameter that can be moved, turned, rounded or be another one of its module. What such a change is called stands
//! beside it here, by its sort alone.

use std::sync::Arc;

use model::graph::{DType, Edit, Graph, Node, Operation, Slice, ValueId};
use model::operations::{Activation, Source};
use parity::bisect::Kind as Called;
use parity_stats::random::SplitMix64;

use crate::{Kind, Mutation};

type Change = Arc<dyn Fn(&mut Graph, usize) + Send + Sync>;

/// What can be done to a node: in words, what the list of mutations and a search call it, and how it is done.
struct Candidate {
    /// The module that it lies in.
    module: String,
    words: String,
    kind: Kind,
    called: Called,
    change: Change,
}

/// As many faults as wanted, without repeats: of operations, of the order of inputs and of parameters, in turn.
pub fn draw(graph: &Graph, seed: u64, count: usize) -> Vec<Mutation> {
    let mut random = SplitMix64::new(seed);
    let mut sorts = [Vec::new(), Vec::new(), Vec::new()];
    for (place, node) in graph.nodes.iter().enumerate() {
        let address = address(graph, place);
        let of = |(sort, candidate)| (sort, candidate, address.clone());
        let all = operations(graph, node).into_iter().map(|one| (0, one));
        let all = all.chain(orders(graph, node).into_iter().map(|one| (1, one)));
        let all = all.chain(parameters(graph, node).into_iter().map(|one| (2, one)));
        for (sort, candidate, address) in all.map(of) {
            sorts[sort].push((candidate, address));
        }
    }
    let mut drawn = Vec::new();
    while drawn.len() < count && sorts.iter().any(|sort| !sort.is_empty()) {
        let sort = &mut sorts[drawn.len() % 3];
        if sort.is_empty() {
            break;
        }
        let (candidate, (path, nth)) = sort.swap_remove(random.below(sort.len()));
        let change = candidate.change;
        let edit: Edit = Arc::new(move |graph: &mut Graph| {
            if let Some(&place) = graph.operations(&path).get(nth) {
                change(graph, place);
            }
        });
        let name = format!("{} in {}", candidate.words, candidate.module);
        if drawn.iter().any(|known: &Mutation| known.name == name) {
            continue;
        }
        drawn.push(Mutation::of_graph(
            name,
            candidate.module,
            (candidate.kind, candidate.called),
            edit,
        ));
    }
    drawn
}

/// The path of a node, and which of its operations it is: the same in the graph of another batch.
fn address(graph: &Graph, place: usize) -> (String, usize) {
    let path = graph.nodes[place].path.to_string();
    let all = graph.operations(&path);
    let nth = all.iter().position(|&its| its == place);
    (path, nth.unwrap_or(usize::MAX))
}

/// The module that a node belongs to: one between modules to that which it adds, or that which reads it.
fn module(graph: &Graph, node: &Node) -> Option<String> {
    let adds = node.operation == Operation::Add;
    let mut modules = graph.modules.iter();
    if adds && let Some((path, _)) = modules.find(|(_, value)| Some(value) == node.inputs.get(1)) {
        return Some(path.clone());
    }
    if !node.path.is_empty() {
        return Some(node.path.to_string());
    }
    let readers = graph.readers(*node.outputs.first()?);
    let path = readers.iter().map(|&reader| &graph.nodes[reader].path);
    let mut path = path.filter(|path| !path.is_empty());
    path.next().map(ToString::to_string)
}

/// Another operation on the same inputs, or none.
fn operations(graph: &Graph, node: &Node) -> Vec<Candidate> {
    use Operation as Op;
    let mut found = Vec::new();
    let Some(module) = module(graph, node) else {
        return found;
    };
    let mut add = |words: &str, kind, called, change: Change| {
        found.push(Candidate {
            module: module.clone(),
            words: words.into(),
            kind,
            called,
            change,
        });
    };
    let pass: Change = Arc::new(|graph, place| graph.pass(place, 0));
    let to = |operation: Operation| -> Change {
        Arc::new(move |graph, place| graph.nodes[place].operation = operation.clone())
    };
    match node.operation.clone() {
        Op::Activate(_) | Op::PointwiseBlock { .. } => {
            let other: Change = Arc::new(|graph, place| {
                if let Op::Activate(gelu) | Op::PointwiseBlock { gelu, .. } =
                    &mut graph.nodes[place].operation
                {
                    *gelu = gelu.other();
                }
            });
            add("the other gelu", Kind::Function, Called::Activation, other);
        }
        Op::Project { bias, activation } => {
            let (words, kind, called, activation) = match activation {
                Activation::Relu => (
                    "no relu",
                    Kind::Dropped,
                    Called::Dropped,
                    Activation::Identity,
                ),
                Activation::Identity => (
                    "a relu",
                    Kind::Function,
                    Called::Activation,
                    Activation::Relu,
                ),
            };
            add(words, kind, called, to(Op::Project { bias, activation }));
        }
        Op::LayerNormalise { centred: true } => add(
            "a norm that takes no mean off",
            Kind::Dropped,
            Called::Dropped,
            to(Op::LayerNormalise { centred: false }),
        ),
        Op::Normalise | Op::Rotate | Op::Symmetrise => {
            let words = format!("no {:?}", node.operation).to_lowercase();
            add(&words, Kind::Dropped, Called::Dropped, pass);
        }
        Op::Add if same_shape(graph, node, 0, 1) => {
            let pass: Change = Arc::new(|graph, place| graph.pass(place, 1));
            add("no addition", Kind::Dropped, Called::Dropped, pass);
        }
        Op::ConvolutionBlock { residual: true } => {
            let drop: Change = Arc::new(|graph, place| {
                graph.nodes[place].operation = Op::ConvolutionBlock { residual: false };
                graph.nodes[place].inputs.remove(1);
            });
            add("no residual", Kind::Dropped, Called::Dropped, drop);
        }
        Op::OutputEmbedding { skip: true } => {
            let drop: Change = Arc::new(|graph, place| {
                graph.nodes[place].operation = Op::OutputEmbedding { skip: false };
                graph.nodes[place].inputs.remove(1);
            });
            add("no skip", Kind::Dropped, Called::Dropped, drop);
        }
        Op::MaxPool => add(
            "a mean of two",
            Kind::Function,
            Called::Pooling,
            to(Op::MeanPool(2)),
        ),
        Op::MeanPool(by) => add(
            "the first of a window",
            Kind::Function,
            Called::Pooling,
            to(Op::Slice(vec![
                Slice::full(),
                Slice::new(0, None, by as isize),
                Slice::full(),
            ])),
        ),
        Op::Probabilities => add(
            "a logistic function",
            Kind::Function,
            Called::Activation,
            to(Op::Logistic),
        ),
        Op::Logistic => add(
            "a softmax",
            Kind::Function,
            Called::Activation,
            to(Op::Probabilities),
        ),
        _ => {}
    }
    found
}

fn same_shape(graph: &Graph, node: &Node, a: usize, b: usize) -> bool {
    let shape = |input: usize| {
        node.inputs
            .get(input)
            .map(|&value| &graph.values[value].shape)
    };
    shape(a).is_some() && shape(a) == shape(b)
}

/// Two inputs of one shape exchanged; sums are the same then.
fn orders(graph: &Graph, node: &Node) -> Vec<Candidate> {
    let mut found = Vec::new();
    let Some(module) = module(graph, node) else {
        return found;
    };
    if matches!(node.operation, Operation::Add | Operation::Cat(_)) {
        return found;
    }
    let count = node.inputs.len();
    let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
    for (a, b) in pairs.filter(|&(a, b)| same_shape(graph, node, a, b)) {
        let exchange: Change = Arc::new(move |graph, place| graph.nodes[place].inputs.swap(a, b));
        let operation = format!("{:?}", node.operation);
        let name = operation.split([' ', '(']).next().unwrap_or_default();
        found.push(Candidate {
            module: module.clone(),
            words: format!("inputs {a} and {b} of {name} exchanged"),
            kind: Kind::Swapped,
            called: Called::Permuted,
            change: exchange,
        });
    }
    found
}

/// A parameter moved by one, turned, rounded, or another one of its module.
fn parameters(graph: &Graph, node: &Node) -> Vec<Candidate> {
    let mut found = Vec::new();
    let Some(module) = module(graph, node) else {
        return found;
    };
    let key = |value: ValueId| match &graph.node(value).operation {
        Operation::Source(Source::Parameter(key), _) => Some(key.clone()),
        _ => None,
    };
    for (input, &value) in node.inputs.iter().enumerate() {
        let (Some(name), shape) = (key(value), graph.values[value].shape.clone()) else {
            continue;
        };
        let mut add = |words: String, kind, called, change: Change| {
            found.push(Candidate {
                module: module.clone(),
                words: format!("{name} {words}"),
                kind,
                called,
                change,
            });
        };
        let before = |operations: Vec<Operation>| -> Change {
            Arc::new(move |graph, place| graph.before(place, input, operations.clone()))
        };
        for (axis, &length) in shape.iter().enumerate().filter(|(_, length)| **length > 1) {
            let turn: Change = Arc::new(move |graph, place| graph.turn(place, input, axis, 1));
            let words = format!("moved by one along axis {axis}");
            add(words, Kind::Shift, Called::Shift, turn);
            let mut ranges = vec![Slice::full(); shape.len()];
            ranges[axis] = Slice::new(0, None, -1);
            let words = format!("backwards along axis {axis} of {length}");
            let backwards = before(vec![Operation::Slice(ranges)]);
            add(words, Kind::Order, Called::Permuted, backwards);
        }
        if let &[rows, columns] = &shape[..]
            && rows == columns
            && rows > 1
        {
            let turned = before(vec![Operation::SwapDims(0, 1)]);
            add(
                "transposed".into(),
                Kind::Transpose,
                Called::Transpose,
                turned,
            );
        }
        let rounded = before([DType::BF16, DType::F32].map(Operation::Cast).into());
        let words = "in bfloat16".to_owned();
        add(words, Kind::Precision, Called::Precision, rounded);
        let others = graph.values.iter().enumerate();
        let others = others.filter(|(other, its)| *other != value && its.shape == shape);
        // Of the same module: a search loads no other's weights.
        let own = format!("{}/", module.trim_start_matches("alphagenome/"));
        let others: Vec<_> = others
            .filter_map(|(other, _)| Some((other, key(other)?)))
            .filter(|(_, key)| key.starts_with(&own))
            .collect();
        if let Some((other, its)) = others.get(value % others.len().max(1)).cloned() {
            let change: Change = Arc::new(move |graph, place| {
                let source = graph.nodes.iter().find_map(|node| match &node.operation {
                    Operation::Source(Source::Parameter(key), _) if *key == its => {
                        node.outputs.first().copied()
                    }
                    _ => None,
                });
                graph.nodes[place].inputs[input] = source.unwrap_or(other);
            });
            let words = format!("is {}", others[value % others.len()].1);
            add(words, Kind::Swapped, Called::Permuted, change);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use burn::backend::Flex;
    use model::{AlphaGenome, Arithmetic, Batch, Request, Sequence};

    use super::*;
    use crate::Tiny;

    #[test]
    fn a_seed_draws_the_same_faults_again_and_another_seed_others() {
        let tiny = Tiny::convert().unwrap();
        let model: AlphaGenome<Flex> =
            AlphaGenome::load(&tiny.path(), &Default::default(), Arithmetic::XlaCpuF32).unwrap();
        let sequence = Sequence::from_indices(&[0; 2048]).unwrap();
        let batch = Batch::new(vec![sequence], vec![0]).unwrap();
        let graph = model.graph(&batch, &Request::everything()).unwrap();
        let names = |seed| {
            let drawn = draw(&graph, seed, 200).into_iter();
            drawn.map(|mutation| mutation.name).collect::<BTreeSet<_>>()
        };
        assert_eq!(names(1).len(), 200);
        assert_eq!(names(1), names(1));
        assert!(names(1).intersection(&names(2)).count() < 100);
    }
}
