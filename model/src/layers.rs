//! The parameters of the layers, ready to be used: norms folded, kernels standardised.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// A norm without reduction: `x * scale + offset` over the channels.
///
/// `RMSBatchNorm` at inference: `scale` holds `scale * rsqrt(var_ema + 1e-5)`.
#[derive(Clone, Debug)]
pub struct Affine<B: Backend> {
    /// What the channels are multiplied with, `[C]`.
    pub scale: Tensor<B, 1>,
    /// What is added then, `[C]`.
    pub offset: Tensor<B, 1>,
}

/// A norm over the channels of one position: `LayerNorm`.
#[derive(Clone, Debug)]
pub struct LayerNorm<B: Backend> {
    /// What the normalised channels are multiplied with, `[C]`.
    pub scale: Tensor<B, 1>,
    /// What is added then, `[C]`.
    pub offset: Tensor<B, 1>,
    /// Whether the mean is taken off first; Haiku's `rms_norm=True` is `false` here.
    pub centred: bool,
}

/// A linear layer.
#[derive(Clone, Debug)]
pub struct Linear<B: Backend> {
    /// `[in, out]`.
    pub weight: Tensor<B, 2>,
    /// `[out]`.
    pub bias: Option<Tensor<B, 1>>,
}

/// A convolution along the sequence, padded so that the length stays.
#[derive(Clone, Debug)]
pub struct Convolution<B: Backend> {
    /// `[width, in, out]`, the width odd.
    pub weight: Tensor<B, 3>,
    /// `[out]`.
    pub bias: Tensor<B, 1>,
}

/// Cosines and sines of a rotary embedding, one angle a position and channel pair.
#[derive(Clone, Debug)]
pub struct Rotation<B: Backend> {
    /// `[S, C / 2]`.
    pub cosine: Tensor<B, 2>,
    /// `[S, C / 2]`.
    pub sine: Tensor<B, 2>,
}

/// One side of the junction head in one organism: what turns a position's channels into those of each tissue.
#[derive(Clone, Debug)]
pub struct TissueAffine<B: Backend> {
    /// `[T, C]`.
    pub scale: Tensor<B, 2>,
    /// `[T, C]`.
    pub offset: Tensor<B, 2>,
}
