//! The pair path as steps: pairs from the sequence, row attention, MLP, attention biases, output pair.

use super::forward::{Forward, arguments};
use super::steps::{Fixed, Id, Place, Product, Source};
use crate::names::numbered;

impl Forward<'_> {
    /// Positions of a pair axis.
    pub(super) fn positions(&self) -> usize {
        self.length / 128 / self.config.pair.pool
    }

    /// `PairUpdateBlock`: the trunk `[B, s, C]` and the pairs so far to the pairs `[B, P, P, F]`.
    pub(super) fn pair_update(&mut self, trunk: Id, before: Option<Id>, index: usize) -> Id {
        let block = numbered("pair_update_block", index);
        let path = format!("transformer_tower/{block}");
        let (p, f, batch) = (self.positions(), self.config.pair.channels, self.batch);
        let rows = batch * p * p;
        let (x, ends) = self.sequence_to_pair(&format!("{path}/sequence_to_pair_block"), trunk);
        let attention = format!("{path}/row_attention_block");
        self.steps.enter(attention.clone());
        let bias = format!("{path}/sequence_to_pair_block/linear_pair/b");
        let bias = self.weights.values(&bias);
        let (sum, y) = (self.stored(rows * f), self.stored(rows * f));
        if self.taps.is_some() {
            let (made, unused) = (self.stored(rows * f), self.stored(rows * f));
            let [scale, offset] = self.layer_norm(&format!("{attention}/layer_norm"));
            self.steps.warps(
                "pair_sum_norm",
                rows,
                arguments![
                    x,
                    bias,
                    ends,
                    Place::Nowhere,
                    made,
                    unused,
                    scale,
                    offset,
                    rows as i64,
                    p as i32,
                    f as i32
                ],
            );
            self.tap(
                &format!("{path}/sequence_to_pair_block"),
                made,
                &[batch, p, p, f],
            );
        }
        let [scale, offset] = self.layer_norm(&format!("{attention}/layer_norm"));
        self.steps.warps(
            "pair_sum_norm",
            rows,
            arguments![
                x,
                bias,
                ends,
                before,
                sum,
                y,
                scale,
                offset,
                rows as i64,
                p as i32,
                f as i32
            ],
        );
        let attended = self.row_attention(&attention, y);
        self.tap(&attention, attended, &[batch, p, p, f]);
        let mlp = format!("{path}/pair_mlp_block");
        self.steps.enter(mlp.clone());
        let (x, y) = (self.stored(rows * f), self.stored(rows * f));
        let [scale, offset] = self.layer_norm(&format!("{mlp}/layer_norm"));
        self.steps.warps(
            "add_norm",
            rows,
            arguments![sum, attended, x, y, scale, offset, rows as i64, f as i32],
        );
        let hidden = self.config.pair.mlp_hidden;
        let w = self.weights.stored(&format!("{mlp}/linear/w"));
        let y = self.linear(y, w, rows, f, hidden);
        let bias = self.weights.values(&format!("{mlp}/linear/b"));
        self.steps.each(
            "bias_relu",
            rows * hidden / 8,
            arguments![y, bias, rows as i64, hidden as i32],
        );
        let w = self.weights.stored(&format!("{mlp}/linear_1/w"));
        let y = self.linear(y, w, rows, hidden, f);
        let bias = self.weights.values(&format!("{mlp}/linear_1/b"));
        if self.taps.is_some() {
            let made = self.stored(rows * f);
            let extent = Self::extent(rows, f);
            let mut arguments = arguments![y, bias, made];
            arguments.extend(extent);
            self.steps.each("add_bias", rows * f / 8, arguments);
            self.tap(&mlp, made, &[batch, p, p, f]);
        }
        let out = self.stored(rows * f);
        self.steps.each(
            "add_biased",
            rows * f / 8,
            arguments![x, y, bias, out, rows as i64, f as i32],
        );
        self.tap(&path, out, &[batch, p, p, f]);
        out
    }

    fn layer_norm(&self, path: &str) -> [Fixed; 2] {
        ["scale", "offset"].map(|part| self.weights.values(&format!("{path}/{part}")))
    }

    /// `SequenceToPairBlock` up to `linear_pair`, without its bias, and the rows `linear_y_q`, `linear_y_k` `[B, P, 2 F]`.
    fn sequence_to_pair(&mut self, path: &str, trunk: Id) -> (Id, Id) {
        self.steps.enter(path);
        let pair = self.config.pair.clone();
        let (p, f, batch) = (self.positions(), pair.channels, self.batch);
        let (heads, w, c) = (pair.heads, pair.head_width, self.config.tower.channels);
        let wide = heads * w;
        let rows = batch * p;
        let (x, g) = (self.stored(rows * c), self.stored(rows * c));
        let [scale, offset] = self.layer_norm(&format!("{path}/norm_seq2pair"));
        self.steps.launch(
            "pool_norm",
            [rows as u32, 1, 1],
            [256, 1, 1],
            (c * 4) as u32,
            arguments![trunk, x, g, scale, offset, pair.pool as i32, c as i32],
        );
        let weight = self.weights.stored(&format!("{path}/qk"));
        let qk = self.linear(x, weight, rows, c, 2 * wide);
        let biased = self.stored(rows * 2 * wide);
        let bias = self.weights.values(&format!("{path}/qk_r_bias"));
        self.steps.each(
            "add_bias",
            rows * 2 * wide / 8,
            arguments![qk, bias, biased, rows as i64, (2 * wide) as i32],
        );
        let features = self.stored(2 * p * pair.position_features);
        self.steps.each(
            "position_features",
            2 * p * pair.position_features,
            arguments![
                self.weights.position_widths(),
                features,
                p as i32,
                (pair.position_features / 2) as i32
            ],
        );
        let weight = self
            .weights
            .stored(&format!("{path}/linear_pos_features/w"));
        let encoding = self.linear(features, weight, 2 * p, pair.position_features, wide);
        let bias = self
            .weights
            .values(&format!("{path}/linear_pos_features/b"));
        self.steps.each(
            "add_bias",
            2 * p * wide / 8,
            arguments![encoding, bias, encoding, (2 * p) as i64, wide as i32],
        );
        let out = self.stored(rows * p * f);
        for sequence in 0..batch {
            let at = |tensor: Id, part: usize| {
                let values = sequence * p * 2 * wide + part * wide;
                Place::Tensor(tensor, (values * self.element) as u64)
            };
            let by_head = Product {
                transposed: true,
                batch: heads,
                ..Product::dense(p, w, p)
            };
            let plain = Product {
                row: [2 * wide, 2 * wide, p],
                stride: [w, w, p * p],
                ..by_head
            };
            let relative = Product {
                n: 2 * p,
                row: [2 * wide, wide, 2 * p],
                stride: [w, w, 2 * p * p],
                ..by_head
            };
            let (q, k, qb, kb) = (at(qk, 0), at(qk, 1), at(biased, 0), at(biased, 1));
            let products = self.stored(heads * p * p);
            let by_query = self.stored(heads * p * 2 * p);
            let by_key = self.stored(heads * p * 2 * p);
            self.steps.product(plain, q, k, products, None);
            self.steps.product(relative, qb, encoding, by_query, None);
            self.steps.product(relative, kb, encoding, by_key, None);
            let combined = self.stored(p * p * heads);
            self.steps.launch(
                "shift_relative",
                [p.div_ceil(32) as u32, p as u32, heads.div_ceil(32) as u32],
                [32, 8, 1],
                0,
                arguments![products, by_query, by_key, combined, p as i32, heads as i32],
            );
            let weight = self.weights.stored(&format!("{path}/linear_pair/w"));
            let part = Place::Tensor(out, (sequence * p * p * f * self.element) as u64);
            self.steps.product(
                Product::dense(p * p, heads, f),
                combined,
                weight,
                part,
                None,
            );
        }
        let weight = self.weights.stored(&format!("{path}/yqk"));
        let ends = self.linear(g, weight, rows, c, 2 * f);
        (out, ends)
    }

    /// `AttentionBiasBlock`: `[B, P, P, F]` to `[B, P, P, heads]`, not yet repeated.
    pub(super) fn attention_bias(&mut self, pair: Id, layer: usize) -> Id {
        let path = format!(
            "transformer_tower/{}",
            numbered("attention_bias_block", layer)
        );
        self.steps.enter(path.clone());
        let (p, f, batch) = (self.positions(), self.config.pair.channels, self.batch);
        let heads = self.config.tower.heads;
        let rows = batch * p * p;
        let (y, _) = self.norm_gelu(pair, &format!("{path}/rms_batch_norm"), rows, f, 0, 2);
        let w = self.weights.stored(&format!("{path}/linear/w"));
        let bias = self.linear(y, w, rows, f, heads);
        self.tap(&path, bias, &[batch, p, p, heads]);
        bias
    }

    /// `OutputPair`.
    pub(super) fn output_pair(&mut self, pair: Id) -> Id {
        let path = "output_pair";
        self.steps.enter(path);
        let (p, f) = (self.positions(), self.config.pair.channels);
        let rows = self.batch * p * p;
        let y = self.stored(rows * f);
        let [scale, offset] = self.layer_norm(&format!("{path}/layer_norm"));
        let embedding = self.weights.values(&format!("{path}/embed/embeddings"));
        self.steps.warps(
            "output_pair",
            rows,
            arguments![
                pair,
                y,
                scale,
                offset,
                embedding,
                Source::Organisms,
                rows as i64,
                p as i32,
                f as i32
            ],
        );
        y
    }
}
