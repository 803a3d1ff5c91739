//! Faults that can be put into the code on purpose, to see whether a comparison notices.
//!
//! Each is a mistake that no edit of tensors or configuration stands for. The modules ask `at` at the few places that are
//! named here; without the feature `faults`, which no program turns on but the mutation run, the answer is a constant. The
//! places lie above the operations, so that a backend's faster forms show the fault too.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::Deserialize;

use crate::operations::{Activation, Gelu, Operations};
use crate::precision::{Rounding, Roundings};

/// A mistake in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The other form of gelu: attention bias, sequence to pair, convolution blocks of width 1, output pair.
    OtherGelu,
    /// A residual is not added: convolution blocks, attention, MLPs, row attention, pair MLPs.
    DroppedResidual,
    /// The relative shift of the pair takes the distance before the right one.
    ShiftedDistances,
    /// The pair is made from the first position of every window instead of the mean.
    FirstOfWindow,
    /// The hidden activations of an MLP are rounded to bfloat16.
    RoundedActivations,
    /// The rotary embedding turns the queries of an attention and not its keys.
    UnturnedKeys,
    /// relu is left out of a pair MLP.
    NoRelu,
    /// Row attention goes along the columns.
    AlongColumns,
    /// The encoder halves the length by means instead of maxima before a block.
    MeanForMax,
    /// The output pair is not made symmetric.
    AsymmetricPair,
    /// Splice sites stand in the order of their probability instead of their position.
    BestFirst,
    /// The junctions of each strand are written in the tracks of the other.
    ExchangedStrands,
}

#[cfg(feature = "faults")]
mod chosen {
    use std::cell::RefCell;

    use super::Fault;

    thread_local! {
        static CHOSEN: RefCell<Option<(Fault, String)>> = const { RefCell::new(None) };
    }

    /// Puts back what was chosen before, also when a panic passes.
    struct Restore(Option<(Fault, String)>);

    impl Drop for Restore {
        fn drop(&mut self) {
            CHOSEN.set(self.0.take());
        }
    }

    /// Runs `f` with a fault in the module at a Haiku path, on this thread: the forward pass must run on it too.
    pub fn with<T>(fault: Fault, module: &str, f: impl FnOnce() -> T) -> T {
        let _restore = Restore(CHOSEN.replace(Some((fault, module.to_owned()))));
        f()
    }

    /// Runs `f` without a fault.
    pub(crate) fn without<T>(f: impl FnOnce() -> T) -> T {
        let _restore = Restore(CHOSEN.take());
        f()
    }

    /// The fault that is put in, and the module's path.
    pub(crate) fn chosen() -> super::Chosen {
        CHOSEN.with_borrow(Clone::clone)
    }

    /// Whether the module at `path` has this fault.
    pub(crate) fn at(fault: Fault, path: &str) -> bool {
        CHOSEN.with_borrow(|chosen| {
            chosen
                .as_ref()
                .is_some_and(|(chosen, module)| *chosen == fault && module == path)
        })
    }
}

/// A fault and the module that has it.
pub(crate) type Chosen = Option<(Fault, String)>;

#[cfg(feature = "faults")]
pub use chosen::with;
#[cfg(feature = "faults")]
pub(crate) use chosen::{at, chosen, without};

/// Whether the module at `path` has this fault: in this build none has.
#[cfg(not(feature = "faults"))]
pub(crate) const fn at(_fault: Fault, _path: &str) -> bool {
    false
}

/// Runs `f` without a fault: in this build there is none.
#[cfg(not(feature = "faults"))]
pub(crate) fn without<T>(f: impl FnOnce() -> T) -> T {
    f()
}

/// The fault that is put in: in this build none.
#[cfg(not(feature = "faults"))]
pub(crate) const fn chosen() -> Chosen {
    None
}

/// The form of gelu that the module at `path` uses.
pub(crate) fn gelu(right: Gelu, path: &str) -> Gelu {
    if at(Fault::OtherGelu, path) {
        return right.other();
    }
    right
}

/// `x + y`, where `y` comes from the module at `path`.
pub(crate) fn residual<B: Operations, const D: usize>(
    x: Tensor<B, D>,
    y: Tensor<B, D>,
    roundings: Roundings,
    path: &str,
) -> Tensor<B, D> {
    if at(Fault::DroppedResidual, path) {
        return y;
    }
    B::add(x, y, roundings)
}

/// Terms of the distances `-P..P`, `[2 P, H, C]`, as the module at `path` reads them.
///
/// The shift takes row `k - q + P`, which is never the first: one place too far back is a roll by one.
pub(crate) fn distances<B: Backend>(positions: Tensor<B, 3>, path: &str) -> Tensor<B, 3> {
    if !at(Fault::ShiftedDistances, path) {
        return positions;
    }
    let rows = positions.dims()[0];
    let last = positions.clone().narrow(0, rows - 1, 1);
    Tensor::cat(vec![last, positions.narrow(0, 0, rows - 1)], 0)
}

/// `[B, S, C]` to `[B, S / by, C]` before the pair.
pub(crate) fn mean_pool<B: Operations>(
    x: Tensor<B, 3>,
    by: usize,
    roundings: Roundings,
    path: &str,
) -> Tensor<B, 3> {
    if !at(Fault::FirstOfWindow, path) {
        return B::mean_pool(x, by, roundings);
    }
    let [batch, length, channels] = x.dims();
    x.reshape([batch, length / by, by, channels])
        .narrow(2, 0, 1)
        .reshape([batch, length / by, channels])
}

/// `[B, S, C]` to `[B, S / 2, C]` before the block at `path`.
pub(crate) fn max_pool<B: Operations>(x: Tensor<B, 3>, path: &str) -> Tensor<B, 3> {
    if at(Fault::MeanForMax, path) {
        return B::mean_pool(x, 2, Roundings::FLOAT32);
    }
    B::max_pool(x)
}

/// Hidden activations of the MLP at `path`.
pub(crate) fn hidden<B: Backend>(h: Tensor<B, 3>, path: &str) -> Tensor<B, 3> {
    if at(Fault::RoundedActivations, path) {
        return Rounding::ToBfloat16.apply(h);
    }
    h
}

/// What follows the first layer of the pair MLP at `path`.
pub(crate) fn relu(path: &str) -> Activation {
    if at(Fault::NoRelu, path) {
        return Activation::Identity;
    }
    Activation::Relu
}

/// Rows and columns of `[B, P, P, F]` as the row attention at `path` takes them, and back.
pub(crate) fn rows<B: Backend>(pair: Tensor<B, 4>, path: &str) -> Tensor<B, 4> {
    if at(Fault::AlongColumns, path) {
        return pair.swap_dims(1, 2);
    }
    pair
}

#[cfg(all(test, feature = "faults"))]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lies_in_one_module_and_ends() {
        let here = || at(Fault::NoRelu, "a");
        assert!(!here());
        with(Fault::NoRelu, "a", || {
            assert!(here() && !at(Fault::NoRelu, "b") && !at(Fault::OtherGelu, "a"));
            with(Fault::NoRelu, "b", || assert!(!here()));
            assert!(here());
        });
        let panicked =
            std::panic::catch_unwind(|| with::<()>(Fault::NoRelu, "a", || panic!("inside")));
        assert!(panicked.is_err() && !here());
    }
}
