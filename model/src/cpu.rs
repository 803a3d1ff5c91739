//! The operations on Burn's CPU backend: the kernels of package `kernels` on the tensors' storage, without copies where
//! it is contiguous.
//!
//! Each form gives the values of the plain definition up to rounding; the tests hold every one to it.

mod floats;

use burn::tensor::Tensor;
use burn_flex::Flex;
use kernels::activation::{self, Function};
use kernels::attention::Shape;
use kernels::linear::{Epilogue, Residual};
use kernels::operands::Operands;
use kernels::pair::Products;
use kernels::rotary::Angles;
use kernels::{
    convolution, embedding, junctions, linear, norm, pair, pool, rotary, softmax, tracks,
};

use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation, TissueAffine};
use crate::operations::{Activation, Gelu, Operations, Unscale};
use crate::precision::Rounding;
use floats::{Floats, filled};

impl Operations for Flex {
    fn normalise(x: Tensor<Self, 3>, norm: &Affine<Self>) -> Tensor<Self, 3> {
        affine(x, norm, None)
    }

    fn activate<const D: usize>(x: Tensor<Self, D>, gelu: Gelu) -> Tensor<Self, D> {
        let mut x = Floats::new(x);
        activation::apply(x.as_mut_slice(), function(gelu));
        x.into_tensor()
    }

    fn normalise_gelu(x: Tensor<Self, 3>, norm: &Affine<Self>, gelu: Gelu) -> Tensor<Self, 3> {
        affine(x, norm, Some(function(gelu)))
    }

    fn layer_normalise(x: Tensor<Self, 3>, norm: &LayerNorm<Self>) -> Tensor<Self, 3> {
        let shape = x.dims();
        let [x, scale, offset] = [
            Floats::new(x),
            Floats::of(&norm.scale),
            Floats::of(&norm.offset),
        ];
        let of = norm::Affine {
            scale: scale.as_slice(),
            offset: offset.as_slice(),
        };
        filled(shape, |y| {
            norm::layer_norm(y, x.as_slice(), of, norm.centred)
        })
    }

    fn project(
        x: Tensor<Self, 3>,
        linear: &Linear<Self>,
        activation: Activation,
    ) -> Tensor<Self, 3> {
        let [batch, length, inputs] = x.dims();
        let outputs = linear.weight.dims()[1];
        let [x, weight] = [Floats::new(x), Floats::of(&linear.weight)];
        let bias = linear.bias.as_ref().map(Floats::of);
        let epilogue = Epilogue {
            bias: bias.as_ref().map(Floats::as_slice),
            residual: None,
            relu: activation == Activation::Relu,
        };
        let shape = [batch * length, inputs, outputs];
        filled([batch, length, outputs], |y| {
            linear::linear(y, x.as_slice(), weight.as_slice(), epilogue, shape);
        })
    }

    fn convolution(x: Tensor<Self, 3>, convolution: &Convolution<Self>) -> Tensor<Self, 3> {
        convolve(x, None, convolution, None)
    }

    fn convolution_block(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        convolution: &Convolution<Self>,
        residual: Option<Tensor<Self, 3>>,
    ) -> Tensor<Self, 3> {
        convolve(x, Some(norm), convolution, residual)
    }

    fn max_pool(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        let x = Floats::new(x);
        filled([batch, length / 2, channels], |y| {
            pool::max_pool(y, x.as_slice(), channels)
        })
    }

