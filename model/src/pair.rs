//! The pair path of the tower (`attention.py`).

use burn::tensor::Tensor;

use crate::config;
use crate::layers::{LayerNorm, Linear};
use crate::names::numbered;
use crate::operations::{Activation, Gelu, Operations, Source};
use crate::parameters::Loader;
use crate::precision::Roundings;
use crate::rotary::{central_mask_widths, distance_features};
use crate::taps::{Taps, tap};
use crate::tower::PATH;

/// `PairUpdateBlock`: from the sequence, then attention along rows, then an MLP, each with a residual.
#[derive(Clone, Debug)]
pub struct PairUpdateBlock<B: Operations> {
    path: String,
    pub(crate) from_sequence: SequenceToPairBlock<B>,
    pub(crate) row_attention: RowAttentionBlock<B>,
    pub(crate) mlp: PairMlpBlock<B>,
    roundings: Roundings,
}

impl<B: Operations> PairUpdateBlock<B> {
    /// Takes the block's parameters.
    pub(crate) fn load(
        loader: &mut Loader<'_, B>,
        index: usize,
        tower: &config::Tower,
        pair: &config::Pair,
    ) -> Self {
        let path = numbered(&format!("{PATH}/pair_update_block"), index);
        Self {
            from_sequence: SequenceToPairBlock::load(loader, &path, tower, pair),
            row_attention: RowAttentionBlock::load(loader, &path, pair),
            mlp: PairMlpBlock::load(loader, &path, pair),
            roundings: loader.roundings(),
            path,
        }
    }

    /// The sequence `[B, S, C]` and the pair so far `[B, P, P, F]` to the new pair.
    pub fn forward(
        &self,
        x: Tensor<B, 3>,
        pair: Option<Tensor<B, 4>>,
        taps: &mut dyn Taps,
    ) -> Tensor<B, 4> {
        let _scope = B::scope(&self.path);
        let y = self.from_sequence.forward(x, taps);
        let pair = match pair {
            Some(pair) => B::add(pair, y, self.roundings),
            None => y,
        };
        let y = self.row_attention.forward(pair.clone(), taps);
        let pair = B::add(pair, y, self.roundings);
        let y = self.mlp.forward(pair.clone(), taps);
        let pair = B::add(pair, y, self.roundings);
        tap(taps, &self.path, &pair);
        pair
    }
}

/// `SequenceToPairBlock`.
#[derive(Clone, Debug)]
pub(crate) struct SequenceToPairBlock<B: Operations> {
    path: String,
    norm: LayerNorm<B>,
    queries: Linear<B>,
    keys: Linear<B>,
    positions: Linear<B>,
    query_bias: Tensor<B, 2>,
    key_bias: Tensor<B, 2>,
    of_query: Linear<B>,
    of_key: Linear<B>,
    pair: Linear<B>,
    gelu: Gelu,
    pool: usize,
    widths: Vec<f32>,
    roundings: Roundings,
}

impl<B: Operations> SequenceToPairBlock<B> {
    fn load(
        loader: &mut Loader<'_, B>,
        path: &str,
        tower: &config::Tower,
        pair: &config::Pair,
    ) -> Self {
        let path = format!("{path}/sequence_to_pair_block");
        let (heads, width, channels) = (pair.heads, pair.head_width, tower.channels);
        let features = pair.position_features;
        Self {
            norm: loader.layer_norm(&format!("{path}/norm_seq2pair"), channels, false),
            queries: loader.linear(&format!("{path}/linear_q"), channels, heads * width, false),
            keys: loader.linear(&format!("{path}/linear_k"), channels, heads * width, false),
            positions: loader.linear(
                &format!("{path}/linear_pos_features"),
                features,
                heads * width,
                true,
            ),
            query_bias: loader.parameter(&format!("{path}/q_r_bias"), [heads, width]),
            key_bias: loader.parameter(&format!("{path}/k_r_bias"), [heads, width]),
            of_query: loader.linear(
                &format!("{path}/linear_y_q"),
                channels,
                pair.channels,
                false,
            ),
            of_key: loader.linear(
                &format!("{path}/linear_y_k"),
                channels,
                pair.channels,
                false,
            ),
            pair: loader.linear(&format!("{path}/linear_pair"), heads, pair.channels, true),
            gelu: loader.gelu(Gelu::Tanh),
            pool: pair.pool,
            widths: central_mask_widths(features / 2, tower.max_position / pair.pool),
            roundings: loader.roundings(),
            path,
        }
    }

