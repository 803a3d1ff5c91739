//! The heavy operations, each with a definition in plain Burn tensor operations.
//!
//! The modules call nothing but these for work that grows with the sequence. A backend opts in with an empty `impl`,
//! and overrides single operations where it has a faster form; a form of its own must give the same values.
//! Layout is channels-last throughout: `[batch, positions, channels]`, and `[batch, rows, columns, channels]` for pairs.

use burn::tensor::activation;
use burn::tensor::backend::Backend;
use burn::tensor::module;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Int, Tensor, TensorData};

use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation, TissueAffine};
use crate::precision::Rounding;
use crate::splice_sites::best_positions;

/// The two forms of gelu that AlphaGenome uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gelu {
    /// `x * sigmoid(1.702 x)`: convolution blocks, output embedders, output pair (`layers.gelu`).
    Sigmoid,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`: the pair path (`jax.nn.gelu`).
    Tanh,
}

/// What follows a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`.
    Relu,
}

/// How scaled predictions become experimental units, for every sequence of a batch.
#[derive(Clone, Debug)]
pub struct Unscale<B: Backend> {
    /// Track mean times resolution, `[B, C]`; NaN for a track without a mean.
    pub factor: Tensor<B, 2>,
    /// Whether the training targets were squashed by the power 0.75 (RNA-seq).
    pub squashing: bool,
}

/// Where the soft clip of the training targets begins (`_SOFT_CLIP_VALUE`).
const SOFT_CLIP: f32 = 10.0;

/// The most attention logits that are held at once by the plain definition.
const LOGITS_AT_ONCE: usize = 1 << 26;

/// The heavy operations of the forward pass.
pub trait Operations: Backend {
    /// `x * scale + offset`, `[B, S, C]`.
    fn normalise(x: Tensor<Self, 3>, norm: &Affine<Self>) -> Tensor<Self, 3> {
        x * norm.scale.clone().unsqueeze() + norm.offset.clone().unsqueeze()
    }

    /// gelu, element by element.
    fn activate<const D: usize>(x: Tensor<Self, D>, gelu: Gelu) -> Tensor<Self, D> {
        match gelu {
            Gelu::Sigmoid => activation::sigmoid(x.clone() * 1.702f32) * x,
            Gelu::Tanh => {
                let inner = (x.clone() * x.clone() * x.clone() * 0.044_715f32 + x.clone())
                    * (2.0 / std::f64::consts::PI).sqrt() as f32;
                x * ((inner.tanh() + 1.0f32) * 0.5f32)
            }
        }
    }

    /// `gelu(x * scale + offset)`, `[B, S, C]`.
    fn normalise_gelu(x: Tensor<Self, 3>, norm: &Affine<Self>, gelu: Gelu) -> Tensor<Self, 3> {
        Self::activate(Self::normalise(x, norm), gelu)
    }

    /// `LayerNorm` over the channels of `[B, S, C]`: epsilon 1e-5, the mean square reduced in float32.
    fn layer_normalise(x: Tensor<Self, 3>, norm: &LayerNorm<Self>) -> Tensor<Self, 3> {
        let x = if norm.centred {
            x.clone() - x.mean_dim(2)
        } else {
            x
        };
        let variance = x.clone().square().mean_dim(2);
        let inverse = (variance + 1e-5f32).sqrt().recip();
        x * (norm.scale.clone().unsqueeze::<3>() * inverse) + norm.offset.clone().unsqueeze()
    }

