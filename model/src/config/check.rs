//! Whether the values of a configuration fit each other.

use super::{Config, FORMAT, FORMAT_VERSION, Head, TRUNK_RESOLUTION};

/// Stages of the encoder: from 1 bp to [`TRUNK_RESOLUTION`] the length is halved after each.
const STAGES: usize = TRUNK_RESOLUTION.ilog2() as usize;
/// A width above this is a damaged file, not a model.
const LARGEST: usize = 1 << 20;

impl Config {
    /// Everything that does not fit; what builds on it is looked at only when the rest fits.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        self.check_file(&mut faults);
        self.check_widths(&mut faults);
        if faults.is_empty() {
            self.check_trunk(&mut faults);
            for (name, head) in &self.heads {
                check_head(name, head, &mut faults);
            }
        }
        faults
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