    /// `[B, S, C]` to `[B, P, P, F]`.
    pub(crate) fn forward(&self, x: Tensor<B, 3>, taps: &mut dyn Taps) -> Tensor<B, 4> {
        let _scope = B::scope(&self.path);
        let roundings = self.roundings;
        let x = B::mean_pool(x, self.pool, roundings);
        let x = B::layer_normalise(x, &self.norm, roundings);
        let [batch, length, _] = x.dims();
        let [heads, width] = self.query_bias.dims();
        let project = |x: &Tensor<B, 3>, linear: &Linear<B>| {
            B::project(x.clone(), linear, Activation::Identity, roundings)
        };
        let queries = project(&x, &self.queries).reshape([batch, length, heads, width]);
        let keys = project(&x, &self.keys).reshape([batch, length, heads, width]);
        let features = B::floats(
            Source::Constant("distance features"),
            [1, 2 * length, 2 * self.widths.len()],
            || distance_features(length, &self.widths),
            &x.device(),
        );
        let positions = project(&features, &self.positions);
        let positions = positions.reshape([2 * length, heads, width]);
        let products = B::pair_products(
            queries,
            keys,
            self.query_bias.clone(),
            self.key_bias.clone(),
            positions,
            roundings,
        );
        let pair = project(
            &products.reshape([batch, length * length, heads]),
            &self.pair,
        );
        let channels = pair.dims()[2];
        let active = B::activate(x, self.gelu, roundings);
        let of_query = project(&active, &self.of_query).reshape([batch, length, 1, channels]);
        let of_key = project(&active, &self.of_key).reshape([batch, 1, length, channels]);
        let pair = pair.reshape([batch, length, length, channels]);
        let y = B::add(B::add(pair, of_query, roundings), of_key, roundings);
        tap(taps, &self.path, &y);
        y
    }
}

/// `RowAttentionBlock`.
#[derive(Clone, Debug)]
pub(crate) struct RowAttentionBlock<B: Operations> {
    path: String,
    norm: LayerNorm<B>,
    queries: Linear<B>,
    keys: Linear<B>,
    values: Linear<B>,
    roundings: Roundings,
}

impl<B: Operations> RowAttentionBlock<B> {
    fn load(loader: &mut Loader<'_, B>, path: &str, config: &config::Pair) -> Self {
        let path = format!("{path}/row_attention_block");
        let (channels, width) = (config.channels, config.row_width);
        Self {
            norm: loader.layer_norm(&format!("{path}/layer_norm"), channels, false),
            queries: loader.linear(&format!("{path}/linear_q"), channels, width, false),
            keys: loader.linear(&format!("{path}/linear_k"), channels, width, false),
            values: loader.linear(&format!("{path}/linear_v"), channels, width, true),
            roundings: loader.roundings(),
            path,
        }
    }

    /// `[B, P, P, F]` to `[B, P, P, F]`, without the residual.
    pub(crate) fn forward(&self, pair: Tensor<B, 4>, taps: &mut dyn Taps) -> Tensor<B, 4> {
        let _scope = B::scope(&self.path);
        let roundings = self.roundings;
        let [batch, rows, columns, channels] = pair.dims();
        let x = pair.reshape([batch, rows * columns, channels]);
        let x = B::layer_normalise(x, &self.norm, self.roundings);
        let project = |linear: &Linear<B>, roundings| {
            let y = B::project(x.clone(), linear, Activation::Identity, roundings);
            let width = y.dims()[2];
            y.reshape([batch, rows, columns, width])
        };
        let y = B::row_attention(
            project(&self.queries, roundings),
            project(&self.keys, roundings),
            project(&self.values, roundings.unfinished()),
            roundings,
        );
        tap(taps, &self.path, &y);
        y
    }
}

/// `PairMLPBlock`: twice the width, relu, no norm at the end.
#[derive(Clone, Debug)]
pub(crate) struct PairMlpBlock<B: Operations> {
    path: String,
    norm: LayerNorm<B>,
    wide: Linear<B>,
    narrow: Linear<B>,
    roundings: Roundings,
}

impl<B: Operations> PairMlpBlock<B> {
    fn load(loader: &mut Loader<'_, B>, path: &str, config: &config::Pair) -> Self {
        let path = format!("{path}/pair_mlp_block");
        let (channels, hidden) = (config.channels, config.mlp_hidden);
        Self {
            norm: loader.layer_norm(&format!("{path}/layer_norm"), channels, false),
            wide: loader.linear(&format!("{path}/linear"), channels, hidden, true),
            narrow: loader.linear(&format!("{path}/linear_1"), hidden, channels, true),
            roundings: loader.roundings(),
            path,
        }
    }

    /// `[B, P, P, F]` to `[B, P, P, F]`, without the residual.
    pub(crate) fn forward(&self, pair: Tensor<B, 4>, taps: &mut dyn Taps) -> Tensor<B, 4> {
        let _scope = B::scope(&self.path);
        let [batch, rows, columns, channels] = pair.dims();
        let x = pair.reshape([batch, rows * columns, channels]);
        let x = B::layer_normalise(x, &self.norm, self.roundings);
        let h = B::project(x, &self.wide, Activation::Relu, self.roundings);
        let y = B::project(h, &self.narrow, Activation::Identity, self.roundings)
            .reshape([batch, rows, columns, channels]);
        tap(taps, &self.path, &y);
        y
    }
}
