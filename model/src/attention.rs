//! The blocks of the tower that work on the sequence (`attention.py`).

use burn::tensor::Tensor;

use crate::config;
use crate::layers::{Affine, LayerNorm, Linear, Rotation};
use crate::names::numbered;
use crate::operations::{Activation, Gelu, Operations};
use crate::parameters::Loader;
use crate::precision::Roundings;
use crate::taps::{Taps, tap};
use crate::tower::PATH;

/// How the attention of the sequence runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AttentionForm {
    /// Without all logits in memory, where there is such a form: on the CPU, and on Hopper in bfloat16. Elsewhere as
    /// [`Self::Plain`].
    #[default]
    Fused,
    /// Logits, softmax and weights in memory, one after the other.
    Plain,
}

/// `MHABlock`: many query heads, one shared key head and one shared value head.
#[derive(Clone, Debug)]
pub struct MhaBlock<B: Operations> {
    pub(crate) path: String,
    norm: Affine<B>,
    queries: Linear<B>,
    keys: Linear<B>,
    values: Linear<B>,
    query_norm: LayerNorm<B>,
    key_norm: LayerNorm<B>,
    value_norm: LayerNorm<B>,
    embedding: Linear<B>,
    last_norm: Affine<B>,
    heads: usize,
    soft_cap: f32,
    pub(crate) form: AttentionForm,
    roundings: Roundings,
}

impl<B: Operations> MhaBlock<B> {
    /// Takes the block's parameters.
    pub(crate) fn load(loader: &mut Loader<'_, B>, index: usize, config: &config::Tower) -> Self {
        let path = numbered(&format!("{PATH}/mha_block"), index);
        let (channels, heads, width, value_width) = (
            config.channels,
            config.heads,
            config.head_width,
            config.value_width,
        );
        let embedding = format!("{path}/linear_embedding");
        Self {
            norm: loader.rms_batch_norm(&format!("{path}/rms_batch_norm"), channels),
            queries: loader.linear(&format!("{path}/q_layer"), channels, heads * width, false),
            keys: loader.linear(&format!("{path}/k_layer"), channels, width, false),
            values: loader.linear(&format!("{path}/v_layer"), channels, value_width, false),
            query_norm: loader.layer_norm(&format!("{path}/norm_q"), width, true),
            key_norm: loader.layer_norm(&format!("{path}/norm_k"), width, true),
            value_norm: loader.layer_norm(&format!("{path}/norm_v"), value_width, true),
            embedding: loader.linear(&embedding, heads * value_width, channels, true),
            last_norm: loader.rms_batch_norm(&format!("{path}/rms_batch_norm_1"), channels),
            heads,
            soft_cap: config.soft_cap,
            form: AttentionForm::default(),
            roundings: loader.roundings(),
            path,
        }
    }

    /// `[B, S, C]` with a bias `[B, H, P, P]` to `[B, S, C]`, without the residual.
    pub fn forward(
        &self,
        x: Tensor<B, 3>,
        bias: Tensor<B, 4>,
        rotation: &Rotation<B>,
        taps: &mut dyn Taps,
    ) -> Tensor<B, 3> {
        let _scope = B::scope(&self.path);
        let [batch, length, _] = x.dims();
        let roundings = self.roundings;
        let of_products = roundings.unfinished();
        let h = B::normalise(x, &self.norm, roundings);
        let project = |linear: &Linear<B>, heads: usize, norm: &LayerNorm<B>, roundings| {
            let y = B::project(h.clone(), linear, Activation::Identity, self.roundings);
            let width = y.dims()[2] / heads;
            B::layer_normalise(y.reshape([batch, length * heads, width]), norm, roundings)
        };
        let queries = project(&self.queries, self.heads, &self.query_norm, roundings);
        let keys = project(&self.keys, 1, &self.key_norm, roundings);
        let values = project(&self.values, 1, &self.value_norm, of_products);
        drop(h);
        let width = keys.dims()[2];
        let queries = queries.reshape([batch, length, self.heads, width]);
        let queries = B::rotate(queries, rotation, roundings);
        let keys = keys.reshape([batch, length, 1, width]);
        let keys = B::rotate(keys, rotation, of_products).reshape([batch, length, width]);
        let (cap, form) = (self.soft_cap, self.form);
        let y = B::sequence_attention(queries, keys, values, bias, cap, form, roundings);
        let y = B::project(y, &self.embedding, Activation::Identity, roundings);
        let y = B::normalise(y, &self.last_norm, roundings);
        tap(taps, &self.path, &y);
        y
    }
}

