use std::ops::Range;

use genome::{Annotation, Interval, Variant};

use crate::alignment::Alignment;
use crate::center_mask::largest;
use crate::folds::{Fold, Folding};
use crate::genes::{with_bodies, with_exons};
use crate::scores::{Row, same_strand};
use crate::{Error, OutputType, Scorer, Tracks};

/// Genes that 0.3.0 scores at most.
const MOST_GENES: usize = 256;
/// What is added to a mean before its logarithm.
const OFFSET: f64 = 1e-3;

/// The genes of a scorer, with the positions that count for each.
#[derive(Clone, Debug)]
pub(crate) struct GenePlan {
    scorer: Scorer,
    pub(crate) rows: Vec<Row>,
    masks: Vec<Vec<Range<usize>>>,
    pub(crate) alignment: Alignment,
}

impl GenePlan {
    pub(crate) fn new(
        scorer: Scorer,
        interval: &Interval,
        variant: &Variant,
        annotation: &Annotation,
        alignment: impl FnOnce() -> Result<Alignment, Error>,
    ) -> Result<Self, Error> {
        let masks = match scorer {
            Scorer::GeneMaskSplicing { .. } => with_bodies(annotation, interval, variant),
            _ => with_exons(annotation, interval),
        };
        if masks.len() > MOST_GENES {
            let (variant, interval) = (variant.to_string(), Box::new(interval.clone()));
            return Err(Error::Genes {
                found: masks.len(),
                most: MOST_GENES,
                variant,
                interval,
            });
        }
        let rows = masks
            .iter()
            .map(|mask| Row::of(&annotation.genes()[mask.gene], interval))
            .collect();
        Ok(Self {
            scorer,
            rows,
            masks: masks.into_iter().map(|mask| mask.positions).collect(),
            alignment: alignment()?,
        })
    }

    pub(crate) fn positions(&self) -> Vec<Range<usize>> {
        self.masks.iter().flatten().cloned().collect()
    }

    /// Tracks that count for one of the genes.
    pub(crate) fn tracks(&self, tracks: &Tracks) -> Vec<usize> {
        let strands = || {
            self.rows
                .iter()
                .filter_map(|row| row.gene.as_ref())
                .map(|gene| gene.strand())
        };
        let counts =
            |track: &usize| strands().any(|strand| same_strand(strand, tracks.strands()[*track]));
        (0..tracks.len()).filter(counts).collect()
    }

    /// Of a splicing scorer, a deleted base compares with zero, and an empty mask gives zero.
    pub(crate) fn fold(&self, output: OutputType) -> Fold {
        let folding = match self.scorer {
            Scorer::GeneMaskSplicing { .. } => Folding::Largest,
            _ => Folding::Sums,
        };
        Fold::new(output, folding, self.masks.clone(), &self.alignment)
    }

    /// `[genes, tracks]`; NaN where gene and track are on different strands.
    ///
    /// Means divide by the mask's length, also where aligned ALT has zeros: an empty mask gives NaN.
    pub(crate) fn scores(&self, folded: &[[f64; 2]], tracks: &Tracks) -> Vec<f32> {
        let mut values = Vec::with_capacity(folded.len());
        let genes = folded.chunks(tracks.len().max(1));
        for ((row, mask), folded) in self.rows.iter().zip(&self.masks).zip(genes) {
            let length = mask.iter().map(ExactSizeIterator::len).sum::<usize>() as f64;
            let one = |[own, other]: [f64; 2]| match self.scorer {
                Scorer::GeneMaskSplicing { .. } => other,
                Scorer::GeneMaskActive { .. } => largest(other / length, own / length),
                _ => (other / length + OFFSET).ln() - (own / length + OFFSET).ln(),
            };
            let gene = row.gene.as_ref();
            let gene = gene.map(|gene| gene.strand()).unwrap_or_default();
            let counted = folded.iter().zip(tracks.strands());
            values.extend(
                counted.map(|(sums, track)| match same_strand(gene, *track) {
                    true => one(*sums) as f32,
                    false => f32::NAN,
                }),
            );
        }
        values
    }
}
