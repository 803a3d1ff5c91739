//! A forward pass as a list of device operations on tensors that have sizes and lifetimes, but no places yet.

use ::cuda::arena::Arena;

/// A tensor of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id(pub(super) usize);

/// An address: in a tensor of the plan, in the parameters, or none.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A tensor, from this byte on.
    Tensor(Id, u64),
    /// A fixed device address.
    Fixed(u64),
    /// Null.
    Nowhere,
}

impl From<Id> for Place {
    fn from(id: Id) -> Self {
        Self::Tensor(id, 0)
    }
}

impl From<u64> for Place {
    fn from(address: u64) -> Self {
        Self::Fixed(address)
    }
}

impl From<Option<Id>> for Place {
    fn from(id: Option<Id>) -> Self {
        id.map_or(Self::Nowhere, Into::into)
    }
}

/// An argument of a kernel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Argument {
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
impl From<u64> for Argument {
    fn from(address: u64) -> Self {
        Self::At(address.into())
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
pub(super) struct Product {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    /// Values from a row to the next.
    pub(super) row: [usize; 3],
    /// Whether `b` is `[n, k]` rather than `[k, n]`.
    pub(super) transposed: bool,
    /// How many products there are, and values from one to the next of `a`, `b` and `c`.
    pub(super) batch: usize,
    pub(super) stride: [usize; 3],
    pub(super) alpha: f32,
    /// Whether the operands are bfloat16 under any storage.
    pub(super) bfloat16_operands: bool,
    /// Whether `c` is float32 under any storage.
    pub(super) float32_result: bool,
}

impl Product {
    /// One product of dense matrices in the storage type.
    pub(super) fn dense(m: usize, k: usize, n: usize) -> Self {
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
    pub(super) fn operations(&self) -> f64 {
        2.0 * self.m as f64 * self.n as f64 * self.k as f64 * self.batch as f64
    }
}

/// A convolution with SAME padding: `[b, s, inputs]` to `[b, s, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Convolution {
    pub(super) b: usize,
    pub(super) s: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) width: usize,
}

impl Convolution {
    /// Floating-point operations.
    pub(super) fn operations(&self) -> f64 {
        2.0 * (self.b * self.s * self.inputs) as f64 * (self.outputs * self.width) as f64
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub(super) enum Work {
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
        bias: Option<u64>,
    },
    /// A convolution, its bias and a residual, rounded once.
    Convolution {
        convolution: Convolution,
        x: Place,
        w: u64,
        bias: u64,
        residual: Place,
        y: Place,
    },
}

impl Work {
    /// The tensors that it reads or writes.
    pub(super) fn tensors(&self) -> Vec<Id> {
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

    /// The address of the weights that it multiplies with, and how many there are.
    pub(super) fn weights(&self) -> Option<(u64, usize)> {
        match self {
            Self::Product {
                product,
                b: Place::Fixed(address),
                ..
            } => Some((*address, product.k * product.n)),
            Self::Convolution { convolution, w, .. } => Some((
                *w,
                convolution.width * convolution.inputs * convolution.outputs,
            )),
            _ => None,
        }
    }
}

/// An operation and the module it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) module: usize,
    pub(super) work: Work,
}

/// A tensor's size, and the steps between which it lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetime {
    pub(super) bytes: u64,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// The list under construction.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) modules: Vec<String>,
    pub(super) steps: Vec<Step>,
    pub(super) tensors: Vec<Lifetime>,
    kept: Vec<Id>,
}

impl Steps {
    /// The module that the following steps belong to, by its Haiku path.
    pub(super) fn enter(&mut self, module: impl Into<String>) {
        self.modules.push(module.into());
    }

    /// A new tensor.
    pub(super) fn tensor(&mut self, bytes: usize) -> Id {
        let next = self.steps.len();
        self.tensors.push(Lifetime {
            bytes: bytes.max(1) as u64,
            first: next,
            last: next,
        });
        Id(self.tensors.len() - 1)
    }

    /// Keeps a tensor to the end.
    pub(super) fn keep(&mut self, id: Id) {
        self.kept.push(id);
    }

    fn touch(&mut self, place: Place) {
        if let Place::Tensor(Id(index), _) = place {
            self.tensors[index].last = self.steps.len();
        }
    }

    fn push(&mut self, work: Work) {
        if self.modules.is_empty() {
            self.enter("alphagenome");
        }
        let module = self.modules.len() - 1;
        self.steps.push(Step { module, work });
    }

    /// Adds a launch of a kernel.
    pub(super) fn launch(
        &mut self,
        kernel: &'static str,
        grid: [u32; 3],
        block: [u32; 3],
        shared: u32,
        arguments: Vec<Argument>,
    ) {
        for argument in &arguments {
            if let Argument::At(place) = argument {
                self.touch(*place);
            }
        }
        self.push(Work::Launch {
            kernel,
            grid,
            block,
            shared,
            arguments,
            operations: 0.0,
        });
    }

    /// Says how much work the last launch does.
    pub(super) fn worked(&mut self, done: f64) {
        if let Some(Step {
            work: Work::Launch { operations, .. },
            ..
        }) = self.steps.last_mut()
        {
            *operations = done;
        }
    }

    /// Adds a launch with a thread for each of `units`, each of which may take more.
    pub(super) fn each(&mut self, kernel: &'static str, units: usize, arguments: Vec<Argument>) {
        let blocks = units.div_ceil(256).clamp(1, 132 * 64) as u32;
        self.launch(kernel, [blocks, 1, 1], [256, 1, 1], 0, arguments);
    }

    /// Adds a launch with a warp for each of `units`.
    pub(super) fn warps(&mut self, kernel: &'static str, units: usize, arguments: Vec<Argument>) {
        let blocks = units.div_ceil(8) as u32;
        self.launch(kernel, [blocks, 1, 1], [256, 1, 1], 0, arguments);
    }

    /// Adds a matrix product.
    pub(super) fn product(
        &mut self,
        product: Product,
        a: impl Into<Place>,
        b: impl Into<Place>,
        c: impl Into<Place>,
        bias: Option<u64>,
    ) {
        let (a, b, c) = (a.into(), b.into(), c.into());
        for place in [a, b, c] {
            self.touch(place);
        }
        self.push(Work::Product {
            product,
            a,
            b,
            c,
            bias,
        });
    }

    /// Adds a convolution.
    pub(super) fn convolution(
        &mut self,
        convolution: Convolution,
        x: Id,
        [w, bias]: [u64; 2],
        residual: Option<Id>,
        y: Id,
    ) {
        let (x, residual, y) = (x.into(), residual.into(), y.into());
        for place in [x, residual, y] {
            self.touch(place);
        }
        self.push(Work::Convolution {
            convolution,
            x,
            w,
            bias,
            residual,
            y,
        });
    }

    /// Places for all tensors in one slab: a place is free again after the last use of its tensor.
    pub(super) fn arena(&self, alignment: u64) -> Arena {
        let tensors = self.tensors.iter().map(|tensor| ::cuda::arena::Tensor {
            bytes: tensor.bytes,
            first: tensor.first,
            last: tensor.last,
        });
        ::cuda::arena::assign(&tensors.collect::<Vec<_>>(), alignment)
    }

    /// Ends the list: kept tensors live to the end.
    pub(super) fn finish(&mut self) {
        let last = self.steps.len();
        for Id(index) in std::mem::take(&mut self.kept) {
            self.tensors[index].last = last;
        }
    }
}
