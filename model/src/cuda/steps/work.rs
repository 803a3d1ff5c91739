//! One operation of a pass: a launch, a product or a convolution, and the places of its operands.

/// A tensor of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::cuda) struct Id(pub(in crate::cuda) usize);

/// Memory that a plan does not own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cuda) enum Source {
    /// A prepared parameter, by its number.
    Parameter(usize),
    /// Its parts for products of bfloat16: of rows of so many values three rows each, or of every value three where this is 0.
    Parts(usize, usize),
    /// The bases of the batch, a byte each, `[B, S]`.
    Bases,
    /// The organisms of the batch, int32 `[B]`.
    Organisms,
    /// Splice sites that were given, int32 `[B, 4, K]`.
    SpliceSites,
    /// The rows at 1 bp where these stand, likewise.
    SiteRows,
    /// Blocks of the windows, counted through the batch, int32 `[B, rows / 16]`.
    Blocks,
    /// Where the patch begins, and where what changes begins and ends, in base pairs: int32 `[3]`.
    Patch,
}

/// A place in memory that a plan does not own: the bytes from `offset` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cuda) struct Fixed {
    pub(in crate::cuda) source: Source,
    pub(in crate::cuda) offset: u64,
}

impl From<Source> for Fixed {
    fn from(source: Source) -> Self {
        Self { source, offset: 0 }
    }
}

impl std::ops::Add<u64> for Fixed {
    type Output = Self;

    fn add(self, bytes: u64) -> Self {
        Self {
            offset: self.offset + bytes,
            ..self
        }
    }
}

/// Where an operand lies: in a tensor of the plan, outside of it, or nowhere.
#[derive(Clone, Copy, Debug)]
pub(in crate::cuda) enum Place {
    /// A tensor, from this byte on.
    Tensor(Id, u64),
    /// Outside of the plan.
    Fixed(Fixed),
    /// Null.
    Nowhere,
}

impl From<Id> for Place {
    fn from(id: Id) -> Self {
        Self::Tensor(id, 0)
    }
}

impl From<Fixed> for Place {
    fn from(fixed: Fixed) -> Self {
        Self::Fixed(fixed)
    }
}

impl From<Option<Id>> for Place {
    fn from(id: Option<Id>) -> Self {
        id.map_or(Self::Nowhere, Into::into)
    }
}

/// An argument of a kernel.
#[derive(Clone, Copy, Debug)]
pub(in crate::cuda) enum Argument {
    /// A pointer.
    At(Place),
    /// `long long`.
    Long(i64),
    /// `int`.
    Int(i32),
    /// `float`.
    Float(f32),
    /// A structure by value, whose fields of eight bytes are the next so many.
    Struct(usize),
}

impl From<Place> for Argument {
    fn from(place: Place) -> Self {
        Self::At(place)
    }
}
impl From<Id> for Argument {
    fn from(id: Id) -> Self {
        Self::At(id.into())
    }
}
impl From<Fixed> for Argument {
    fn from(fixed: Fixed) -> Self {
        Self::At(fixed.into())
    }
}
impl From<Source> for Argument {
    fn from(source: Source) -> Self {
        Fixed::from(source).into()
    }
}
impl From<Option<Id>> for Argument {
    fn from(id: Option<Id>) -> Self {
        Self::At(id.into())
    }
}
impl From<i64> for Argument {
    fn from(value: i64) -> Self {
        Self::Long(value)
    }
}
impl From<i32> for Argument {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}
impl From<f32> for Argument {
    fn from(value: f32) -> Self {
        Self::Float(value)
    }
}

/// A matrix product `c[m, n] = alpha * a[m, k] · b`, row-major, `batch` of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::cuda) struct Product {
    pub(in crate::cuda) m: usize,
    pub(in crate::cuda) n: usize,
    pub(in crate::cuda) k: usize,
    /// Values from a row to the next.
    pub(in crate::cuda) row: [usize; 3],
    /// Whether `b` is `[n, k]` rather than `[k, n]`.
    pub(in crate::cuda) transposed: bool,
    /// How many products there are, and values from one to the next of `a`, `b` and `c`.
    pub(in crate::cuda) batch: usize,
    pub(in crate::cuda) stride: [usize; 3],
    pub(in crate::cuda) alpha: f32,
    /// Whether the operands are bfloat16 under any storage.
    pub(in crate::cuda) bfloat16_operands: bool,
    /// Whether `c` is float32 under any storage.
    pub(in crate::cuda) float32_result: bool,
}

impl Product {
    /// One product of dense matrices in the storage type.
    pub(in crate::cuda) fn dense(m: usize, k: usize, n: usize) -> Self {
        Self {
            m,
            n,
            k,
            row: [k, n, n],
            transposed: false,
            batch: 1,
            stride: [0; 3],
            alpha: 1.0,
            bfloat16_operands: false,
            float32_result: false,
        }
    }

    /// Floating-point operations.
    pub(in crate::cuda) fn operations(&self) -> f64 {
        2.0 * self.m as f64 * self.n as f64 * self.k as f64 * self.batch as f64
    }
}

/// A convolution with SAME padding: `[b, s, inputs]` to `[b, s, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::cuda) struct Convolution {
    pub(in crate::cuda) b: usize,
    pub(in crate::cuda) s: usize,
    pub(in crate::cuda) inputs: usize,
    pub(in crate::cuda) outputs: usize,
    pub(in crate::cuda) width: usize,
    /// Whether the operands are bfloat16 under any storage.
    pub(in crate::cuda) bfloat16_operands: bool,
}

impl Convolution {
    /// Floating-point operations.
    pub(in crate::cuda) fn operations(&self) -> f64 {
        2.0 * (self.b * self.s * self.inputs) as f64 * (self.outputs * self.width) as f64
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub(in crate::cuda) enum Work {
    /// A kernel of ours.
    Launch {
        kernel: &'static str,
        grid: [u32; 3],
        block: [u32; 3],
        shared: u32,
        arguments: Vec<Argument>,
        /// Floating-point operations, where it does a product's work.
        operations: f64,
    },
    /// A matrix product, plus a bias `[n]` in the storage type before the only rounding.
    Product {
        product: Product,
        a: Place,
        b: Place,
        c: Place,
        bias: Option<Fixed>,
    },
    /// A convolution, its bias and a residual, rounded once.
    Convolution {
        convolution: Convolution,
        x: Place,
        w: Fixed,
        bias: Fixed,
        residual: Place,
        y: Place,
    },
}

impl Work {
    /// The tensors that it reads or writes.
    pub(in crate::cuda) fn tensors(&self) -> Vec<Id> {
        let places: Vec<Place> = match self {
            Self::Launch { arguments, .. } => {
                let places = arguments.iter().filter_map(|argument| match argument {
                    Argument::At(place) => Some(*place),
                    _ => None,
                });
                places.collect()
            }
            Self::Product { a, b, c, .. } => vec![*a, *b, *c],
            Self::Convolution { x, residual, y, .. } => vec![*x, *residual, *y],
        };
        let tensor = |place: Place| match place {
            Place::Tensor(id, _) => Some(id),
            _ => None,
        };
        places.into_iter().filter_map(tensor).collect()
    }

    /// The weights that it multiplies with, and how many there are.
    pub(in crate::cuda) fn weights(&self) -> Option<(Fixed, usize)> {
        match self {
            Self::Product {
                product,
                b: Place::Fixed(weights),
                ..
            } => Some((*weights, product.k * product.n)),
            Self::Convolution { convolution, w, .. } => Some((
                *w,
                convolution.width * convolution.inputs * convolution.outputs,
            )),
            _ => None,
        }
    }
}
