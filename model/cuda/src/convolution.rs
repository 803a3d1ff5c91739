//! Convolutions along the sequence through cuDNN: planned once, run many times.

use std::fmt;
use std::sync::Arc;

use cudarc::cudnn::sys::{
    cudnnBackendAttributeName_t as Name, cudnnBackendDescriptorType_t as Kind,
    cudnnBackendHeurMode_t as Heuristic,
};

use crate::device::Device;
use crate::element::Element;
use crate::engine::{self, Descriptor, Plan};
use crate::error::{Error, Result};
use crate::fusion::{ALIGNMENT, graph, id};
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
    /// The type of `x` and `w`.
    pub input: Element,
    /// The type of `residual` and `y`.
    pub output: Element,
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
            input,
            output,
            ..
        } = self;
        write!(
            formatter,
            "the convolution [{batch}, {length}, {inputs}] to {outputs}, width {width}, {input} to {output}"
        )?;
        if let Some(bias) = self.bias {
            write!(formatter, ", {bias} bias")?;
        }
        formatter.write_str(if self.residual { ", residual" } else { "" })?;
        formatter.write_str(if self.tf32 { ", TF32 allowed" } else { "" })
    }
}

/// The memory of one run.
#[derive(Debug, Clone)]
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

/// How many answers the heuristic is asked for.
const OFFERED: usize = 64;

/// A planned convolution.
pub struct Convolution {
    shape: Shape,
    plan: Arc<Plan>,
    engine: i64,
    device: Device,
}

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
        let mut plans = Self::ranked(device, shape, workspace_bytes, 1)?;
        Ok(plans.remove(0))
    }

    /// At most `most` such plans, at least one, the heuristic's best first; see [`crate::choice::fastest`].
    pub fn ranked(
        device: &Device,
        shape: Shape,
        workspace_bytes: u64,
        most: usize,
    ) -> Result<Vec<Self>> {
        shape.check()?;
        device.bind()?;
        let handle = device.dnn();
        let graph = graph(*handle, &shape)?;
        let exact = shape.input == Element::F32 && !shape.tf32;
        let mut plans = Vec::new();
        for mode in [
            Heuristic::CUDNN_HEUR_MODE_A,
            Heuristic::CUDNN_HEUR_MODE_FALLBACK,
        ] {
            // A mode that has nothing to say of a graph may fail instead of answering none.
            let offered = engine::candidates(&graph, mode, OFFERED).unwrap_or_default();
            let served = offered
                .into_iter()
                .filter(|candidate| candidate.numerics.serve(exact));
            // An engine may find only when it is planned that it cannot serve.
            let made = served
                .filter_map(|candidate| Some((candidate.engine, candidate.plan(*handle).ok()?)));
            let fit = made.filter(|(_, plan)| plan.workspace_bytes <= workspace_bytes);
            let device = device.clone();
            plans.extend(
                fit.map(|(engine, plan)| Self {
                    shape,
                    plan: Arc::new(plan),
                    engine,
                    device: device.clone(),
                })
                .take(most.max(1) - plans.len()),
            );
            if plans.len() >= most {
                break;
            }
        }
        if plans.is_empty() {
            let detail = format!(" within {workspace_bytes} bytes of workspace");
            return Err(Error::Unsupported {
                library: Library::Cudnn,
                operation: shape.to_string(),
                detail,
            });
        }
        Ok(plans)
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
    pub fn run(&self, operands: &Operands, workspace: &Span) -> Result<()> {
        self.check(operands, workspace)?;
        let mut ids = vec![id::X, id::W, id::Y];
        let mut addresses = vec![operands.x.ptr(), operands.w.ptr(), operands.y.ptr()];
        for (name, span) in [
            (id::BIAS, &operands.bias),
            (id::RESIDUAL, &operands.residual),
        ] {
            if let Some(span) = span {
                ids.push(name);
                addresses.push(span.ptr());
            }
        }
        self.device.bind()?;
        let handle = self.device.dnn();
        let pack = Descriptor::new(Kind::CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)?;
        pack.integers(Name::CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, &ids)?;
        pack.addresses(Name::CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, &addresses)?;
        pack.addresses(Name::CUDNN_ATTR_VARIANT_PACK_WORKSPACE, &[workspace.ptr()])?;
        self.device.hold(&self.plan);
        self.plan.plan.execute(*handle, &pack.finalize()?)
    }

    fn check(&self, operands: &Operands, workspace: &Span) -> Result<()> {
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
        let (input, output) = (shape.input.bytes(), shape.output.bytes());
        let positions = shape.batch * shape.length;
        let bias_bytes = shape.bias.map_or(0, |bias| bias.bytes() * shape.outputs);
        let needed = [
            ("x", Some(&operands.x), positions * shape.inputs * input),
            (
                "w",
                Some(&operands.w),
                shape.outputs * shape.width * shape.inputs * input,
            ),
            ("y", Some(&operands.y), positions * shape.outputs * output),
            (
                "the residual",
                operands.residual.as_ref(),
                positions * shape.outputs * output,
            ),
            ("the bias", operands.bias.as_ref(), bias_bytes),
        ];
        for (name, span, bytes) in needed {
            let Some(span) = span else { continue };
            if span.bytes() < bytes {
                return problem(format!(
                    "{name} needs {bytes} bytes, and {} were given",
                    span.bytes()
                ));
            }
            if !span.ptr().is_multiple_of(ALIGNMENT) {
                return problem(format!(
                    "{name} must start at a multiple of {ALIGNMENT} bytes"
                ));
            }
            span.hold(&self.device)?;
        }
        workspace.hold(&self.device)?;
        if workspace.bytes() < self.workspace_bytes() {
            return problem(format!(
                "{} bytes of workspace, {} given",
                self.workspace_bytes(),
                workspace.bytes()
            ));
        }
        Ok(())
    }
}
