//! Products of TF32 operands: rounded copies, which float32 then multiplies and sums.

use burn::tensor::Tensor;
use burn_flex::Flex;

use super::floats::Floats;
use crate::layers::{Convolution, Linear};
use crate::precision::Products;

/// An operand, rounded.
pub(super) fn operand<const D: usize>(x: Tensor<Flex, D>) -> Tensor<Flex, D> {
    let mut x = Floats::new(x);
    Products::Tf32.numbers(x.as_mut_slice());
    x.into_tensor()
}

/// A linear layer whose weight is rounded.
pub(super) fn linear(linear: &Linear<Flex>) -> Linear<Flex> {
    Linear {
        weight: operand(linear.weight.clone()),
        ..linear.clone()
    }
}

/// A convolution whose kernel is rounded.
pub(super) fn convolution(convolution: &Convolution<Flex>) -> Convolution<Flex> {
    Convolution {
        weight: operand(convolution.weight.clone()),
        ..convolution.clone()
    }
}