/// `MLPBlock`: twice the width, relu, with a norm before and after.
#[derive(Clone, Debug)]
pub struct MlpBlock<B: Operations> {
    pub(crate) path: String,
    norm: Affine<B>,
    wide: Linear<B>,
    narrow: Linear<B>,
    last_norm: Affine<B>,
    roundings: Roundings,
}

impl<B: Operations> MlpBlock<B> {
    /// Takes the block's parameters.
    pub(crate) fn load(loader: &mut Loader<'_, B>, index: usize, config: &config::Tower) -> Self {
        let path = numbered(&format!("{PATH}/mlp_block"), index);
        let (channels, hidden) = (config.channels, config.mlp_hidden);
        Self {
            norm: loader.rms_batch_norm(&format!("{path}/rms_batch_norm"), channels),
            wide: loader.linear(&format!("{path}/linear"), channels, hidden, true),
            narrow: loader.linear(&format!("{path}/linear_1"), hidden, channels, true),
            last_norm: loader.rms_batch_norm(&format!("{path}/rms_batch_norm_1"), channels),
            roundings: loader.roundings(),
            path,
        }
    }

    /// `[B, S, C]` to `[B, S, C]`, without the residual.
    pub fn forward(&self, x: Tensor<B, 3>, taps: &mut dyn Taps) -> Tensor<B, 3> {
        let _scope = B::scope(&self.path);
        let roundings = self.roundings;
        let h = B::normalise(x, &self.norm, roundings);
        let h = B::project(h, &self.wide, Activation::Relu, roundings);
        let y = B::project(h, &self.narrow, Activation::Identity, roundings);
        let y = B::normalise(y, &self.last_norm, roundings);
        tap(taps, &self.path, &y);
        y
    }
}

/// `AttentionBiasBlock`: from the pair to a bias for every head, before it is repeated.
#[derive(Clone, Debug)]
pub struct AttentionBiasBlock<B: Operations> {
    path: String,
    norm: Affine<B>,
    linear: Linear<B>,
    gelu: Gelu,
    roundings: Roundings,
}

impl<B: Operations> AttentionBiasBlock<B> {
    /// Takes the block's parameters.
    pub(crate) fn load(
        loader: &mut Loader<'_, B>,
        index: usize,
        channels: usize,
        heads: usize,
    ) -> Self {
        let path = numbered(&format!("{PATH}/attention_bias_block"), index);
        let norm = loader.rms_batch_norm(&format!("{path}/rms_batch_norm"), channels);
        let linear = loader.linear(&format!("{path}/linear"), channels, heads, false);
        Self {
            path,
            norm,
            linear,
            gelu: loader.gelu(Gelu::Tanh),
            roundings: loader.roundings(),
        }
    }

    /// `[B, P, P, F]` to `[B, H, P, P]`.
    pub fn forward(&self, pair: Tensor<B, 4>, taps: &mut dyn Taps) -> Tensor<B, 4> {
        let _scope = B::scope(&self.path);
        let [batch, rows, columns, channels] = pair.dims();
        let pairs = pair.reshape([batch, rows * columns, channels]);
        let y = B::pointwise_block(pairs, &self.norm, &self.linear, self.gelu, self.roundings);
        let heads = y.dims()[2];
        let y = y.swap_dims(1, 2).reshape([batch, heads, rows, columns]);
        tap(taps, &self.path, &y);
        y
    }
}
