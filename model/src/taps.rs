//! Looking at what is inside: module outputs by Haiku's module path.

use burn::tensor::Tensor;

use crate::array::Array;
use crate::operations::Operations;

/// Receives the outputs of modules while a forward pass runs.
///
/// A path is Haiku's, as in `alphagenome/transformer_tower/mha_block_3`. A module that a request leaves out is not
/// computed for a tap. Where a pass does not run on whole sequences, taps see the rows of its windows, and in the encoder the first
/// sequence of a patched batch. The output of an attention-bias block is `[B, H, P, P]`, without the repetition that follows.
pub trait Taps {
    /// Whether the output of this module is wanted. Asked once a module and pass.
    fn wants(&self, path: &str) -> bool;

    /// Takes the output of a module that was wanted.
    fn take(&mut self, path: &str, array: Array);
}

/// Nobody looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTaps;

impl Taps for NoTaps {
    fn wants(&self, _path: &str) -> bool {
        false
    }

    fn take(&mut self, _path: &str, _array: Array) {}
}

/// Hands `x` to the taps if they want it.
pub(crate) fn tap<B: Operations, const D: usize>(
    taps: &mut dyn Taps,
    path: &str,
    x: &Tensor<B, D>,
) {
    B::output_of(path, x);
    if taps.wants(path) {
        taps.take(path, Array::from_floats(x.clone()));
    }
}
