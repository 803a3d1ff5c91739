//! The modules of a model in the order of the data.

use super::{DECODER, EMBED, ENCODER, Stage};
use crate::config::{Config, Head as HeadConfig};
use crate::decoder::numbered;
use crate::forward::AlphaGenome;
use crate::operations::Operations;
use crate::tower::PATH as TOWER;

impl<B: Operations> AlphaGenome<B> {
    /// The modules in the order of the data.
    pub fn stages(&self) -> Vec<Stage> {
        of(self.config())
    }
}

/// The modules of a model in the order of the data.
pub fn of(config: &Config) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut add = |path: String, inputs: Vec<String>, more: &[&str]| {
        let outputs = std::iter::once(path.clone()).chain(more.iter().map(|name| name.to_string()));
        stages.push(Stage {
            weights: format!("{}/", path.trim_start_matches("alphagenome/")),
            reads_sequence: inputs.is_empty() && path.starts_with(ENCODER),
            outputs: outputs.collect(),
            inputs,
            path: path.clone(),
        });
        path
    };
    let mut encoded = vec![add(format!("{ENCODER}/dna_embedder"), Vec::new(), &[])];
    for index in 0..config.encoder.channels.len() - 1 {
        let input = encoded.last().cloned().into_iter().collect();
        encoded.push(add(format!("{ENCODER}/downres_block_{index}"), input, &[]));
    }
    let embed = add(EMBED.into(), Vec::new(), &[]);
    // What was added to the trunk so far, and to the pair.
    let mut trunk: Vec<String> = encoded.last().cloned().into_iter().chain([embed]).collect();
    let mut pair: Option<String> = None;
    for layer in 0..config.tower.layers {
        if layer.is_multiple_of(config.pair.every) {
            let path = numbered(
                &format!("{TOWER}/pair_update_block"),
                layer / config.pair.every,
            );
            let mut parts: Vec<String> = pair.iter().cloned().collect();
            parts.push(add(
                format!("{path}/sequence_to_pair_block"),
                trunk.clone(),
                &[],
            ));
            parts.push(add(
                format!("{path}/row_attention_block"),
                parts.clone(),
                &[],
            ));
            parts.push(add(format!("{path}/pair_mlp_block"), parts.clone(), &[]));
            pair = Some(add(path, parts, &[]));
        }
        let Some(pair) = &pair else { continue };
        let bias = add(
            numbered(&format!("{TOWER}/attention_bias_block"), layer),
            vec![pair.clone()],
            &[],
        );
        let inputs = trunk.iter().cloned().chain([bias]).collect();
        trunk.push(add(
            numbered(&format!("{TOWER}/mha_block"), layer),
            inputs,
            &[],
        ));
        trunk.push(add(
            numbered(&format!("{TOWER}/mlp_block"), layer),
            trunk.clone(),
            &[],
        ));
    }
    let output_pair = add(
        "alphagenome/output_pair".into(),
        pair.into_iter().collect(),
        &["embeddings_pair"],
    );
    let bins = add(
        "alphagenome/output_embedder".into(),
        trunk.clone(),
        &["embeddings_128bp"],
    );
    let mut last: Option<String> = None;
    for (index, skip) in encoded.iter().rev().enumerate() {
        let mut inputs = match last {
            None => trunk.clone(),
            Some(last) => vec![last],
        };
        inputs.push(skip.clone());
        last = Some(add(numbered(DECODER, index), inputs, &[]));
    }
    let inputs = last.into_iter().chain([bins.clone()]).collect();
    let fine = add(
        "alphagenome/output_embedder_1".into(),
        inputs,
        &["embeddings_1bp"],
    );
    head_stages(config, &mut stages, &output_pair, &bins, &fine);
    stages
}

fn head_stages(config: &Config, stages: &mut Vec<Stage>, pair: &str, bins: &str, fine: &str) {
    for (name, head) in &config.heads {
        let path = format!("alphagenome/head/{name}");
        let mut add = |path: String, input: &str, outputs: Vec<String>| {
            stages.push(Stage {
                weights: format!("{}/", path.trim_start_matches("alphagenome/")),
                inputs: vec![input.into()],
                reads_sequence: false,
                outputs,
                path,
            });
        };
        match head {
            HeadConfig::GenomeTracks { resolutions, .. } => {
                for base_pairs in resolutions {
                    let input = if *base_pairs == 1 { fine } else { bins };
                    let output = |kind: &str| format!("{name}/{kind}_{base_pairs}bp");
                    add(
                        format!("{path}/resolution_{base_pairs}"),
                        input,
                        vec![output("scaled_predictions"), output("predictions")],
                    );
                }
            }
            HeadConfig::ContactMaps { .. } => add(path, pair, vec![format!("{name}/predictions")]),
            HeadConfig::SpliceSitesClassification { .. } | HeadConfig::SpliceSitesUsage { .. } => {
                add(
                    path,
                    fine,
                    vec![format!("{name}/logits"), format!("{name}/predictions")],
                );
            }
            HeadConfig::SpliceSitesJunction { .. } => {
                add(path, fine, vec![format!("{name}/predictions")]);
            }
        }
    }
}
