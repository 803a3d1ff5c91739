//! `parity level1` to `level4`: the Burn model against recordings.

use std::collections::BTreeMap;

use anyhow::Result;
use model::Arithmetic;

use super::compare::{report, settings};
use super::write;
use crate::cli::{self, Level};
use crate::compare::{CaseInfo, compare_case};
use crate::exit::Exit;
use crate::progress;
use crate::recording::{DType, Recording};
use crate::result::{Provenance, Report, Run};
use crate::run::{Candidate, Chosen, Wish, arithmetic_for, choose};

/// Runs a level and reports.
///
/// # Errors
/// Where there is no model or no recording for it, or one cannot be read.
pub fn run(args: &Level, level: u8) -> Result<Exit> {
    let report = compare(args, level, &format!("level{level}"))?;
    write::report(&report, &args.writing)
}

/// Runs the model on every recording that fits, and gives the result.
///
/// # Errors
/// As [`run`].
pub fn compare(args: &Level, level: u8, command: &str) -> Result<Report> {
    let judging = &args.judging;
    let chosen = choose(&Wish {
        model: &args.model,
        named: &args.recording,
        dtype: judging.dtype.map(cli::Dtype::dtype),
        suite: args.suite,
        cases: &judging.case,
    })?;
    announce(args, &chosen);
    let mut settings = settings(judging, level, DType::Float32)?;
    let mut loaded: BTreeMap<&'static str, Candidate> = BTreeMap::new();
    let mut runs = Vec::new();
    let total: usize = chosen
        .recordings
        .iter()
        .map(|r| r.manifest.cases.len())
        .sum();
    let bar = progress::bar(total);
    for recording in &chosen.recordings {
        let arithmetic = match args.arithmetic {
            Some(named) => named.into(),
            None => arithmetic_for(recording)?,
        };
        if !loaded.contains_key(arithmetic.name()) {
            bar.set_message(format!("loading {}", args.model.display()));
            // One model at a time: the full one takes gigabytes.
            loaded.clear();
            loaded.insert(arithmetic.name(), Candidate::load(&args.model, arithmetic)?);
        }
        let candidate = &loaded[arithmetic.name()];
        if judging.dtype.is_none() {
            settings.dtype = recording.manifest.compute_dtype;
        }
        let mut cases = Vec::new();
        for entry in &recording.manifest.cases {
            bar.set_message(format!("{} {}: forward pass", recording.name(), entry.name));
            if judging.case.is_empty() || judging.case.contains(&entry.name) {
                let mut reference = recording.case(&entry.name)?;
                let (mut outputs, seconds) = candidate.run_case(&mut reference)?;
                let info = CaseInfo {
                    name: entry.name.clone(),
                    sequence_length: entry.sequence_length,
                    organism_index: entry.organism_index,
                };
                let mut case = compare_case(
                    &info,
                    &mut reference,
                    &mut outputs,
                    &settings,
                    &mut |output| bar.set_message(format!("{} {output}", entry.name)),
                )?;
                case.seconds = Some(seconds);
                cases.push(case);
            }
            bar.inc(1);
        }
        runs.push(Run {
            reference: Provenance::of(recording),
            candidate: candidate.provenance(),
            dtype: settings.dtype,
            variants: Vec::new(),
            pass: cases.iter().all(|case| case.pass),
            cases,
        });
    }
    bar.finish_and_clear();
    Ok(report(command, &settings, runs))
}

/// Says on stderr what is compared with what.
fn announce(args: &Level, chosen: &Chosen) {
    let list: Vec<String> = chosen.recordings.iter().map(Recording::name).collect();
    eprintln!(
        "parity: model {}, recordings ({}): {}",
        args.model.display(),
        chosen.source,
        list.join(", ")
    );
}

impl From<cli::Arithmetic> for Arithmetic {
    fn from(named: cli::Arithmetic) -> Self {
        match named {
            cli::Arithmetic::XlaCpuF32 => Self::XlaCpuF32,
            cli::Arithmetic::XlaGpuF32 => Self::XlaGpuF32,
        }
    }
}
