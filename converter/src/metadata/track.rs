//! What is known of an output channel.

use serde::Serialize;

/// A head's kind of output, in the order of AlphaGenome's `OutputType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutputType {
    /// Chromatin accessibility by ATAC-seq.
    Atac,
    /// Transcription starts by CAGE.
    Cage,
    /// Chromatin accessibility by DNase-seq.
    Dnase,
    /// Gene expression by RNA-seq.
    RnaSeq,
    /// Histone modifications by ChIP-seq.
    ChipHistone,
    /// Transcription factors by ChIP-seq.
    ChipTf,
    /// Donors and acceptors of splicing.
    SpliceSites,
    /// How often each splice site is used.
    SpliceSiteUsage,
    /// Counts of reads across splice junctions; its metadata lists tissues.
    SpliceJunctions,
    /// Contacts of DNA with DNA.
    ContactMaps,
    /// Transcription starts by PRO-cap.
    Procap,
}

impl OutputType {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::Atac,
        Self::Cage,
        Self::Dnase,
        Self::RnaSeq,
        Self::ChipHistone,
        Self::ChipTf,
        Self::SpliceSites,
        Self::SpliceSiteUsage,
        Self::SpliceJunctions,
        Self::ContactMaps,
        Self::Procap,
    ];

    /// The name as it stands in `config.json` and `tracks.json`: `RNA_SEQ`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Atac => "ATAC",
            Self::Cage => "CAGE",
            Self::Dnase => "DNASE",
            Self::RnaSeq => "RNA_SEQ",
            Self::ChipHistone => "CHIP_HISTONE",
            Self::ChipTf => "CHIP_TF",
            Self::SpliceSites => "SPLICE_SITES",
            Self::SpliceSiteUsage => "SPLICE_SITE_USAGE",
            Self::SpliceJunctions => "SPLICE_JUNCTIONS",
            Self::ContactMaps => "CONTACT_MAPS",
            Self::Procap => "PROCAP",
        }
    }

    /// The output type with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|output_type| output_type.name() == name)
    }
}

/// The strand that a track was measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Strand {
    /// 5' to 3': `+`.
    #[serde(rename = "+")]
    Positive,
    /// 3' to 5': `-`.
    #[serde(rename = "-")]
    Negative,
    /// Both together: `.`.
    #[serde(rename = ".")]
    Unstranded,
}

/// One channel of an output; for splice junctions one tissue, which has no strand of its own.
///
/// A field that the source does not give is `None` and absent from the JSON. An empty string was given as one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Track {
    /// The track's name; not unique: a donor has the same name on both strands, and all padding is called `Padding`.
    pub name: String,
    /// The strand; `None` for tissues only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strand: Option<Strand>,
    /// The ontology term as a compact identifier, its number in at least seven digits: `CL:0000084`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ontology_curie: Option<String>,
    /// ENCODE's kind of sample: `primary_cell`, `tissue`...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub biosample_type: Option<&'static str>,
    /// The sample: `T-cell`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub biosample_name: Option<String>,
    /// The sample's stage of life: `adult`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub biosample_life_stage: Option<String>,
    /// The experiment: `polyA plus RNA-seq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assay: Option<String>,
    /// GTEx's name of the tissue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gtex_tissue: Option<String>,
    /// The histone mark: `H3K27ac`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histone_mark: Option<String>,
    /// The transcription factor: `CTCF`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcription_factor: Option<String>,
    /// Where the data come from: `encode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_source: Option<String>,
    /// Whether reads were `single` or `paired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endedness: Option<&'static str>,
    /// Whether the sample was genetically modified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genetically_modified: Option<bool>,
    /// Mean of the track's values that are not zero, in experimental units; scales predictions. Finite, not negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonzero_mean: Option<f32>,
    /// Whether the channel only fills the head to its width: the name is `padding`, in any case.
    pub padding: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree_with_the_json() {
        for output_type in OutputType::ALL {
            let json = serde_json::to_value(output_type).unwrap();
            assert_eq!(json, output_type.name());
            assert_eq!(OutputType::from_name(output_type.name()), Some(output_type));
        }
        assert_eq!(OutputType::from_name("RNA"), None);
    }
}
