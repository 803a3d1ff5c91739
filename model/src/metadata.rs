//! What the tracks are: `tracks.json` of a conversion.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{Config, Head};

/// The `format_version` that this package reads.
pub const FORMAT_VERSION: u32 = 1;

/// Tracks of every organism and output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Always [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The organisms.
    pub organisms: Vec<Organism>,
}

/// Tracks of one organism.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Organism {
    /// The name, as in the configuration.
    pub name: String,
    /// The index of its parameters.
    pub index: usize,
    /// Tracks in channel order, by output type.
    pub outputs: BTreeMap<String, Vec<Track>>,
}

/// One track.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The name.
    #[serde(default)]
    pub name: String,
    /// `+`, `-` or `.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strand: Option<String>,
    /// The tissue or cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ontology_curie: Option<String>,
    /// The tissue or cell, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub biosample_name: Option<String>,
    /// ENCODE's kind of sample: `primary_cell`, `tissue`...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub biosample_type: Option<String>,
    /// The sample's stage of life: `adult`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub biosample_life_stage: Option<String>,
    /// The experiment: `polyA plus RNA-seq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assay: Option<String>,
    /// GTEx's name of the tissue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtex_tissue: Option<String>,
    /// The histone mark: `H3K27ac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histone_mark: Option<String>,
    /// The transcription factor: `CTCF`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcription_factor: Option<String>,
    /// Where the data come from: `encode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_source: Option<String>,
    /// Whether reads were `single` or `paired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endedness: Option<String>,
    /// Whether the sample was genetically modified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genetically_modified: Option<bool>,
    /// Mean of the positions that are not zero, which scales predictions to experimental units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonzero_mean: Option<f64>,
    /// Whether the channel is there only to fill up.
    #[serde(default)]
    pub padding: bool,
}

/// A `tracks.json` that does not belong to the model.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The text is no JSON, or a field is missing or of another type.
    #[error("not track metadata: {0}")]
    Parse(#[from] serde_json::Error),
    /// Values that do not fit the model's configuration; all of them.
    #[error("track metadata that does not fit the model: {}", .0.join("; "))]
    Inconsistent(Vec<String>),
}

impl Metadata {
    /// Reads the text of a `tracks.json` and checks it against the model's configuration.
    ///
    /// # Errors
    /// [`MetadataError`] when the text does not parse, an organism or output is missing, or track counts differ.
    pub fn parse(json: &str, config: &Config) -> Result<Self, MetadataError> {
        let mut metadata: Self = serde_json::from_str(json)?;
        metadata.organisms.sort_by_key(|organism| organism.index);
        let faults = metadata.faults(config);
        if faults.is_empty() {
            Ok(metadata)
        } else {
            Err(MetadataError::Inconsistent(faults))
        }
    }

    fn faults(&self, config: &Config) -> Vec<String> {
        let mut faults = Vec::new();
        if self.format_version != FORMAT_VERSION {
            faults.push(format!(
                "format_version is {}, expected {FORMAT_VERSION}",
                self.format_version
            ));
        }
        if !self
            .organisms
            .iter()
            .map(|organism| organism.index)
            .eq(0..config.num_organisms)
        {
            let found: Vec<usize> = self
                .organisms
                .iter()
                .map(|organism| organism.index)
                .collect();
            faults.push(format!(
                "organisms have the indices {found:?}, expected 0 to {}",
                config.num_organisms - 1
            ));
        }
        for organism in &self.organisms {
            for (name, head) in &config.heads {
                let (output, expected) = (head.output_type(), head.tracks());
                let found = organism.outputs.get(output).map(Vec::len);
                let junctions = matches!(head, Head::SpliceSitesJunction { .. });
                let fits =
                    found.is_some_and(|found| found == expected || junctions && found < expected);
                if !fits {
                    let found = found.map_or("nothing".into(), |found| format!("{found} tracks"));
                    let organism = &organism.name;
                    faults.push(format!(
                        "{organism} has {found} for {output}, head {name} has {expected}"
                    ));
                }
            }
        }
        faults
    }

    /// The tracks of an output in one organism, in channel order.
    pub fn tracks(&self, organism: usize, output_type: &str) -> &[Track] {
        let organism = self
            .organisms
            .iter()
            .find(|candidate| candidate.index == organism);
        organism
            .and_then(|organism| organism.outputs.get(output_type))
            .map_or(&[], Vec::as_slice)
    }

    /// The channel of the other strand for every channel of an output: the first `+` track and the first `-` track change
    /// places, and so on; tracks without a strand keep theirs. Nothing if the strands have not as many tracks.
    pub fn strand_reindexing(&self, organism: usize, output_type: &str) -> Option<Vec<usize>> {
        let tracks = self.tracks(organism, output_type);
        let of = |strand: &str| -> Vec<usize> {
            let on = |index: &usize| tracks[*index].strand.as_deref() == Some(strand);
            (0..tracks.len()).filter(on).collect()
        };
        let (positive, negative) = (of("+"), of("-"));
        if positive.len() != negative.len() {
            return None;
        }
        let mut channels: Vec<usize> = (0..tracks.len()).collect();
        for (&positive, &negative) in positive.iter().zip(&negative) {
            channels[positive] = negative;
            channels[negative] = positive;
        }
        Some(channels)
    }

    /// The mean of each track: NaN for a track without one, but 1 where none has.
    pub fn means(&self, organism: usize, output_type: &str) -> Vec<f32> {
        let tracks = self.tracks(organism, output_type);
        if tracks.iter().all(|track| track.nonzero_mean.is_none()) {
            return vec![1.0; tracks.len()];
        }
        tracks
            .iter()
            .map(|track| track.nonzero_mean.map_or(f32::NAN, |mean| mean as f32))
            .collect()
    }

    /// Values of an output of `shape` that are NaN by definition, for a batch of `organisms`: those of tracks without a mean.
    pub fn non_finite(
        &self,
        config: &Config,
        organisms: &[usize],
        output: &str,
        shape: &[usize],
    ) -> u64 {
        let (head, kind) = output.split_once('/').unwrap_or_default();
        let head = config.heads.get(head);
        let Some(head @ Head::GenomeTracks { .. }) = head else {
            return 0;
        };
        if !kind.starts_with("predictions_") {
            return 0;
        }
        let without = |&organism: &usize| {
            let means = self.means(organism, head.output_type());
            means.into_iter().filter(|mean| !mean.is_finite()).count() as u64
        };
        let tracks: u64 = organisms.iter().map(without).sum();
        tracks * shape.get(1).copied().unwrap_or(0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(strands: &[&str]) -> Metadata {
        let track = |strand: &&str| Track {
            strand: Some(strand.to_string()),
            ..Default::default()
        };
        let tracks = strands.iter().map(track).collect();
        let organism = Organism {
            name: "human".into(),
            index: 0,
            outputs: BTreeMap::from([("CAGE".into(), tracks)]),
        };
        Metadata {
            format_version: FORMAT_VERSION,
            organisms: vec![organism],
        }
    }

    #[test]
    fn strands_change_places_in_order() {
        let of = |strands: &[&str]| metadata(strands).strand_reindexing(0, "CAGE");
        let found = of(&["+", "+", ".", "-", "-", "."]);
        assert_eq!(found, Some(vec![3, 4, 2, 0, 1, 5]));
        assert_eq!(of(&["-", "+"]), Some(vec![1, 0]));
        assert_eq!(of(&["+", "."]), None);
    }
}
