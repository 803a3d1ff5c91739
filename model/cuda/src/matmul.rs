//! cuBLASLt's descriptors of a product.

use cudarc::cublaslt::sys::{
    self as lt, cublasLtMatmulDescAttributes_t as Description,
    cublasLtMatmulPreferenceAttributes_t as Preference,
    cublasLtMatrixLayoutAttribute_t as LayoutAttribute,
};

use crate::element::Element;
use crate::error::Result;
use crate::product::{Layout, Product};
use crate::status::Status;

/// The alignment in bytes that operands must have: what 16-byte loads and the tensor copy engine need.
pub(crate) const ALIGNMENT: u32 = 16;

/// A product as cuBLASLt sees it, column-major: its A is our w, its B our x, its C and D our y.
pub(crate) struct Descriptors {
    pub(crate) description: MatmulDescription,
    pub(crate) w: MatrixLayout,
    pub(crate) x: MatrixLayout,
    pub(crate) y: MatrixLayout,
}

impl Descriptors {
    pub(crate) fn new(product: &Product) -> Result<Self> {
        let &Product {
            rows,
            inner,
            columns,
            input,
            output,
            ..
        } = product;
        Ok(Self {
            description: MatmulDescription::new(product)?,
            w: MatrixLayout::new(product, product.w, input, inner, columns)?,
            x: MatrixLayout::new(product, product.x, input, rows, inner)?,
            y: MatrixLayout::new(product, product.y, output, rows, columns)?,
        })
    }
}

pub(crate) struct MatmulDescription(pub(crate) lt::cublasLtMatmulDesc_t);

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
            made.set_bias(ALIGNMENT.into())?;
        }
        Ok(made)
    }

    /// Sets the address of the bias for the runs to come.
    pub(crate) fn set_bias(&self, address: u64) -> Result<()> {
        self.set(Description::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &address)
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

pub(crate) struct MatrixLayout(pub(crate) lt::cublasLtMatrixLayout_t);

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

pub(crate) struct MatmulPreference(pub(crate) lt::cublasLtMatmulPreference_t);

impl MatmulPreference {
    pub(crate) fn new(workspace_bytes: u64) -> Result<Self> {
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
