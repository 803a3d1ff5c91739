//! Changes of a graph, to see what they do: a pass with one is computed from its graph, since no module makes it.

use std::cell::RefCell;
use std::sync::Arc;

use burn::tensor::Slice;

use super::{Graph, Node, Operation, Value, ValueId};

/// A change of every graph that a model computes from.
pub type Edit = Arc<dyn Fn(&mut Graph) + Send + Sync>;

thread_local! {
    static CHOSEN: RefCell<Option<Edit>> = const { RefCell::new(None) };
}

/// Puts back what was chosen before, also when a panic passes.
struct Restore(Option<Edit>);

impl Drop for Restore {
    fn drop(&mut self) {
        CHOSEN.set(self.0.take());
    }
}

/// Runs `f` with a change on this thread: [`AlphaGenome::run`](crate::AlphaGenome::run) and modules that run alone have it.
///
/// What a module reads and gives stays that of the model without it.
pub fn edited<T>(edit: Edit, f: impl FnOnce() -> T) -> T {
    let _restore = Restore(CHOSEN.replace(Some(edit)));
    f()
}

/// Runs `f` without a change.
pub(crate) fn unedited<T>(f: impl FnOnce() -> T) -> T {
    let _restore = Restore(CHOSEN.take());
    f()
}

/// The change that was chosen.
pub(crate) fn chosen() -> Option<Edit> {
    CHOSEN.with_borrow(Clone::clone)
}

impl Graph {
    /// The operations of the module at a Haiku path, as places in [`Self::nodes`].
    pub fn operations(&self, path: &str) -> Vec<usize> {
        let all = self.nodes.iter().enumerate();
        let own = all.filter(|(_, node)| {
            &*node.path == path && !matches!(node.operation, Operation::Source(..))
        });
        own.map(|(index, _)| index).collect()
    }

    /// The readers of a value, as places in [`Self::nodes`].
    pub fn readers(&self, value: ValueId) -> Vec<usize> {
        let all = self.nodes.iter().enumerate();
        let readers = all.filter(|(_, node)| node.inputs.contains(&value));
        readers.map(|(index, _)| index).collect()
    }

    /// Puts an operation before the node at `place`, in the same module, and gives its result.
    pub fn insert(
        &mut self,
        place: usize,
        operation: Operation,
        inputs: Vec<ValueId>,
        shape: Vec<usize>,
    ) -> ValueId {
        let result = self.values.len();
        self.values.push(Value { shape, node: place });
        self.put(place, place, operation, inputs, result);
        result
    }

    /// Puts an operation at `place`, in the module of the node at `like`.
    fn put(
        &mut self,
        place: usize,
        like: usize,
        operation: Operation,
        inputs: Vec<ValueId>,
        result: ValueId,
    ) {
        for value in &mut self.values {
            value.node += usize::from(value.node >= place);
        }
        self.values[result].node = place;
        let node = Node {
            operation,
            roundings: None,
            path: self.nodes[like].path.clone(),
            inputs,
            outputs: vec![result],
        };
        self.nodes.insert(place, node);
    }

    /// Puts an operation that keeps the shape behind the node at `place`: what that node gave is what this one gives.
    pub fn after(&mut self, place: usize, operation: Operation) {
        let (result, made) = (self.nodes[place].outputs[0], self.values.len());
        self.values.push(Value {
            shape: self.values[result].shape.clone(),
            node: place,
        });
        self.nodes[place].outputs[0] = made;
        self.put(place + 1, place, operation, vec![made], result);
    }

    /// Puts operations that keep the shape between the node at `place` and what it reads at `input`, one after the other.
    pub fn before(
        &mut self,
        mut place: usize,
        input: usize,
        operations: impl IntoIterator<Item = Operation>,
    ) {
        for operation in operations {
            let value = self.nodes[place].inputs[input];
            let shape = self.values[value].shape.clone();
            let result = self.insert(place, operation, vec![value], shape);
            place += 1;
            self.nodes[place].inputs[input] = result;
        }
    }

    /// Lets the node at `place` give what it reads at `input`.
    pub fn pass(&mut self, place: usize, input: usize) {
        let value = self.nodes[place].inputs[input];
        let all = vec![Slice::full(); self.values[value].shape.len()];
        self.nodes[place].operation = Operation::Slice(all);
        self.nodes[place].inputs = vec![value];
    }

    /// Exchanges the two parts of a value along an axis, from `at` on, before the node at `place` reads it at `input`.
    pub fn turn(&mut self, place: usize, input: usize, axis: usize, at: usize) {
        let value = self.nodes[place].inputs[input];
        let shape = self.values[value].shape.clone();
        let part = |from: usize, to: usize| {
            let (mut ranges, mut part) = (vec![Slice::full(); shape.len()], shape.clone());
            ranges[axis] = Slice::from(from..to);
            part[axis] = to - from;
            (Operation::Slice(ranges), part)
        };
        let [first, last] = [part(0, at), part(at, shape[axis])];
        let first = self.insert(place, first.0, vec![value], first.1);
        let last = self.insert(place + 1, last.0, vec![value], last.1);
        let turned = self.insert(place + 2, Operation::Cat(axis), vec![last, first], shape);
        self.nodes[place + 3].inputs[input] = turned;
    }
}
