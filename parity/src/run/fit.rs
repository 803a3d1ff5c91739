//! Whether a recording belongs to a model and is the one that is wished for.

use std::path::Path;

use model::Config;
use model::config::Head;

use super::Wish;
use crate::recording::{DType, Recording};
use crate::weights::{Weights, short};

/// What is known of the model before it is loaded.
pub(super) struct Model {
    pub(super) config: Config,
    /// Of the checkpoint that it was converted from.
    pub(super) digest: Option<String>,
}

/// Why a recording is not the one that is wished for.
pub(super) fn misfit(
    recording: &Recording,
    model: &Model,
    wish: &Wish<'_>,
    exact: bool,
) -> Option<String> {
    if let Some(why) = other_model(recording, &model.config) {
        return Some(why);
    }
    if let Some(why) = other_weights(recording, model, wish.model) {
        return Some(why);
    }
    let manifest = &recording.manifest;
    let named = |case: &crate::recording::CaseEntry| wish.cases.contains(&case.name);
    if !wish.cases.is_empty() && !manifest.cases.iter().any(named) {
        return Some(format!("has no case {}", wish.cases.join(" or ")));
    }
    if exact {
        return None;
    }
    let dtype = wish.dtype.unwrap_or(DType::Float32);
    if manifest.compute_dtype != dtype {
        return Some(format!(
            "recorded in {}, not {dtype}",
            manifest.compute_dtype
        ));
    }
    match (is_suite(recording), wish.suite) {
        (true, false) => Some("a suite of sequence patterns; use --suite for it".into()),
        (false, true) => Some("no suite of sequence patterns".into()),
        _ => None,
    }
}

/// Widths alone do not tell two checkpoints of one model apart; digests do.
fn other_weights(recording: &Recording, model: &Model, dir: &Path) -> Option<String> {
    let theirs = recording.manifest.checkpoint_digest.as_deref();
    match (
        Weights::of(theirs, model.digest.as_deref()),
        theirs,
        &model.digest,
    ) {
        (Weights::Different, Some(theirs), Some(ours)) => Some(format!(
            "of other weights: it was recorded from checkpoint {}, and {} was converted from {}; convert the checkpoint \
             that it was recorded from",
            short(theirs),
            dir.join("conversion.json").display(),
            short(ours)
        )),
        _ => None,
    }
}

/// A suite has homopolymers among its cases.
fn is_suite(recording: &Recording) -> bool {
    recording
        .manifest
        .cases
        .iter()
        .any(|case| case.name.starts_with("homo"))
}

/// The first output whose width is not the model's.
fn other_model(recording: &Recording, config: &Config) -> Option<String> {
    let mut widths = vec![
        (
            "embeddings_1bp".to_string(),
            config.embedders.embeddings_1bp,
        ),
        (
            "embeddings_128bp".to_string(),
            config.embedders.embeddings_128bp,
        ),
        (
            "embeddings_pair".to_string(),
            config.embedders.embeddings_pair,
        ),
    ];
    for (name, head) in &config.heads {
        let width = match head {
            Head::SpliceSitesJunction { .. } => continue,
            other => other.tracks(),
        };
        widths.push((format!("{name}/"), width));
    }
    for case in &recording.manifest.cases {
        for (output, entry) in &case.outputs {
            let known = widths.iter().find(|(name, _)| match name.ends_with('/') {
                true => output.starts_with(name.as_str()),
                false => output == name,
            });
            let Some((_, width)) = known else { continue };
            if entry.shape.last() != Some(width) {
                let found = entry.shape.last().copied().unwrap_or(0);
                return Some(format!(
                    "of another model: {output} is {found} wide, and the model's is {width}"
                ));
            }
        }
    }
    None
}