    fn mean_pool(x: Tensor<Self, 3>, by: usize) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        let x = Floats::new(x);
        filled([batch, length / by, channels], |y| {
            pool::mean_pool(y, x.as_slice(), channels, by)
        })
    }

    fn upsample_add(x: Tensor<Self, 3>, scale: f32, skip: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let channels = x.dims()[2];
        let (x, mut y) = (Floats::new(x), Floats::new(skip));
        pool::upsample_add(y.as_mut_slice(), x.as_slice(), channels, scale);
        y.into_tensor()
    }

    fn rotate(x: Tensor<Self, 4>, rotation: &Rotation<Self>) -> Tensor<Self, 4> {
        let [batch, length, heads, channels] = x.dims();
        let [x, cosine, sine] = [
            Floats::new(x),
            Floats::of(&rotation.cosine),
            Floats::of(&rotation.sine),
        ];
        let angles = Angles {
            cosine: cosine.as_slice(),
            sine: sine.as_slice(),
        };
        let size = length * heads * channels;
        filled([batch, length, heads, channels], |y| {
            for (y, x) in sequences(y, size).zip(x.as_slice().chunks(size.max(1))) {
                rotary::rotate(y, x, angles, [length, heads, channels]);
            }
        })
    }

    fn sequence_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 3>,
        values: Tensor<Self, 3>,
        bias: Tensor<Self, 4>,
        soft_cap: f32,
        rounding: Rounding,
    ) -> Tensor<Self, 3> {
        let [batch, length, heads, key_width] = queries.dims();
        let (value_width, bias_rows) = (values.dims()[2], bias.dims()[2]);
        let shape = Shape {
            length,
            heads,
            key_width,
            value_width,
            bias_rows,
        };
        let given = [
            Floats::new(queries),
            Floats::new(keys),
            Floats::new(values),
            Floats::new(bias),
        ];
        let size = length * heads * value_width;
        filled([batch, length, heads * value_width], |y| {
            for (sequence, y) in sequences(y, size).enumerate() {
                let of = given.each_ref().map(|x| part(x, sequence, batch));
                kernels::attention::attention(y, of, soft_cap, operands(rounding), shape);
            }
        })
    }

    fn row_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        values: Tensor<Self, 4>,
        rounding: Rounding,
    ) -> Tensor<Self, 4> {
        let [batch, rows, columns, width] = queries.dims();
        let given = [Floats::new(queries), Floats::new(keys), Floats::new(values)];
        let given = given.each_ref().map(Floats::as_slice);
        filled([batch, rows, columns, width], |y| {
            let shape = [batch * rows, columns, width];
            kernels::row_attention::row_attention(y, given, operands(rounding), shape);
        })
    }

    fn pair_products(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        query_bias: Tensor<Self, 2>,
        key_bias: Tensor<Self, 2>,
        positions: Tensor<Self, 3>,
    ) -> Tensor<Self, 4> {
        let [batch, length, heads, width] = queries.dims();
        let [queries, keys] = [Floats::new(queries), Floats::new(keys)];
        let [query_bias, key_bias] = [Floats::new(query_bias), Floats::new(key_bias)];
        let positions = Floats::new(positions);
        filled([batch, length, length, heads], |y| {
            for (sequence, y) in sequences(y, length * length * heads).enumerate() {
                let products = Products {
                    queries: part(&queries, sequence, batch),
                    keys: part(&keys, sequence, batch),
                    query_bias: query_bias.as_slice(),
                    key_bias: key_bias.as_slice(),
                    positions: positions.as_slice(),
                };
                pair::pair_products(y, products, [length, heads, width]);
            }
        })
    }

    fn symmetrise(x: Tensor<Self, 4>) -> Tensor<Self, 4> {
        let [batch, length, _, channels] = x.dims();
        let x = Floats::new(x);
        let size = length * length * channels;
        filled([batch, length, length, channels], |y| {
            for (y, x) in sequences(y, size).zip(x.as_slice().chunks(size.max(1))) {
                pair::symmetrise(y, x, [length, channels]);
            }
        })
    }

    fn output_embedding(
        x: Tensor<Self, 3>,
        skip: Option<Tensor<Self, 3>>,
        norm: &Affine<Self>,
        organism: Tensor<Self, 2>,
    ) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        let (mut x, skip, organism) =
            (Floats::new(x), skip.map(Floats::new), Floats::new(organism));
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

    fn tracks(
        x: Tensor<Self, 3>,
        scale: Tensor<Self, 2>,
        unscale: Option<&Unscale<Self>>,
    ) -> (Tensor<Self, 3>, Option<Tensor<Self, 3>>) {
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

    fn probabilities(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let channels = x.dims()[2];
        let mut x = Floats::new(x);
        softmax::softmax(x.as_mut_slice(), channels);
        x.into_tensor()
    }

    fn logistic(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let mut x = Floats::new(x);
        activation::apply(x.as_mut_slice(), Function::Sigmoid);
        x.into_tensor()
    }

    fn junctions(
        donors: (Tensor<Self, 2>, &TissueAffine<Self>, &Rotation<Self>),
        acceptors: (Tensor<Self, 2>, &TissueAffine<Self>, &Rotation<Self>),
        rounding: Rounding,
    ) -> Tensor<Self, 3> {
        let [count, channels] = donors.0.dims();
        let [partners, _] = acceptors.0.dims();
        let tissues = donors.1.scale.dims()[0];
        let [donors, acceptors] = [Sites::new(donors), Sites::new(acceptors)];
        filled([count, partners, tissues], |y| {
            let shape = [count, partners, tissues, channels];
            junctions::junctions(
                y,
                donors.view(),
                acceptors.view(),
                operands(rounding),
                shape,
            );
        })
    }
}

