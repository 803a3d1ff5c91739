//! A forward pass with its memory planned, ready to run as often as wanted.

use ::cuda::convolution::{self, Shape};
use ::cuda::graph::Graph;
use ::cuda::linear::{self, Layout};
use ::cuda::module::{Argument, Kernel};
use ::cuda::{Device, Element, Span};

use super::CudaError;
use super::forward::Tap;
use super::heads::Outputs;
use super::kernels::{Kernels, values};
use super::plans::Plans;
use super::steps::{Convolution, Fixed, Id, Place, Product, Source, Steps, Work};
use super::weights::Weights;
use crate::request::Embedding;

/// Tensors start at multiples of this, in bytes.
const ALIGNMENT: u64 = 1024;
/// An operation with everything at its place.
pub(super) enum Ready {
    Launch {
        kernel: Kernel,
        grid: [u32; 3],
        block: [u32; 3],
        shared: u32,
        arguments: Vec<Argument>,
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
    /// Embeddings that the request hands in.
    pub(super) given: Vec<(Embedding, Id)>,
    pub(super) steps: Steps,
    graph: Option<Graph>,
    ready: Vec<Ready>,
    offsets: Vec<u64>,
    slab: Span,
    runs: usize,
}

/// What a pass reads.
pub(super) struct Inputs {
    /// Bases, a byte each, `[B, S]`.
    pub(super) bases: Span,
    /// Organisms, int32 `[B]`.
    pub(super) organisms: Span,
    /// Splice sites that were given, int32 `[B, 4, K]`.
    pub(super) positions: Span,
    /// The rows where these stand, where there are windows, likewise.
    pub(super) site_rows: Span,
    /// Blocks of windows, counted through the batch, int32 `[B, rows / 16]`.
    pub(super) blocks: Span,
    /// Where a patch and what it changes lie, int32 `[3]`.
    pub(super) patch: Span,
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
            input: match convolution.bfloat16_operands {
                true => Element::Bf16,
                false => self.stored,
            },
            output: self.stored,
            bias: Some(self.stored),
            residual,
            tf32: self.tf32,
        }
    }
}

/// Where the operands of a pass lie.
struct Places<'a> {
    slab: &'a Span,
    offsets: &'a [u64],
    steps: &'a Steps,
    weights: &'a Weights,
    inputs: &'a Inputs,
}

impl Places<'_> {
    fn fixed(&self, Fixed { source, offset }: Fixed) -> Result<Span, CudaError> {
        let span = match source {
            Source::Parameter(number) => self.weights.span(number),
            Source::Parts(number, row) => self.weights.parts(number, row),
            Source::Bases => Some(&self.inputs.bases),
            Source::Organisms => Some(&self.inputs.organisms),
            Source::SpliceSites => Some(&self.inputs.positions),
            Source::SiteRows => Some(&self.inputs.site_rows),
            Source::Blocks => Some(&self.inputs.blocks),
            Source::Patch => Some(&self.inputs.patch),
        };
        let span = span.ok_or_else(|| CudaError::Parameter(format!("{source:?}")))?;
        Ok(span.from(offset)?)
    }

    fn tensor(&self, Id(index): Id, offset: u64) -> Result<Span, CudaError> {
        let bytes = self.steps.tensors[index].bytes;
        let tensor = self.slab.slice(self.offsets[index], bytes)?;
        Ok(tensor.from(offset)?)
    }

    fn optional(&self, place: Place) -> Result<Option<Span>, CudaError> {
        match place {
            Place::Tensor(id, offset) => self.tensor(id, offset).map(Some),
            Place::Fixed(fixed) => self.fixed(fixed).map(Some),
            Place::Nowhere => Ok(None),
        }
    }

    fn operand(&self, place: Place) -> Result<Span, CudaError> {
        let absent = || CudaError::Parameter("an operand of a product".to_owned());
        self.optional(place)?.ok_or_else(absent)
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
                arguments: values(arguments, &|place| self.optional(place))?,
            },
            Work::Product {
                product,
                a,
                b,
                c,
                bias,
            } => {
                let operands = linear::Operands {
                    x: self.operand(*a)?,
                    w: self.operand(*b)?,
                    bias: bias.map(|bias| self.fixed(bias)).transpose()?,
                    c: None,
                    y: self.operand(*c)?,
                };
                let product = formats.linear(product, bias.is_some());
                let free = matches!(a, Place::Tensor(..));
                let plan = plans.product((device, kernels), product, &operands, free)?;
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
                let free = matches!(
                    (x, residual),
                    (Place::Tensor(..), Place::Tensor(..) | Place::Nowhere)
                );
                let residual = self.optional(*residual)?;
                let shape = formats.convolution(convolution, residual.is_some());
                let operands = convolution::Operands {
                    x: self.operand(*x)?,
                    w: self.fixed(*w)?,
                    bias: Some(self.fixed(*bias)?),
                    residual,
                    y: self.operand(*y)?,
                };
                let plan = plans.convolution((device, kernels), shape, &operands, free)?;
                Ready::Convolution { plan, operands }
            }
        })
    }
}

impl Pass {
    /// Assigns memory and makes the plans of all products and convolutions.
    pub(super) fn new(
        device: &Device,
        (kernels, weights): (&Kernels, &Weights),
        plans: &mut Plans,
        formats: Formats,
        (steps, outputs, taps): (Steps, Outputs, Vec<Tap>),
        inputs: Inputs,
    ) -> Result<Self, CudaError> {
        let arena = steps.arena(ALIGNMENT);
        let slab = device.allocate(arena.bytes.max(ALIGNMENT))?;
        let places = Places {
            slab: &slab,
            offsets: &arena.offsets,
            steps: &steps,
            weights,
            inputs: &inputs,
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
            given: Vec::new(),
            steps,
            graph: None,
            ready,
            offsets: arena.offsets,
            slab,
            runs: 0,
        })
    }

    /// The first `bytes` of a tensor.
    pub(super) fn tensor(&self, id: Id, bytes: u64) -> ::cuda::Result<Span> {
        self.slab.slice(self.offsets[id.0], bytes)
    }

    /// Device memory of all tensors, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.slab.bytes()
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
