//! Linear layers and products of matrices through cuBLASLt: planned once, run many times.

use std::ffi::c_void;
use std::fmt;

use cudarc::cublaslt::sys as lt;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::matmul::{ALIGNMENT, Descriptors, MatmulPreference};
use crate::memory::Span;
pub use crate::product::{Layout, Product};
use crate::status::Status;

/// The memory of one run.
#[derive(Debug, Clone)]
pub struct Operands {
    /// `[M, K]`.
    pub x: Span,
    /// `[K, N]`.
    pub w: Span,
    /// `[N]`, where the product has a bias.
    pub bias: Option<Span>,
    /// `[M, N]`, where `beta` is not 0; may be `y`.
    pub c: Option<Span>,
    /// `[M, N]`, written.
    pub y: Span,
}

/// A planned product.
pub struct Linear {
    product: Product,
    descriptors: Descriptors,
    algorithm: lt::cublasLtMatmulAlgo_t,
    workspace_bytes: u64,
    device: Device,
}

// SAFETY: the descriptors are plain memory that only this owns; runs change the bias pointer in it, so it is not Sync.
unsafe impl Send for Linear {}

impl fmt::Debug for Linear {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Linear({})", self.product)
    }
}

impl Linear {
    /// Plans the product: the first algorithm of cuBLASLt's heuristic that needs at most `workspace_bytes`.
    pub fn plan(device: &Device, product: Product, workspace_bytes: u64) -> Result<Self> {
        let mut plans = Self::ranked(device, product, workspace_bytes, 1)?;
        Ok(plans.remove(0))
    }

    /// At most `most` such plans, at least one, the heuristic's best first; see [`crate::choice::fastest`].
    pub fn ranked(
        device: &Device,
        product: Product,
        workspace_bytes: u64,
        most: usize,
    ) -> Result<Vec<Self>> {
        product.check()?;
        device.bind()?;
        let descriptors = Descriptors::new(&product)?;
        let preference = MatmulPreference::new(workspace_bytes)?;
        // SAFETY: the structure is plain data, for which zeros are a value.
        let nothing: lt::cublasLtMatmulHeuristicResult_t = unsafe { std::mem::zeroed() };
        let mut found = vec![nothing; most.max(1)];
        let mut count = 0;
        // SAFETY: every descriptor lives; there is room for as many results as are asked for.
        let status = unsafe {
            lt::cublasLtMatmulAlgoGetHeuristic(
                device.lt(),
                descriptors.description.0,
                descriptors.w.0,
                descriptors.x.0,
                descriptors.y.0,
                descriptors.y.0,
                preference.0,
                found.len() as i32,
                found.as_mut_ptr(),
                &mut count,
            )
        };
        if status != lt::cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED {
            status.check("cublasLtMatmulAlgoGetHeuristic")?;
        }
        let served = found.iter().take(count.max(0) as usize);
        let plans = served
            .filter(|result| result.state == lt::cublasStatus_t::CUBLAS_STATUS_SUCCESS)
            .map(|result| {
                // Each plan has descriptors of its own, because each run writes into them.
                Ok(Self {
                    product,
                    descriptors: Descriptors::new(&product)?,
                    algorithm: result.algo,
                    workspace_bytes: result.workspaceSize as u64,
                    device: device.clone(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        if plans.is_empty() {
            let detail = format!(" within {workspace_bytes} bytes of workspace");
            return Err(Error::Unsupported {
                library: Library::CublasLt,
                operation: product.to_string(),
                detail,
            });
        }
        Ok(plans)
    }

    /// What was planned.
    pub fn product(&self) -> &Product {
        &self.product
    }

    /// The bytes of workspace that a run uses.
    pub fn workspace_bytes(&self) -> u64 {
        self.workspace_bytes
    }

    /// Enqueues the product. The workspace may be shared by everything on the same stream.
    pub fn run(&self, operands: &Operands, workspace: &Span) -> Result<()> {
        self.check(operands, workspace)?;
        self.device.bind()?;
        if let Some(bias) = &operands.bias {
            self.descriptors.description.set_bias(bias.ptr())?;
        }
        let Product { alpha, beta, .. } = self.product;
        let c = operands.c.as_ref().unwrap_or(&operands.y);
        let address = |span: &Span| span.ptr() as *mut c_void;
        // SAFETY: descriptors and algorithm were planned for each other, every span holds what its layout reaches,
        // and the factors are read before the call returns.
        unsafe {
            lt::cublasLtMatmul(
                self.device.lt(),
                self.descriptors.description.0,
                (&raw const alpha).cast(),
                address(&operands.w),
                self.descriptors.w.0,
                address(&operands.x),
                self.descriptors.x.0,
                (&raw const beta).cast(),
                address(c),
                self.descriptors.y.0,
                address(&operands.y),
                self.descriptors.y.0,
                &self.algorithm,
                address(workspace),
                self.workspace_bytes as usize,
                self.device.stream().cast(),
            )
            .check("cublasLtMatmul")
        }
    }

    fn check(&self, operands: &Operands, workspace: &Span) -> Result<()> {
        let product = &self.product;
        let problem = |text: String| Err(Error::contract(product.to_string(), text));
        if operands.bias.is_some() != product.bias {
            return problem(
                "a bias must be given where one was planned, and only there".to_owned(),
            );
        }
        if operands.c.is_some() != (product.beta != 0.0) {
            return problem("c must be given where beta is not 0, and only there".to_owned());
        }
        let (input, output) = (product.input.bytes(), product.output.bytes());
        let y_bytes = product.extent(product.y, product.rows, product.columns) * output;
        let needed = [
            (
                "x",
                Some(&operands.x),
                product.extent(product.x, product.rows, product.inner) * input,
            ),
            (
                "w",
                Some(&operands.w),
                product.extent(product.w, product.inner, product.columns) * input,
            ),
            ("y", Some(&operands.y), y_bytes),
            ("c", operands.c.as_ref(), y_bytes),
            ("the bias", operands.bias.as_ref(), product.columns * output),
        ];
        for (name, span, bytes) in needed {
            let Some(span) = span else { continue };
            if span.bytes() < bytes {
                return problem(format!(
                    "{name} needs {bytes} bytes, and {} were given",
                    span.bytes()
                ));
            }
            if !span.ptr().is_multiple_of(ALIGNMENT.into()) {
                return problem(format!(
                    "{name} must start at a multiple of {ALIGNMENT} bytes"
                ));
            }
            span.hold(&self.device)?;
        }
        workspace.hold(&self.device)?;
        if workspace.bytes() < self.workspace_bytes {
            return problem(format!(
                "{} bytes of workspace, {} given",
                self.workspace_bytes,
                workspace.bytes()
            ));
        }
        Ok(())
    }
}
