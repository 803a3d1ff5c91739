//! The definitions of the heavy operations, in plain Burn tensor operations.
//!
//! Every backend has them, and a faster form of [`Operations`](crate::Operations) is held to them by tests. Shapes and
//! values are described there.

use burn::tensor::activation;
use burn::tensor::backend::Backend;
use burn::tensor::module;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Int, Tensor, TensorData};

use crate::layers::{Affine, Convolution, LayerNorm, Linear, Rotation, TissueAffine};
use crate::operations::{Activation, Gelu, Unscale};
use crate::precision::{Rounding, Roundings};

/// Where the soft clip of the training targets begins (`_SOFT_CLIP_VALUE`).
const SOFT_CLIP: f32 = 10.0;

/// The most attention logits that are held at once.
const LOGITS_AT_ONCE: usize = 1 << 26;

/// `x + y`.
pub fn add<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    y: Tensor<B, D>,
    roundings: Roundings,
) -> Tensor<B, D> {
    roundings.result.apply(x + y)
}

/// `x * scale + offset`.
pub fn normalise<B: Backend>(
    x: Tensor<B, 3>,
    norm: &Affine<B>,
    roundings: Roundings,
) -> Tensor<B, 3> {
    let scaled = roundings.values.apply(x * norm.scale.clone().unsqueeze());
    add(scaled, norm.offset.clone().unsqueeze(), roundings)
}

/// gelu. Its constants have the type of `x` in JAX, so they are rounded too.
pub fn activate<B: Backend, const D: usize>(
    x: Tensor<B, D>,
    gelu: Gelu,
    roundings: Roundings,
) -> Tensor<B, D> {
    let values = roundings.values;
    let y = match gelu {
        Gelu::Sigmoid => sigmoid(x.clone() * values.number(1.702), values) * x,
        Gelu::Tanh => {
            let squared = values.apply(x.clone() * x.clone());
            let cubed = values.apply(squared * x.clone());
            let small = values.apply(cubed * values.number(0.044_715));
            let root = (2.0 / std::f64::consts::PI).sqrt() as f32;
            let inner = values.apply(small + x.clone()) * values.number(root);
            let tanh = values.apply(values.apply(inner).tanh());
            x * values.apply(values.apply(tanh + 1.0f32) * 0.5f32)
        }
    };
    roundings.result.apply(y)
}

/// The logistic function of what is first to be rounded, with a rounding after every step.
fn sigmoid<B: Backend, const D: usize>(x: Tensor<B, D>, values: Rounding) -> Tensor<B, D> {
    match values {
        Rounding::None => activation::sigmoid(x),
        Rounding::ToBfloat16 => {
            let power = values.apply(values.apply(x).neg().exp());
            values.apply(values.apply(power + 1.0f32).recip())
        }
    }
}

/// `LayerNorm`.
pub fn layer_normalise<B: Backend>(
    x: Tensor<B, 3>,
    norm: &LayerNorm<B>,
    roundings: Roundings,
) -> Tensor<B, 3> {
    let values = roundings.values;
    let x = if norm.centred {
        let mean = values.apply(x.clone().mean_dim(2));
        values.apply(x - mean)
    } else {
        x
    };
    let squares = roundings.squares.apply(x.clone().square());
    let inverse = values.apply((squares.mean_dim(2) + 1e-5f32).sqrt().recip());
    let scale = values.apply(norm.scale.clone().unsqueeze::<3>() * inverse);
    let scaled = values.apply(x * scale);
    add(scaled, norm.offset.clone().unsqueeze(), roundings)
}

/// A linear layer.
pub fn project<B: Backend>(
    x: Tensor<B, 3>,
    linear: &Linear<B>,
    activation: Activation,
    roundings: Roundings,
) -> Tensor<B, 3> {
    let [batch, length, channels] = x.dims();
    let rows = x.reshape([batch * length, channels]);
    let operand = |x| roundings.products.apply(x);
    let products = operand(rows).matmul(operand(linear.weight.clone()));
    let mut y = match &linear.bias {
        Some(bias) => {
            let products = roundings.values.apply(products);
            add(products, bias.clone().unsqueeze(), roundings)
        }
        None => roundings.result.apply(products),
    };
    if activation == Activation::Relu {
        y = activation::relu(y);
    }
    let outputs = y.dims()[1];
    y.reshape([batch, length, outputs])
}

