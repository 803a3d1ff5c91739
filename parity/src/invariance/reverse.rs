//! Predictions of the other strand, read back into the direction of the first.
//!
//! As AlphaGenome's own code does it (`augmentation.reverse_complement`): positions run backwards; channels of the two
//! strands change places; contact maps turn on both axes; junctions change strands, their sites being given; and DNASE at
//! 1 bp, whose signal stands between two bases, moves by one, its first position being left out.

use model::metadata::Metadata;
use model::{Array, Config, SpliceSitePositions, Values};

use super::compare::{Compared, JUNCTIONS, Output, Outputs, SITES};
use crate::closeness::{Closeness, floats};
use crate::outputs::head_of;

/// The head whose sites are given: they and their mask say nothing.
const HEAD: &str = "splice_sites_junction/";

/// The splice sites of the first strand as the other one has them: places from its other end, strands exchanged.
pub fn sites(outputs: &Outputs, length: usize) -> Option<SpliceSitePositions> {
    let array = outputs.get(SITES)?;
    let (Values::I32(places), [1, 4, count]) = (&array.values, &array.shape[..]) else {
        return None;
    };
    let turned = |&place: &i32| {
        if place < 0 {
            -1
        } else {
            length as i32 - 1 - place
        }
    };
    let kinds = [2, 3, 0, 1].map(|kind| &places[kind * count..][..*count]);
    Some(SpliceSitePositions {
        count: *count,
        places: kinds
            .iter()
            .flat_map(|kind| kind.iter().map(turned))
            .collect(),
    })
}

/// Compares predictions with those of the other strand; embeddings have no strands to exchange and are left out.
pub fn compare(
    reference: &Outputs,
    other: &Outputs,
    (config, metadata): (&Config, &Metadata),
    organism: usize,
) -> Compared {
    let mut outputs = Vec::new();
    for (name, a) in reference {
        let head = head_of(name).and_then(|head| config.heads.get(head));
        let Some(head) = head else { continue };
        let (output_type, junctions) = (head.output_type(), name.starts_with(HEAD));
        if junctions && name != JUNCTIONS {
            continue;
        }
        let Some(b) = other.get(name).filter(|b| b.shape == a.shape) else {
            outputs.push(Output::lost(name, a));
            continue;
        };
        let closeness = match (name.as_str(), &a.shape[..]) {
            (JUNCTIONS, &[1, donors, acceptors, channels]) => {
                let half = channels / 2;
                let places = (0..donors * acceptors * channels).map(|place| {
                    let (row, channel) = (place / channels, place % channels);
                    (place, row * channels + (channel + half) % channels)
                });
                of(a, b, places)
            }
            (_, &[1, rows, columns, channels]) if !junctions => {
                let places = (0..rows * columns * channels).map(|place| {
                    let (pair, channel) = (place / channels, place % channels);
                    (place, (rows * columns - 1 - pair) * channels + channel)
                });
                of(a, b, places)
            }
            (_, &[1, length, channels]) if !junctions => {
                let Some(strands) = metadata.strand_reindexing(organism, output_type) else {
                    continue;
                };
                let first = usize::from(output_type == "DNASE" && name.ends_with("_1bp"));
                let strand = |channel: usize| strands.get(channel).copied().unwrap_or(channel);
                let places = (first * channels..length * channels).map(|place| {
                    let (position, channel) = (place / channels, place % channels);
                    let turned = length - 1 + first - position;
                    (place, turned * channels + strand(channel))
                });
                of(a, b, places)
            }
            _ => continue,
        };
        outputs.push(Output::new(name, closeness));
    }
    Compared::new(outputs)
}

