//! The model's scores of the cases of a recording.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use genome::fasta::Fasta;
use genome::polya::PolyaSites;
use genome::splice_sites::SpliceSites;
use genome::{Strand, gtf};
use inference::predictor::Predictor;
use inference::scoring::{Scoring, refuses};
use inference::tables::Tables;
use scorers::{Behaviour, Organism, Predictions, Scorer, Scores, Setting, Tracks};

use super::Bounds;
use super::compare::Candidate;
use super::recorded::{Case, Fields, Recorded, Side};

/// Everything that is open to score the cases of one organism, with the scorers that were recorded.
///
/// # Errors
/// Where an input of the recording is missing or cannot be read.
pub fn open(recorded: &Recorded, predictor: Predictor, stitching: bool) -> Result<Scoring> {
    let [starts, ends] =
        ["splice_sites_starts.tsv", "splice_sites_ends.tsv"].map(|name| recorded.input(name));
    let tables = Tables {
        annotation: Some(gtf::read(&recorded.input("annotation.gtf")?)?),
        splice_sites: SpliceSites::read(&starts?, &ends?)?,
        polya: Some(PolyaSites::read(&recorded.input("polya_sites.tsv")?)?),
    };
    let supported = |scorer: &Scorer| {
        scorer.supports(predictor.organism()) && predictor.tracks(scorer.output()).is_some()
    };
    Ok(Scoring {
        scorers: recorded
            .scorers
            .iter()
            .map(|(_, scorer)| *scorer)
            .filter(supported)
            .collect(),
        genome: Fasta::open(&recorded.input("genome.fa")?)?.into(),
        tables: tables.into(),
        behaviour: Behaviour::V0_3_0,
        stitching,
        check_reference: false,
        predictor,
    })
}

/// What scorers know of a case beside the predictions.
pub fn setting<'a>(scoring: &'a Scoring, organism: Organism) -> Result<Setting<'a>> {
    Ok(Setting {
        organism,
        annotation: scoring
            .tables
            .annotation
            .as_ref()
            .context("genes are read")?,
        polya: scoring.tables.polya.as_ref(),
        behaviour: scoring.behaviour,
    })
}

/// Predictions of both alleles where the scorers read them, or why the case is refused.
///
/// # Errors
/// Where the model cannot be run at all.
pub fn predict(scoring: &Scoring, case: &Case) -> Result<Result<[Predictions; 2], String>> {
    let setting = setting(scoring, case.organism)?;
    let (interval, variant) = (&case.interval, &case.variant);
    // One that refuses the case reads nothing.
    let plans = scoring.scorers.iter();
    let plans = plans.filter_map(|scorer| scorer.prepare(interval, variant, &setting).ok());
    let plans: Vec<_> = plans.collect();
    match scoring.predict_read(interval, variant, setting.annotation, &plans) {
        Ok(predictions) => Ok(Ok(predictions)),
        Err(error) if refuses(&error) => Ok(Err(terminal::message(&error))),
        Err(error) => Err(error.context(case.name.clone())),
    }
}

/// Scores of one scorer, with all that [`super::compare::compare`] asks for beside `recorded` ones.
///
/// # Errors
/// Where the scorer refuses the case.
pub fn score(
    scorer: Scorer,
    case: &Case,
    setting: &Setting<'_>,
    [reference, alternate]: &[Predictions; 2],
    tracks: &Arc<Tracks>,
    (bounds, recorded): (&Bounds, &Side),
) -> Result<Candidate> {
    let scored = |scorer: Scorer| -> Result<_> {
        let plan = scorer.prepare(&case.interval, &case.variant, setting)?;
        let scores = plan.score(reference, alternate, tracks)?;
        Ok((plan, scores))
    };
    let (plan, scores) = scored(scorer)?;
    let side = side(&scores);
    let sizes = match bounds.sizes(scorer)? {
        Some(active) => scored(active)?.1.values,
        None => Vec::new(),
    };
    let missing: Vec<_> = match scorer {
        Scorer::SpliceJunction => recorded
            .rows
            .iter()
            .filter(|row| !side.rows.contains(row))
            .collect(),
        _ => Vec::new(),
    };
    let mut unlisted = BTreeMap::new();
    if !missing.is_empty() {
        let wanted: Vec<_> = missing.iter().filter_map(|row| junction(row)).collect();
        let found = plan.junctions(reference, alternate, tracks, &wanted)?;
        let pairs = missing.into_iter().cloned().zip(found);
        unlisted.extend(pairs.filter_map(|(row, values)| Some((row, values?))));
    }
    Ok(Candidate {
        side,
        sizes,
        unlisted,
    })
}

/// Scores as a recording has them.
pub fn side(scores: &Scores) -> Side {
    let rows = scores.rows.iter().filter(|row| row.gene.is_some());
    let fields = rows.map(|row| {
        row.fields()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    });
    Side {
        rows: fields.collect(),
        tracks: scores.tracks.len(),
        values: scores.values.clone(),
    }
}

fn junction(row: &Fields) -> Option<(Strand, i64, i64)> {
    let number = |name: &str| row.get(name)?.parse().ok();
    Some((
        Strand::parse(row.get("strand")?)?,
        number("junction_Start")?,
        number("junction_End")?,
    ))
}
