use std::fmt;
use std::str::FromStr;

use crate::call::Call;
use crate::names::named;
use crate::{Error, Organism, OutputType};
use OutputType as O;

named! {
    /// How a centre mask makes one number of a window of both alleles.
    Aggregation {
        /// Difference of means.
        DiffMean = "DIFF_MEAN",
        /// Difference of sums.
        DiffSum = "DIFF_SUM",
        /// Difference of sums of `log2(x + 1)`.
        DiffSumLog2 = "DIFF_SUM_LOG2",
        /// Difference of `log2(1 + sum)`.
        DiffLog2Sum = "DIFF_LOG2_SUM",
        /// Root of the sum of squared differences.
        L2Diff = "L2_DIFF",
        /// The same of `ln(1 + x)`.
        L2DiffLog1p = "L2_DIFF_LOG1P",
        /// The larger mean.
        ActiveMean = "ACTIVE_MEAN",
        /// The larger sum.
        ActiveSum = "ACTIVE_SUM",
    }
}

/// A variant scorer with its settings; `Display` and `FromStr` write and read the SDK's name of it.
///
/// ```
/// use scorers::{Organism, Scorer};
///
/// let first = Scorer::recommended(Organism::Human).remove(0);
/// let name = "CenterMaskScorer(requested_output=ATAC, width=501, aggregation_type=DIFF_LOG2_SUM)";
/// assert_eq!(first.to_string(), name);
/// assert_eq!(name.parse::<Scorer>()?, first);
/// # Ok::<_, scorers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scorer {
    /// A window around the variant; ALT is not aligned.
    CenterMask {
        /// What is scored.
        output: OutputType,
        /// Base pairs; the whole interval without.
        width: Option<usize>,
        /// How.
        aggregation: Aggregation,
    },
    /// Mean absolute difference of the contacts of the variant's bin.
    ContactMap,
    /// Log fold change of the mean over a gene's exons.
    GeneMaskLfc {
        /// What is scored.
        output: OutputType,
    },
    /// The larger mean over a gene's exons.
    GeneMaskActive {
        /// What is scored.
        output: OutputType,
    },
    /// Largest difference over a gene's body.
    GeneMaskSplicing {
        /// What is scored.
        output: OutputType,
        /// Part of the name; it has no effect.
        width: Option<usize>,
    },
    /// Proximal against distal polyadenylation sites.
    Polyadenylation,
    /// Largest log fold change of a junction's counts.
    SpliceJunction,
}

const WINDOWS: &[Option<usize>] = &[
    None,
    Some(501),
    Some(2_001),
    Some(10_001),
    Some(100_001),
    Some(200_001),
];
const SPLICING_WIDTHS: &[Option<usize>] = &[None, Some(101), Some(1_001), Some(10_001)];
const WINDOW_OUTPUTS: &[OutputType] = &[
    O::Atac,
    O::Cage,
    O::Dnase,
    O::Procap,
    O::RnaSeq,
    O::ChipHistone,
    O::ChipTf,
    O::SpliceSites,
    O::SpliceSiteUsage,
];
const GENE_OUTPUTS: &[OutputType] = &[
    O::Atac,
    O::Cage,
    O::Dnase,
    O::Procap,
    O::RnaSeq,
    O::SpliceSites,
    O::SpliceSiteUsage,
];
const SPLICING_OUTPUTS: &[OutputType] = &[O::SpliceSites, O::SpliceSiteUsage];

impl Scorer {
    /// The SDK's recommended scorers, in its order: 19 for human, and for mouse all but polyadenylation.
    pub fn recommended(organism: Organism) -> Vec<Self> {
        let window = |output, width, aggregation| Self::CenterMask {
            output,
            width: Some(width),
            aggregation,
        };
        let difference = |output, width| window(output, width, Aggregation::DiffLog2Sum);
        let active = |output, width| window(output, width, Aggregation::ActiveSum);
        let all = [
            difference(O::Atac, 501),
            Self::ContactMap,
            difference(O::Dnase, 501),
            difference(O::ChipTf, 501),
            difference(O::ChipHistone, 2001),
            difference(O::Cage, 501),
            difference(O::Procap, 501),
            Self::GeneMaskLfc { output: O::RnaSeq },
            Self::GeneMaskActive { output: O::RnaSeq },
            Self::GeneMaskSplicing {
                output: O::SpliceSites,
                width: None,
            },
            Self::GeneMaskSplicing {
                output: O::SpliceSiteUsage,
                width: None,
            },
            Self::SpliceJunction,
            Self::Polyadenylation,
            active(O::Atac, 501),
            active(O::Dnase, 501),
            active(O::ChipTf, 501),
            active(O::ChipHistone, 2001),
            active(O::Cage, 501),
            active(O::Procap, 501),
        ];
        all.into_iter()
            .filter(|scorer| scorer.supports(organism))
            .collect()
    }

    /// Whether the organism has this scorer.
    pub fn supports(self, organism: Organism) -> bool {
        self != Self::Polyadenylation || organism == Organism::Human
    }

    /// What is scored.
    pub fn output(self) -> OutputType {
        match self {
            Self::CenterMask { output, .. }
            | Self::GeneMaskLfc { output }
            | Self::GeneMaskActive { output }
            | Self::GeneMaskSplicing { output, .. } => output,
            Self::ContactMap => O::ContactMaps,
            Self::Polyadenylation => O::RnaSeq,
            Self::SpliceJunction => O::SpliceJunctions,
        }
    }

    /// Whether scores may be negative.
    pub fn is_signed(self) -> bool {
        use Aggregation::{DiffLog2Sum, DiffMean, DiffSum, DiffSumLog2};
        match self {
            Self::CenterMask { aggregation, .. } => {
                matches!(aggregation, DiffMean | DiffSum | DiffSumLog2 | DiffLog2Sum)
            }
            Self::GeneMaskLfc { .. } => true,
            _ => false,
        }
    }

