//! The model's widths, heads and organisms: `config.json` of a conversion.

mod check;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The `format` that this package reads.
pub const FORMAT: &str = "alphagenome-burn";
/// The `format_version` that this package reads.
pub const FORMAT_VERSION: u32 = 1;
/// Base pairs a position of the trunk.
pub const TRUNK_RESOLUTION: usize = 128;

/// Everything that decides the shapes of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Always [`FORMAT`].
    pub format: String,
    /// Always [`FORMAT_VERSION`].
    pub format_version: u32,
    /// How the tensors are stored: `float32` or `bfloat16`.
    pub dtype: String,
    /// How many organisms have parameters of their own.
    pub num_organisms: usize,
    /// Their names, in the order of the parameters.
    pub organisms: Vec<String>,
    /// What the conversion has computed ahead.
    pub folds: Folds,
    /// The sequence encoder.
    pub encoder: Encoder,
    /// The transformer tower.
    pub tower: Tower,
    /// The pair path of the tower.
    pub pair: Pair,
    /// The sequence decoder.
    pub decoder: Decoder,
    /// Widths of the embeddings that the heads read.
    pub embedders: Embedders,
    /// The heads by name.
    pub heads: BTreeMap<String, Head>,
}

/// What the conversion has computed ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folds {
    /// A standardised convolution's `w` is standardised and scaled, its `scale` absent.
    pub standardized_conv1d: bool,
    /// A norm's `scale` holds `scale * rsqrt(var_ema + 1e-5)`, its `var_ema` is absent.
    pub rms_batch_norm: bool,
}

/// The sequence encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// Kernel width of the first convolution.
    pub stem_width: usize,
    /// Kernel width of all others, the decoder's too.
    pub conv_width: usize,
    /// Channels at 1, 2, 4, ... 64 bp.
    pub channels: Vec<usize>,
}

/// The transformer tower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tower {
    /// Layers of attention and MLP.
    pub layers: usize,
    /// Channels of the trunk.
    pub channels: usize,
    /// Query heads.
    pub heads: usize,
    /// Channels of a query head and of the key head.
    pub head_width: usize,
    /// Channels of the value head.
    pub value_width: usize,
    /// Hidden channels of the MLP.
    pub mlp_hidden: usize,
    /// The longest period of the rotary embedding, in trunk positions.
    pub max_position: usize,
    /// Attention logits stay within plus and minus this.
    pub soft_cap: f32,
}

/// The pair path of the tower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The pair is updated before every `every`-th layer.
    pub every: usize,
    /// Trunk positions a pair position.
    pub pool: usize,
    /// Channels.
    pub channels: usize,
    /// Heads of the products that make pairs from the sequence.
    pub heads: usize,
    /// Channels of such a head.
    pub head_width: usize,
    /// Features of a distance: half of them masks, half signed masks.
    pub position_features: usize,
    /// Channels of the row attention.
    pub row_width: usize,
    /// Hidden channels of the MLP.
    pub mlp_hidden: usize,
}

/// The sequence decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decoder {
    /// Channels at 64, 32, ... 1 bp.
    pub channels: Vec<usize>,
}

/// Widths of the embeddings that the heads read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedders {
    /// Channels at 1 bp.
    pub embeddings_1bp: usize,
    /// Channels at 128 bp.
    pub embeddings_128bp: usize,
    /// Channels of a pair.
    pub embeddings_pair: usize,
}

/// A head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Head {
    /// Tracks along the sequence.
    GenomeTracks {
        /// Key of the metadata.
        output_type: String,
        /// Channels.
        tracks: usize,
        /// Resolutions in bp: 1, 128 or both.
        resolutions: Vec<u32>,
        /// Whether the training targets were squashed by a power.
        squashing: bool,
    },
    /// Contacts of all pairs.
    ContactMaps {
        /// Key of the metadata.
        output_type: String,
        /// Channels.
        tracks: usize,
    },
    /// Donor, acceptor (each strand) or neither.
    SpliceSitesClassification {
        /// Key of the metadata.
        output_type: String,
        /// Channels: the four kinds of site, then none.
        tracks: usize,
    },
    /// How often a site is used, a tissue a channel.
    SpliceSitesUsage {
        /// Key of the metadata.
        output_type: String,
        /// Channels.
        tracks: usize,
    },
    /// Counts of junctions between splice sites.
    SpliceSitesJunction {
        /// Key of the metadata.
        output_type: String,
        /// Tissues; there are twice as many channels, one a strand.
        tissues: usize,
        /// Channels of a site.
        hidden: usize,
        /// The longest period of the rotary embedding, in bp.
        max_position: usize,
        /// Sites chosen a kind.
        top_k: usize,
        /// The lowest probability of a site.
        threshold: f32,
    },
}

impl Head {
    /// The key under which the metadata has this head's tracks.
    pub fn output_type(&self) -> &str {
        match self {
            Self::GenomeTracks { output_type, .. }
            | Self::ContactMaps { output_type, .. }
            | Self::SpliceSitesClassification { output_type, .. }
            | Self::SpliceSitesUsage { output_type, .. }
            | Self::SpliceSitesJunction { output_type, .. } => output_type,
        }
    }

    /// How many tracks (tissues, for junctions) the metadata lists at most.
    pub fn tracks(&self) -> usize {
        match self {
            Self::GenomeTracks { tracks, .. }
            | Self::ContactMaps { tracks, .. }
            | Self::SpliceSitesClassification { tracks, .. }
            | Self::SpliceSitesUsage { tracks, .. } => *tracks,
            Self::SpliceSitesJunction { tissues, .. } => *tissues,
        }
    }
}

/// A `config.json` that describes no model.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text is no JSON, or a field is missing or of another type.
    #[error("not a model configuration: {0}")]
    Parse(#[from] serde_json::Error),
    /// Values that contradict each other or what this package can run; all of them.
    #[error("inconsistent model configuration: {}", .0.join("; "))]
    Inconsistent(Vec<String>),
}

impl Config {
    /// Reads and checks the text of a `config.json`.
    ///
    /// # Errors
    /// [`ConfigError`] when the text does not parse or its values contradict each other.
    pub fn parse(json: &str) -> Result<Self, ConfigError> {
        let config: Self = serde_json::from_str(json)?;
        config.check()?;
        Ok(config)
    }

    /// Checks that the values fit each other.
    ///
    /// # Errors
    /// [`ConfigError::Inconsistent`] with everything that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let faults = self.faults();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Inconsistent(faults))
        }
    }
}
