//! The model's widths, heads and organisms: `config.json` of a conversion.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The `format` that this package reads.
pub const FORMAT: &str = "alphagenome-burn";
/// The `format_version` that this package reads.
pub const FORMAT_VERSION: u32 = 1;
/// Base pairs a position of the trunk.
pub const TRUNK_RESOLUTION: usize = 128;
/// Stages of the encoder: from 1 bp to [`TRUNK_RESOLUTION`] the length is halved after each.
const STAGES: usize = TRUNK_RESOLUTION.ilog2() as usize;
/// A width above this is a damaged file, not a model.
const LARGEST: usize = 1 << 20;

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
        let mut faults = Vec::new();
        self.check_file(&mut faults);
        self.check_widths(&mut faults);
        if faults.is_empty() {
            self.check_trunk(&mut faults);
            for (name, head) in &self.heads {
                check_head(name, head, &mut faults);
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Inconsistent(faults))
        }
    }

    fn check_file(&self, faults: &mut Vec<String>) {
        if self.format != FORMAT || self.format_version != FORMAT_VERSION {
            faults.push(format!(
                "format is `{}` version {}, expected `{FORMAT}` version {FORMAT_VERSION}: convert the checkpoint again",
                self.format, self.format_version
            ));
        }
        if !["float32", "bfloat16"].contains(&self.dtype.as_str()) {
            faults.push(format!(
                "dtype is `{}`, expected `float32` or `bfloat16`",
                self.dtype
            ));
        }
        if self.organisms.len() != self.num_organisms {
            faults.push(format!(
                "{} organisms are named, num_organisms is {}",
                self.organisms.len(),
                self.num_organisms
            ));
        }
    }

    fn check_widths(&self, faults: &mut Vec<String>) {
        let (tower, pair) = (&self.tower, &self.pair);
        let mut widths = vec![
            ("num_organisms", self.num_organisms),
            ("encoder.stem_width", self.encoder.stem_width),
            ("encoder.conv_width", self.encoder.conv_width),
            ("tower.layers", tower.layers),
            ("tower.channels", tower.channels),
            ("tower.heads", tower.heads),
            ("tower.head_width", tower.head_width),
            ("tower.value_width", tower.value_width),
            ("tower.mlp_hidden", tower.mlp_hidden),
            ("pair.every", pair.every),
            ("pair.pool", pair.pool),
            ("pair.channels", pair.channels),
            ("pair.heads", pair.heads),
            ("pair.head_width", pair.head_width),
            ("pair.position_features", pair.position_features),
            ("pair.mlp_hidden", pair.mlp_hidden),
        ];
        widths.extend(
            self.encoder
                .channels
                .iter()
                .map(|&channels| ("encoder.channels", channels)),
        );
        for (name, head) in &self.heads {
            widths.push((name, head.tracks()));
            if let Head::SpliceSitesJunction { hidden, top_k, .. } = head {
                widths.extend([
                    ("splice junctions' hidden", *hidden),
                    ("splice junctions' top_k", *top_k),
                ]);
            }
        }
        for (name, width) in widths {
            if !(1..=LARGEST).contains(&width) {
                faults.push(format!("{name} is {width}, expected 1 to {LARGEST}"));
            }
        }
    }

    fn check_trunk(&self, faults: &mut Vec<String>) {
        let (encoder, tower, pair) = (&self.encoder, &self.tower, &self.pair);
        let mut expect = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        for (name, width) in [
            ("stem_width", encoder.stem_width),
            ("conv_width", encoder.conv_width),
        ] {
            expect(
                width % 2 == 1,
                format!("encoder.{name} is {width}, expected an odd number"),
            );
        }
        let channels = &encoder.channels;
        expect(
            channels.len() == STAGES,
            format!(
                "encoder.channels has {} widths, expected {STAGES}",
                channels.len()
            ),
        );
        expect(
            channels.is_sorted(),
            format!("encoder.channels {channels:?} shrink: a residual would not fit"),
        );
        expect(
            channels.last() == Some(&tower.channels),
            format!(
                "tower.channels is {}, but the encoder ends with {:?}",
                tower.channels,
                channels.last()
            ),
        );
        expect(
            self.decoder.channels.iter().rev().eq(channels),
            format!(
                "decoder.channels {:?} are not the encoder's {channels:?} in reverse",
                self.decoder.channels
            ),
        );
        expect(
            tower.layers <= 1024,
            format!("tower.layers is {}, expected at most 1024", tower.layers),
        );
        check_rotary(
            "tower.head_width",
            tower.head_width,
            "tower.max_position",
            tower.max_position,
            &mut expect,
        );
        expect(
            tower.soft_cap.is_finite() && tower.soft_cap > 0.0,
            format!(
                "tower.soft_cap is {}, expected a positive number",
                tower.soft_cap
            ),
        );
        expect(
            16 % pair.pool == 0,
            format!("pair.pool is {}, expected a divisor of 16", pair.pool),
        );
        expect(
            pair.position_features % 2 == 0
                && pair.position_features / 2 <= tower.max_position / pair.pool,
            format!(
                "pair.position_features is {}, expected an even number, at most twice tower.max_position / pair.pool",
                pair.position_features
            ),
        );
        expect(
            pair.row_width == pair.channels,
            format!(
                "pair.row_width is {}, expected pair.channels, {}",
                pair.row_width, pair.channels
            ),
        );
        let embedders = &self.embedders;
        for (name, width, expected) in [
            (
                "embeddings_1bp",
                embedders.embeddings_1bp,
                2 * channels.first().copied().unwrap_or(0),
            ),
            (
                "embeddings_128bp",
                embedders.embeddings_128bp,
                2 * tower.channels,
            ),
            ("embeddings_pair", embedders.embeddings_pair, pair.channels),
        ] {
            expect(
                width == expected,
                format!("embedders.{name} is {width}, expected {expected}"),
            );
        }
    }
}

fn check_rotary(
    width_name: &str,
    width: usize,
    max_name: &str,
    max_position: usize,
    expect: &mut impl FnMut(bool, String),
) {
    expect(
        width.is_multiple_of(2),
        format!("{width_name} is {width}, expected an even number"),
    );
    expect(
        (width / 2..=1 << 24).contains(&max_position),
        format!(
            "{max_name} is {max_position}, expected {} to {}",
            width / 2,
            1 << 24
        ),
    );
}

fn check_head(name: &str, head: &Head, faults: &mut Vec<String>) {
    let mut expect = |holds: bool, fault: String| {
        if !holds {
            faults.push(format!("head {name}: {fault}"));
        }
    };
    match head {
        Head::GenomeTracks { resolutions, .. } => {
            let known = matches!(resolutions[..], [1] | [128] | [1, 128] | [128, 1]);
            expect(
                known,
                format!("resolutions are {resolutions:?}, expected 1, 128 or both"),
            );
        }
        Head::SpliceSitesClassification { tracks, .. } => {
            expect(
                *tracks == 5,
                format!("tracks is {tracks}, expected 5: four kinds of splice site and none"),
            );
        }
        Head::SpliceSitesJunction {
            hidden,
            max_position,
            threshold,
            ..
        } => {
            check_rotary(
                "hidden",
                *hidden,
                "max_position",
                *max_position,
                &mut expect,
            );
            expect(
                threshold.is_finite(),
                format!("threshold is {threshold}, expected a number"),
            );
        }
        Head::ContactMaps { .. } | Head::SpliceSitesUsage { .. } => {}
    }
}