fn of(a: &Array, b: &Array, places: impl Iterator<Item = (usize, usize)>) -> Closeness {
    let (a, b) = (
        floats(&a.values, 0, a.values.len()),
        floats(&b.values, 0, b.values.len()),
    );
    Closeness::of(places.map(|(at_a, at_b)| (a[at_a], b[at_b])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{
        "format": "alphagenome-burn", "format_version": 1, "dtype": "float32", "num_organisms": 1,
        "organisms": ["human"], "folds": { "standardized_conv1d": false, "rms_batch_norm": false },
        "encoder": { "stem_width": 15, "conv_width": 5, "channels": [8, 8, 8, 8, 8, 8, 8] },
        "tower": { "layers": 1, "channels": 8, "heads": 1, "head_width": 8, "value_width": 8, "mlp_hidden": 8,
            "max_position": 8192, "soft_cap": 5.0 },
        "pair": { "every": 2, "pool": 16, "channels": 8, "heads": 1, "head_width": 8, "position_features": 64,
            "row_width": 8, "mlp_hidden": 8 },
        "decoder": { "channels": [8, 8, 8, 8, 8, 8, 8] },
        "embedders": { "embeddings_1bp": 16, "embeddings_128bp": 16, "embeddings_pair": 8 },
        "heads": {
            "cage": { "kind": "genome_tracks", "output_type": "CAGE", "tracks": 3, "resolutions": [1, 128],
                "squashing": false },
            "dnase": { "kind": "genome_tracks", "output_type": "DNASE", "tracks": 1, "resolutions": [1, 128],
                "squashing": false },
            "contact_maps": { "kind": "contact_maps", "output_type": "CONTACT_MAPS", "tracks": 1 },
            "splice_sites_junction": { "kind": "splice_sites_junction", "output_type": "SPLICE_JUNCTIONS",
                "tissues": 1, "hidden": 4, "max_position": 1048576, "top_k": 2, "threshold": 0.1 }
        }
    }"#;
    const TRACKS: &str = r#"{ "format_version": 1, "organisms": [{ "name": "human", "index": 0, "outputs": {
        "CAGE": [{ "strand": "+" }, { "strand": "." }, { "strand": "-" }], "DNASE": [{ "strand": "." }],
        "CONTACT_MAPS": [{}], "SPLICE_JUNCTIONS": [{}] } }] }"#;

    fn outputs(arrays: &[(&str, &[usize], &[f32])]) -> Outputs {
        let array = |&(name, shape, values): &(&str, &[usize], &[f32])| {
            let (shape, values) = (shape.to_vec(), Values::F32(values.to_vec()));
            (name.to_string(), Array { shape, values })
        };
        arrays.iter().map(array).collect()
    }

    #[test]
    fn what_is_read_from_the_other_side_is_equal() {
        let config = Config::parse(CONFIG).unwrap();
        let metadata = Metadata::parse(TRACKS, &config).unwrap();
        // Positions a, b: channels +, ., -. From the other side: b, a, with - in the place of +.
        let forward = outputs(&[
            (
                "cage/predictions_1bp",
                &[1, 2, 3],
                &[1., 2., 3., 4., 5., 6.],
            ),
            ("dnase/predictions_1bp", &[1, 4, 1], &[0., 1., 2., 3.]),
            ("dnase/predictions_128bp", &[1, 4, 1], &[0., 1., 2., 3.]),
            ("contact_maps/predictions", &[1, 2, 2, 1], &[1., 2., 3., 4.]),
            (
                "splice_sites_junction/predictions",
                &[1, 2, 1, 2],
                &[1., 2., 3., 4.],
            ),
            (
                "splice_sites_junction/splice_site_positions",
                &[1, 4, 1],
                &[1., 2., 3., 4.],
            ),
            ("embeddings_1bp", &[1, 2, 1], &[1., 2.]),
        ]);
        let backward = outputs(&[
            (
                "cage/predictions_1bp",
                &[1, 2, 3],
                &[6., 5., 4., 3., 2., 1.],
            ),
            // Between the bases: the last of this side is the second of the other; the first has no partner.
            ("dnase/predictions_1bp", &[1, 4, 1], &[9., 3., 2., 1.]),
            ("dnase/predictions_128bp", &[1, 4, 1], &[3., 2., 1., 0.]),
            ("contact_maps/predictions", &[1, 2, 2, 1], &[4., 3., 2., 1.]),
            (
                "splice_sites_junction/predictions",
                &[1, 2, 1, 2],
                &[2., 1., 4., 3.],
            ),
            (
                "splice_sites_junction/splice_site_positions",
                &[1, 4, 1],
                &[9.; 4],
            ),
            ("embeddings_1bp", &[1, 2, 1], &[1., 2.]),
        ]);
        let found = compare(&forward, &backward, (&config, &metadata), 0);
        assert!(found.equal, "{found:?}");
        assert_eq!(found.outputs.len(), 5);
        assert!(!compare(&forward, &forward, (&config, &metadata), 0).equal);
        let mut less = backward.clone();
        less.remove("contact_maps/predictions");
        let found = compare(&forward, &less, (&config, &metadata), 0);
        assert_eq!((found.equal, found.outputs.len()), (false, 5));
        assert_eq!(found.worst.as_deref(), Some("contact_maps/predictions"));
    }

    #[test]
    fn sites_change_ends_and_strands() {
        let places = vec![1, 5, 2, 6, 3, -1, 4, -1];
        let shape = vec![1, 4, 2];
        let array = Array {
            shape,
            values: Values::I32(places),
        };
        let found = sites(&Outputs::from([(SITES.to_string(), array)]), 10).unwrap();
        assert_eq!(found.count, 2);
        assert_eq!(found.places, [6, -1, 5, -1, 8, 4, 7, 3]);
        assert!(sites(&Outputs::new(), 10).is_none());
    }
}
