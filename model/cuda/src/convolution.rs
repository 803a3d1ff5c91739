//! Convolutions along the sequence through cuDNN: planned once, run many times.

use std::fmt;
use std::path::Path;

use cudarc::cudnn::sys::{
    self as dnn, cudnnBackendAttributeName_t as Name, cudnnBackendDescriptorType_t as Kind,
    cudnnBackendHeurMode_t as Heuristic,
};

use crate::cache;
use crate::device::Device;
use crate::element::Element;
use crate::engine::{self, Candidate, Descriptor, Plan};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::memory::Span;

/// `y[B, S, O] = conv1d(x[B, S, I], w[O, width, I]) + residual[B, S, O] + bias[O]`, with SAME padding.
///
/// The products are summed in f32, residual and bias are added in f32, and the result is rounded once, as XLA's fused
/// convolution does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// B.
    pub batch: u64,
    /// S.
    pub length: u64,
    /// I.
    pub inputs: u64,
    /// O.
    pub outputs: u64,
    /// How many positions the kernel spans; odd.
    pub width: u64,
    /// The type of `x`, `w`, `residual` and `y`.
    pub element: Element,
    /// The bias's type, where there is one.
    pub bias: Option<Element>,
    /// Whether a residual is added.
    pub residual: bool,
    /// Whether f32 operands may be rounded to TF32.
    pub tf32: bool,
}

impl Shape {
    /// Floating-point operations, a product and a sum counted as two, the borders counted as full.
    pub fn operations(&self) -> f64 {
        let sizes = [
            self.batch,
            self.length,
            self.inputs,
            self.outputs,
            self.width,
        ];
        2.0 * sizes.iter().map(|&size| size as f64).product::<f64>()
    }

    fn check(&self) -> Result<()> {
        let problem = |text: String| Err(Error::contract(self.to_string(), text));
        if [self.batch, self.length, self.inputs, self.outputs].contains(&0) {
            return problem("every size must be at least 1".to_owned());
        }
        if self.width.is_multiple_of(2) {
            return problem("the width must be odd".to_owned());
        }
        Ok(())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            batch,
            length,
            inputs,
            outputs,
            width,
            element,
            ..
        } = self;
        write!(
            formatter,
            "the convolution [{batch}, {length}, {inputs}] to {outputs}, width {width}, {element}"
        )?;
        if let Some(bias) = self.bias {
            write!(formatter, ", {bias} bias")?;
        }
        formatter.write_str(if self.residual { ", residual" } else { "" })?;
        formatter.write_str(if self.tf32 { ", TF32 allowed" } else { "" })
    }
}

/// The memory of one run.
#[derive(Debug, Clone, Copy)]
pub struct Operands {
    /// `[B, S, I]`.
    pub x: Span,
    /// `[O, width, I]`.
    pub w: Span,
    /// `[O]`, where the shape has a bias.
    pub bias: Option<Span>,
    /// `[B, S, O]`, where the shape has a residual.
    pub residual: Option<Span>,
    /// `[B, S, O]`, written.
    pub y: Span,
}

/// What cuDNN calls the tensors of the graph.
mod id {
    pub(super) const X: i64 = 1;
    pub(super) const W: i64 = 2;
    pub(super) const Y: i64 = 3;
    pub(super) const BIAS: i64 = 4;
    pub(super) const RESIDUAL: i64 = 5;
    /// Values between the operations, which never reach memory.
    pub(super) const BETWEEN: i64 = 10;
}

/// The alignment in bytes that operands must have.
const ALIGNMENT: u64 = 16;

/// How many of the heuristic's answers are looked at.
const CANDIDATES: usize = 24;

/// How many candidates are timed.
const TIMED: usize = 6;

/// A planned convolution.
pub struct Convolution {
    shape: Shape,
    plan: Plan,
    engine: i64,
    device: Device,
}

// SAFETY: cuDNN's descriptors may be used from any thread, one at a time, and each run holds the handle's lock.
unsafe impl Send for Convolution {}

impl fmt::Debug for Convolution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Convolution({}, engine {})",
            self.shape, self.engine
        )
    }
}

