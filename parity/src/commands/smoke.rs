//! `parity smoke`: many sequences through the model, and how many of them give sound predictions.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use model::Sequence;
use model::sequence::{LENGTH_STEP, LONGEST};
use serde::{Deserialize, Serialize};

use super::write::print;
use crate::align;
use crate::cli::Smoke;
use crate::exit::Exit;
use crate::fasta::{self, FileError, Record};
use crate::outputs::{Kind, kind_of};
use crate::progress::{self, note};
use crate::recording::{Array, Values};
use crate::run::Candidate;
use crate::shares::{self, Merged, Plan};

/// Class probabilities sum to 1 within this.
const SUM_TOLERANCE: f64 = 1e-3;

/// The document of `--json`.
#[derive(Debug, Deserialize, Serialize)]
struct Document {
    schema: String,
    schema_version: u32,
    model: String,
    sequences: usize,
    passed: usize,
    pass_rate: f64,
    needed: f64,
    seconds: f64,
    failures: Vec<Failure>,
}

/// What became of a sequence.
#[derive(Debug, Deserialize, Serialize)]
struct Ran {
    seconds: f64,
    failure: Option<Failure>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Failure {
    sequence: String,
    faults: Vec<String>,
}

/// Runs the sequences; disagrees where too few pass.
///
/// # Errors
/// Where the model or the sequences cannot be read.
pub fn run(args: &Smoke) -> Result<Exit> {
    if !(LENGTH_STEP..=LONGEST).contains(&args.length) || !args.length.is_multiple_of(LENGTH_STEP) {
        bail!(
            "--length {}: expected a multiple of {LENGTH_STEP} up to {LONGEST}",
            args.length
        );
    }
    if args.n == 0 {
        bail!("--n 0: at least one sequence is needed");
    }
    if !(0.0..=1.0).contains(&args.pass_rate) {
        bail!(
            "--pass-rate {}: expected a share from 0 to 1",
            args.pass_rate
        );
    }
    let path = &args.sequences;
    // A pipe gives its text once.
    let kept = match path.is_file() {
        true => None,
        false => Some(fasta::read(path)?),
    };
    let length = |record: Record| record.letters.len().min(args.length);
    let lengths = records(path, &kept)?.map(|record| record.map(length));
    let mut lengths = lengths.collect::<Result<Vec<_>, _>>()?;
    if lengths.len() < args.n {
        note(&format!(
            "{} sequences in the file, {} asked for",
            lengths.len(),
            args.n
        ));
    }
    lengths.truncate(args.n);
    let document = Document {
        schema: "parity-smoke".into(),
        schema_version: 1,
        model: args.model.display().to_string(),
        sequences: 0,
        passed: 0,
        pass_rate: 0.0,
        needed: args.pass_rate,
        seconds: 0.0,
        failures: Vec::new(),
    };
    let plan = Plan {
        place: args.sharing.place(),
        settings: &|| settings(args),
        costs: &lengths,
        frame: &document,
    };
    let mut candidate = None;
    let (mut records, mut next) = (records(path, &kept)?, 0);
    let bar = progress::bar(lengths.len());
    let ran = shares::run(&plan, |index| {
        let record = records.nth(index - next);
        let changed = || format!("{}: changed while it was read", path.display());
        let record = record.with_context(changed)??;
        next = index + 1;
        progress::step(&bar, &record.name);
        let load = || Candidate::load(&args.model, args.arithmetic.into(), args.device);
        let candidate = shares::or_make(&mut candidate, load)?;
        let started = std::time::Instant::now();
        let failure = failure(&record, candidate, args)?;
        bar.inc(1);
        let seconds = started.elapsed().as_secs_f64();
        Ok((Ran { seconds, failure }, Vec::new()))
    })?;
    bar.finish_and_clear();
    ran.map_or(Ok(Exit::Agree), |ran| finish(document, ran, args.json))
}

/// Records one after the other, of a file or of what is `kept` of a pipe.
fn records<'a>(
    path: &'a Path,
    kept: &'a Option<Vec<Record>>,
) -> Result<Box<dyn Iterator<Item = Result<Record, FileError>> + 'a>, FileError> {
    Ok(match kept {
        Some(all) => Box::new(all.iter().cloned().map(Ok)),
        None => Box::new(fasta::records(path)?),
    })
}

/// What a run over sequences depends on.
fn settings(args: &Smoke) -> Result<shares::Settings> {
    let own = [
        ("sequences", shares::digest(&args.sequences)?),
        ("n", args.n.to_string()),
        ("organism", args.organism.to_string()),
        ("length", args.length.to_string()),
        ("arithmetic", args.arithmetic.to_string()),
        ("pass-rate", args.pass_rate.to_string()),
    ];
    shares::settings("smoke", &args.model, args.device, &own)
}

fn failure(record: &Record, candidate: &Candidate, args: &Smoke) -> Result<Option<Failure>> {
    let faults = match sequence(record, args.length) {
        Err(error) => vec![error.to_string()],
        Ok(sequence) => {
            let arrays = candidate.record(sequence.indices(), args.organism, None, 0)?;
            faults(&arrays)
        }
    };
    Ok((!faults.is_empty()).then(|| Failure {
        sequence: record.name.clone(),
        faults,
    }))
}

/// The shares as one.
///
/// # Errors
/// Where they do not hold what this command makes.
pub fn merge(merged: &Merged, json: bool) -> Result<Exit> {
    let ran = merged.items()?.into_iter().map(|(_, ran)| ran);
    finish(merged.frame()?, ran.collect(), json)
}

