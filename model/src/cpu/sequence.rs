//! Pooling and upsampling.

use burn::tensor::Tensor;
use burn_flex::Flex;
use kernels::pool;

use super::floats::{Floats, filled};

pub(super) fn max_pool(x: Tensor<Flex, 3>) -> Tensor<Flex, 3> {
    let [batch, length, channels] = x.dims();
    let x = Floats::new(x);
    filled([batch, length / 2, channels], |y| {
        pool::max_pool(y, x.as_slice(), channels)
    })
}

pub(super) fn mean_pool(x: Tensor<Flex, 3>, by: usize) -> Tensor<Flex, 3> {
    let [batch, length, channels] = x.dims();
    let x = Floats::new(x);
    filled([batch, length / by, channels], |y| {
        pool::mean_pool(y, x.as_slice(), channels, by)
    })
}

pub(super) fn upsample_add(
    x: Tensor<Flex, 3>,
    scale: f32,
    skip: Tensor<Flex, 3>,
) -> Tensor<Flex, 3> {
    let channels = x.dims()[2];
    let (x, mut y) = (Floats::new(x), Floats::new(skip));
    pool::upsample_add(y.as_mut_slice(), x.as_slice(), channels, scale);
    y.into_tensor()
}