impl Convolution {
    /// Plans the convolution: the first engine of cuDNN's heuristic that keeps to the shape's arithmetic and needs at
    /// most `workspace_bytes`.
    pub fn plan(device: &Device, shape: Shape, workspace_bytes: u64) -> Result<Self> {
        let candidates = Self::candidates(device, &shape)?;
        let served = candidates
            .iter()
            .find_map(|candidate| Self::make(device, shape, candidate, workspace_bytes));
        served.ok_or_else(|| unsupported(&shape, &candidates, workspace_bytes))
    }

    /// Plans the convolution with the fastest of the heuristic's first few engines, by timing them on these operands
    /// (`y` is written). The choice is kept in the folder `cache`, by device, version of cuDNN and shape, and is not
    /// timed again.
    pub fn plan_timed(
        device: &Device,
        shape: Shape,
        operands: &Operands,
        workspace: Span,
        cache: Option<&Path>,
    ) -> Result<Self> {
        let candidates = Self::candidates(device, &shape)?;
        let file = cache.map(|folder| {
            let properties = device.properties();
            let key = format!(
                "{} cuDNN {} {shape} {}",
                properties.name, properties.cudnn, workspace.bytes
            );
            folder.join(format!("{}.choice", blake3::hash(key.as_bytes()).to_hex()))
        });
        let kept = file
            .as_deref()
            .and_then(cache::read)
            .and_then(|bytes| bytes.try_into().ok());
        let kept = kept.and_then(|bytes| candidates.get(u64::from_le_bytes(bytes) as usize));
        if let Some(planned) =
            kept.and_then(|candidate| Self::make(device, shape, candidate, workspace.bytes))
        {
            return Ok(planned);
        }
        let mut best: Option<(f32, usize, Self)> = None;
        let made = candidates
            .iter()
            .enumerate()
            .filter_map(|(rank, candidate)| {
                Self::make(device, shape, candidate, workspace.bytes).map(|planned| (rank, planned))
            });
        for (rank, planned) in made.take(TIMED) {
            // An engine that fails here is no candidate; the first run also loads its code.
            let Ok(time) = planned.median_of_three(operands, workspace) else {
                continue;
            };
            if best.as_ref().is_none_or(|(least, _, _)| time < *least) {
                best = Some((time, rank, planned));
            }
        }
        let (_, rank, planned) =
            best.ok_or_else(|| unsupported(&shape, &candidates, workspace.bytes))?;
        if let Some(file) = file {
            cache::write(&file, &(rank as u64).to_le_bytes());
        }
        Ok(planned)
    }

    fn median_of_three(&self, operands: &Operands, workspace: Span) -> Result<f32> {
        self.run(operands, workspace)?;
        let mut times = [0.0f32; 3];
        for time in &mut times {
            *time = self.device.time(|| self.run(operands, workspace))?;
        }
        times.sort_by(f32::total_cmp);
        Ok(times[1])
    }

    /// The engines that keep to the shape's arithmetic, the heuristic's best first.
    fn candidates(device: &Device, shape: &Shape) -> Result<Vec<Candidate>> {
        shape.check()?;
        device.bind()?;
        let handle = device.dnn();
        let graph = graph(*handle, shape)?;
        let exact = shape.element == Element::F32 && !shape.tf32;
        let mut served = Vec::new();
        for mode in [
            Heuristic::CUDNN_HEUR_MODE_A,
            Heuristic::CUDNN_HEUR_MODE_FALLBACK,
        ] {
            // A mode that has nothing to say of a graph may fail instead of answering none.
            let offered = engine::candidates(&graph, mode, CANDIDATES).unwrap_or_default();
            served.extend(
                offered
                    .into_iter()
                    .filter(|candidate| candidate.numerics.serve(exact)),
            );
        }
        Ok(served)
    }

    fn make(
        device: &Device,
        shape: Shape,
        candidate: &Candidate,
        workspace_bytes: u64,
    ) -> Option<Self> {
        let plan = candidate.plan(*device.dnn()).ok()?;
        let fits = plan.workspace_bytes <= workspace_bytes;
        fits.then(|| Self {
            shape,
            plan,
            engine: candidate.engine,
            device: device.clone(),
        })
    }

