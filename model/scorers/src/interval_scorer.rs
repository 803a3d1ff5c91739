use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use genome::{Annotation, Interval};

use crate::alignment::merged;
use crate::call::Call;
use crate::genes::with_exons;
use crate::names::named;
use crate::scorer::{check, optional};
use crate::scores::{Row, ScoredBy, Scores};
use crate::{Allele, Error, OutputType, Predictions, Tracks};
use OutputType as O;

named! {
    /// How an interval scorer makes one number of a gene's bins.
    IntervalAggregation {
        /// Mean over the gene's bins.
        Mean = "MEAN",
        /// Sum.
        Sum = "SUM",
    }
}

/// The SDK's interval scorer, `GeneMaskScorer`: expression or another output over the exons of genes around the centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntervalScorer {
    /// What is scored.
    pub output: OutputType,
    /// Base pairs around the interval's centre in which a gene's TSS must lie; the whole interval without.
    pub width: Option<usize>,
    /// How.
    pub aggregation: IntervalAggregation,
}

const OUTPUTS: &[OutputType] = &[
    O::Atac,
    O::Cage,
    O::ChipHistone,
    O::ChipTf,
    O::Dnase,
    O::RnaSeq,
    O::SpliceSites,
    O::SpliceSiteUsage,
];
const WIDTHS: &[Option<usize>] = &[
    None,
    Some(501),
    Some(2_001),
    Some(10_001),
    Some(100_001),
    Some(200_001),
];

/// An interval scorer that is ready for an interval.
#[derive(Clone, Debug)]
pub struct IntervalPlan {
    scorer: IntervalScorer,
    interval: Interval,
    rows: Vec<Row>,
    masks: Vec<Vec<Range<usize>>>,
}

impl IntervalScorer {
    /// The scorer that the SDK recommends. It needs an interval of 200,001 bp at least.
    pub const RECOMMENDED: Self = Self {
        output: O::RnaSeq,
        width: Some(200_001),
        aggregation: IntervalAggregation::Mean,
    };

    /// Finds the genes and their bins. Genes are those with a TSS in the target, the `width` bases around the interval's
    /// centre; exons are clipped to it.
    pub fn prepare(
        self,
        interval: &Interval,
        annotation: &Annotation,
    ) -> Result<IntervalPlan, Error> {
        check("GENE_MASK", self.output, OUTPUTS, self.width, WIDTHS)?;
        let interval = interval.as_unstranded();
        let width = self.width.map_or(interval.width(), |width| width as i64);
        if width > interval.width() {
            return Err(Error::Width {
                width,
                interval: Box::new(interval),
            });
        }
        let target = interval.resize(width);
        let before = ((interval.width() - width) / 2) as usize;
        let resolution = self.output.resolution();
        let bins = |run: Range<usize>| {
            (run.start + before) / resolution..(run.end + before).div_ceil(resolution)
        };
        let genes = with_exons(annotation, &target);
        let rows = genes
            .iter()
            .map(|mask| Row::of(&annotation.genes()[mask.gene], &target))
            .collect();
        let masks = genes
            .into_iter()
            .map(|mask| merged(mask.positions.into_iter().map(bins).collect()))
            .collect();
        Ok(IntervalPlan {
            scorer: self,
            interval,
            rows,
            masks,
        })
    }
}

impl IntervalPlan {
    /// The bins that [`IntervalPlan::score`] reads, as ascending runs.
    pub fn reads(&self) -> Vec<Range<usize>> {
        merged(self.masks.iter().flatten().cloned().collect())
    }

    /// The scores, for tracks of either strand.
    pub fn score(&self, predictions: &Predictions, tracks: &Arc<Tracks>) -> Result<Scores, Error> {
        let track = predictions.track(self.scorer.output, Allele::Reference)?;
        track.check(tracks.len())?;
        let mut values = Vec::with_capacity(self.masks.len() * tracks.len());
        for mask in &self.masks {
            let mut sums = vec![0.0f64; tracks.len()];
            for at in mask.iter().cloned().flatten() {
                for (sum, value) in sums.iter_mut().zip(track.row(at)?) {
                    *sum += f64::from(*value);
                }
            }
            let over = match self.scorer.aggregation {
                IntervalAggregation::Mean => {
                    mask.iter().map(ExactSizeIterator::len).sum::<usize>() as f64
                }
                IntervalAggregation::Sum => 1.0,
            };
            values.extend(sums.into_iter().map(|sum| (sum / over) as f32));
        }
        Ok(Scores {
            by: ScoredBy::Interval(self.scorer),
            interval: self.interval.clone(),
            rows: self.rows.clone(),
            tracks: tracks.clone(),
            values,
            quantiles: None,
        })
    }
}

impl fmt::Display for IntervalScorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            output,
            width,
            aggregation,
        } = self;
        let width = optional(*width);
        write!(
            f,
            "GeneMaskScorer(requested_output={output}, width={width}, aggregation_type={aggregation})"
        )
    }
}

impl FromStr for IntervalScorer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known: &[(&str, &[&str])] = &[(
            "GeneMaskScorer",
            &["requested_output", "width", "aggregation_type"],
        )];
        let call = Call::parse(text, known, Self::RECOMMENDED)?;
        let scorer = Self {
            output: call.output(OUTPUTS)?,
            width: call.width()?,
            aggregation: call.one("aggregation_type", IntervalAggregation::ALL)?,
        };
        check("GENE_MASK", scorer.output, OUTPUTS, scorer.width, WIDTHS)?;
        Ok(scorer)
    }
}
