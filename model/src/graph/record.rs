//! A backend that computes nothing and writes down what it is asked: Burn's router, whose only client is a tape.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;

use burn::tensor::backend::{DTypeUsage, DTypeUsageSet, ExecutionError};
use burn::tensor::{DType, Shape, TensorData};
use burn_flex::FlexDevice;
use burn_ir::{BaseOperationIr, OperationIr, TensorId, TensorIr};
use burn_router::{BackendRouter, MultiBackendBridge, RouterTensor, RunnerChannel, RunnerClient};

use super::{Graph, Node, Operation, Value, ValueId};
use crate::precision::Roundings;

/// The backend that records.
pub(crate) type Recorded = BackendRouter<Recording>;

/// What is recorded on this thread.
#[derive(Default)]
struct Tape {
    graph: Graph,
    /// Paths of the modules around, the innermost last.
    scopes: Vec<Arc<str>>,
}

thread_local! {
    static TAPE: RefCell<Tape> = RefCell::default();
}

/// The graph of everything that `f` asks of [`Recorded`].
pub(crate) fn recorded<R>(f: impl FnOnce() -> R) -> (Graph, R) {
    let outer = TAPE.take();
    let result = f();
    (TAPE.replace(outer).graph, result)
}

/// Adds a node, and gives the values that it makes: one a shape.
pub(super) fn node(
    operation: Operation,
    roundings: Option<Roundings>,
    inputs: Vec<ValueId>,
    shapes: Vec<Vec<usize>>,
) -> Vec<ValueId> {
    let outputs = shapes.iter().map(|_| reserve()).collect::<Vec<_>>();
    push(operation, roundings, inputs, &outputs, shapes);
    outputs
}

fn reserve() -> ValueId {
    TAPE.with_borrow_mut(|tape| {
        tape.graph.values.push(Value::default());
        tape.graph.values.len() - 1
    })
}

fn push(
    operation: Operation,
    roundings: Option<Roundings>,
    inputs: Vec<ValueId>,
    outputs: &[ValueId],
    shapes: Vec<Vec<usize>>,
) {
    TAPE.with_borrow_mut(|tape| {
        let node = tape.graph.nodes.len();
        for (&output, shape) in outputs.iter().zip(shapes) {
            tape.graph.values[output] = Value { shape, node };
        }
        tape.graph.nodes.push(Node {
            operation,
            roundings,
            path: tape.scopes.last().cloned().unwrap_or_default(),
            inputs,
            outputs: outputs.to_vec(),
        });
    });
}

pub(super) fn enter(path: &str) {
    TAPE.with_borrow_mut(|tape| tape.scopes.push(path.into()));
}

pub(super) fn leave() {
    TAPE.with_borrow_mut(|tape| drop(tape.scopes.pop()));
}

/// Notes the output of a module; of one that runs twice, the last.
pub(super) fn output_of(path: &str, value: ValueId) {
    TAPE.with_borrow_mut(|tape| {
        tape.graph.modules.retain(|(its, _)| its != path);
        tape.graph.modules.push((path.to_owned(), value));
    });
}

/// A tensor that stands for a value.
pub(super) fn tensor(value: ValueId, shape: &[usize], dtype: DType) -> RouterTensor<Client> {
    let id = TensorId::new(value as u64);
    RouterTensor::new(id, Shape::from(shape.to_vec()), dtype, Client)
}

/// The value that a tensor stands for.
pub(super) fn value(tensor: RouterTensor<Client>) -> ValueId {
    tensor.into_ir().id.value() as ValueId
}

/// Burn's operations, as ours: those that modules use.
fn translate(operation: &OperationIr) -> Operation {
    match operation {
        OperationIr::BaseFloat(BaseOperationIr::Reshape(_)) => Operation::Reshape,
        OperationIr::BaseFloat(BaseOperationIr::SwapDims(op)) => {
            Operation::SwapDims(op.dim1, op.dim2)
        }
        OperationIr::BaseFloat(BaseOperationIr::Select(op)) => Operation::Select(op.dim),
        OperationIr::BaseFloat(BaseOperationIr::Slice(op)) => Operation::Slice(op.ranges.clone()),
        OperationIr::BaseFloat(BaseOperationIr::Cat(op)) => Operation::Cat(op.dim),
        OperationIr::BaseFloat(BaseOperationIr::Cast(op)) => Operation::Cast(op.out.dtype),
        other => Operation::Foreign(format!("{other:?}")),
    }
}

/// The channel of the router: it leads to the tape.
#[derive(Clone, Debug)]
pub(crate) struct Recording;

/// The client of the router: the tape of its thread.
#[derive(Clone, Debug)]
pub(crate) struct Client;

/// Nothing is ever carried to another backend.
pub(crate) struct Bridge;

impl MultiBackendBridge for Bridge {
    type TensorHandle = ();
    type Device = FlexDevice;

    fn change_backend_float(_: (), _: Shape, _: &FlexDevice) {}

    fn change_backend_int(_: (), _: Shape, _: &FlexDevice) {}

    fn change_backend_bool(_: (), _: Shape, _: &FlexDevice) {}
}

impl RunnerChannel for Recording {
    type Device = FlexDevice;
    type Bridge = Bridge;
    type Client = Client;
    type FloatElem = f32;
    type IntElem = i32;
    type BoolElem = bool;

    fn name(_: &FlexDevice) -> String {
        "recording".into()
    }

    fn init_client(_: &FlexDevice) -> Client {
        Client
    }

    fn get_tensor_handle(_: &TensorIr, _: &Client) {}

    fn register_tensor(_: &Client, (): (), shape: Shape, dtype: DType) -> RouterTensor<Client> {
        tensor(reserve(), &shape.to_vec(), dtype)
    }
}

impl RunnerClient for Client {
    type Device = FlexDevice;

    fn register_op(&self, operation: OperationIr) {
        if matches!(operation, OperationIr::Drop(_) | OperationIr::Init(_)) {
            return;
        }
        let value = |tensor: &TensorIr| tensor.id.value() as ValueId;
        let inputs = operation.inputs().map(value).collect();
        let outputs: Vec<ValueId> = operation.outputs().map(value).collect();
        let shapes = operation.outputs().map(|out| out.shape.to_vec()).collect();
        push(translate(&operation), None, inputs, &outputs, shapes);
    }

    fn read_tensor_async(
        &self,
        tensor: TensorIr,
    ) -> Pin<Box<dyn Future<Output = Result<TensorData, ExecutionError>> + Send>> {
        // Who reads would lose the way from the value to what is made of it; the graph would have none.
        node(
            Operation::Foreign("a value is read".into()),
            None,
            vec![tensor.id.value() as ValueId],
            Vec::new(),
        );
        let zeros = TensorData::zeros::<f32, _>(tensor.shape);
        Box::pin(std::future::ready(Ok(zeros)))
    }

    fn sync(&self) -> Result<(), ExecutionError> {
        Ok(())
    }

    fn create_empty_handle(&self) -> TensorId {
        TensorId::new(reserve() as u64)
    }

    fn register_tensor_data(&self, data: TensorData) -> RouterTensor<Self> {
        let shape = data.shape.to_vec();
        let made = node(
            Operation::Foreign("values without a name".into()),
            None,
            Vec::new(),
            vec![shape.clone()],
        );
        tensor(made[0], &shape, data.dtype)
    }

    fn device(&self) -> FlexDevice {
        FlexDevice
    }

    fn seed(&self, _: u64) {}

    fn dtype_usage(&self, _: DType) -> DTypeUsageSet {
        DTypeUsage::general()
    }
}
