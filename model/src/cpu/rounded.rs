//! The forms for bfloat16: float32 products, and elementwise steps that round.

use burn::tensor::Tensor;
use burn_flex::Flex;
use kernels::bfloat16::{self, Sums};
use kernels::linear::{Epilogue, Residual};
use kernels::{convolution, linear, norm};

use super::floats::{Floats, filled, part, sequences};
use crate::layers::{Affine, Convolution, Linear};
use crate::operations::{Activation, Gelu};
use crate::precision::{Rounding, Roundings};

/// Rounds a tensor if it is to be rounded.
pub(super) fn round<const D: usize>(x: Tensor<Flex, D>, rounding: Rounding) -> Tensor<Flex, D> {
    if rounding == Rounding::None {
        return x;
    }
    let mut x = Floats::new(x);
    bfloat16::round(x.as_mut_slice());
    x.into_tensor()
}

/// `gelu(x * scale + offset)`.
pub(super) fn affine(
    x: Tensor<Flex, 3>,
    norm: &Affine<Flex>,
    gelu: Option<Gelu>,
) -> Tensor<Flex, 3> {
    let shape = x.dims();
    let x = Floats::new(x);
    let [scale, offset] = [Floats::of(&norm.scale), Floats::of(&norm.offset)];
    let norm = norm::Affine {
        scale: scale.as_slice(),
        offset: offset.as_slice(),
    };
    let gelu = gelu.map(|gelu| match gelu {
        Gelu::Sigmoid => bfloat16::Gelu::Sigmoid,
        Gelu::Tanh => bfloat16::Gelu::Tanh,
    });
    filled(shape, |y| {
        bfloat16::affine(y, x.as_slice(), norm, gelu);
    })
}

/// A linear layer.
pub(super) fn project(
    x: Tensor<Flex, 3>,
    linear: &Linear<Flex>,
    activation: Activation,
    roundings: Roundings,
) -> Tensor<Flex, 3> {
    let [batch, length, inputs] = x.dims();
    let outputs = linear.weight.dims()[1];
    let [x, weight] = [Floats::new(x), Floats::of(&linear.weight)];
    let bias = linear.bias.as_ref().map(Floats::of);
    let epilogue = Epilogue {
        bias: bias.as_ref().map(Floats::as_slice),
        residual: None,
        relu: activation == Activation::Relu,
    };
    let sums = sums(roundings.values, roundings);
    let shape = [length, inputs, outputs];
    filled([batch, length, outputs], |y| {
        // As in float32: one product a sequence.
        for (sequence, y) in sequences(y, length * outputs).enumerate() {
            let x = part(&x, sequence, batch);
            linear::linear(y, x, weight.as_slice(), Epilogue::default(), shape);
            bfloat16::finish(y, outputs, epilogue, sums);
        }
    })
}

/// A convolution with its bias and, if there is one, a residual.
pub(super) fn convolve(
    x: Tensor<Flex, 3>,
    convolution: &Convolution<Flex>,
    residual: Option<Tensor<Flex, 3>>,
    roundings: Roundings,
) -> Tensor<Flex, 3> {
    let [batch, length, inputs] = x.dims();
    let [width, _, outputs] = convolution.weight.dims();
    let channels = residual.as_ref().map_or(0, |residual| residual.dims()[2]);
    let [kernel, bias] = [
        Floats::of(&convolution.weight),
        Floats::of(&convolution.bias),
    ];
    let (x, residual) = (Floats::new(x), residual.map(Floats::new));
    let sums = sums(roundings.convolution_steps, roundings);
    let shape = [length, width, inputs, outputs];
    filled([batch, length, outputs], |y| {
        for (sequence, y) in sequences(y, length * outputs).enumerate() {
            let x = part(&x, sequence, batch);
            let epilogue = Epilogue {
                bias: Some(bias.as_slice()),
                residual: residual.as_ref().map(|residual| Residual {
                    values: part(residual, sequence, batch),
                    channels,
                }),
                relu: false,
            };
            let kernel = kernel.as_slice();
            convolution::convolve(y, x, None, kernel, Epilogue::default(), shape);
            bfloat16::finish(y, outputs, epilogue, sums);
        }
    })
}

fn sums(steps: Rounding, roundings: Roundings) -> Sums {
    Sums {
        steps: steps != Rounding::None,
        result: roundings.result != Rounding::None,
    }
}

/// Every position twice, scaled, plus a skip.
pub(super) fn upsample_add(
    x: Tensor<Flex, 3>,
    scale: f32,
    skip: Tensor<Flex, 3>,
) -> Tensor<Flex, 3> {
    let channels = x.dims()[2];
    let (x, mut y) = (Floats::new(x), Floats::new(skip));
    bfloat16::upsample_add(y.as_mut_slice(), x.as_slice(), channels, scale);
    y.into_tensor()
}

/// The end of an output embedder.
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
        bfloat16::embed(x, skip, norm, part(&organism, sequence, batch));
    }
    x.into_tensor()
}
