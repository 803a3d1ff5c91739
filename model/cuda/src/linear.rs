//! Linear layers and products of matrices through cuBLASLt: planned once, run many times.

use std::ffi::c_void;
use std::fmt;

use cudarc::cublaslt::sys::{
    self as lt, cublasLtMatmulDescAttributes_t as Description,
    cublasLtMatmulPreferenceAttributes_t as Preference,
    cublasLtMatrixLayoutAttribute_t as LayoutAttribute,
};

use crate::device::Device;
use crate::element::Element;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::memory::Span;
use crate::status::Status;

/// How a matrix lies in memory, in elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// From the start of one row in memory to the next.
    pub stride: u64,
    /// From one batch entry to the next; 0 where all share one matrix.
    pub batch: u64,
    /// Whether memory holds the transposed matrix: `w` as `[N, K]`, `x` as `[K, M]`. Not for `y` and `c`.
    pub transposed: bool,
}

/// `y[M, N] = relu?(alpha · x[M, K] · w[K, N] + beta · c[M, N] + bias[N])`, row-major, for each entry of a batch.
///
/// Sums are in f32 and rounded once, to `output`. Bias and `c` have the output's type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Product {
    /// M.
    pub rows: u64,
    /// K.
    pub inner: u64,
    /// N.
    pub columns: u64,
    /// How many products; the layouts' `batch` says where each lies.
    pub batch: u64,
    /// The type of `x` and `w`.
    pub input: Element,
    /// The type of `y`, `c` and the bias.
    pub output: Element,
    /// Where `x` lies.
    pub x: Layout,
    /// Where `w` lies.
    pub w: Layout,
    /// Where `y` and `c` lie.
    pub y: Layout,
    /// The factor of `x · w`.
    pub alpha: f32,
    /// The factor of `c`; with 0, there is no `c`.
    pub beta: f32,
    /// Whether there is a bias.
    pub bias: bool,
    /// Whether negative results become 0.
    pub relu: bool,
    /// Whether f32 operands may be rounded to TF32.
    pub tf32: bool,
}

impl Product {
    /// A plain product of dense matrices: no bias, no batch, true f32 for f32 operands.
    pub fn new(rows: u64, inner: u64, columns: u64, input: Element, output: Element) -> Self {
        let dense = |stride, height: u64| Layout {
            stride,
            batch: stride * height,
            transposed: false,
        };
        Self {
            rows,
            inner,
            columns,
            batch: 1,
            input,
            output,
            x: dense(inner, rows),
            w: dense(columns, inner),
            y: dense(columns, rows),
            alpha: 1.0,
            beta: 0.0,
            bias: false,
            relu: false,
            tf32: false,
        }
    }

    /// The same with a bias.
    pub fn with_bias(self) -> Self {
        Self { bias: true, ..self }
    }

    /// The same with a dense `w` stored as `[N, K]`.
    pub fn with_transposed_w(self) -> Self {
        Self {
            w: Layout {
                stride: self.inner,
                batch: self.inner * self.columns,
                transposed: true,
            },
            ..self
        }
    }

    /// Floating-point operations, a product and a sum counted as two.
    pub fn operations(&self) -> f64 {
        2.0 * [self.batch, self.rows, self.inner, self.columns]
            .iter()
            .map(|&size| size as f64)
            .product::<f64>()
    }

    /// Elements from the first to the last of a matrix of `rows` by `columns`.
    fn extent(&self, layout: Layout, rows: u64, columns: u64) -> u64 {
        let (lines, width) = if layout.transposed {
            (columns, rows)
        } else {
            (rows, columns)
        };
        (lines - 1) * layout.stride + width + (self.batch - 1) * layout.batch
    }

    fn check(&self) -> Result<()> {
        let problem = |text: String| Err(Error::contract(self.to_string(), text));
        if [self.rows, self.inner, self.columns, self.batch].contains(&0) {
            return problem("every size must be at least 1".to_owned());
        }
        let matrices = [
            ("x", self.x, self.rows, self.inner),
            ("w", self.w, self.inner, self.columns),
        ];
        for (name, layout, rows, columns) in
            matrices
                .into_iter()
                .chain([("y", self.y, self.rows, self.columns)])
        {
            let width = if layout.transposed { rows } else { columns };
            if layout.stride < width {
                return problem(format!(
                    "rows of {name} hold {width} elements and start every {}",
                    layout.stride
                ));
            }
        }
        if self.y.transposed {
            return problem("y cannot be transposed".to_owned());
        }
        if self.batch > 1 && self.y.batch == 0 {
            return problem("the entries of a batch cannot share one y".to_owned());
        }
        Ok(())
    }
}

impl fmt::Display for Product {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            batch,
            rows,
            inner,
            columns,
            input,
            output,
            ..
        } = self;
        write!(
            formatter,
            "the product {batch} x [{rows}, {inner}] · [{inner}, {columns}], {input} to {output}"
        )?;
        formatter.write_str(if self.bias { " with bias" } else { "" })
    }
}

