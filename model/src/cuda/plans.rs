//! Plans of products and convolutions, which passes share.

use ::cuda::choice::fastest;
use ::cuda::convolution::{self, Convolution, Shape};
use ::cuda::linear::{self, Linear, Product};
use ::cuda::{Device, Span};

use super::CudaError;
use super::pass::Ready;

/// Scratch memory that products and convolutions share, in bytes.
const WORKSPACE: u64 = 64 << 20;
/// Algorithms that are timed where the fastest is looked for.
const OFFERED: usize = 8;

/// Plans of products and convolutions, which passes share.
pub(super) struct Plans {
    products: Vec<Linear>,
    convolutions: Vec<Convolution>,
    workspace: Span,
    tuned: bool,
}

impl Plans {
    /// No plans yet. Where they are `tuned`, several algorithms are timed for each, else the libraries' first advice is taken.
    pub(super) fn new(device: &Device, tuned: bool) -> Result<Self, CudaError> {
        Ok(Self {
            products: Vec::new(),
            convolutions: Vec::new(),
            workspace: device.allocate(WORKSPACE)?,
            tuned,
        })
    }

    /// The plan of a product. Tuning runs it on the operands, whose result is overwritten.
    pub(super) fn product(
        &mut self,
        device: &Device,
        product: Product,
        operands: &linear::Operands,
    ) -> Result<usize, CudaError> {
        let known = |plan: &Linear| *plan.product() == product;
        if let Some(index) = self.products.iter().position(known) {
            return Ok(index);
        }
        let workspace = &self.workspace;
        let plan = match self.tuned {
            false => Linear::plan(device, product, WORKSPACE)?,
            true => fastest(
                device,
                &format!("{product:?}"),
                ::cuda::cache::folder().as_deref(),
                Linear::ranked(device, product, WORKSPACE, OFFERED)?,
                |way| way.run(operands, workspace),
            )?,
        };
        self.products.push(plan);
        Ok(self.products.len() - 1)
    }

    /// The plan of a convolution; as for [`Self::product`].
    pub(super) fn convolution(
        &mut self,
        device: &Device,
        shape: Shape,
        operands: &convolution::Operands,
    ) -> Result<usize, CudaError> {
        let known = |plan: &Convolution| *plan.shape() == shape;
        if let Some(index) = self.convolutions.iter().position(known) {
            return Ok(index);
        }
        let workspace = &self.workspace;
        let plan = match self.tuned {
            false => Convolution::plan(device, shape, WORKSPACE)?,
            true => fastest(
                device,
                &format!("{shape:?}"),
                ::cuda::cache::folder().as_deref(),
                Convolution::ranked(device, shape, WORKSPACE, OFFERED)?,
                |way| way.run(operands, workspace),
            )?,
        };
        self.convolutions.push(plan);
        Ok(self.convolutions.len() - 1)
    }

    /// Enqueues an operation.
    pub(super) fn enqueue(&self, ready: &Ready) -> ::cuda::Result<()> {
        let workspace = &self.workspace;
        match ready {
            Ready::Launch {
                kernel,
                grid,
                block,
                shared,
                arguments,
            } => {
                // SAFETY: the list of steps gives each kernel the operands that it declares, whose tensors it made for the
                // extents beside them; a test holds their kinds to the sources.
                unsafe { kernel.launch(*grid, *block, *shared, arguments) }
            }
            Ready::Product { plan, operands } => self.products[*plan].run(operands, workspace),
            Ready::Convolution { plan, operands } => {
                self.convolutions[*plan].run(operands, workspace)
            }
        }
    }
}
