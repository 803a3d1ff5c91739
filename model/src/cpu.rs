//! The operations on Burn's CPU backend: the kernels of package `kernels` on the tensors' storage, without copies where
//! it is contiguous.
//!
//! Each form gives the values of the plain definition up to rounding; the tests hold every one to it. What is
//! small in bfloat16 stays with the plain definitions.

mod floats;
mod heads;
mod junctions;
mod layers;
mod products;
mod rounded;
mod sequence;
mod tf32;

use burn::tensor::{Int, Tensor};
use burn_flex::Flex;
use kernels::activation;

use crate::attention::AttentionForm;
use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation};
use crate::operations::{Activation, Gelu, Operations, Unscale};
use crate::plain::{self, Sites};
use crate::precision::{Products, Rounding, Roundings};
use floats::Floats;

impl Operations for Flex {
    fn take_rows(
        from: Vec<Tensor<Self, 3>>,
        rows: Tensor<Self, 1, Int>,
        batch: usize,
    ) -> Tensor<Self, 3> {
        sequence::take_rows(from, rows, batch)
    }

    fn normalise(x: Tensor<Self, 3>, norm: &Affine<Self>, roundings: Roundings) -> Tensor<Self, 3> {
        match Steps::of(roundings) {
            Steps::Float32 => layers::affine(x, norm, None),
            Steps::Rounded => rounded::affine(x, norm, None),
            Steps::Unfinished => plain::normalise(x, norm, roundings),
        }
    }

    fn activate<const D: usize>(
        x: Tensor<Self, D>,
        gelu: Gelu,
        roundings: Roundings,
    ) -> Tensor<Self, D> {
        if rounds(roundings) {
            return plain::activate(x, gelu, roundings);
        }
        let mut x = Floats::new(x);
        activation::apply(x.as_mut_slice(), layers::function(gelu));
        x.into_tensor()
    }

    fn normalise_gelu(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        gelu: Gelu,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        match Steps::of(roundings) {
            Steps::Float32 => layers::affine(x, norm, Some(layers::function(gelu))),
            Steps::Rounded => rounded::affine(x, norm, Some(gelu)),
            Steps::Unfinished => {
                let x = plain::normalise(x, norm, roundings);
                plain::activate(x, gelu, roundings)
            }
        }
    }

    fn layer_normalise(
        x: Tensor<Self, 3>,
        norm: &LayerNorm<Self>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        if rounds(roundings) {
            return plain::layer_normalise(x, norm, roundings);
        }
        layers::layer_normalise(x, norm)
    }

    fn project(
        x: Tensor<Self, 3>,
        linear: &Linear<Self>,
        activation: Activation,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        if rounds(roundings) {
            return rounded::project(x, linear, activation, roundings);
        }
        if roundings.products == Products::Tf32 {
            let (x, linear) = (tf32::operand(x), tf32::linear(linear));
            return layers::project(x, &linear, activation);
        }
        layers::project(x, linear, activation)
    }

    fn convolution(
        x: Tensor<Self, 3>,
        convolution: &Convolution<Self>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        if rounds(roundings) {
            return rounded::convolve(x, convolution, None, roundings);
        }
        if roundings.products == Products::Tf32 {
            let (x, convolution) = (tf32::operand(x), tf32::convolution(convolution));
            return layers::convolve(x, None, &convolution, None);
        }
        layers::convolve(x, None, convolution, None)
    }

    fn convolution_block(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        convolution: &Convolution<Self>,
        residual: Option<Tensor<Self, 3>>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        if rounds(roundings) {
            let x = Self::normalise_gelu(x, norm, Gelu::Sigmoid, roundings);
            return rounded::convolve(x, convolution, residual, roundings);
        }
        if roundings.products == Products::Tf32 {
            let x = Self::normalise_gelu(x, norm, Gelu::Sigmoid, roundings);
            let (x, convolution) = (tf32::operand(x), tf32::convolution(convolution));
            return layers::convolve(x, None, &convolution, residual);
        }
        layers::convolve(x, Some(norm), convolution, residual)
    }