/// A convolution.
pub fn convolution<B: Backend>(
    x: Tensor<B, 3>,
    convolution: &Convolution<B>,
    roundings: Roundings,
) -> Tensor<B, 3> {
    let width = convolution.weight.dims()[0];
    let operand = roundings.products;
    let kernel = operand.apply(convolution.weight.clone());
    let kernel = kernel.permute([2, 1, 0]);
    let x = operand.apply(x);
    let options = ConvOptions::new([1], [width / 2], [1], 1);
    let convolve = |bias: Option<Tensor<B, 1>>| {
        module::conv1d(x.swap_dims(1, 2), kernel, bias, options).swap_dims(1, 2)
    };
    let y = match roundings.convolution_steps {
        Rounding::None => convolve(Some(convolution.bias.clone())),
        steps => steps.apply(steps.apply(convolve(None)) + convolution.bias.clone().unsqueeze()),
    };
    roundings.result.apply(y)
}

/// `y` plus `residual`, whose channels are cut or zero-padded to those of `y`.
pub fn add_channels<B: Backend>(
    y: Tensor<B, 3>,
    residual: Tensor<B, 3>,
    roundings: Roundings,
) -> Tensor<B, 3> {
    let [_, _, channels] = y.dims();
    let [batch, length, given] = residual.dims();
    let residual = if given >= channels {
        residual.narrow(2, 0, channels)
    } else {
        let zeros = Tensor::zeros([batch, length, channels - given], &y.device());
        Tensor::cat(vec![residual, zeros], 2)
    };
    add(y, residual, roundings)
}

/// The larger of two neighbours.
pub fn max_pool<B: Backend>(x: Tensor<B, 3>) -> Tensor<B, 3> {
    let [batch, length, channels] = x.dims();
    let pairs = x.reshape([batch, length / 2, 2, channels]);
    let (even, odd) = (pairs.clone().narrow(2, 0, 1), pairs.narrow(2, 1, 1));
    even.max_pair(odd).reshape([batch, length / 2, channels])
}

/// The mean of neighbours.
pub fn mean_pool<B: Backend>(x: Tensor<B, 3>, by: usize, roundings: Roundings) -> Tensor<B, 3> {
    let [batch, length, channels] = x.dims();
    let windows = x.reshape([batch, length / by, by, channels]);
    let means = match roundings.values {
        Rounding::None => windows.mean_dim(2),
        values => {
            let first = windows.clone().narrow(2, 0, 1);
            let sum = (1..by).fold(first, |sum, index| {
                values.apply(sum + windows.clone().narrow(2, index, 1))
            });
            sum / by as f32
        }
    };
    let means = means.reshape([batch, length / by, channels]);
    roundings.result.apply(means)
}

/// Every position twice, scaled, plus a skip.
pub fn upsample_add<B: Backend>(
    x: Tensor<B, 3>,
    scale: Tensor<B, 1>,
    skip: Tensor<B, 3>,
    roundings: Roundings,
) -> Tensor<B, 3> {
    let [batch, length, channels] = x.dims();
    let skip = skip.reshape([batch, length, 2, channels]);
    let scaled = roundings.values.apply(x * scale.unsqueeze());
    let scaled = scaled.reshape([batch, length, 1, channels]);
    add(skip, scaled, roundings).reshape([batch, 2 * length, channels])
}

/// The rotary embedding.
pub fn rotate<B: Backend>(
    x: Tensor<B, 4>,
    rotation: &Rotation<B>,
    roundings: Roundings,
) -> Tensor<B, 4> {
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
    let product = |x: &Tensor<B, 5>, angle: &Tensor<B, 5>| {
        let product = x.clone() * angle.clone();
        roundings.values.apply(product)
    };
    let first = product(&even, &cosine) - product(&odd, &sine);
    let second = product(&odd, &cosine) + product(&even, &sine);
    let rotated = Tensor::cat(vec![first, second], 4).reshape([batch, length, heads, channels]);
    roundings.result.apply(rotated)
}