    /// A linear layer on `[B, S, in]`.
    fn project(
        x: Tensor<Self, 3>,
        linear: &Linear<Self>,
        activation: Activation,
    ) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        let rows = x.reshape([batch * length, channels]);
        let mut y = rows.matmul(linear.weight.clone());
        if let Some(bias) = &linear.bias {
            y = y + bias.clone().unsqueeze();
        }
        if activation == Activation::Relu {
            y = activation::relu(y);
        }
        let outputs = y.dims()[1];
        y.reshape([batch, length, outputs])
    }

    /// A convolution with SAME padding and bias: `[B, S, in]` to `[B, S, out]`.
    fn convolution(x: Tensor<Self, 3>, convolution: &Convolution<Self>) -> Tensor<Self, 3> {
        let width = convolution.weight.dims()[0];
        let kernel = convolution.weight.clone().permute([2, 1, 0]);
        let options = ConvOptions::new([1], [width / 2], [1], 1);
        module::conv1d(
            x.swap_dims(1, 2),
            kernel,
            Some(convolution.bias.clone()),
            options,
        )
        .swap_dims(1, 2)
    }

    /// The convolution of one-hot bases: `[B, S, 4]`, rows with a single one or all zero, to `[B, S, out]`.
    fn stem(bases: Tensor<Self, 3>, convolution: &Convolution<Self>) -> Tensor<Self, 3> {
        Self::convolution(bases, convolution)
    }

    /// `convolution(gelu(norm(x)))`, plus `residual` cut or zero-padded to the output's channels.
    ///
    /// `x` `[B, S, in]`, `residual` `[B, S, any]`, result `[B, S, out]`.
    fn convolution_block(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        convolution: &Convolution<Self>,
        residual: Option<Tensor<Self, 3>>,
    ) -> Tensor<Self, 3> {
        let y = Self::convolution(Self::normalise_gelu(x, norm, Gelu::Sigmoid), convolution);
        match residual {
            Some(residual) => add_channels(y, residual),
            None => y,
        }
    }

    /// `linear(gelu(norm(x)))`: the convolution block of width 1, `[B, S, in]` to `[B, S, out]`.
    fn pointwise_block(
        x: Tensor<Self, 3>,
        norm: &Affine<Self>,
        linear: &Linear<Self>,
        gelu: Gelu,
    ) -> Tensor<Self, 3> {
        Self::project(
            Self::normalise_gelu(x, norm, gelu),
            linear,
            Activation::Identity,
        )
    }

    /// The larger of each two neighbours: `[B, S, C]` to `[B, S / 2, C]`.
    fn max_pool(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        let pairs = x.reshape([batch, length / 2, 2, channels]);
        let (even, odd) = (pairs.clone().narrow(2, 0, 1), pairs.narrow(2, 1, 1));
        even.max_pair(odd).reshape([batch, length / 2, channels])
    }

    /// The mean of each `by` neighbours: `[B, S, C]` to `[B, S / by, C]`.
    fn mean_pool(x: Tensor<Self, 3>, by: usize) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        let windows = x.reshape([batch, length / by, by, channels]);
        windows.mean_dim(2).reshape([batch, length / by, channels])
    }

    /// Every position of `x` `[B, S, C]` twice, times `scale`, plus `skip` `[B, 2 S, C]`.
    fn upsample_add(x: Tensor<Self, 3>, scale: f32, skip: Tensor<Self, 3>) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        let skip = skip.reshape([batch, length, 2, channels]);
        let x = (x * scale).reshape([batch, length, 1, channels]);
        (skip + x).reshape([batch, 2 * length, channels])
    }

    /// Rotates the channel pairs `(2 i, 2 i + 1)` of `[B, S, H, C]` by their angles.
    fn rotate(x: Tensor<Self, 4>, rotation: &Rotation<Self>) -> Tensor<Self, 4> {
        let [batch, length, heads, channels] = x.dims();
        let pairs = x.reshape([batch, length, heads, channels / 2, 2]);
        let even = pairs.clone().narrow(4, 0, 1);
        let odd = pairs.narrow(4, 1, 1);
        let cosine = rotation
            .cosine
            .clone()
            .reshape([1, length, 1, channels / 2, 1]);
        let sine = rotation
            .sine
            .clone()
            .reshape([1, length, 1, channels / 2, 1]);
        let first = even.clone() * cosine.clone() - odd.clone() * sine.clone();
        let second = odd * cosine + even * sine;
        Tensor::cat(vec![first, second], 4).reshape([batch, length, heads, channels])
    }

    /// Attention of many query heads on one shared key and value head, with a bias and a soft cap.
    ///
    /// `queries` `[B, S, H, C]`, `keys` `[B, S, C]`, `values` `[B, S, V]`, `bias` `[B, H, P, P]` where `S / P` positions
    /// share a bias; result `[B, S, H * V]`. Logits are `cap * tanh((q.k / sqrt(C) + bias) / cap)`.
    fn sequence_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 3>,
        values: Tensor<Self, 3>,
        bias: Tensor<Self, 4>,
        soft_cap: f32,
        rounding: Rounding,
    ) -> Tensor<Self, 3> {
        let [batch, length, heads, width] = queries.dims();
        let value_width = values.dims()[2];
        let rows = bias.dims()[2];
        let pool = length / rows;
        let queries = rounding.apply(queries).permute([0, 2, 1, 3]);
        let keys = rounding.apply(keys).swap_dims(1, 2);
        let values = rounding.apply(values);
        let step = (LOGITS_AT_ONCE / (batch * heads * length * pool)).clamp(1, rows);
        let mut blocks = Vec::with_capacity(rows.div_ceil(step));
        for first in (0..rows).step_by(step) {
            let count = step.min(rows - first);
            let positions = count * pool;
            let block = queries.clone().narrow(2, first * pool, positions);
            let logits = block
                .reshape([batch, heads * positions, width])
                .matmul(keys.clone());
            let logits =
                logits.reshape([batch, heads, count, pool, rows, pool]) / (width as f32).sqrt();
            let bias = bias.clone().narrow(2, first, count);
            let logits = logits + bias.reshape([batch, heads, count, 1, rows, 1]);
            let logits = (logits / soft_cap).tanh() * soft_cap;
            let weights =
                activation::softmax(logits.reshape([batch, heads * positions, length]), 2);
            let block = rounding.apply(weights).matmul(values.clone());
            let block = block
                .reshape([batch, heads, positions, value_width])
                .swap_dims(1, 2);
            blocks.push(block.reshape([batch, positions, heads * value_width]));
        }
        Tensor::cat(blocks, 1)
    }

    /// Attention with a single head along every row: all `[B, P, P, F]`, logits over `sqrt(F)`.
    fn row_attention(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        values: Tensor<Self, 4>,
        rounding: Rounding,
    ) -> Tensor<Self, 4> {
        let [batch, rows, columns, width] = queries.dims();
        let step = (LOGITS_AT_ONCE / (batch * columns * columns)).clamp(1, rows);
        let mut blocks = Vec::with_capacity(rows.div_ceil(step));
        for first in (0..rows).step_by(step) {
            let count = step.min(rows - first);
            let part = |x: &Tensor<Self, 4>| rounding.apply(x.clone().narrow(1, first, count));
            let logits = part(&queries).matmul(part(&keys).swap_dims(2, 3)) / (width as f32).sqrt();
            let weights = rounding.apply(activation::softmax(logits, 3));
            blocks.push(weights.matmul(part(&values)));
        }
        Tensor::cat(blocks, 1)
    }

    /// Products of all positions with all, plus terms of their distance.
    ///
    /// `queries`, `keys` `[B, P, H, C]`, their biases `[H, C]`, `positions` `[2 P, H, C]` for the distances `-P..P`.
    /// With `R_q[q, d] = (q + q_bias) . positions[d]` and `R_k` likewise, the result `[B, P, P, H]` is
    /// `q . k + (R_q[q, k - q + P] + R_k[k, q - k + P]) / 2`.
    fn pair_products(
        queries: Tensor<Self, 4>,
        keys: Tensor<Self, 4>,
        query_bias: Tensor<Self, 2>,
        key_bias: Tensor<Self, 2>,
        positions: Tensor<Self, 3>,
    ) -> Tensor<Self, 4> {
        let positions = positions.permute([1, 2, 0]).unsqueeze::<4>();
        let relative = |x: Tensor<Self, 4>, bias: Tensor<Self, 2>| {
            let biased = x + bias.unsqueeze::<4>();
            shift(biased.permute([0, 2, 1, 3]).matmul(positions.clone()))
        };
        let of_queries = relative(queries.clone(), query_bias);
        let of_keys = relative(keys.clone(), key_bias).swap_dims(2, 3);
        let products = queries
            .permute([0, 2, 1, 3])
            .matmul(keys.permute([0, 2, 3, 1]));
        (products + (of_queries + of_keys) * 0.5f32).permute([0, 2, 3, 1])
    }

    /// `(x + transposed x) / 2`, `[B, P, P, F]`.
    fn symmetrise(x: Tensor<Self, 4>) -> Tensor<Self, 4> {
        (x.clone() + x.swap_dims(1, 2)) / 2.0f32
    }

    /// `gelu(norm(x + skip) + organism)` with every position of `skip` repeated to the length of `x`.
    ///
    /// `x` `[B, S, C]`, `skip` `[B, S / n, C]`, `organism` `[B, C]`.
    fn output_embedding(
        x: Tensor<Self, 3>,
        skip: Option<Tensor<Self, 3>>,
        norm: &Affine<Self>,
        organism: Tensor<Self, 2>,
    ) -> Tensor<Self, 3> {
        let [batch, length, channels] = x.dims();
        let x = match skip {
            Some(skip) => {
                let coarse = skip.dims()[1];
                let x = x.reshape([batch, coarse, length / coarse, channels]);
                (x + skip.reshape([batch, coarse, 1, channels])).reshape([batch, length, channels])
            }
            None => x,
        };
        Self::activate(
            Self::normalise(x, norm) + organism.unsqueeze_dim(1),
            Gelu::Sigmoid,
        )
    }

    /// Genome tracks from a linear layer's output `x` `[B, S, C]` and `scale` `[B, C]`.
    ///
    /// First the scaled predictions, `softplus(x) * scale`; then, where asked, those in experimental units: values above
    /// 10 become `(x + 10)^2 / 40`, squashed ones `x^(1 / 0.75)`, then times the factor.
    fn tracks(
        x: Tensor<Self, 3>,
        scale: Tensor<Self, 2>,
        unscale: Option<&Unscale<Self>>,
    ) -> (Tensor<Self, 3>, Option<Tensor<Self, 3>>) {
        let scaled = softplus(x) * scale.unsqueeze_dim(1);
        let unscaled = unscale.map(|unscale| {
            let clipped = (scaled.clone() + SOFT_CLIP).square() / (4.0 * SOFT_CLIP);
            let linear = scaled.clone().lower_equal_elem(SOFT_CLIP);
            let y = clipped.mask_where(linear, scaled.clone());
            let y = if unscale.squashing {
                y.powf_scalar(1.0f32 / 0.75)
            } else {
                y
            };
            y * unscale.factor.clone().unsqueeze_dim(1)
        });
        (scaled, unscaled)
    }

    /// Softmax over the channels of `[B, S, C]`.
    fn probabilities(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        activation::softmax(x, 2)
    }

    /// The logistic function on `[B, S, C]`.
    fn logistic(x: Tensor<Self, 3>) -> Tensor<Self, 3> {
        activation::sigmoid(x)
    }

    /// The best positions of the first four channels of `probabilities` `[B, S, 5]`, ascending, as `[B, 4, k]`.
    ///
    /// A position with a probability under `threshold` becomes -1 and stands last; ties go to the lower position.
    fn best_positions(
        probabilities: Tensor<Self, 3>,
        k: usize,
        threshold: f32,
    ) -> Tensor<Self, 3, Int> {
        let device = probabilities.device();
        let [batch, length, channels] = probabilities.dims();
        let values = probabilities
            .into_data()
            .convert::<f32>()
            .into_vec::<f32>()
            .unwrap_or_default();
        let positions = best_positions(&values, [batch, length, channels], k, threshold);
        Tensor::from_data(TensorData::new(positions, [batch, 4, k]), &device)
    }

    /// Junction counts of every donor with every acceptor in every tissue of one strand.
    ///
    /// `donors` `[D, C]` and `acceptors` `[A, C]` become, tissue by tissue, `rotate(scale * x + offset)`; the result
    /// `[D, A, T]` is `softplus` of their products.
    fn junctions(
        donors: (Tensor<Self, 2>, &TissueAffine<Self>, &Rotation<Self>),
        acceptors: (Tensor<Self, 2>, &TissueAffine<Self>, &Rotation<Self>),
        rounding: Rounding,
    ) -> Tensor<Self, 3> {
        let [count, _] = donors.0.dims();
        let [partners, _] = acceptors.0.dims();
        let tissues = donors.1.scale.dims()[0];
        let products = (0..tissues).map(|tissue| {
            let of_tissue = |(x, affine, rotation): &(
                Tensor<Self, 2>,
                &TissueAffine<Self>,
                &Rotation<Self>,
            )| {
                let [positions, channels] = x.dims();
                let x = x.clone() * affine.scale.clone().narrow(0, tissue, 1)
                    + affine.offset.clone().narrow(0, tissue, 1);
                let x = Self::rotate(x.reshape([1, positions, 1, channels]), rotation);
                rounding.apply(x.reshape([positions, channels]))
            };
            let product = of_tissue(&donors).matmul(of_tissue(&acceptors).transpose());
            softplus(product).reshape([count, partners, 1])
        });
        Tensor::cat(products.collect(), 2)
    }
}

/// `log(1 + e^x)` without overflow, as `jax.nn.softplus` has it.
pub fn softplus<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    x.clone().clamp_min(0.0) + x.abs().neg().exp().log1p()
}

/// `y` plus `residual`, whose channels are cut or zero-padded to those of `y`; both `[B, S, any]`.
pub fn add_channels<B: Backend>(y: Tensor<B, 3>, residual: Tensor<B, 3>) -> Tensor<B, 3> {
    let [_, _, channels] = y.dims();
    let [batch, length, given] = residual.dims();
    if given >= channels {
        return y + residual.narrow(2, 0, channels);
    }
    let zeros = Tensor::zeros([batch, length, channels - given], &y.device());
    y + Tensor::cat(vec![residual, zeros], 2)
}

/// Turns distances into positions: `[B, H, P, 2 P]` to `[B, H, P, P]`, `y[q, k] = x[q, k - q + P]`.
fn shift<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    let [batch, heads, rows, distances] = x.dims();
    let x = x
        .reshape([batch, heads, distances, rows])
        .narrow(2, 1, distances - 1);
    x.reshape([batch, heads, rows, distances - 1])
        .narrow(3, 0, rows)
}
