//! Output embeddings and the ends of heads.

use burn::tensor::Tensor;
use burn_flex::Flex;
use kernels::activation::{self, Function};
use kernels::{embedding, norm, softmax, tracks};

use super::floats::{Floats, filled, part, sequences};
use crate::layers::Affine;
use crate::operations::Unscale;

pub(super) fn output_embedding(
    x: Tensor<Flex, 3>,
    skip: Option<Tensor<Flex, 3>>,
    norm: &Affine<Flex>,
    organism: Tensor<Flex, 2>,
) -> Tensor<Flex, 3> {
    let [batch, length, channels] = x.dims();
    let (mut x, skip, organism) = (Floats::new(x), skip.map(Floats::new), Floats::new(organism));
    let [scale, offset] = [Floats::of(&norm.scale), Floats::of(&norm.offset)];
    let norm = norm::Affine {
        scale: scale.as_slice(),
        offset: offset.as_slice(),
    };
    for (sequence, x) in sequences(x.as_mut_slice(), length * channels).enumerate() {
        let skip = skip.as_ref().map(|skip| part(skip, sequence, batch));
        embedding::embed(x, skip, norm, part(&organism, sequence, batch));
    }
    x.into_tensor()
}

pub(super) fn tracks(
    x: Tensor<Flex, 3>,
    scale: Tensor<Flex, 2>,
    unscale: Option<&Unscale<Flex>>,
) -> (Tensor<Flex, 3>, Option<Tensor<Flex, 3>>) {
    let shape = x.dims();
    let [batch, length, channels] = shape;
    let (mut x, scale) = (Floats::new(x), Floats::new(scale));
    let Some(unscale) = unscale else {
        for (sequence, x) in sequences(x.as_mut_slice(), length * channels).enumerate() {
            tracks::scaled(x, part(&scale, sequence, batch));
        }
        return (x.into_tensor(), None);
    };
    let factor = Floats::of(&unscale.factor);
    let unscaled = filled(shape, |unscaled| {
        let both = sequences(x.as_mut_slice(), length * channels)
            .zip(sequences(unscaled, length * channels));
        for (sequence, (x, unscaled)) in both.enumerate() {
            let factor = part(&factor, sequence, batch);
            let unscale = tracks::Unscale {
                factor,
                squashing: unscale.squashing,
            };
            tracks::scaled_and_unscaled(x, unscaled, part(&scale, sequence, batch), unscale);
        }
    });
    (x.into_tensor(), Some(unscaled))
}

pub(super) fn probabilities(x: Tensor<Flex, 3>) -> Tensor<Flex, 3> {
    let channels = x.dims()[2];
    let mut x = Floats::new(x);
    softmax::softmax(x.as_mut_slice(), channels);
    x.into_tensor()
}

pub(super) fn logistic(x: Tensor<Flex, 3>) -> Tensor<Flex, 3> {
    let shape = x.dims();
    let mut x = Floats::new(x);
    if x.is_shared() {
        return filled(shape, |y| {
            activation::map(y, x.as_slice(), Function::Sigmoid)
        });
    }
    activation::apply(x.as_mut_slice(), Function::Sigmoid);
    x.into_tensor()
}