    /// What was planned.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of the engine in cuDNN.
    pub fn engine(&self) -> i64 {
        self.engine
    }

    /// The bytes of workspace that a run uses.
    pub fn workspace_bytes(&self) -> u64 {
        self.plan.workspace_bytes
    }

    /// Enqueues the convolution. The workspace may be shared by everything on the same stream.
    pub fn run(&self, operands: &Operands, workspace: Span) -> Result<()> {
        self.check(operands, workspace)?;
        let mut ids = vec![id::X, id::W, id::Y];
        let mut addresses = vec![operands.x.ptr, operands.w.ptr, operands.y.ptr];
        for (name, span) in [(id::BIAS, operands.bias), (id::RESIDUAL, operands.residual)] {
            if let Some(span) = span {
                ids.push(name);
                addresses.push(span.ptr);
            }
        }
        self.device.bind()?;
        let handle = self.device.dnn();
        let pack = Descriptor::new(Kind::CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)?;
        pack.integers(Name::CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, &ids)?;
        pack.addresses(Name::CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, &addresses)?;
        pack.addresses(Name::CUDNN_ATTR_VARIANT_PACK_WORKSPACE, &[workspace.ptr])?;
        self.plan.plan.execute(*handle, &pack.finalize()?)
    }

    fn check(&self, operands: &Operands, workspace: Span) -> Result<()> {
        let shape = &self.shape;
        let problem = |text: String| Err(Error::contract(shape.to_string(), text));
        if operands.bias.is_some() != shape.bias.is_some()
            || operands.residual.is_some() != shape.residual
        {
            return problem(
                "bias and residual must be given where they were planned, and only there"
                    .to_owned(),
            );
        }
        let element = shape.element.bytes();
        let positions = shape.batch * shape.length * element;
        let bias_bytes = shape.bias.map_or(0, |bias| bias.bytes() * shape.outputs);
        let needed = [
            ("x", Some(operands.x), positions * shape.inputs),
            (
                "w",
                Some(operands.w),
                shape.outputs * shape.width * shape.inputs * element,
            ),
            ("y", Some(operands.y), positions * shape.outputs),
            ("the residual", operands.residual, positions * shape.outputs),
            ("the bias", operands.bias, bias_bytes),
        ];
        for (name, span, bytes) in needed {
            let Some(span) = span else { continue };
            if span.bytes < bytes {
                return problem(format!(
                    "{name} needs {bytes} bytes, and {} were given",
                    span.bytes
                ));
            }
            if !span.ptr.is_multiple_of(ALIGNMENT) {
                return problem(format!(
                    "{name} must start at a multiple of {ALIGNMENT} bytes"
                ));
            }
        }
        if workspace.bytes < self.workspace_bytes() {
            return problem(format!(
                "{} bytes of workspace, {} given",
                self.workspace_bytes(),
                workspace.bytes
            ));
        }
        Ok(())
    }
}

fn unsupported(shape: &Shape, candidates: &[Candidate], workspace_bytes: u64) -> Error {
    let detail = format!(
        " ({} engines, none within {workspace_bytes} bytes of workspace)",
        candidates.len()
    );
    Error::Unsupported {
        library: Library::Cudnn,
        operation: shape.to_string(),
        detail,
    }
}

