//! The decoder and the output embedders as steps.

use super::forward::{Forward, arguments};
use super::regions::Skip;
use super::steps::{Fixed, Id, Place, Source};
use crate::regions::BLOCK;

impl Forward<'_> {
    /// The decoder: the trunk and the skips to `[B, S, C]` at 1 bp, or to the rows of the windows.
    pub(super) fn decoder(&mut self, trunk: Id, mut skips: Vec<Skip>) -> Id {
        let channels = self.config.decoder.channels.clone();
        let batch = self.batch;
        let (mut x, mut inputs, mut s) = (trunk, self.config.tower.channels, self.length / 128);
        for (stage, &c) in channels.iter().enumerate() {
            let path = match stage {
                0 => "sequence_decoder/up_res_block".to_owned(),
                _ => format!("sequence_decoder/up_res_block_{stage}"),
            };
            self.steps.enter(path.clone());
            if let Some(rows) = self.regions.rows
                && 128 >> stage == BLOCK
            {
                let whole = Skip {
                    whole: x,
                    part: None,
                };
                x = self.take_rows(whole, BLOCK, inputs, true);
                s = rows / BLOCK;
            }
            let block = format!("{path}/conv_in");
            let kept = if c < inputs { c } else { 0 };
            let norm = format!("{block}/rms_batch_norm");
            let (y, head) = self.norm_gelu(x, &norm, batch * s, inputs, kept, 1);
            let low = self.convolve(y, &block, [batch, s], [inputs, c], Some(head.unwrap_or(x)));
            s *= 2;
            let rows = batch * s;
            let Some(skip) = skips.pop() else { break };
            let resolution = 64 >> stage;
            let cut = self.regions.rows.is_some() && resolution < BLOCK;
            let skip = self.take_rows(skip, resolution, c, cut);
            let block = format!("{path}/pointwise_conv_unet_skip");
            let (y, _) = self.norm_gelu(skip, &format!("{block}/rms_batch_norm"), rows, c, 0, 1);
            let w = self.weights.stored(&format!("{block}/linear/w"));
            let skip = self.linear(y, w, rows, c, c);
            let bias = self.weights.values(&format!("{block}/linear/b"));
            let by = self.weights.values(&format!("{path}/residual_scale"));
            let block = format!("{path}/conv_out");
            let [scale, offset] = self.weights.norm(&format!("{block}/rms_batch_norm"));
            let y = self.stored(rows * c);
            self.steps.each(
                "upsample_norm_gelu",
                rows * c / 8,
                arguments![
                    low,
                    skip,
                    by,
                    bias,
                    skip,
                    y,
                    scale,
                    offset,
                    rows as i64,
                    c as i32
                ],
            );
            x = self.convolve(y, &block, [batch, s], [c, c], Some(skip));
            self.tap(&path, x, &[batch, s, c]);
            inputs = c;
        }
        x
    }

    /// An output embedding: `x` `[B, s, inputs]` to `[B, s, c]`; `skip` is `[B, S / every, c]`.
    pub(super) fn output_embedder(
        &mut self,
        path: &str,
        x: Id,
        s: usize,
        [inputs, c]: [usize; 2],
        skip: Option<(Id, usize)>,
    ) -> Id {
        self.steps.enter(path);
        let rows = self.batch * s;
        let w = self.weights.stored(&format!("{path}/linear/w"));
        let y = self.linear(x, w, rows, inputs, c);
        let bias = self.weights.values(&format!("{path}/linear/b"));
        let (skip, every) = match skip {
            None => (None, 1),
            Some((bins, every)) => {
                let w = self.weights.stored(&format!("{path}/linear_1/w"));
                let k = self.config.embedders.embeddings_128bp;
                let rows = self.batch * self.length / every;
                (Some(self.linear(bins, w, rows, k, c)), every)
            }
        };
        let [scale, offset] = self.weights.norm(&format!("{path}/rms_batch_norm"));
        let embedding = self.weights.values(&format!("{path}/embed/embeddings"));
        let blocks = match skip.is_some() && self.regions.rows.is_some() {
            true => Fixed::from(Source::Blocks).into(),
            false => Place::Nowhere,
        };
        self.steps.each(
            "output_embedding",
            rows * c / 8,
            arguments![
                y,
                bias,
                skip,
                every as i32,
                blocks,
                scale,
                offset,
                embedding,
                Source::Organisms,
                y,
                rows as i64,
                s as i32,
                c as i32
            ],
        );
        y
    }
}
