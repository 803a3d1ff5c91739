//! The operations on Burn's CPU backend: the kernels of package `kernels` on the tensors' storage, without copies where
//! it is contiguous.
//!
//! Each form gives the values of the plain definition up to rounding; the tests hold every one to it.

mod floats;
mod heads;
mod junctions;
mod layers;
mod products;
mod sequence;

use burn::tensor::Tensor;
use burn_flex::Flex;
use kernels::activation;

use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation};
use crate::operations::{Activation, Gelu, Operations, Unscale};
use crate::plain::Sites;
use crate::precision::Rounding;
use floats::Floats;

impl Operations for Flex {
    fn normalise(x: Tensor<Self, 3>, norm: &Affine<Self>) -> Tensor<Self, 3> {
        layers::affine(x, norm, None)
    }

    fn activate<const D: usize>(x: Tensor<Self, D>, gelu: Gelu) -> Tensor<Self, D> {
        let mut x = Floats::new(x);
        activation::apply(x.as_mut_slice(), layers::function(gelu));
        x.into_tensor()
    }

    fn normalise_gelu(x: Tensor<Self, 3>, norm: &Affine<Self>, gelu: Gelu) -> Tensor<Self, 3> {
        layers::affine(x, norm, Some(layers::function(gelu)))
    }

    fn layer_normalise(x: Tensor<Self, 3>, norm: &LayerNorm<Self>) -> Tensor<Self, 3> {
        layers::layer_normalise(x, norm)
    }

    fn project(
        x: Tensor<Self, 3>,
        linear: &Linear<Self>,
        activation: Activation,
    ) -> Tensor<Self, 3> {
        layers::project(x, linear, activation)
    }

    fn convolution(x: Tensor<Self, 3>, convolution: &Convolution<Self>) -> Tensor<Self, 3> {
        layers::convolve(x, None, convolution, None)
    }

    fn convolution_block(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        convolution: &Convolution<Self>,
        residual: Option<Tensor<Self, 3>>,
    ) -> Tensor<Self, 3> {
        layers::convolve(x, Some(norm), convolution, residual)
    }

    fn max_pool(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        sequence::max_pool(x)
    }

    fn mean_pool(x: Tensor<Self, 3>, by: usize) -> Tensor<Self, 3> {
        sequence::mean_pool(x, by)
    }

    fn upsample_add(x: Tensor<Self, 3>, scale: f32, skip: Tensor<Self, 3>) -> Tensor<Self, 3> {
        sequence::upsample_add(x, scale, skip)
    }

    fn rotate(x: Tensor<Self, 4>, rotation: &Rotation<Self>) -> Tensor<Self, 4> {
        products::rotate(x, rotation)
    }

    fn sequence_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 3>,
        values: Tensor<Self, 3>,
        bias: Tensor<Self, 4>,
        soft_cap: f32,
        rounding: Rounding,
    ) -> Tensor<Self, 3> {
        products::sequence_attention(queries, keys, values, bias, soft_cap, rounding)
    }

    fn row_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        values: Tensor<Self, 4>,
        rounding: Rounding,
    ) -> Tensor<Self, 4> {
        products::row_attention(queries, keys, values, rounding)
    }

    fn pair_products(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        query_bias: Tensor<Self, 2>,
        key_bias: Tensor<Self, 2>,
        positions: Tensor<Self, 3>,
    ) -> Tensor<Self, 4> {
        products::pair_products(queries, keys, query_bias, key_bias, positions)
    }

    fn symmetrise(x: Tensor<Self, 4>) -> Tensor<Self, 4> {
        products::symmetrise(x)
    }

    fn output_embedding(
        x: Tensor<Self, 3>,
        skip: Option<Tensor<Self, 3>>,
        norm: &Affine<Self>,
        organism: Tensor<Self, 2>,
    ) -> Tensor<Self, 3> {
        heads::output_embedding(x, skip, norm, organism)
    }

    fn tracks(
        x: Tensor<Self, 3>,
        scale: Tensor<Self, 2>,
        unscale: Option<&Unscale<Self>>,
    ) -> (Tensor<Self, 3>, Option<Tensor<Self, 3>>) {
        heads::tracks(x, scale, unscale)
    }

    fn probabilities(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        heads::probabilities(x)
    }

    fn logistic(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        heads::logistic(x)
    }

    fn junctions(
        donors: Sites<'_, Self>,
        acceptors: Sites<'_, Self>,
        rounding: Rounding,
    ) -> Tensor<Self, 3> {
        junctions::junctions(donors, acceptors, rounding)
    }

    fn fill_junctions(
        counts: Tensor<Self, 3>,
        first: usize,
        donors: Sites<'_, Self>,
        acceptors: Sites<'_, Self>,
        rounding: Rounding,
    ) -> Tensor<Self, 3> {
        junctions::fill_junctions(counts, first, donors, acceptors, rounding)
    }
}
