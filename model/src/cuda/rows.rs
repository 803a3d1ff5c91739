//! The attention along rows of pairs as steps.

use super::forward::{Forward, arguments};
use super::steps::{Id, Place, Product};

/// Logits of as many rows at a time as keep them within this many bytes.
const LOGIT_BYTES: usize = 64 << 20;

impl Forward<'_> {
    /// `RowAttentionBlock` after its norm: `[B, P, P, F]`.
    pub(super) fn row_attention(&mut self, path: &str, x: Id) -> Id {
        let (p, f, batch) = (self.positions(), self.config.pair.channels, self.batch);
        let w = self.config.pair.row_width;
        let rows = batch * p * p;
        let weight = self.weights.stored(&format!("{path}/qkv"));
        let y = self.linear(x, weight, rows, f, 3 * w);
        let operands = self.steps.tensor(rows * 3 * w * 2);
        let bias = self.weights.values(&format!("{path}/linear_v/b"));
        self.steps.each(
            "row_operands",
            rows * 3 * w / 8,
            arguments![y, bias, operands, rows as i64, w as i32],
        );
        let out = self.stored(rows * w);
        let lines = batch * p;
        let chunk = (LOGIT_BYTES / (4 * p * p)).clamp(1, lines);
        for first in (0..lines).step_by(chunk) {
            let count = chunk.min(lines - first);
            let part =
                |part: usize| Place::Tensor(operands, ((first * p * 3 * w + part * w) * 2) as u64);
            let logits = self.steps.tensor(count * p * p * 4);
            let product = Product {
                row: [3 * w, 3 * w, p],
                transposed: true,
                batch: count,
                stride: [3 * w * p, 3 * w * p, p * p],
                alpha: 1.0 / (w as f32).sqrt(),
                bfloat16_operands: true,
                float32_result: true,
                ..Product::dense(p, w, p)
            };
            self.steps.product(product, part(0), part(1), logits, None);
            // Rows of a length that is no multiple of 8 values would not be aligned for the next product.
            let padded = p.next_multiple_of(8);
            let weights = self.steps.tensor(count * p * padded * 2);
            self.steps.warps(
                "row_softmax",
                count * p,
                arguments![logits, weights, (count * p) as i64, p as i32, padded as i32],
            );
            let product = Product {
                row: [padded, 3 * w, w],
                batch: count,
                stride: [p * padded, 3 * w * p, p * w],
                bfloat16_operands: true,
                ..Product::dense(p, p, w)
            };
            let to = Place::Tensor(out, (first * p * w * self.element) as u64);
            self.steps.product(product, weights, part(2), to, None);
        }
        out
    }
}
