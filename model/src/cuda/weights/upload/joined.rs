//! Matrices on the same input, side by side: linear layers of a block, and heads on an embedding.

use ::cuda::arguments;

use super::Uploader;
use crate::cuda::CudaError;
use crate::cuda::heads::columns::{Columns, columns, joint_weights};
use crate::names::numbered;

/// The resolutions of embeddings along the sequence, in bp.
const RESOLUTIONS: [u32; 2] = [1, 128];

impl Uploader<'_> {
    /// Whether a linear layer's weights are read together with others'.
    pub(super) fn is_joined(&self, path: &str) -> bool {
        let leaf = path.rsplit('/').next().unwrap_or_default();
        matches!(
            leaf,
            "q_layer"
                | "k_layer"
                | "v_layer"
                | "linear_q"
                | "linear_k"
                | "linear_v"
                | "linear_y_q"
                | "linear_y_k"
        )
    }

    /// Whether these are weights of a head that is computed together with others.
    pub(super) fn is_joint_head(&self, path: &str) -> bool {
        let head = path.strip_suffix("/multi_organism_linear");
        let joint = RESOLUTIONS.iter().flat_map(|&r| columns(self.config, r));
        head.is_some_and(|head| joint.into_iter().any(|part| part.path == head))
    }

    /// The heads on one embedding, side by side.
    pub(super) fn joint_heads(&mut self) -> Result<(), CudaError> {
        let embedders = &self.config.embedders;
        let widths = [embedders.embeddings_1bp, embedders.embeddings_128bp];
        for (resolution, channels) in RESOLUTIONS.into_iter().zip(widths) {
            let parts = columns(self.config, resolution);
            let all = parts.last().map_or(0, Columns::end);
            let rows = self.config.num_organisms * channels;
            for part in parts {
                let from = format!("{}/multi_organism_linear/w", part.path);
                let to = joint_weights(resolution);
                self.matrix(&to, &from, rows, part.count, [rows, all, part.first])?;
            }
        }
        Ok(())
    }

    /// Linear layers on the same input, side by side.
    pub(super) fn joined(&mut self) -> Result<(), CudaError> {
        let (tower, pair) = (self.config.tower.clone(), self.config.pair.clone());
        for layer in 0..tower.layers {
            let path = format!("transformer_tower/{}", numbered("mha_block", layer));
            let parts = [
                ("q_layer", tower.heads * tower.head_width),
                ("k_layer", tower.head_width),
                ("v_layer", tower.value_width),
            ];
            self.side_by_side(&path, "qkv", tower.channels, &parts)?;
        }
        for index in 0..tower.layers.div_ceil(pair.every) {
            let block = format!("transformer_tower/{}", numbered("pair_update_block", index));
            let path = format!("{block}/sequence_to_pair_block");
            let wide = pair.heads * pair.head_width;
            self.side_by_side(
                &path,
                "qk",
                tower.channels,
                &[("linear_q", wide), ("linear_k", wide)],
            )?;
            let parts = [("linear_y_q", pair.channels), ("linear_y_k", pair.channels)];
            self.side_by_side(&path, "yqk", tower.channels, &parts)?;
            let to = self.reserve(&format!("{path}/qk_r_bias"), 8 * wide)?;
            for (part, name) in ["q_r_bias", "k_r_bias"].into_iter().enumerate() {
                let (from, n) = self.upload(&format!("{path}/{name}"))?;
                let to = to.from((4 * part * wide) as u64)?;
                self.each("round_values", n, &arguments![&from, &to, n as i64])?;
            }
            let path = format!("{block}/row_attention_block");
            let parts = ["linear_q", "linear_k", "linear_v"].map(|name| (name, pair.row_width));
            self.side_by_side(&path, "qkv", pair.channels, &parts)?;
        }
        Ok(())
    }

    fn side_by_side(
        &mut self,
        path: &str,
        name: &str,
        rows: usize,
        parts: &[(&str, usize)],
    ) -> Result<(), CudaError> {
        let wide = parts.iter().map(|(_, c)| c).sum();
        let mut at = 0;
        for (part, c) in parts {
            let from = format!("{path}/{part}/w");
            self.matrix(&format!("{path}/{name}"), &from, rows, *c, [rows, wide, at])?;
            at += c;
        }
        Ok(())
    }
}
