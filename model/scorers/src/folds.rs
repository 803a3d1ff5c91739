//! What scores sum up over positions of both alleles: all that a scorer of tracks needs of them.

use std::ops::Range;

use crate::alignment::{Alignment, Source};
use crate::center_mask::largest;
use crate::predictions::Rows;
use crate::{Error, OutputType};

/// What becomes of the values of REF and of aligned ALT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Folding {
    /// The sum of each.
    Sums,
    /// The sum of `log2(1 + x)` of each.
    SumsOfLog2,
    /// The sum of squared differences, in the second place.
    Squares,
    /// The same of `ln(1 + x)`.
    SquaresOfLog1p,
    /// The largest difference, in the second place; NaN where one is.
    Largest,
}

/// A fold of an output: for each group of positions and each track, two numbers in float64.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// Of which output.
    pub output: OutputType,
    /// What is summed up.
    pub folding: Folding,
    /// Bins of REF, as ascending runs.
    pub groups: Vec<Vec<Range<usize>>>,
    alignment: Alignment,
}

impl Fold {
    pub(crate) fn new(
        output: OutputType,
        folding: Folding,
        groups: Vec<Vec<Range<usize>>>,
        alignment: &Alignment,
    ) -> Self {
        Self {
            output,
            folding,
            groups,
            alignment: alignment.clone(),
        }
    }

    /// Runs of REF's bins in a group, and what each is compared with: ALT's run from [`Source::At`] on, zeros, or, of one bin, the
    /// largest of several.
    pub fn pairs(&self, group: usize) -> Vec<(Range<usize>, Source)> {
        if self.alignment.moves_nothing() {
            let runs = self.groups[group].iter();
            return runs
                .map(|run| (run.clone(), Source::At(run.start)))
                .collect();
        }
        let mut pairs: Vec<(Range<usize>, Source)> = Vec::new();
        for at in self.groups[group].iter().cloned().flatten() {
            let source = self.alignment.source(at);
            if let Some((run, from)) = pairs.last_mut()
                && run.end == at
            {
                let follows = match (&*from, &source) {
                    (Source::At(first), Source::At(next)) => first + run.len() == *next,
                    (Source::Zero, Source::Zero) => true,
                    _ => false,
                };
                if follows {
                    run.end += 1;
                    continue;
                }
            }
            pairs.push((at..at + 1, source));
        }
        pairs
    }

    /// The fold of predictions, `[groups, tracks, 2]`. Sums run over the positions in their order.
    pub(crate) fn of(
        &self,
        reference: Rows<'_>,
        alternate: Rows<'_>,
    ) -> Result<Vec<[f64; 2]>, Error> {
        let tracks = reference.tracks();
        let mut folded = vec![[0.0f64; 2]; self.groups.len() * tracks];
        for (group, sums) in self.groups.iter().zip(folded.chunks_mut(tracks.max(1))) {
            let fold = Group {
                alignment: &self.alignment,
                group,
                reference,
                alternate,
                sums,
            };
            match self.folding {
                Folding::Sums => fold.each(|sums, own, other| {
                    sums[0] += own;
                    sums[1] += other;
                }),
                Folding::SumsOfLog2 => fold.each(|sums, own, other| {
                    sums[0] += (own + 1.0).log2();
                    sums[1] += (other + 1.0).log2();
                }),
                Folding::Squares => fold.each(|sums, own, other| sums[1] += (other - own).powi(2)),
                Folding::SquaresOfLog1p => fold.each(|sums, own, other| {
                    sums[1] += (other.ln_1p() - own.ln_1p()).powi(2);
                }),
                Folding::Largest => fold.each(|sums, own, other| {
                    sums[1] = largest(sums[1], (other - own).abs());
                }),
            }?;
        }
        Ok(folded)
    }
}

/// A group that is folded into the sums of its tracks.
struct Group<'a> {
    alignment: &'a Alignment,
    group: &'a [Range<usize>],
    reference: Rows<'a>,
    alternate: Rows<'a>,
    sums: &'a mut [[f64; 2]],
}

impl Group<'_> {
    fn each(self, take: impl Fn(&mut [f64; 2], f64, f64)) -> Result<(), Error> {
        let Self {
            alignment,
            group,
            reference,
            alternate,
            sums,
        } = self;
        alignment.each(group, reference, alternate, |track, own, other| {
            take(&mut sums[track], own, other)
        })
    }
}

#[cfg(test)]
mod tests {
    use genome::{Interval, Strand, Variant};

    use super::*;
    use crate::{Allele, Behaviour, Predictions, Track};

    const WIDTH: usize = 64;

    fn predictions(shift: f32) -> Predictions {
        let values = (0..WIDTH * 2).map(|at| (at as f32 * 0.37 + shift).sin().abs());
        let mut predictions = Predictions::default();
        let track = Track::new(2, values.collect());
        predictions.tracks.insert(OutputType::RnaSeq, track);
        predictions
    }

    /// What a device does: runs of pairs, each with its rows.
    fn of_pairs(fold: &Fold, own: &Track, other: &Track) -> Vec<[f64; 2]> {
        let mut folded = Vec::new();
        for group in 0..fold.groups.len() {
            let mut sums = vec![[0.0; 2]; 2];
            for (run, source) in fold.pairs(group) {
                for (index, at) in run.clone().enumerate() {
                    for (track, sums) in sums.iter_mut().enumerate() {
                        let value = |row: usize| f64::from(other.row(row).unwrap()[track]);
                        let alternate = match &source {
                            Source::At(first) => value(first + index),
                            Source::Zero => 0.0,
                            Source::Largest(rows) => {
                                assert_eq!(run.len(), 1, "one row has the largest of several");
                                rows.clone().map(value).fold(f64::NEG_INFINITY, f64::max)
                            }
                        };
                        sums[0] += f64::from(own.row(at).unwrap()[track]);
                        sums[1] += alternate;
                    }
                }
            }
            folded.extend(sums);
        }
        folded
    }

    #[test]
    fn pairs_of_rows_give_the_fold() {
        let interval = Interval::new("chr1", 100, 100 + WIDTH as i64, Strand::Unstranded).unwrap();
        let (own, other) = (predictions(0.0), predictions(0.4));
        for (reference, alternate) in [("A", "C"), ("A", "ACGTA"), ("ACGTA", "A"), ("AC", "GTTT")] {
            let variant = Variant::new("chr1", 120, reference, alternate).unwrap();
            let alignment = Alignment::new(&variant, &interval, Behaviour::V0_3_0).unwrap();
            let groups = vec![
                vec![0..WIDTH],
                vec![3..9, 15..30, 60..64],
                vec![],
                vec![18..20],
            ];
            let fold = Fold::new(OutputType::RnaSeq, Folding::Sums, groups, &alignment);
            let rows = |predictions: &Predictions| predictions.tracks[&OutputType::RnaSeq].clone();
            let whole = fold.of(
                own.track(OutputType::RnaSeq, Allele::Reference).unwrap(),
                other.track(OutputType::RnaSeq, Allele::Alternate).unwrap(),
            );
            assert_eq!(of_pairs(&fold, &rows(&own), &rows(&other)), whole.unwrap());
            let runs: usize = (0..4).map(|group| fold.pairs(group).len()).sum();
            assert!(runs < 20, "runs stay together: {runs}");
        }
    }
}
