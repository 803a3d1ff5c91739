//! Norms, linear layers and convolutions.

use burn::tensor::Tensor;
use burn_flex::Flex;
use kernels::activation::Function;
use kernels::linear::{Epilogue, Residual};
use kernels::{convolution, linear, norm};

use super::floats::{Floats, filled, part, sequences};
use crate::layers::{Affine, Convolution, LayerNorm, Linear};
use crate::operations::{Activation, Gelu};

/// `f(x * scale + offset)`.
pub(super) fn affine(
    x: Tensor<Flex, 3>,
    norm: &Affine<Flex>,
    function: Option<Function>,
) -> Tensor<Flex, 3> {
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
pub(super) fn convolve(
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

pub(super) fn layer_normalise(x: Tensor<Flex, 3>, norm: &LayerNorm<Flex>) -> Tensor<Flex, 3> {
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

pub(super) fn project(
    x: Tensor<Flex, 3>,
    linear: &Linear<Flex>,
    activation: Activation,
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
    let shape = [length, inputs, outputs];
    filled([batch, length, outputs], |y| {
        // One product a sequence: a product of more rows may sum in another order.
        for (sequence, y) in sequences(y, length * outputs).enumerate() {
            let x = part(&x, sequence, batch);
            linear::linear(y, x, weight.as_slice(), epilogue, shape);
        }
    })
}

/// The kernel's name of a gelu.
pub(super) fn function(gelu: Gelu) -> Function {
    match gelu {
        Gelu::Sigmoid => Function::GeluSigmoid,
        Gelu::Tanh => Function::GeluTanh,
    }
}