/// Attention along the sequence, a block of queries at a time so that the logits of a long one fit.
pub fn sequence_attention<B: Backend>(
    queries: Tensor<B, 4>,
    keys: Tensor<B, 3>,
    values: Tensor<B, 3>,
    bias: Tensor<B, 4>,
    soft_cap: f32,
    roundings: Roundings,
) -> Tensor<B, 3> {
    let operands = roundings.operands;
    let [batch, length, heads, width] = queries.dims();
    let value_width = values.dims()[2];
    let rows = bias.dims()[2];
    let pool = length / rows;
    let queries = operands.apply(queries).permute([0, 2, 1, 3]);
    let keys = operands.apply(keys).swap_dims(1, 2);
    let values = operands.apply(values);
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
        let weights = activation::softmax(logits.reshape([batch, heads * positions, length]), 2);
        let block = roundings
            .result
            .apply(operands.apply(weights).matmul(values.clone()));
        let block = block
            .reshape([batch, heads, positions, value_width])
            .swap_dims(1, 2);
        blocks.push(block.reshape([batch, positions, heads * value_width]));
    }
    Tensor::cat(blocks, 1)
}

/// Attention along rows, a block of rows at a time.
pub fn row_attention<B: Backend>(
    queries: Tensor<B, 4>,
    keys: Tensor<B, 4>,
    values: Tensor<B, 4>,
    roundings: Roundings,
) -> Tensor<B, 4> {
    let operands = roundings.operands;
    let [batch, rows, columns, width] = queries.dims();
    let step = (LOGITS_AT_ONCE / (batch * columns * columns)).clamp(1, rows);
    let mut blocks = Vec::with_capacity(rows.div_ceil(step));
    for first in (0..rows).step_by(step) {
        let count = step.min(rows - first);
        let part = |x: &Tensor<B, 4>| operands.apply(x.clone().narrow(1, first, count));
        let logits = part(&queries).matmul(part(&keys).swap_dims(2, 3)) / (width as f32).sqrt();
        let weights = operands.apply(activation::softmax(logits, 3));
        blocks.push(roundings.result.apply(weights.matmul(part(&values))));
    }
    Tensor::cat(blocks, 1)
}

