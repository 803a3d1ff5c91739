//! The order in which the data passes the modules, by Haiku's paths.

use std::cmp::Reverse;

/// Where a module or output stands in the order of the data; what is inside a module comes before it.
///
/// ```
/// use parity::order::depth;
/// let tower = "taps/alphagenome/transformer_tower";
/// assert!(depth(&format!("{tower}/mha_block")) < depth(&format!("{tower}/mlp_block")));
/// assert!(depth(&format!("{tower}/mlp_block_1")) < depth(&format!("{tower}/pair_update_block_1")));
/// assert!(depth(&format!("{tower}/mlp_block_8")) < depth("embeddings_128bp"));
/// ```
pub fn depth(name: &str) -> (usize, Reverse<usize>) {
    let path = name.strip_prefix("taps/").unwrap_or(name);
    let path = path.strip_prefix("alphagenome/").unwrap_or(path);
    let segments: Vec<&str> = path.split('/').collect();
    (rank(&segments), Reverse(segments.len()))
}

/// Stages of the model stand a thousand apart, layers of the tower twenty.
fn rank(segments: &[&str]) -> usize {
    let module = segments.get(1).copied().unwrap_or("");
    let (name, index) = numbered(module);
    match segments[0] {
        "sequence_encoder" if name == "dna_embedder" => 0,
        "sequence_encoder" => 1 + index,
        "embed" => 900,
        "transformer_tower" => match name {
            "pair_update_block" => {
                let within = match segments.get(2).copied().unwrap_or("") {
                    "sequence_to_pair_block" => 0,
                    "row_attention_block" => 1,
                    "pair_mlp_block" => 2,
                    _ => 3,
                };
                // The pair is updated before every second layer.
                1000 + 20 * (2 * index) + within
            }
            "attention_bias_block" => 1000 + 20 * index + 4,
            "mha_block" => 1000 + 20 * index + 5,
            "mlp_block" => 1000 + 20 * index + 6,
            _ => 1999,
        },
        "output_pair" | "embeddings_pair" => 2000,
        "output_embedder" | "embeddings_128bp" => 2001,
        "sequence_decoder" => 3000 + index,
        "output_embedder_1" | "embeddings_1bp" => 3900,
        _ => 4000,
    }
}

/// A module's name and number: Haiku gives the first of a name none.
fn numbered(module: &str) -> (&str, usize) {
    match module.rsplit_once('_') {
        Some((name, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            (name, digits.parse().unwrap_or(0))
        }
        _ => (module, 0),
    }
}