    /// Whether scores say what changes from REF to ALT; those of the others say how active the more active allele is.
    pub fn is_change(self) -> bool {
        use Aggregation::{ActiveMean, ActiveSum};
        match self {
            Self::CenterMask { aggregation, .. } => !matches!(aggregation, ActiveMean | ActiveSum),
            Self::GeneMaskActive { .. } => false,
            _ => true,
        }
    }

    /// The name of the SDK's `BaseVariantScorer`.
    pub fn base(self) -> &'static str {
        match self {
            Self::CenterMask { .. } => "CENTER_MASK",
            Self::ContactMap => "CONTACT_MAP",
            Self::GeneMaskLfc { .. } => "GENE_MASK_LFC",
            Self::GeneMaskActive { .. } => "GENE_MASK_ACTIVE",
            Self::GeneMaskSplicing { .. } => "GENE_MASK_SPLICING",
            Self::Polyadenylation => "PA_QTL",
            Self::SpliceJunction => "SPLICE_JUNCTION",
        }
    }

    /// The scorer itself where the SDK takes its settings, and an error where it does not.
    pub fn checked(self) -> Result<Self, Error> {
        let (outputs, widths): (&[_], &[_]) = match self {
            Self::CenterMask { .. } => (WINDOW_OUTPUTS, WINDOWS),
            Self::GeneMaskLfc { .. } | Self::GeneMaskActive { .. } => (GENE_OUTPUTS, &[None]),
            Self::GeneMaskSplicing { .. } => (SPLICING_OUTPUTS, SPLICING_WIDTHS),
            Self::ContactMap | Self::Polyadenylation | Self::SpliceJunction => return Ok(self),
        };
        let width = match self {
            Self::CenterMask { width, .. } | Self::GeneMaskSplicing { width, .. } => width,
            _ => None,
        };
        check(self.base(), self.output(), outputs, width, widths)?;
        Ok(self)
    }
}

/// Fails where an output or a width is not among those that a scorer takes.
pub(crate) fn check(
    scorer: &str,
    output: OutputType,
    outputs: &[OutputType],
    width: Option<usize>,
    widths: &[Option<usize>],
) -> Result<(), Error> {
    let fail = |what, given, supported: Vec<String>| {
        Err(Error::Unsupported {
            scorer: scorer.to_owned(),
            what,
            given,
            supported: supported.join(", "),
        })
    };
    if !outputs.contains(&output) {
        return fail(
            "output",
            output.to_string(),
            outputs.iter().map(ToString::to_string).collect(),
        );
    }
    if !widths.contains(&width) {
        return fail(
            "width",
            optional(width),
            widths.iter().map(|width| optional(*width)).collect(),
        );
    }
    Ok(())
}

pub(crate) fn optional(width: Option<usize>) -> String {
    width.map_or_else(|| "None".to_owned(), |width| width.to_string())
}

impl fmt::Display for Scorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CenterMask {
                output,
                width,
                aggregation,
            } => {
                let width = optional(*width);
                write!(
                    f,
                    "CenterMaskScorer(requested_output={output}, width={width}, aggregation_type={aggregation})"
                )
            }
            Self::ContactMap => f.write_str("ContactMapScorer()"),
            Self::GeneMaskLfc { output } => {
                write!(f, "GeneMaskLFCScorer(requested_output={output})")
            }
            Self::GeneMaskActive { output } => {
                write!(f, "GeneMaskActiveScorer(requested_output={output})")
            }
            Self::GeneMaskSplicing { output, width } => {
                write!(
                    f,
                    "GeneMaskSplicingScorer(requested_output={output}, width={})",
                    optional(*width)
                )
            }
            Self::Polyadenylation => f.write_str("PolyadenylationScorer()"),
            Self::SpliceJunction => f.write_str("SpliceJunctionScorer()"),
        }
    }
}

/// Scorers and their arguments.
const CALLS: &[(&str, &[&str])] = &[
    (
        "CenterMaskScorer",
        &["requested_output", "width", "aggregation_type"],
    ),
    ("GeneMaskLFCScorer", &["requested_output"]),
    ("GeneMaskActiveScorer", &["requested_output"]),
    ("GeneMaskSplicingScorer", &["requested_output", "width"]),
    ("ContactMapScorer", &[]),
    ("PolyadenylationScorer", &[]),
    ("SpliceJunctionScorer", &[]),
];

impl FromStr for Scorer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let example = Self::CenterMask {
            output: O::Atac,
            width: Some(501),
            aggregation: Aggregation::DiffLog2Sum,
        };
        let call = Call::parse(text, CALLS, example)?;
        let scorer = match call.name {
            "CenterMaskScorer" => Self::CenterMask {
                output: call.output(WINDOW_OUTPUTS)?,
                width: call.width()?,
                aggregation: call.one("aggregation_type", Aggregation::ALL)?,
            },
            "GeneMaskLFCScorer" => Self::GeneMaskLfc {
                output: call.output(GENE_OUTPUTS)?,
            },
            "GeneMaskActiveScorer" => Self::GeneMaskActive {
                output: call.output(GENE_OUTPUTS)?,
            },
            "GeneMaskSplicingScorer" => Self::GeneMaskSplicing {
                output: call.output(SPLICING_OUTPUTS)?,
                width: call.width()?,
            },
            "ContactMapScorer" => Self::ContactMap,
            "PolyadenylationScorer" => Self::Polyadenylation,
            _ => Self::SpliceJunction,
        };
        scorer.checked()
    }
}
