//! What each output is, by its name: read from `data/outputs.toml`.

use std::sync::LazyLock;

use parity_stats::FloatType;
use serde::{Deserialize, Serialize};

/// How an output is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Embeddings of positions, `[B, S, C]`.
    Embedding,
    /// Something per pair of positions, `[B, P, P, C]`.
    Pair,
    /// Tracks in experimental units, NaN for padding tracks.
    Tracks,
    /// Tracks as the loss sees them.
    ScaledTracks,
    /// Logits of splice-site classes.
    ClassLogits,
    /// Probabilities of splice-site classes.
    ClassProbabilities,
    /// Splice-site usage.
    Usage,
    /// Logits of usage.
    UsageLogits,
    /// Positions of splice sites, `[B, 4, K]`.
    SplicePositions,
    /// Which junction entries hold anything.
    JunctionMask,
    /// Junction counts, `[B, K, K, 2 tissues]`.
    Junctions,
    /// A module's output inside the model.
    Tap,
    /// Anything else.
    Other,
}

impl Kind {
    /// True where the last axis is tracks, tissues or classes and the one before positions.
    pub fn has_tracks(self) -> bool {
        matches!(
            self,
            Self::Tracks
                | Self::ScaledTracks
                | Self::ClassLogits
                | Self::ClassProbabilities
                | Self::Usage
                | Self::UsageLogits
        )
    }
}

/// What is known of an output.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputKind {
    pattern: String,
    /// How it is compared.
    pub kind: Kind,
    /// Base pairs a position.
    #[serde(default)]
    pub resolution: Option<u32>,
    /// The type whose steps are counted, where it is not the type the output was recorded in.
    #[serde(default)]
    pub step: Option<FloatType>,
}

#[derive(Deserialize)]
struct Table {
    output: Vec<OutputKind>,
}

static TABLE: LazyLock<Vec<OutputKind>> = LazyLock::new(|| {
    let table: Table =
        toml::from_str(include_str!("../data/outputs.toml")).expect("the shipped table is valid");
    table.output
});

/// What the output `name` is.
pub fn kind_of(name: &str) -> &'static OutputKind {
    TABLE
        .iter()
        .find(|entry| fits(&entry.pattern, name))
        .expect("the table ends with a pattern that fits every name")
}

/// The head an output belongs to: `rna_seq` of `rna_seq/predictions_1bp`.
pub fn head_of(name: &str) -> Option<&str> {
    let (head, _) = name.split_once('/')?;
    (head != "taps").then_some(head)
}

/// True where `name` is `pattern`, whose `*` stand for any text.
pub fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Sorts names as a reader expects: embeddings, predictions head by head, taps.
pub fn reading_order(name: &str) -> (u8, &str) {
    let group = match name {
        _ if name.starts_with("embeddings") => 0,
        _ if name.starts_with("taps/") => 2,
        _ => 1,
    };
    (group, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_kind() {
        assert_eq!(kind_of("embeddings_pair").kind, Kind::Pair);
        assert_eq!(kind_of("rna_seq/predictions_1bp").kind, Kind::Tracks);
        assert_eq!(
            kind_of("cage/scaled_predictions_128bp").kind,
            Kind::ScaledTracks
        );
        assert_eq!(
            kind_of("taps/alphagenome/x/predictions_1bp").kind,
            Kind::Tap
        );
        assert_eq!(
            kind_of("splice_sites_usage/predictions").step,
            Some(FloatType::F16)
        );
        assert_eq!(kind_of("logits").kind, Kind::Other);
        assert_eq!(head_of("atac/predictions_1bp"), Some("atac"));
        assert_eq!(head_of("taps/alphagenome/x"), None);
    }

    #[test]
    fn patterns() {
        assert!(fits("a*c", "abc") && fits("*", "") && fits("a", "a") && fits("a*b*c", "a1b2c"));
        assert!(!fits("a", "ab") && !fits("a*c", "ab") && !fits("a*b*c", "acb"));
    }
}
