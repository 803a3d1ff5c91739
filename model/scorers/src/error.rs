use crate::{Allele, OutputType};
use genome::{Interval, Variant};

/// Why a score cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A scorer that does not exist.
    #[error("scorer {scorer}: {what} {given} is not supported; choose among {supported}")]
    Unsupported {
        /// The kind of scorer.
        scorer: String,
        /// Which setting.
        what: &'static str,
        /// What was given.
        given: String,
        /// What there is.
        supported: String,
    },
    /// A scorer without a setting that it needs.
    #[error("scorer {scorer}: argument {argument} is missing; expected {expected}")]
    Missing {
        /// The kind of scorer.
        scorer: String,
        /// Which setting.
        argument: &'static str,
        /// All of its arguments.
        expected: String,
    },
    /// A text that names no scorer.
    #[error("scorer {text:?}: write it as the SDK does, such as \"{example}\"; there are {known}")]
    Name {
        /// What was given.
        text: String,
        /// One that there is.
        example: String,
        /// Names of all kinds.
        known: String,
    },
    /// A scorer that an organism does not have.
    #[error(
        "scorer {scorer} is missing for {organism}: it needs polyadenylation sites, which there are for HOMO_SAPIENS"
    )]
    Organism {
        /// The scorer.
        scorer: String,
        /// The organism.
        organism: &'static str,
    },
    /// A scorer whose sites were not given.
    #[error(
        "scorer {0} needs a table of polyadenylation sites, and none was given; leave the scorer out or give the table"
    )]
    NoPolyadenylationSites(String),
    /// An indel that cannot be aligned.
    #[error(
        "variant {variant} cannot be aligned within {interval}: a deletion that crosses an edge of the interval, or lies right of \
         it, has no aligned ALT (0.3.0 raises TypeCheckError); choose an interval that holds it whole"
    )]
    Alignment {
        /// The variant.
        variant: Box<Variant>,
        /// The interval.
        interval: Box<Interval>,
    },
    /// A variant outside of the interval, for a scorer of one bin.
    #[error(
        "variant {variant} lies outside of {interval}: The variant does not affect any positions at this bin resolution."
    )]
    Outside {
        /// The variant.
        variant: Box<Variant>,
        /// The interval.
        interval: Box<Interval>,
    },
    /// More genes than 0.3.0 takes.
    #[error(
        "{found} genes for interval {interval} and variant {variant}, and at most {most} are scored; choose a shorter interval"
    )]
    Genes {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
        /// The variant.
        variant: String,
        /// The interval.
        interval: Box<Interval>,
    },
    /// More polyadenylation sites than 0.3.0 takes.
    #[error(
        "gene {gene} has {found} polyadenylation sites in the interval, and at most {most} are scored"
    )]
    Sites {
        /// The gene.
        gene: String,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// Junctions overlap a gene and none lies in one.
    #[error(
        "variant {0}: junctions overlap a gene, but none lies within one (0.3.0 raises here: Both junction_scores and mask_metadata must be non-empty)"
    )]
    NoJunction(Box<Variant>),
    /// Tracks that cannot be merged.
    #[error(
        "the tracks of + and - do not have the same names in the same order, so that they cannot be merged; ask for scores of stranded tracks: merge_stranded_gene_tracks=False"
    )]
    Unpaired,
    /// A target that is wider than its interval.
    #[error("Interval width must be >= the center mask width: {width} bases around the centre of {interval}, which has {}", interval.width())]
    Width {
        /// The target's width.
        width: i64,
        /// The interval.
        interval: Box<Interval>,
    },
    /// An output that the predictions lack.
    #[error("{output} of {allele} is not among the predictions; predict it too")]
    NoOutput {
        /// Which output.
        output: OutputType,
        /// Of which allele.
        allele: Allele,
    },
    /// A position that the predictions lack.
    #[error(
        "{output} of {allele} was not predicted at bin {position}, which the scorer reads; predict what `Plan::reads` names"
    )]
    NotPredicted {
        /// Which output.
        output: OutputType,
        /// Of which allele.
        allele: Allele,
        /// Which bin of the output.
        position: usize,
    },
    /// Predictions whose shape does not fit.
    #[error("{output}: {what} is {found}, expected {expected}")]
    Shape {
        /// Which output.
        output: OutputType,
        /// Of what.
        what: &'static str,
        /// What is there.
        found: usize,
        /// What should be there.
        expected: usize,
    },
    /// A region that saturation mutagenesis cannot take.
    #[error("region {region} {reason} of {interval}")]
    Region {
        /// The region.
        region: Box<Interval>,
        /// How it lies.
        reason: &'static str,
        /// The interval.
        interval: Box<Interval>,
    },
    /// Only results without rows.
    #[error(
        "no result has a row, so there is no table (0.3.0 raises KeyError here: the column raw_score is missing)"
    )]
    NothingToTidy,
    /// A calibration file that cannot be used.
    #[error("calibration, byte {offset}: {reason}")]
    Calibration {
        /// Where in the file.
        offset: usize,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// Tracks that differ from those of the calibration.
    #[error(
        "calibration of {scorer}: its tracks differ from the model's ({detail}); use the file that belongs to the model"
    )]
    CalibrationTracks {
        /// Which scorer.
        scorer: String,
        /// The first difference.
        detail: String,
    },
}