    fn max_pool(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        sequence::max_pool(x)
    }

    fn mean_pool(x: Tensor<Self, 3>, by: usize, roundings: Roundings) -> Tensor<Self, 3> {
        if rounds(roundings) {
            return plain::mean_pool(x, by, roundings);
        }
        sequence::mean_pool(x, by)
    }

    fn upsample_add(
        x: Tensor<Self, 3>,
        scale: Tensor<Self, 1>,
        skip: Tensor<Self, 3>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        let number = Floats::of(&scale).as_slice()[0];
        match Steps::of(roundings) {
            Steps::Float32 => sequence::upsample_add(x, number, skip),
            Steps::Rounded => rounded::upsample_add(x, number, skip),
            Steps::Unfinished => plain::upsample_add(x, scale, skip, roundings),
        }
    }

    fn rotate(
        x: Tensor<Self, 4>,
        rotation: &Rotation<Self>,
        roundings: Roundings,
    ) -> Tensor<Self, 4> {
        if rounds(roundings) {
            return plain::rotate(x, rotation, roundings);
        }
        products::rotate(x, rotation)
    }

    fn sequence_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 3>,
        values: Tensor<Self, 3>,
        bias: Tensor<Self, 4>,
        soft_cap: f32,
        form: AttentionForm,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        if form == AttentionForm::Plain {
            return plain::sequence_attention(queries, keys, values, bias, soft_cap, roundings);
        }
        let y = products::sequence_attention(queries, keys, values, bias, soft_cap, roundings);
        rounded::round(y, roundings.result)
    }

    fn row_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        values: Tensor<Self, 4>,
        roundings: Roundings,
    ) -> Tensor<Self, 4> {
        let y = products::row_attention(queries, keys, values, roundings);
        rounded::round(y, roundings.result)
    }

    fn pair_products(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        query_bias: Tensor<Self, 2>,
        key_bias: Tensor<Self, 2>,
        positions: Tensor<Self, 3>,
        roundings: Roundings,
    ) -> Tensor<Self, 4> {
        if rounds(roundings) || roundings.products == Products::Tf32 {
            return plain::pair_products(queries, keys, query_bias, key_bias, positions, roundings);
        }
        products::pair_products(queries, keys, query_bias, key_bias, positions)
    }

    fn symmetrise(x: Tensor<Self, 4>, roundings: Roundings) -> Tensor<Self, 4> {
        rounded::round(products::symmetrise(x), roundings.result)
    }

    fn output_embedding(
        x: Tensor<Self, 3>,
        skip: Option<Tensor<Self, 3>>,
        norm: &Affine<Self>,
        organism: Tensor<Self, 2>,
        roundings: Roundings,
    ) -> Tensor<Self, 3> {
        match Steps::of(roundings) {
            Steps::Float32 => heads::output_embedding(x, skip, norm, organism),
            Steps::Rounded => rounded::output_embedding(x, skip, norm, organism),
            Steps::Unfinished => plain::output_embedding(x, skip, norm, organism, roundings),
        }
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

/// How the steps of an elementwise operation are computed.
enum Steps {
    /// In float32.
    Float32,
    /// Every one is rounded.
    Rounded,
    /// All but the last are rounded.
    Unfinished,
}

impl Steps {
    fn of(roundings: Roundings) -> Self {
        match (roundings.values, roundings.result) {
            (Rounding::None, _) => Self::Float32,
            (Rounding::ToBfloat16, Rounding::ToBfloat16) => Self::Rounded,
            (Rounding::ToBfloat16, Rounding::None) => Self::Unfinished,
        }
    }
}

/// Whether steps are rounded.
fn rounds(roundings: Roundings) -> bool {
    roundings.values != Rounding::None
}
