//! Variants to scores: everything that is open for it, and the way of one variant.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use genome::alleles::check_reference;
use genome::fasta::Fasta;
use genome::{Annotation, Interval, Variant};
use scorers::{Behaviour, Calibration, Fold, OutputType, Plan, Predictions, Scorer, Scores};

use crate::alleles::Read;
use crate::channels::Channels;
use crate::predictor::{Places, Predictor};
use crate::tables::Tables;

/// What variants are scored with.
pub struct Scoring {
    /// The model.
    pub predictor: Predictor,
    /// The genome.
    pub genome: Arc<Fasta>,
    /// Genes and sites.
    pub tables: Arc<Tables>,
    /// In the order of the results.
    pub scorers: Vec<Scorer>,
    /// Whose behaviour is wanted.
    pub behaviour: Behaviour,
    /// Whether indels are stitched.
    pub stitching: bool,
    /// Whether a REF that is not what the genome has is refused.
    pub check_reference: bool,
}

impl Scoring {
    /// The scores of a variant in `interval`, one a scorer. As in 0.3.0, one that fails fails all.
    ///
    /// # Errors
    /// Where a scorer or the genome refuses the variant, or the model cannot be run on it.
    pub fn score(&self, interval: &Interval, variant: &Variant) -> Result<Vec<Scores>> {
        Ok(self.run(interval, variant, false)?.0)
    }

    /// The same with all predictions of REF and ALT; without them only what scorers read leaves the device,
    /// and a GPU makes their sums itself.
    ///
    /// # Errors
    /// As [`Scoring::score`].
    pub fn score_and_predict(
        &self,
        interval: &Interval,
        variant: &Variant,
    ) -> Result<(Vec<Scores>, [Predictions; 2])> {
        self.run(interval, variant, true)
    }

    fn run(
        &self,
        interval: &Interval,
        variant: &Variant,
        whole: bool,
    ) -> Result<(Vec<Scores>, [Predictions; 2])> {
        if self.check_reference {
            check_reference(&*self.genome, variant)?;
        }
        let none = Annotation::default();
        let annotation = self.tables.annotation.as_ref().unwrap_or(&none);
        let setting = scorers::Setting {
            organism: self.predictor.organism(),
            annotation,
            polya: self.tables.polya.as_ref(),
            behaviour: self.behaviour,
        };
        // Before the model runs: what is refused costs nothing.
        let plans = self
            .scorers
            .iter()
            .map(|scorer| scorer.prepare(interval, variant, &setting));
        let plans: Vec<Plan> = plans.collect::<Result<_, _>>()?;
        let (read, folds) = match whole {
            true => (Read::default(), vec![None; plans.len()]),
            false => self.read(interval, &plans),
        };
        let both = self.alleles(interval, variant, annotation, read)?;
        let [reference, alternate] = &both.predictions;
        let scores = plans.iter().zip(folds).map(|(plan, fold)| {
            let output = plan.scorer().output();
            let tracks = self.predictor.tracks(output);
            let tracks = tracks.with_context(|| format!("the model has no {output}"))?;
            if let Some(folded) = fold.and_then(|at| both.folded.get(at))
                && let Some(scores) = plan.score_folded(folded, tracks)
            {
                return Ok(scores);
            }
            if let Some(strongest) = &both.strongest
                && let Some(scores) = plan.score_strongest(strongest, tracks)?
            {
                return Ok(scores);
            }
            Ok(plan.score(reference, alternate, tracks)?)
        });
        let scores = scores.collect::<Result<_>>()?;
        Ok((scores, both.predictions))
    }

    /// What plans read, and what of it the device may make itself: of each plan, which of the folds.
    fn read(&self, interval: &Interval, plans: &[Plan]) -> (Read, Vec<Option<usize>>) {
        let places = self.places(plans);
        if interval.negative_strand() || !self.predictor.machine().folds() {
            let read = Read {
                places,
                ..Read::default()
            };
            return (read, vec![None; plans.len()]);
        }
        let mut folds: Vec<Fold> = Vec::new();
        let numbers = plans.iter().map(|plan| {
            let fold = plan.fold()?;
            let known = folds.iter().position(|known| *known == fold);
            Some(known.unwrap_or_else(|| {
                folds.push(fold);
                folds.len() - 1
            }))
        });
        let numbers = numbers.collect();
        let genes = plans.iter().filter_map(Plan::junction_genes);
        let mut genes: Vec<_> = genes.flatten().collect();
        genes.sort_unstable();
        genes.dedup();
        let read = Read {
            places,
            folds,
            junctions: Some(genes),
        };
        (read, numbers)
    }

    /// Predictions of REF and ALT where `plans` read them.
    ///
    /// # Errors
    /// As [`Scoring::predict`].
    pub fn predict_read(
        &self,
        interval: &Interval,
        variant: &Variant,
        annotation: &Annotation,
        plans: &[Plan],
    ) -> Result<[Predictions; 2]> {
        let read = Read {
            places: self.places(plans),
            ..Read::default()
        };
        Ok(self
            .alleles(interval, variant, annotation, read)?
            .predictions)
    }

    /// The bins that plans read of either allele.
    fn places(&self, plans: &[Plan]) -> Places {
        let mut places = Places::new();
        for plan in plans {
            let output = plan.scorer().output();
            let Some(tracks) = self.predictor.tracks(output) else {
                continue;
            };
            for read in plan.reads(tracks) {
                let runs = match read.places {
                    scorers::Places::Bins(runs) => runs,
                    scorers::Places::Row(row) => std::iter::once(row..row + 1).collect(),
                    scorers::Places::Junctions { .. } => continue,
                };
                places.entry(output).or_default().extend(runs);
            }
        }
        places
    }

    /// What the scorers read.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = OutputType> {
        self.scorers.iter().map(|scorer| scorer.output())
    }
}

/// Reads a calibration file, and holds it against the tracks of a model.
///
/// # Errors
/// Where it cannot be read, belongs to another model or organism, or has none of the scorers.
pub fn calibration(
    path: &Path,
    scorers: &[Scorer],
    channels: &BTreeMap<OutputType, Channels>,
) -> Result<Calibration> {
    let named = || path.display().to_string();
    let bytes = std::fs::read(path).with_context(named)?;
    let calibration = Calibration::parse(&bytes).with_context(named)?;
    let mut known = 0;
    for scorer in scorers {
        if let Some(channels) = channels.get(&scorer.output()) {
            let checked = calibration.check(*scorer, &channels.tracks);
            known += usize::from(checked.with_context(named)?);
        }
    }
    if known == 0 {
        let first = calibration.scorers().next().unwrap_or_default();
        bail!(
            "{}: has quantiles of none of the scorers; it has {first}",
            named()
        );
    }
    Ok(calibration)
}

/// Whether an error is one variant's, so that the next one may be scored all the same.
#[must_use]
pub fn refuses(error: &anyhow::Error) -> bool {
    use genome::Error as G;
    use scorers::Error as S;
    if let Some(error) = error.downcast_ref::<G>() {
        return !matches!(
            error,
            G::Io { .. } | G::Content { .. } | G::Truncated { .. }
        );
    }
    error.downcast_ref::<S>().is_some_and(|error| {
        !matches!(
            error,
            S::NoOutput { .. }
                | S::NotPredicted { .. }
                | S::Shape { .. }
                | S::Calibration { .. }
                | S::CalibrationTracks { .. }
        )
    })
}
