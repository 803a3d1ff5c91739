//! Plans of products and convolutions, which passes share.

use ::cuda::choice::fastest;
use ::cuda::convolution::{self, Convolution, Shape};
use ::cuda::element::Element;
use ::cuda::linear::{self, Linear, Product};
use ::cuda::module::Argument;
use ::cuda::{Device, Span};

use super::CudaError;
use super::kernels::Kernels;
use super::pass::Ready;

/// Scratch memory that products and convolutions share, in bytes.
const WORKSPACE: u64 = 64 << 20;
/// Algorithms that are timed where the fastest is looked for.
const OFFERED: usize = 8;

/// Where ways are tried, and with what.
pub(super) type On<'a> = (&'a Device, &'a Kernels);

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

    /// The plan of a product. Ways that give equal rows other values are passed over: what two alleles share must cancel. To find
    /// that out, and to tune, runs it on the operands: `x` is overwritten, too, where it is a tensor of the plan (`free`).
    pub(super) fn product(
        &mut self,
        on: On<'_>,
        product: Product,
        operands: &linear::Operands,
        free: bool,
    ) -> Result<usize, CudaError> {
        let known = |plan: &Linear| *plan.product() == product;
        if let Some(index) = self.products.iter().position(known) {
            return Ok(index);
        }
        let workspace = &self.workspace;
        let tried = free && product.has_dense_rows() && product.rows > 1;
        let even = |way: &Linear| match tried {
            true => self.even_product(on, way, operands),
            false => Ok(true),
        };
        let ranked = |most| Ok(Linear::ranked(on.0, product, WORKSPACE, most)?);
        let plan = self.choose(on, &format!("{product:?}"), ranked, even, |way| {
            way.run(operands, workspace)
        })?;
        self.products.push(plan);
        Ok(self.products.len() - 1)
    }

    /// The first way that is even, or the fastest of them.
    fn choose<T>(
        &self,
        (device, _): On<'_>,
        key: &str,
        ranked: impl Fn(usize) -> Result<Vec<T>, CudaError>,
        even: impl Fn(&T) -> Result<bool, CudaError>,
        run: impl Fn(&T) -> ::cuda::Result<()>,
    ) -> Result<T, CudaError> {
        if !self.tuned {
            let first = ranked(1)?.remove(0);
            if even(&first)? {
                return Ok(first);
            }
            let others = ranked(OFFERED)?.into_iter().skip(1);
            // One that fails here is none.
            let found = { others }.find(|way| even(way).unwrap_or(false));
            return Ok(found.unwrap_or(first));
        }
        let mut ways = ranked(OFFERED)?;
        let are: Vec<_> = ways.iter().map(|way| even(way).unwrap_or(false)).collect();
        if are.contains(&true) {
            let mut are = are.into_iter();
            ways.retain(|_| are.next().unwrap_or(false));
        }
        let cache = ::cuda::cache::folder();
        let key = format!("even {key}");
        Ok(fastest(device, &key, cache.as_deref(), ways, run)?)
    }

    /// The plan of a convolution; as for [`Self::product`], with whole sequences in place of rows, and the residual overwritten, too.
    pub(super) fn convolution(
        &mut self,
        on: On<'_>,
        shape: Shape,
        operands: &convolution::Operands,
        free: bool,
    ) -> Result<usize, CudaError> {
        let known = |plan: &Convolution| *plan.shape() == shape;
        if let Some(index) = self.convolutions.iter().position(known) {
            return Ok(index);
        }
        let workspace = &self.workspace;
        let even = |way: &Convolution| match free && shape.batch > 1 {
            true => self.even_convolution(on, way, operands),
            false => Ok(true),
        };
        let ranked = |most| Ok(Convolution::ranked(on.0, shape, WORKSPACE, most)?);
        let plan = self.choose(on, &format!("{shape:?}"), ranked, even, |way| {
            way.run(operands, workspace)
        })?;
        self.convolutions.push(plan);
        Ok(self.convolutions.len() - 1)
    }

    /// Whether equal rows give equal rows, bit for bit.
    fn even_product(
        &self,
        on: On<'_>,
        way: &Linear,
        operands: &linear::Operands,
    ) -> Result<bool, CudaError> {
        let product = way.product();
        noise(on, &operands.x, product.inner, product.rows, product.input)?;
        way.run(operands, &self.workspace)?;
        self.equal(
            on,
            &operands.y,
            product.columns,
            product.rows,
            product.output,
        )
    }

    /// Whether equal sequences give equal ones, bit for bit.
    fn even_convolution(
        &self,
        on: On<'_>,
        way: &Convolution,
        operands: &convolution::Operands,
    ) -> Result<bool, CudaError> {
        let shape = way.shape();
        let inputs = shape.length * shape.inputs;
        noise(on, &operands.x, inputs, shape.batch, shape.input)?;
        let outputs = shape.length * shape.outputs;
        if let Some(residual) = &operands.residual {
            noise(on, residual, outputs, shape.batch, shape.output)?;
        }
        way.run(operands, &self.workspace)?;
        self.equal(on, &operands.y, outputs, shape.batch, shape.output)
    }

    /// Whether all parts of so many values are equal.
    fn equal(
        &self,
        (device, kernels): On<'_>,
        y: &Span,
        each: u64,
        parts: u64,
        element: Element,
    ) -> Result<bool, CudaError> {
        let count = self.workspace.slice(0, 4)?;
        device.write(&[0u32], &count)?;
        let given = [
            Argument::from(y),
            Argument::from((each * element.bytes()) as i64),
            Argument::from((parts * each * element.bytes()) as i64),
            Argument::from(&count),
        ];
        launch(kernels, "count_unequal", parts * each, &given)?;
        Ok(device.download::<u32>(&count)? == [0])
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

/// The same noise in each of several parts of so many values.
fn noise(
    (_, kernels): On<'_>,
    x: &Span,
    each: u64,
    parts: u64,
    element: Element,
) -> Result<(), CudaError> {
    let given = [
        Argument::from(x),
        Argument::from(each as i64),
        Argument::from((parts * each) as i64),
        Argument::from(i32::from(element == Element::F32)),
    ];
    launch(kernels, "repeated_noise", parts * each, &given)
}

fn launch(
    kernels: &Kernels,
    kernel: &'static str,
    items: u64,
    given: &[Argument],
) -> Result<(), CudaError> {
    let blocks = items.div_ceil(256).clamp(1, 132 * 16) as u32;
    kernels.launch(kernel, [blocks, 1, 1], [256, 1, 1], given)
}
