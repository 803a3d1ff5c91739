//! The transformer tower (`model.TransformerTower`) and its pair path as steps.

use super::forward::{Forward, arguments};
use super::steps::{Id, Place, Product};
use crate::config::Config;
use crate::names::numbered;

/// Logits of as many queries at a time as keep them within this many bytes, so that they stay in the cache.
const LOGIT_BYTES: usize = 32 << 20;

/// What `kernels/fused_attention.cu` is written for: heads, widths of a head and of the values, positions that share a bias.
const FUSED_WIDTHS: [usize; 4] = [8, 128, 192, 16];
/// Rows (a query of a head each) of a block there, and its shared memory: four tiles of 64 keys with their values.
const FUSED_ROWS: usize = 128;
const FUSED_SHARED: u32 = (4 * 64 * (128 + 192) * 2 + 2048) as u32;

/// Whether a model has the widths that the attention as one kernel is written for.
pub(super) fn has_fused_widths(config: &Config) -> bool {
    let tower = &config.tower;
    let (w, v, pool) = (tower.head_width, tower.value_width, config.pair.pool);
    [tower.heads, w, v, pool] == FUSED_WIDTHS
}

impl Forward<'_> {
    /// The trunk `[B, s, C]` through all layers; the trunk and the pairs `[B, P, P, F]`.
    pub(super) fn tower(&mut self, trunk: Id) -> (Id, Id) {
        let (layers, every) = (self.config.tower.layers, self.config.pair.every);
        let (c, s) = (self.config.tower.channels, self.length / 128);
        let rows = self.batch * s;
        let mut stream = trunk;
        let mut pair = None;
        let norm = format!(
            "transformer_tower/{}/rms_batch_norm",
            numbered("mha_block", 0)
        );
        let (mut normed, _) = self.norm_gelu(stream, &norm, rows, c, 0, 0);
        for layer in 0..layers {
            if layer % every == 0 {
                pair = Some(self.pair_update(stream, pair, layer / every));
            }
            let Some(pair) = pair else { continue };
            let bias = self.attention_bias(pair, layer);
            let mha = format!("transformer_tower/{}", numbered("mha_block", layer));
            let mlp = format!("transformer_tower/{}", numbered("mlp_block", layer));
            let y = self.attention(&mha, normed, bias);
            let next = format!("{mlp}/rms_batch_norm");
            let linear = format!("{mha}/linear_embedding/b");
            let both = self.residual(&mha, y, &linear, stream, Some(&next), rows, c);
            (stream, normed) = (both.0, both.1.unwrap_or(normed));
            let y = self.mlp(&mlp, normed, rows);
            let next = (layer + 1 < layers).then(|| {
                let next = numbered("mha_block", layer + 1);
                format!("transformer_tower/{next}/rms_batch_norm")
            });
            let linear = format!("{mlp}/linear_1/b");
            let both = self.residual(&mlp, y, &linear, stream, next.as_deref(), rows, c);
            (stream, normed) = (both.0, both.1.unwrap_or(normed));
        }
        // A tower has a layer, and its first makes the pairs.
        (stream, pair.unwrap_or(stream))
    }

    /// `stream + norm(x + bias)`, and that through the next norm.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the operands of one kernel"
    )]
    fn residual(
        &mut self,
        path: &str,
        x: Id,
        bias: &str,
        stream: Id,
        next: Option<&str>,
        rows: usize,
        c: usize,
    ) -> (Id, Option<Id>) {
        let bias = self.weights.values(bias);
        let [scale, offset] = self.weights.norm(&format!("{path}/rms_batch_norm_1"));
        if self.taps.is_some() {
            let y = self.stored(rows * c);
            self.steps.each(
                "bias_norm",
                rows * c / 8,
                arguments![x, bias, scale, offset, y, rows as i64, c as i32],
            );
            let shape = [self.batch, rows / self.batch, c];
            self.tap(path, y, &shape);
        }
        let sum = self.stored(rows * c);
        let y = next.is_some().then(|| self.stored(rows * c));
        let [next_scale, next_offset] = match next {
            Some(next) => self.weights.norm(next).map(Place::from),
            None => [Place::Nowhere; 2],
        };
        self.steps.each(
            "residual_norm",
            rows * c / 8,
            arguments![
                x,
                bias,
                scale,
                offset,
                stream,
                sum,
                y,
                next_scale,
                next_offset,
                rows as i64,
                c as i32,
                0i32
            ],
        );
        (sum, y)
    }

    fn mlp(&mut self, path: &str, x: Id, rows: usize) -> Id {
        self.steps.enter(path);
        let (c, hidden) = (self.config.tower.channels, self.config.tower.mlp_hidden);
        let w = self.weights.stored(&format!("{path}/linear/w"));
        let y = self.linear(x, w, rows, c, hidden);
        self.bias_relu(y, &format!("{path}/linear/b"), rows, hidden);
        let w = self.weights.stored(&format!("{path}/linear_1/w"));
        self.linear(y, w, rows, hidden, c)
    }

    fn bias_relu(&mut self, x: Id, bias: &str, rows: usize, c: usize) {
        let bias = self.weights.values(bias);
        self.steps.each(
            "bias_relu",
            rows * c / 8,
            arguments![x, bias, rows as i64, c as i32],
        );
    }

    /// Multi-head attention up to its output linear, without that linear's bias.
    fn attention(&mut self, path: &str, x: Id, bias: Id) -> Id {
        self.steps.enter(path);
        let tower = &self.config.tower;
        let (c, heads, w, v) = (
            tower.channels,
            tower.heads,
            tower.head_width,
            tower.value_width,
        );
        let s = self.length / 128;
        let rows = self.batch * s;
        let wide = heads * w + w + v;
        let qkv = self.weights.stored(&format!("{path}/qkv"));
        let y = self.linear(x, qkv, rows, c, wide);
        let queries = self.steps.tensor(rows * heads * w * 2);
        let keys = self.steps.tensor(rows * w * 2);
        let values = self.steps.tensor(rows * v * 2);
        let tables = self.weights.rotary();
        let [q, k, n] = ["norm_q", "norm_k", "norm_v"].map(|norm| {
            ["scale", "offset"].map(|part| self.weights.values(&format!("{path}/{norm}/{part}")))
        });
        self.steps.warps(
            "norm_rotate",
            rows * (heads + 2),
            arguments![
                y,
                queries,
                keys,
                values,
                q[0],
                q[1],
                k[0],
                k[1],
                n[0],
                n[1],
                tables[0],
                tables[1],
                rows as i64,
                s as i32,
                heads as i32,
                w as i32,
                v as i32
            ],
        );
        let out = self.stored(rows * heads * v);
        if self.fused_attention {
            self.fused_attention([queries, keys, values, bias, out]);
        } else {
            self.plain_attention([queries, keys, values, bias, out]);
        }
        let w = self.weights.stored(&format!("{path}/linear_embedding/w"));
        self.linear(out, w, rows, heads * v, c)
    }

    /// Without logits in memory: weights are rounded before they are divided by their sum.
    fn fused_attention(&mut self, [queries, keys, values, bias, out]: [Id; 5]) {
        let tower = &self.config.tower;
        let (heads, w, v, cap) = (
            tower.heads,
            tower.head_width,
            tower.value_width,
            tower.soft_cap,
        );
        let (batch, s) = (self.batch, self.length / 128);
        let blocks = s * heads / FUSED_ROWS;
        self.steps.launch(
            "fused_attention",
            [blocks as u32, batch as u32, 1],
            [384, 1, 1],
            FUSED_SHARED,
            arguments![
                queries,
                keys,
                values,
                bias,
                out,
                s as i32,
                heads as i32,
                1.0 / (w as f32).sqrt(),
                cap
            ],
        );
        let products = (batch * heads * s) as f64 * (s * (w + v)) as f64;
        self.steps.worked(2.0 * products);
    }

    /// Logits, softmax and weights in memory, some queries at a time.
    fn plain_attention(&mut self, [queries, keys, values, bias, out]: [Id; 5]) {
        let tower = &self.config.tower;
        let (heads, w, v, cap) = (
            tower.heads,
            tower.head_width,
            tower.value_width,
            tower.soft_cap,
        );
        let (batch, s) = (self.batch, self.length / 128);
        let groups = s / self.config.pair.pool;
        let chunk = (LOGIT_BYTES / (4 * heads * s))
            .clamp(1, s)
            .next_multiple_of(16)
            .min(s);
        for sequence in 0..batch {
            // Weights of the whole sequence: the product with the values has few channels, and needs all its rows at once
            // to fill a GPU.
            let weights = self.steps.tensor(s * heads * s * 2);
            for first in (0..s).step_by(chunk) {
                let count = chunk.min(s - first);
                let logits = self.steps.tensor(count * heads * s * 4);
                let product = Product {
                    row: [w, w, s],
                    transposed: true,
                    alpha: 1.0 / (w as f32).sqrt(),
                    bfloat16_operands: true,
                    float32_result: true,
                    ..Product::dense(count * heads, w, s)
                };
                let at = sequence * s + first;
                let a = Place::Tensor(queries, (at * heads * w * 2) as u64);
                let b = Place::Tensor(keys, (sequence * s * w * 2) as u64);
                self.steps.product(product, a, b, logits, None);
                let biases = (sequence * groups * groups * heads * self.element) as u64;
                let biases = Place::Tensor(bias, biases);
                let part = Place::Tensor(weights, (first * heads * s * 2) as u64);
                let threads = groups.next_multiple_of(32) as u32;
                self.steps.launch(
                    "capped_softmax",
                    [(count * heads) as u32, 1, 1],
                    [threads, 1, 1],
                    0,
                    arguments![
                        logits,
                        biases,
                        part,
                        first as i32,
                        heads as i32,
                        s as i32,
                        cap
                    ],
                );
            }
            let product = Product {
                row: [s, v, v],
                bfloat16_operands: true,
                ..Product::dense(s * heads, s, v)
            };
            let b = Place::Tensor(values, (sequence * s * v * 2) as u64);
            let c = (sequence * s * heads * v * self.element) as u64;
            self.steps
                .product(product, weights, b, Place::Tensor(out, c), None);
        }
    }
}
