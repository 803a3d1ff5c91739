//! Names of modules, and distances of their outputs.

use model::Array;
use model::names::number_of;

use super::By;
use crate::closeness::{Closeness, floats};

const ROOT: &str = "alphagenome/";
const TOWER: &str = "transformer_tower/";

/// `|b - a| / |a|`; nothing where it is infinite.
pub fn distance(a: &Array, b: &Array) -> Option<f64> {
    let all = |array: &Array| array.values.len();
    let (a, b) = (floats(&a.values, 0, all(a)), floats(&b.values, 0, all(b)));
    Closeness::of(a.iter().copied().zip(b.iter().copied())).relative_l2
}

/// A module's path below the model's.
pub fn bare(path: &str) -> &str {
    path.strip_prefix(ROOT).unwrap_or(path)
}

/// What a module is switched with.
pub fn group_of(path: &str, by: By) -> String {
    let path = bare(path);
    let first = path.split('/').next().unwrap_or(path);
    match by {
        By::Module => path.into(),
        By::Part => match first {
            "sequence_encoder" | "embed" => "encoder".into(),
            "transformer_tower" => "tower".into(),
            "sequence_decoder" => "decoder".into(),
            "head" => "heads".into(),
            _ => "embedders".into(),
        },
        By::Block if first == "head" => "heads".into(),
        By::Block => match path.strip_prefix(TOWER) {
            Some(rest) => tower_block(rest.split('/').next().unwrap_or(rest)),
            None => path.into(),
        },
    }
}

/// A module of the tower: an update of the pair stands alone, all others belong to their layer.
fn tower_block(module: &str) -> String {
    match number_of(module) {
        ("pair_update_block", index) => format!("{TOWER}pair_update_{index}"),
        (_, index) => format!("{TOWER}layer_{index}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_belong_to_blocks_and_parts() {
        for (path, block, part) in [
            (
                "sequence_encoder/dna_embedder",
                "sequence_encoder/dna_embedder",
                "encoder",
            ),
            ("embed", "embed", "encoder"),
            (
                "transformer_tower/mha_block",
                "transformer_tower/layer_0",
                "tower",
            ),
            (
                "transformer_tower/attention_bias_block_8",
                "transformer_tower/layer_8",
                "tower",
            ),
            (
                "transformer_tower/pair_update_block_2/row_attention_block",
                "transformer_tower/pair_update_2",
                "tower",
            ),
            (
                "transformer_tower/pair_update_block",
                "transformer_tower/pair_update_0",
                "tower",
            ),
            (
                "sequence_decoder/up_res_block_3",
                "sequence_decoder/up_res_block_3",
                "decoder",
            ),
            ("output_embedder_1", "output_embedder_1", "embedders"),
            ("head/rna_seq/resolution_1", "heads", "heads"),
        ] {
            let whole = format!("alphagenome/{path}");
            assert_eq!(group_of(&whole, By::Block), block);
            assert_eq!(group_of(&whole, By::Part), part);
            assert_eq!(group_of(&whole, By::Module), path);
        }
    }
}
