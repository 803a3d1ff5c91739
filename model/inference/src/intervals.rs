//! The scores of an interval.

use anyhow::{Context, Result};
use genome::fasta::Fasta;
use genome::{Annotation, Interval};
use scorers::alignment::merged;
use scorers::{IntervalScorer, Scores};

use crate::predictor::{Places, Predictor};

/// The scores of an interval, one a scorer, as `score_interval` makes them.
///
/// # Errors
/// Where a scorer or the genome refuses the interval, or the model cannot be run on it.
pub fn score(
    predictor: &Predictor,
    (genome, annotation): (&Fasta, &Annotation),
    scorers: &[IntervalScorer],
    interval: &Interval,
) -> Result<Vec<Scores>> {
    let plans = scorers
        .iter()
        .map(|scorer| scorer.prepare(interval, annotation));
    let plans = plans.collect::<Result<Vec<_>, _>>()?;
    let outputs = scorers.iter().map(|scorer| scorer.output).collect();
    let mut places = Places::new();
    for (plan, scorer) in plans.iter().zip(scorers) {
        let runs = places.entry(scorer.output).or_default();
        runs.extend(plan.reads());
    }
    for runs in places.values_mut() {
        *runs = merged(std::mem::take(runs));
    }
    let predictions = predictor.predict_interval(genome, interval, &outputs, &places)?;
    let scores = plans.iter().zip(scorers).map(|(plan, scorer)| {
        let tracks = predictor.tracks(scorer.output);
        let tracks = tracks.with_context(|| format!("the model has no {}", scorer.output))?;
        Ok(plan.score(&predictions, tracks)?)
    });
    scores.collect()
}
