//! A forward pass with its memory planned, ready to run as often as wanted.

use ::cuda::convolution::{self, Shape};
use ::cuda::graph::Graph;
use ::cuda::linear::{self, Layout};
use ::cuda::module::{Argument, Kernel};
use ::cuda::{Buffer, Device, Element, Span};

use super::CudaError;
use super::forward::Tap;
use super::heads::Outputs;
use super::kernels::{Kernels, values};
use super::plans::Plans;
use super::steps::{Convolution, Id, Place, Product, Steps, Work};

/// Tensors start at multiples of this, in bytes.
const ALIGNMENT: u64 = 1024;
/// An operation with everything at its place.
pub(super) enum Ready {
    Launch {
        kernel: Kernel,
        grid: [u32; 3],
        block: [u32; 3],
        shared: u32,
        arguments: Vec<Argument<'static>>,
    },
    Product {
        plan: usize,
        operands: linear::Operands,
    },
    Convolution {
        plan: usize,
        operands: convolution::Operands,
    },
}

/// A forward pass for one batch shape and request.
pub(super) struct Pass {
    pub(super) outputs: Outputs,
    pub(super) taps: Vec<Tap>,
    pub(super) inputs: Inputs,
    pub(super) steps: Steps,
    graph: Option<Graph>,
    ready: Vec<Ready>,
    offsets: Vec<u64>,
    slab: Buffer,
    runs: usize,
}

/// What a pass reads.
pub(super) struct Inputs {
    /// Bases, a byte each, `[B, S]`.
    pub(super) bases: Buffer,
    /// Organisms, int32 `[B]`.
    pub(super) organisms: Buffer,
    /// Splice sites that were given, int32 `[B, 4, K]`.
    pub(super) positions: Buffer,
}

/// The types and units that products use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Formats {
    pub(super) stored: Element,
    pub(super) tf32: bool,
}

impl Formats {
    fn linear(self, product: &Product, bias: bool) -> linear::Product {
        let layout = |which: usize, transposed: bool| Layout {
            stride: product.row[which] as u64,
            batch: product.stride[which] as u64,
            transposed,
        };
        linear::Product {
            batch: product.batch as u64,
            input: match product.bfloat16_operands {
                true => Element::Bf16,
                false => self.stored,
            },
            output: match product.float32_result {
                true => Element::F32,
                false => self.stored,
            },
            x: layout(0, false),
            w: layout(1, product.transposed),
            y: layout(2, false),
            alpha: product.alpha,
            bias,
            tf32: self.tf32,
            ..linear::Product::new(
                product.m as u64,
                product.k as u64,
                product.n as u64,
                self.stored,
                self.stored,
            )
        }
    }

    fn convolution(self, convolution: &Convolution, residual: bool) -> Shape {
        Shape {
            batch: convolution.b as u64,
            length: convolution.s as u64,
            inputs: convolution.inputs as u64,
            outputs: convolution.outputs as u64,
            width: convolution.width as u64,
            element: self.stored,
            bias: Some(self.stored),
            residual,
            tf32: self.tf32,
        }
    }
}

/// Where the tensors of a pass lie.
struct Places<'a> {
    base: u64,
    offsets: &'a [u64],
    steps: &'a Steps,
}

impl Places<'_> {
    fn span(&self, place: Place) -> Span {
        match place {
            Place::Tensor(Id(index), offset) => Span {
                ptr: self.base + self.offsets[index] + offset,
                bytes: self.steps.tensors[index].bytes.saturating_sub(offset),
            },
            // Parameters: their sizes were checked when they were uploaded.
            Place::Fixed(ptr) => Span {
                ptr,
                bytes: u64::MAX,
            },
            Place::Nowhere => Span { ptr: 0, bytes: 0 },
        }
    }

    fn ready(
        &self,
        device: &Device,
        kernels: &Kernels,
        plans: &mut Plans,
        formats: Formats,
        work: &Work,
    ) -> Result<Ready, CudaError> {
        Ok(match work {
            Work::Launch {
                kernel,
                grid,
                block,
                shared,
                arguments,
                ..
            } => Ready::Launch {
                kernel: kernels.kernel(kernel, *shared)?,
                grid: *grid,
                block: *block,
                shared: *shared,
                arguments: values(arguments, &|place| self.span(place).ptr),
            },
            Work::Product {
                product,
                a,
                b,
                c,
                bias,
            } => {
                let operands = linear::Operands {
                    x: self.span(*a),
                    w: self.span(*b),
                    bias: bias.map(|bias| self.span(bias.into())),
                    c: None,
                    y: self.span(*c),
                };
                let product = formats.linear(product, bias.is_some());
                let plan = plans.product(device, product, &operands)?;
                Ready::Product { plan, operands }
            }
            Work::Convolution {
                convolution,
                x,
                w,
                bias,
                residual,
                y,
            } => {
                let residual = match residual {
                    Place::Nowhere => None,
                    place => Some(self.span(*place)),
                };
                let shape = formats.convolution(convolution, residual.is_some());
                let operands = convolution::Operands {
                    x: self.span(*x),
                    w: self.span((*w).into()),
                    bias: Some(self.span((*bias).into())),
                    residual,
                    y: self.span(*y),
                };
                let plan = plans.convolution(device, shape, &operands)?;
                Ready::Convolution { plan, operands }
            }
        })
    }
}

impl Pass {
    /// Assigns memory and makes the plans of all products and convolutions.
    pub(super) fn new(
        device: &Device,
        kernels: &Kernels,
        plans: &mut Plans,
        formats: Formats,
        (steps, outputs, taps): (Steps, Outputs, Vec<Tap>),
        inputs: Inputs,
    ) -> Result<Self, CudaError> {
        let arena = steps.arena(ALIGNMENT);
        let slab = device.allocate(arena.bytes.max(ALIGNMENT))?;
        let places = Places {
            base: slab.span().ptr,
            offsets: &arena.offsets,
            steps: &steps,
        };
        let ready = steps
            .steps
            .iter()
            .map(|step| places.ready(device, kernels, plans, formats, &step.work))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            outputs,
            taps,
            inputs,
            steps,
            graph: None,
            ready,
            offsets: arena.offsets,
            slab,
            runs: 0,
        })
    }

    /// Where a tensor lies.
    pub(super) fn address(&self, id: Id) -> u64 {
        self.slab.span().ptr + self.offsets[id.0]
    }

    /// Device memory of all tensors, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.slab.span().bytes
    }

    /// Enqueues the pass: operation by operation the first time, as a graph from then on.
    pub(super) fn run(&mut self, device: &Device, plans: &Plans) -> ::cuda::Result<()> {
        self.runs += 1;
        let all = || self.ready.iter().try_for_each(|ready| plans.enqueue(ready));
        if self.runs > 1 && self.graph.is_none() {
            self.graph = Some(Graph::capture(device, all)?);
        }
        match &self.graph {
            Some(graph) => graph.replay(),
            None => all(),
        }
    }

    /// Runs operation by operation with events between, and gives each step's milliseconds.
    pub(super) fn profile(&self, device: &Device, plans: &Plans) -> Result<Vec<f32>, CudaError> {
        let times = self
            .ready
            .iter()
            .map(|ready| device.time(|| plans.enqueue(ready)));
        Ok(times.collect::<::cuda::Result<_>>()?)
    }
}