/// The memory of one run.
#[derive(Debug, Clone, Copy)]
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

/// The alignment in bytes that operands must have: what 16-byte loads and the tensor copy engine need.
const ALIGNMENT: u32 = 16;

/// A planned product.
pub struct Linear {
    product: Product,
    description: MatmulDescription,
    // As cuBLASLt sees them, column-major: its A is our w, its B our x, its D our y.
    w: MatrixLayout,
    x: MatrixLayout,
    y: MatrixLayout,
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
        product.check()?;
        device.bind()?;
        let description = MatmulDescription::new(&product)?;
        let (input, output) = (product.input, product.output);
        let x = MatrixLayout::new(&product, product.x, input, product.rows, product.inner)?;
        let w = MatrixLayout::new(&product, product.w, input, product.inner, product.columns)?;
        let y = MatrixLayout::new(&product, product.y, output, product.rows, product.columns)?;
        let preference = MatmulPreference::new(workspace_bytes)?;
        // SAFETY: the structure is plain data, for which zeros are a value.
        let mut found: lt::cublasLtMatmulHeuristicResult_t = unsafe { std::mem::zeroed() };
        let mut count = 0;
        // SAFETY: every descriptor lives; the answer has room for the one result asked for.
        let status = unsafe {
            lt::cublasLtMatmulAlgoGetHeuristic(
                device.lt(),
                description.0,
                w.0,
                x.0,
                y.0,
                y.0,
                preference.0,
                1,
                &mut found,
                &mut count,
            )
        };
        let none = status == lt::cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED || count == 0;
        if status == lt::cublasStatus_t::CUBLAS_STATUS_SUCCESS && !none {
            let (algorithm, workspace_bytes) = (found.algo, found.workspaceSize as u64);
            let device = device.clone();
            return Ok(Self {
                product,
                description,
                w,
                x,
                y,
                algorithm,
                workspace_bytes,
                device,
            });
        }
        if !none {
            status.check("cublasLtMatmulAlgoGetHeuristic")?;
        }
        let detail = format!(" within {workspace_bytes} bytes of workspace");
        Err(Error::Unsupported {
            library: Library::CublasLt,
            operation: product.to_string(),
            detail,
        })
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
    pub fn run(&self, operands: &Operands, workspace: Span) -> Result<()> {
        self.check(operands, workspace)?;
        self.device.bind()?;
        if let Some(bias) = operands.bias {
            self.description
                .set(Description::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias.ptr)?;
        }
        let Product { alpha, beta, .. } = self.product;
        let c = operands.c.unwrap_or(operands.y);
        let address = |span: Span| span.ptr as *mut c_void;
        // SAFETY: descriptors and algorithm were planned for each other, every span holds what its layout reaches,
        // and the factors are read before the call returns.
        unsafe {
            lt::cublasLtMatmul(
                self.device.lt(),
                self.description.0,
                (&raw const alpha).cast(),
                address(operands.w),
                self.w.0,
                address(operands.x),
                self.x.0,
                (&raw const beta).cast(),
                address(c),
                self.y.0,
                address(operands.y),
                self.y.0,
                &self.algorithm,
                address(workspace),
                self.workspace_bytes as usize,
                self.device.stream().cast(),
            )
            .check("cublasLtMatmul")
        }
    }

    fn check(&self, operands: &Operands, workspace: Span) -> Result<()> {
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
                Some(operands.x),
                product.extent(product.x, product.rows, product.inner) * input,
            ),
            (
                "w",
                Some(operands.w),
                product.extent(product.w, product.inner, product.columns) * input,
            ),
            ("y", Some(operands.y), y_bytes),
            ("c", operands.c, y_bytes),
            ("the bias", operands.bias, product.columns * output),
        ];
        for (name, span, bytes) in needed {
            let Some(span) = span else { continue };
            if span.bytes < bytes {
                return problem(format!(
                    "{name} needs {bytes} bytes, and {} were given",
                    span.bytes
                ));
            }
            if !span.ptr.is_multiple_of(ALIGNMENT.into()) {
                return problem(format!(
                    "{name} must start at a multiple of {ALIGNMENT} bytes"
                ));
            }
        }
        if workspace.bytes < self.workspace_bytes {
            return problem(format!(
                "{} bytes of workspace, {} given",
                self.workspace_bytes, workspace.bytes
            ));
        }
        Ok(())
    }
}

struct MatmulDescription(lt::cublasLtMatmulDesc_t);

