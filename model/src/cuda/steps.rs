//! A forward pass as a list of device operations on tensors that have sizes and lifetimes, but no places yet.

mod parts;
mod work;

use ::cuda::arena::Arena;

pub(super) use work::{Argument, Convolution, Fixed, Id, Place, Product, Source, Work};

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
    /// Where products with parameters take parts of their operands.
    split: Option<parts::Made>,
}

impl Steps {
    /// No step yet. Where they are `split`, products with parameters are three of bfloat16.
    pub(super) fn new(split: bool) -> Self {
        Self {
            split: split.then(parts::Made::default),
            ..Self::default()
        }
    }

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
                self.written(*place);
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
        bias: Option<Fixed>,
    ) {
        let (a, b, c) = (a.into(), b.into(), c.into());
        let (product, a, b) = self.parts_of_product(product, a, b);
        for place in [a, b, c] {
            self.touch(place);
        }
        self.written(c);
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
        [w, bias]: [Fixed; 2],
        residual: Option<Id>,
        y: Id,
    ) {
        let (convolution, x, w) = self.parts_of_convolution(convolution, x.into(), w);
        let (residual, y) = (residual.into(), y.into());
        for place in [x, residual, y] {
            self.touch(place);
        }
        self.written(y);
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