/// The graph: the convolution, then the residual, then the bias, f32 in between.
fn graph(handle: dnn::cudnnHandle_t, shape: &Shape) -> Result<Descriptor> {
    let &Shape {
        batch,
        length,
        inputs,
        outputs,
        width,
        element,
        ..
    } = shape;
    let x = tensor(id::X, [batch, inputs, 1, length], element, false)?;
    let w = tensor(id::W, [outputs, inputs, 1, width], element, false)?;
    let y_sizes = [batch, outputs, 1, length];
    let last = id::BETWEEN + i64::from(shape.residual) + i64::from(shape.bias.is_some());
    // The value after the step of this number: f32 and never in memory, but for the last, which is y.
    let after = |step: i64| {
        if step == last {
            tensor(id::Y, y_sizes, element, false)
        } else {
            tensor(step, y_sizes, Element::F32, true)
        }
    };
    let mut value = after(id::BETWEEN)?;
    let mut operations = vec![convolve(&x, &w, &value, width)?];
    let mut step = id::BETWEEN;
    let residual = shape
        .residual
        .then(|| tensor(id::RESIDUAL, y_sizes, element, false));
    let bias = shape
        .bias
        .map(|bias| tensor(id::BIAS, [1, outputs, 1, 1], bias, false));
    for addend in [residual, bias].into_iter().flatten() {
        step += 1;
        let sum = after(step)?;
        operations.push(add(&value, &addend?, &sum)?);
        value = sum;
    }
    let graph = Descriptor::new(Kind::CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)?;
    graph.handle(Name::CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle)?;
    graph.descriptors(
        Name::CUDNN_ATTR_OPERATIONGRAPH_OPS,
        &operations.iter().collect::<Vec<_>>(),
    )?;
    graph.finalize()
}

/// A channels-last tensor of batch, channels, height (always 1) and positions.
fn tensor(name: i64, sizes: [u64; 4], element: Element, between: bool) -> Result<Descriptor> {
    let [_, channels, height, positions] = sizes.map(|size| size as i64);
    let image = channels * height * positions;
    let tensor = Descriptor::new(Kind::CUDNN_BACKEND_TENSOR_DESCRIPTOR)?;
    tensor.integers(Name::CUDNN_ATTR_TENSOR_UNIQUE_ID, &[name])?;
    tensor.data_type(Name::CUDNN_ATTR_TENSOR_DATA_TYPE, element.cudnn())?;
    tensor.integers(
        Name::CUDNN_ATTR_TENSOR_DIMENSIONS,
        &sizes.map(|size| size as i64),
    )?;
    tensor.integers(
        Name::CUDNN_ATTR_TENSOR_STRIDES,
        &[image, 1, channels * positions, channels],
    )?;
    tensor.integers(Name::CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, &[ALIGNMENT as i64])?;
    tensor.truth(Name::CUDNN_ATTR_TENSOR_IS_VIRTUAL, between)?;
    tensor.finalize()
}

fn convolve(x: &Descriptor, w: &Descriptor, y: &Descriptor, width: u64) -> Result<Descriptor> {
    let side = (width as i64 - 1) / 2;
    let convolution = Descriptor::new(Kind::CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)?;
    convolution.data_type(Name::CUDNN_ATTR_CONVOLUTION_COMP_TYPE, Element::F32.cudnn())?;
    convolution.mode(
        Name::CUDNN_ATTR_CONVOLUTION_CONV_MODE,
        dnn::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION,
    )?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, &[2])?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_DILATIONS, &[1, 1])?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, &[1, 1])?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, &[0, side])?;
    convolution.integers(Name::CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, &[0, side])?;
    let convolution = convolution.finalize()?;
    let operation = Descriptor::new(Kind::CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)?;
    operation.descriptors(
        Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
        &[&convolution],
    )?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, &[x])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, &[w])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, &[y])?;
    operation.float(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0)?;
    operation.float(Name::CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0)?;
    operation.finalize()
}

/// `sum = value + addend` in f32.
fn add(value: &Descriptor, addend: &Descriptor, sum: &Descriptor) -> Result<Descriptor> {
    let mode = Descriptor::new(Kind::CUDNN_BACKEND_POINTWISE_DESCRIPTOR)?;
    mode.pointwise(
        Name::CUDNN_ATTR_POINTWISE_MODE,
        dnn::cudnnPointwiseMode_t::CUDNN_POINTWISE_ADD,
    )?;
    mode.data_type(Name::CUDNN_ATTR_POINTWISE_MATH_PREC, Element::F32.cudnn())?;
    let mode = mode.finalize()?;
    let operation = Descriptor::new(Kind::CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, &[&mode])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_POINTWISE_XDESC, &[value])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_POINTWISE_BDESC, &[addend])?;
    operation.descriptors(Name::CUDNN_ATTR_OPERATION_POINTWISE_YDESC, &[sum])?;
    operation.finalize()
}
