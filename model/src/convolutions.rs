//! The blocks that encoder and decoder are made of (`convolutions.py`).

use burn::tensor::Tensor;

use crate::layers::{Affine, Convolution, Linear};
use crate::operations::{Gelu, Operations};
use crate::parameters::Loader;
use crate::precision::Roundings;
use crate::taps::{Taps, tap};

/// `ConvBlock`: norm, gelu, standardised convolution.
#[derive(Clone, Debug)]
pub struct ConvolutionBlock<B: Operations> {
    path: String,
    norm: Affine<B>,
    convolution: Convolution<B>,
    roundings: Roundings,
}

impl<B: Operations> ConvolutionBlock<B> {
    /// Takes the block's parameters; `shape` is the kernel's, `[width, in, out]`.
    pub(crate) fn load(loader: &mut Loader<'_, B>, path: String, shape: [usize; 3]) -> Self {
        let norm = loader.rms_batch_norm(&format!("{path}/rms_batch_norm"), shape[1]);
        let convolution =
            loader.standardized_convolution(&format!("{path}/standardized_conv1_d"), shape);
        Self {
            path,
            norm,
            convolution,
            roundings: loader.roundings(),
        }
    }

    /// `[B, S, in]` to `[B, S, out]`, plus `residual`, its channels cut or zero-padded to `out`.
    ///
    /// A tap sees the block without the residual; it is computed apart, since the sum is not rounded in between.
    pub fn forward(
        &self,
        x: Tensor<B, 3>,
        residual: Tensor<B, 3>,
        taps: &mut dyn Taps,
    ) -> Tensor<B, 3> {
        let _scope = B::scope(&self.path);
        let (norm, convolution, roundings) = (&self.norm, &self.convolution, self.roundings);
        if taps.wants(&self.path) {
            let y = B::convolution_block(x.clone(), norm, convolution, None, roundings);
            tap(taps, &self.path, &y);
        }
        B::convolution_block(x, norm, convolution, Some(residual), roundings)
    }
}

/// `ConvBlock` of width 1: norm, gelu, linear.
#[derive(Clone, Debug)]
pub struct PointwiseBlock<B: Operations> {
    path: String,
    norm: Affine<B>,
    linear: Linear<B>,
    gelu: Gelu,
    roundings: Roundings,
}

impl<B: Operations> PointwiseBlock<B> {
    /// Takes the block's parameters.
    pub(crate) fn load(
        loader: &mut Loader<'_, B>,
        path: String,
        inputs: usize,
        outputs: usize,
    ) -> Self {
        let norm = loader.rms_batch_norm(&format!("{path}/rms_batch_norm"), inputs);
        let linear = loader.linear(&format!("{path}/linear"), inputs, outputs, true);
        Self {
            path,
            norm,
            linear,
            gelu: loader.gelu(Gelu::Sigmoid),
            roundings: loader.roundings(),
        }
    }

    /// `[B, S, in]` to `[B, S, out]`.
    pub fn forward(&self, x: Tensor<B, 3>, taps: &mut dyn Taps) -> Tensor<B, 3> {
        let _scope = B::scope(&self.path);
        let y = B::pointwise_block(x, &self.norm, &self.linear, self.gelu, self.roundings);
        tap(taps, &self.path, &y);
        y
    }
}