impl MatmulDescription {
    fn new(product: &Product) -> Result<Self> {
        let compute = match (product.input, product.tf32) {
            (Element::F32, true) => lt::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
            // Not the plain type for f32: environment variables may let that one compute in less.
            (Element::F32, false) => lt::cublasComputeType_t::CUBLAS_COMPUTE_32F_PEDANTIC,
            (Element::Bf16, _) => lt::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        };
        let mut made = Self(std::ptr::null_mut());
        // SAFETY: the pointer is to a live handle, which `drop` destroys.
        unsafe {
            lt::cublasLtMatmulDescCreate(&mut made.0, compute, lt::cudaDataType_t::CUDA_R_32F)
                .check("cublasLtMatmulDescCreate")?;
        }
        let operation = |transposed: bool| if transposed { 1i32 } else { 0 };
        made.set(
            Description::CUBLASLT_MATMUL_DESC_TRANSA,
            &operation(product.w.transposed),
        )?;
        made.set(
            Description::CUBLASLT_MATMUL_DESC_TRANSB,
            &operation(product.x.transposed),
        )?;
        let epilogue = match (product.bias, product.relu) {
            (false, false) => lt::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_DEFAULT,
            (true, false) => lt::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS,
            (false, true) => lt::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_RELU,
            (true, true) => lt::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_RELU_BIAS,
        };
        made.set(
            Description::CUBLASLT_MATMUL_DESC_EPILOGUE,
            &(epilogue as u32),
        )?;
        if product.bias {
            made.set(
                Description::CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE,
                &(product.output.cublas() as u32),
            )?;
            // The heuristic asks for an address and reads only its alignment; each run sets the true one.
            made.set(
                Description::CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                &u64::from(ALIGNMENT),
            )?;
        }
        Ok(made)
    }

    fn set<T: Copy>(&self, attribute: Description, value: &T) -> Result<()> {
        // SAFETY: the descriptor lives, and the value has the size given.
        unsafe {
            lt::cublasLtMatmulDescSetAttribute(
                self.0,
                attribute,
                std::ptr::from_ref(value).cast(),
                size_of::<T>(),
            )
            .check("cublasLtMatmulDescSetAttribute")
        }
    }
}

impl Drop for MatmulDescription {
    fn drop(&mut self) {
        // SAFETY: made by the create call or null, destroyed once.
        unsafe { lt::cublasLtMatmulDescDestroy(self.0) };
    }
}

struct MatrixLayout(lt::cublasLtMatrixLayout_t);

impl MatrixLayout {
    /// A row-major matrix of `rows` by `columns` is, to cuBLASLt, a column-major one of `columns` by `rows`.
    fn new(
        product: &Product,
        layout: Layout,
        element: Element,
        rows: u64,
        columns: u64,
    ) -> Result<Self> {
        let (rows, columns) = if layout.transposed {
            (columns, rows)
        } else {
            (rows, columns)
        };
        let mut made = Self(std::ptr::null_mut());
        // SAFETY: the pointer is to a live handle, which `drop` destroys.
        unsafe {
            lt::cublasLtMatrixLayoutCreate(
                &mut made.0,
                element.cublas(),
                columns,
                rows,
                layout.stride as i64,
            )
            .check("cublasLtMatrixLayoutCreate")?;
        }
        if product.batch > 1 {
            made.set(
                LayoutAttribute::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                &(product.batch as i32),
            )?;
            made.set(
                LayoutAttribute::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                &(layout.batch as i64),
            )?;
        }
        Ok(made)
    }

    fn set<T: Copy>(&self, attribute: LayoutAttribute, value: &T) -> Result<()> {
        // SAFETY: the descriptor lives, and the value has the size given.
        unsafe {
            lt::cublasLtMatrixLayoutSetAttribute(
                self.0,
                attribute,
                std::ptr::from_ref(value).cast(),
                size_of::<T>(),
            )
            .check("cublasLtMatrixLayoutSetAttribute")
        }
    }
}

impl Drop for MatrixLayout {
    fn drop(&mut self) {
        // SAFETY: made by the create call or null, destroyed once.
        unsafe { lt::cublasLtMatrixLayoutDestroy(self.0) };
    }
}

struct MatmulPreference(lt::cublasLtMatmulPreference_t);

impl MatmulPreference {
    fn new(workspace_bytes: u64) -> Result<Self> {
        let mut made = Self(std::ptr::null_mut());
        // SAFETY: the pointer is to a live handle, which `drop` destroys.
        unsafe {
            lt::cublasLtMatmulPreferenceCreate(&mut made.0)
                .check("cublasLtMatmulPreferenceCreate")?
        };
        made.set(
            Preference::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
            &workspace_bytes,
        )?;
        // Where K is split, the parts are summed in f32 aside, never in a bf16 output.
        let scheme = lt::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE as u32;
        made.set(
            Preference::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            &scheme,
        )?;
        for operand in [
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
        ] {
            made.set(operand, &ALIGNMENT)?;
        }
        Ok(made)
    }

    fn set<T: Copy>(&self, attribute: Preference, value: &T) -> Result<()> {
        // SAFETY: the descriptor lives, and the value has the size given.
        unsafe {
            lt::cublasLtMatmulPreferenceSetAttribute(
                self.0,
                attribute,
                std::ptr::from_ref(value).cast(),
                size_of::<T>(),
            )
            .check("cublasLtMatmulPreferenceSetAttribute")
        }
    }
}

impl Drop for MatmulPreference {
    fn drop(&mut self) {
        // SAFETY: made by the create call or null, destroyed once.
        unsafe { lt::cublasLtMatmulPreferenceDestroy(self.0) };
    }
}