/// Products of all positions with all, plus terms of their distance.
pub fn pair_products<B: Backend>(
    queries: Tensor<B, 4>,
    keys: Tensor<B, 4>,
    query_bias: Tensor<B, 2>,
    key_bias: Tensor<B, 2>,
    positions: Tensor<B, 3>,
    roundings: Roundings,
) -> Tensor<B, 4> {
    let values = roundings.values;
    let operand = roundings.products;
    let positions = operand.apply(positions);
    let positions = positions.permute([1, 2, 0]).unsqueeze::<4>();
    let relative = |x: Tensor<B, 4>, bias: Tensor<B, 2>| {
        let biased = operand.apply(values.apply(x + bias.unsqueeze::<4>()));
        shift(values.apply(biased.permute([0, 2, 1, 3]).matmul(positions.clone())))
    };
    let of_queries = relative(queries.clone(), query_bias);
    let of_keys = relative(keys.clone(), key_bias).swap_dims(2, 3);
    let products = operand
        .apply(queries)
        .permute([0, 2, 1, 3])
        .matmul(operand.apply(keys).permute([0, 2, 3, 1]));
    // Halving is exact, so one rounding of the sum is enough.
    let relative = values.apply(of_queries + of_keys) * 0.5f32;
    add(values.apply(products), relative, roundings).permute([0, 2, 3, 1])
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

/// `(x + transposed x) / 2`.
pub fn symmetrise<B: Backend>(x: Tensor<B, 4>, roundings: Roundings) -> Tensor<B, 4> {
    add(x.clone(), x.swap_dims(1, 2), roundings) / 2.0f32
}

/// The end of an output embedder.
pub fn output_embedding<B: Backend>(
    x: Tensor<B, 3>,
    skip: Option<Tensor<B, 3>>,
    norm: &Affine<B>,
    organism: Tensor<B, 2>,
    roundings: Roundings,
) -> Tensor<B, 3> {
    let [batch, length, channels] = x.dims();
    let x = match skip {
        Some(skip) => {
            let coarse = skip.dims()[1];
            let x = x.reshape([batch, coarse, length / coarse, channels]);
            let sum = x + skip.reshape([batch, coarse, 1, channels]);
            roundings
                .values
                .apply(sum)
                .reshape([batch, length, channels])
        }
        None => x,
    };
    let normalised = normalise(x, norm, roundings);
    let x = add(normalised, organism.unsqueeze_dim(1), roundings);
    activate(x, Gelu::Sigmoid, roundings)
}

/// Genome tracks from a linear layer's output.
pub fn tracks<B: Backend>(
    x: Tensor<B, 3>,
    scale: Tensor<B, 2>,
    unscale: Option<&Unscale<B>>,
) -> (Tensor<B, 3>, Option<Tensor<B, 3>>) {
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

/// `log(1 + e^x)` without overflow, as `jax.nn.softplus` has it.
pub fn softplus<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
    x.clone().clamp_min(0.0) + x.abs().neg().exp().log1p()
}

/// Rows in another order.
pub fn take_rows<B: Backend>(
    from: Vec<Tensor<B, 3>>,
    rows: Tensor<B, 1, Int>,
    batch: usize,
) -> Tensor<B, 3> {
    let flat = from.into_iter().map(|x| {
        let [sequences, length, channels] = x.dims();
        x.reshape([sequences * length, channels])
    });
    let all: Tensor<B, 2> = Tensor::cat(flat.collect(), 0);
    let ([channels], [count]) = ([all.dims()[1]], rows.dims());
    all.select(0, rows)
        .reshape([batch, count / batch, channels])
}

/// The best positions of each kind of splice site, chosen on the host.
pub fn best_positions<B: Backend>(
    probabilities: Tensor<B, 3>,
    k: usize,
    threshold: f32,
) -> Tensor<B, 3, Int> {
    let device = probabilities.device();
    let shape @ [batch, ..] = probabilities.dims();
    let values = probabilities.into_data().convert::<f32>().into_vec::<f32>();
    let values = values.expect("the data was converted to float32");
    let positions = crate::splice_sites::best_positions(&values, shape, k, threshold);
    Tensor::from_data(TensorData::new(positions, [batch, 4, k]), &device)
}

/// Splice sites of one kind: channels `[D, C]`, what turns them into each tissue's, and their rotation.
pub type Sites<'a, B> = (Tensor<B, 2>, &'a TissueAffine<B>, &'a Rotation<B>);

/// Junction counts of every donor with every acceptor in every tissue, a tissue at a time.
pub fn junctions<B: Backend>(
    donors: Sites<'_, B>,
    acceptors: Sites<'_, B>,
    rounding: Rounding,
) -> Tensor<B, 3> {
    let [count, _] = donors.0.dims();
    let [partners, _] = acceptors.0.dims();
    let tissues = donors.1.scale.dims()[0];
    let products = (0..tissues).map(|tissue| {
        let of_tissue = |(x, affine, rotation): &Sites<'_, B>| {
            let [positions, channels] = x.dims();
            let scale = affine.scale.clone().narrow(0, tissue, 1);
            let x = x.clone() * scale + affine.offset.clone().narrow(0, tissue, 1);
            let x = x.reshape([1, positions, 1, channels]);
            let x = rotate(x, rotation, Roundings::FLOAT32);
            rounding.apply(x.reshape([positions, channels]))
        };
        let product = of_tissue(&donors).matmul(of_tissue(&acceptors).transpose());
        softplus(product).reshape([count, partners, 1])
    });
    Tensor::cat(products.collect(), 2)
}
