use std::ops::Range;

use genome::{Annotation, Interval, Variant};

use crate::alignment::Alignment;
use crate::center_mask::largest;
use crate::genes::{with_bodies, with_exons};
use crate::predictions::Rows;
use crate::scores::{Row, same_strand};
use crate::{Error, Scorer, Tracks};

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

    /// `[genes, tracks]`; NaN where gene and track are on different strands.
    pub(crate) fn score(
        &self,
        reference: Rows<'_>,
        alternate: Rows<'_>,
        tracks: &Tracks,
    ) -> Result<Vec<f32>, Error> {
        let mut values = Vec::with_capacity(self.rows.len() * tracks.len());
        for (row, mask) in self.rows.iter().zip(&self.masks) {
            let scores = match self.scorer {
                Scorer::GeneMaskSplicing { .. } => {
                    self.largest_difference(mask, reference, alternate)?
                }
                _ => self.of_means(mask, reference, alternate)?,
            };
            let gene = row
                .gene
                .as_ref()
                .map(|gene| gene.strand())
                .unwrap_or_default();
            let counted = scores.into_iter().zip(tracks.strands());
            values.extend(counted.map(|(score, track)| {
                if same_strand(gene, *track) {
                    score as f32
                } else {
                    f32::NAN
                }
            }));
        }
        Ok(values)
    }

    /// Means divide by the mask's length, also where aligned ALT has zeros: an empty mask gives NaN.
    fn of_means(
        &self,
        mask: &[Range<usize>],
        reference: Rows<'_>,
        alternate: Rows<'_>,
    ) -> Result<Vec<f64>, Error> {
        let mut sums = vec![[0.0f64; 2]; reference.tracks()];
        self.alignment
            .each(mask, reference, alternate, |track, own, other| {
                sums[track][0] += own;
                sums[track][1] += other;
            })?;
        let length = mask.iter().map(ExactSizeIterator::len).sum::<usize>() as f64;
        let one = |[own, other]: [f64; 2]| match self.scorer {
            Scorer::GeneMaskActive { .. } => largest(other / length, own / length),
            _ => (other / length + OFFSET).ln() - (own / length + OFFSET).ln(),
        };
        Ok(sums.into_iter().map(one).collect())
    }

    /// A deleted base compares with zero, and an empty mask gives zero.
    fn largest_difference(
        &self,
        mask: &[Range<usize>],
        reference: Rows<'_>,
        alternate: Rows<'_>,
    ) -> Result<Vec<f64>, Error> {
        let mut most = vec![0.0f64; reference.tracks()];
        self.alignment
            .each(mask, reference, alternate, |track, own, other| {
                most[track] = largest(most[track], (other - own).abs())
            })?;
        Ok(most)
    }
}
