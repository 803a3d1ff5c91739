//! What a product of matrices computes, and where its matrices lie.

use std::fmt;

use crate::element::Element;
use crate::error::{Error, Result};

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

    /// Whether the rows of `x` and `y` follow each other.
    pub fn has_dense_rows(&self) -> bool {
        let dense = |layout: Layout, width| layout.stride == width && !layout.transposed;
        self.batch == 1 && dense(self.x, self.inner) && dense(self.y, self.columns)
    }

    /// Floating-point operations, a product and a sum counted as two.
    pub fn operations(&self) -> f64 {
        2.0 * [self.batch, self.rows, self.inner, self.columns]
            .iter()
            .map(|&size| size as f64)
            .product::<f64>()
    }

    /// Elements from the first to the last of a matrix of `rows` by `columns`.
    pub(crate) fn extent(&self, layout: Layout, rows: u64, columns: u64) -> u64 {
        let (lines, width) = if layout.transposed {
            (columns, rows)
        } else {
            (rows, columns)
        };
        (lines - 1) * layout.stride + width + (self.batch - 1) * layout.batch
    }

    pub(crate) fn check(&self) -> Result<()> {
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
        let strides = [self.x, self.w, self.y].map(|layout| [layout.stride, layout.batch]);
        let odd = strides
            .iter()
            .flatten()
            .any(|stride| !stride.is_multiple_of(8));
        if odd && self.output == Element::Bf16 && (self.bias || self.beta != 0.0) {
            // Measured: the kernels for such strides round the product to bf16 before they add to it.
            return problem(
                "a bf16 result with bias or c needs strides that are multiples of 8 elements"
                    .to_owned(),
            );
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
