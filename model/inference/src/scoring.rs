//! Variants to scores: everything that is open for it, and the way of one variant.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use genome::alleles::check_reference;
use genome::fasta::Fasta;
use genome::{Annotation, Interval, Variant};
use scorers::{Behaviour, Calibration, OutputType, Plan, Predictions, Scorer, Scores};

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

    /// The same with all predictions of REF and ALT; without them only the bins that scorers read leave the device.
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
        let [reference, alternate] = match whole {
            true => self.predict(interval, variant, annotation)?,
            false => self.predict_read(interval, variant, annotation, &plans)?,
        };
        let scores = plans.iter().map(|plan| {
            let output = plan.scorer().output();
            let tracks = self.predictor.tracks(output);
            let tracks = tracks.with_context(|| format!("the model has no {output}"))?;
            Ok(plan.score(&reference, &alternate, tracks)?)
        });
        let scores = scores.collect::<Result<_>>()?;
        Ok((scores, [reference, alternate]))
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
        self.predict_at(interval, variant, annotation, self.places(plans))
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

    /// Reads a calibration file, and holds it against the tracks of the model.
    ///
    /// # Errors
    /// Where it cannot be read, belongs to another model or organism, or has none of the scorers.
    pub fn calibration(&self, path: &Path) -> Result<Calibration> {
        let named = || path.display().to_string();
        let bytes = std::fs::read(path).with_context(named)?;
        let calibration = Calibration::parse(&bytes).with_context(named)?;
        let mut known = 0;
        for scorer in &self.scorers {
            if let Some(tracks) = self.predictor.tracks(scorer.output()) {
                known += usize::from(calibration.check(*scorer, tracks).with_context(named)?);
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

    /// What the scorers read.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = OutputType> {
        self.scorers.iter().map(|scorer| scorer.output())
    }
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