fn finish(document: Document, ran: Vec<Ran>, json: bool) -> Result<Exit> {
    let (sequences, seconds) = (ran.len(), ran.iter().map(|ran| ran.seconds).sum());
    let failures: Vec<_> = ran.into_iter().filter_map(|ran| ran.failure).collect();
    let passed = sequences - failures.len();
    let document = Document {
        sequences,
        passed,
        pass_rate: passed as f64 / sequences as f64,
        seconds,
        failures,
        ..document
    };
    if json {
        print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    } else {
        print(&table(&document))?;
    }
    Ok(Exit::of(document.pass_rate >= document.needed))
}

fn table(document: &Document) -> String {
    let mut text = String::new();
    for failure in document.failures.iter().take(20) {
        text.push_str(&format!(
            "  {}: {}\n",
            failure.sequence,
            failure.faults.join("; ")
        ));
    }
    text.push_str(&format!(
        "{} of {} sequences pass ({:.2} %, {:.2} % needed) in {:.1} s\n",
        document.passed,
        document.sequences,
        document.pass_rate * 100.0,
        document.needed * 100.0,
        document.seconds
    ));
    text
}

/// The record cut to `longest`, or padded with N to the next length that the model takes.
fn sequence(record: &Record, longest: usize) -> Result<Sequence> {
    let mut letters: String = record.letters.chars().take(longest).collect();
    let length = letters.chars().count();
    letters.extend(std::iter::repeat_n(
        'N',
        length.next_multiple_of(LENGTH_STEP) - length,
    ));
    Ok(Sequence::parse(&letters)?)
}

/// What is unsound: NaN outside padding tracks, infinity, negative signal, probabilities that are none, positions that are
/// not ascending.
fn faults(arrays: &BTreeMap<String, Array>) -> Vec<String> {
    arrays
        .iter()
        .filter_map(|(name, array)| {
            let fault = fault(kind_of(name).kind, array)?;
            Some(format!("{name}: {fault}"))
        })
        .collect()
}

fn fault(kind: Kind, array: &Array) -> Option<String> {
    if let (Kind::SplicePositions, Values::I32(positions)) = (kind, &array.values) {
        let k = *array.full_shape.last()?;
        let sorted = positions.chunks(k.max(1)).all(align::in_order);
        return (!sorted).then(|| "positions are not ascending".into());
    }
    if !array.dtype().is_float() {
        return None;
    }
    let values = array.values.to_f64();
    let channels = (*array.full_shape.last()?).max(1);
    let rows = values.len() / channels;
    if let Some(at) = values.iter().position(|x| x.is_infinite()) {
        return Some(format!("infinite at {at}"));
    }
    for channel in 0..channels {
        let nan = values[channel..]
            .iter()
            .step_by(channels)
            .filter(|x| x.is_nan())
            .count();
        let padding = kind == Kind::Tracks && nan == rows;
        if nan > 0 && !padding {
            return Some(format!("NaN in channel {channel}"));
        }
    }
    let signal = matches!(
        kind,
        Kind::Tracks
            | Kind::ScaledTracks
            | Kind::Usage
            | Kind::ClassProbabilities
            | Kind::Junctions
    );
    if signal && values.iter().any(|&x| x < 0.0) {
        return Some("negative".into());
    }
    if kind == Kind::ClassProbabilities {
        let sums = values
            .chunks_exact(channels)
            .map(|row| row.iter().sum::<f64>());
        let worst = sums.map(|sum| (sum - 1.0).abs()).fold(0.0, f64::max);
        if worst > SUM_TOLERANCE {
            return Some(format!("probabilities miss a sum of 1 by {worst:.2e}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracks(values: [f32; 4]) -> Array {
        Array::full(vec![1, 2, 2], Values::F32(values.to_vec()))
    }

    #[test]
    fn unsound_predictions_are_found() {
        let nan = f32::NAN;
        assert_eq!(fault(Kind::Tracks, &tracks([1.0, nan, 2.0, nan])), None);
        let cases = [
            (Kind::Tracks, [1.0, nan, 2.0, 3.0], "NaN in channel 1"),
            (Kind::ScaledTracks, [1.0, nan, 2.0, nan], "NaN in channel 1"),
            (Kind::Tracks, [1.0, -1.0, 2.0, 3.0], "negative"),
            (
                Kind::Embedding,
                [1.0, f32::INFINITY, 2.0, 3.0],
                "infinite at 1",
            ),
            (
                Kind::ClassProbabilities,
                [0.5, 0.5, 0.5, 0.4],
                "probabilities miss",
            ),
        ];
        for (kind, values, expected) in cases {
            let found = fault(kind, &tracks(values)).unwrap();
            assert!(found.starts_with(expected), "{found}");
        }
        let positions = Array::full(vec![1, 1, 3], Values::I32(vec![3, 2, -1]));
        assert!(fault(Kind::SplicePositions, &positions).is_some());
        let positions = Array::full(vec![1, 1, 3], Values::I32(vec![2, 3, -1]));
        assert!(fault(Kind::SplicePositions, &positions).is_none());
    }

    #[test]
    fn sequences_are_cut_and_padded() {
        let record = Record {
            name: "a".into(),
            letters: "ACGT".repeat(600),
        };
        assert_eq!(sequence(&record, 2048).unwrap().len(), 2048);
        let padded = sequence(&record, 4096).unwrap();
        assert_eq!((padded.len(), padded.indices()[2400]), (4096, 4));
        let bad = Record {
            name: "b".into(),
            letters: "AC-T".into(),
        };
        assert!(sequence(&bad, 2048).is_err());
    }
}