/// One side of the junctions: channels, scales, offsets, cosines and sines.
struct Sites([Floats; 5]);

impl Sites {
    fn new((x, affine, rotation): (Tensor<Flex, 2>, &TissueAffine<Flex>, &Rotation<Flex>)) -> Self {
        Self([
            Floats::new(x),
            Floats::of(&affine.scale),
            Floats::of(&affine.offset),
            Floats::of(&rotation.cosine),
            Floats::of(&rotation.sine),
        ])
    }

    fn view(&self) -> junctions::Sites<'_> {
        let [x, scale, offset, cosine, sine] = self.0.each_ref().map(Floats::as_slice);
        junctions::Sites {
            x,
            scale,
            offset,
            angles: Angles { cosine, sine },
        }
    }
}

/// `f(x * scale + offset)`.
fn affine(x: Tensor<Flex, 3>, norm: &Affine<Flex>, function: Option<Function>) -> Tensor<Flex, 3> {
    let shape = x.dims();
    let [x, scale, offset] = [
        Floats::new(x),
        Floats::of(&norm.scale),
        Floats::of(&norm.offset),
    ];
    let norm = norm::Affine {
        scale: scale.as_slice(),
        offset: offset.as_slice(),
    };
    filled(shape, |y| norm::affine(y, x.as_slice(), norm, function))
}

/// A convolution with its bias, after norm and gelu if there is a norm, and with a residual added if there is one.
fn convolve(
    x: Tensor<Flex, 3>,
    norm: Option<&Affine<Flex>>,
    convolution: &Convolution<Flex>,
    residual: Option<Tensor<Flex, 3>>,
) -> Tensor<Flex, 3> {
    let [batch, length, inputs] = x.dims();
    let [width, _, outputs] = convolution.weight.dims();
    let given = residual.as_ref().map_or(0, |residual| residual.dims()[2]);
    let [x, kernel, bias] = [
        Floats::new(x),
        Floats::of(&convolution.weight),
        Floats::of(&convolution.bias),
    ];
    let residual = residual.map(Floats::new);
    let norm = norm.map(|norm| [Floats::of(&norm.scale), Floats::of(&norm.offset)]);
    let before = norm.as_ref().map(|[scale, offset]| {
        let norm = norm::Affine {
            scale: scale.as_slice(),
            offset: offset.as_slice(),
        };
        (norm, Function::GeluSigmoid)
    });
    filled([batch, length, outputs], |y| {
        for (sequence, y) in sequences(y, length * outputs).enumerate() {
            let residual = residual.as_ref().map(|residual| {
                let values = part(residual, sequence, batch);
                Residual {
                    values,
                    channels: given,
                }
            });
            let epilogue = Epilogue {
                bias: Some(bias.as_slice()),
                residual,
                relu: false,
            };
            let shape = [length, width, inputs, outputs];
            convolution::convolve(
                y,
                part(&x, sequence, batch),
                before,
                kernel.as_slice(),
                epilogue,
                shape,
            );
        }
    })
}

/// The sequences of a batch, `size` numbers each.
fn sequences(values: &mut [f32], size: usize) -> impl Iterator<Item = &mut [f32]> {
    values.chunks_mut(size.max(1))
}

/// What belongs to one sequence of a batch.
fn part(values: &Floats, sequence: usize, batch: usize) -> &[f32] {
    let values = values.as_slice();
    let size = values.len() / batch;
    &values[sequence * size..][..size]
}

fn function(gelu: Gelu) -> Function {
    match gelu {
        Gelu::Sigmoid => Function::GeluSigmoid,
        Gelu::Tanh => Function::GeluTanh,
    }
}

fn operands(rounding: Rounding) -> Operands {
    match rounding {
        Rounding::None => Operands::Float32,
        Rounding::ToBfloat16 => Operands::Bfloat16,
    }
}
