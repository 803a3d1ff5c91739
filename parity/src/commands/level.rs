//! `parity level1` to `level4`: the Burn model against recordings.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use model::metadata::Metadata;
use model::{Arithmetic, Config};

use super::compare::{report, settings};
use super::{wanted, write};
use crate::cli::{self, Judging, Level};
use crate::compare::{CaseInfo, Settings, compare_case};
use crate::exit::Exit;
use crate::floor::sides;
use crate::progress::{self, note};
use crate::recording::{DType, Recording};
use crate::result::{CaseResult, KnownTrack, KnownTracks, Provenance, Report, Run};
use crate::run::{Candidate, Chosen, Wish, choose, compute_dtype, passes};

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
    wanted::check(judging, &[&chosen.recordings])?;
    announce(args, &chosen);
    let settings = Settings {
        known: known_tracks(&args.model)?,
        ..settings(judging, level, [DType::Float32; 2])?
    };
    let recordings = &chosen.recordings;
    let passes = passes(
        recordings,
        args.device,
        args.arithmetic.map(Into::into),
        &judging.case,
    )?;
    let mut loaded: Option<Candidate> = None;
    let mut runs: Vec<Run> = Vec::new();
    let mut results: Vec<BTreeMap<usize, CaseResult>> = vec![BTreeMap::new(); recordings.len()];
    let mut made_by: Vec<Option<Provenance>> = vec![None; recordings.len()];
    let bar = progress::bar(passes.len());
    for pass in &passes {
        if loaded.as_ref().map(Candidate::arithmetic) != Some(pass.arithmetic.name()) {
            progress::step(&bar, &format!("loading {}", args.model.display()));
            // One model at a time: the full one takes gigabytes.
            drop(loaded.take());
        }
        let candidate = match &mut loaded {
            Some(candidate) => candidate,
            none => none.insert(Candidate::load(&args.model, pass.arithmetic, args.device)?),
        };
        let mut cases = Vec::new();
        for job in &pass.jobs {
            let recording = &recordings[job.recording];
            cases.push(recording.case(&recording.manifest.cases[job.case].name)?);
        }
        let first = cases.first().map_or("", |case| case.entry().name.as_str());
        progress::step(&bar, &format!("{first}: forward pass"));
        let (outputs, seconds) = candidate.run_cases(&mut cases.iter_mut().collect::<Vec<_>>())?;
        let jobs = pass.jobs.iter().zip(&mut cases).zip(outputs);
        for (index, ((job, reference), mut outputs)) in jobs.enumerate() {
            let recording = &recordings[job.recording];
            let entry = reference.entry().clone();
            let settings = Settings {
                dtype: dtype(judging, recording),
                sides: sides(
                    recording.manifest.compute_dtype,
                    compute_dtype(pass.arithmetic),
                ),
                ..settings.clone()
            };
            let info = CaseInfo {
                name: entry.name.clone(),
                sequence_length: entry.sequence_length,
                organism_index: entry.organism_index,
            };
            let place = format!("{} {}", recording.name(), entry.name);
            let mut case =
                compare_case(&info, reference, &mut outputs, &settings, &mut |output| {
                    progress::step(&bar, &format!("{place} {output}"));
                })?;
            // A pass counts once.
            case.seconds = (index == 0).then_some(seconds);
            results[job.recording].insert(job.case, case);
            made_by[job.recording] = Some(candidate.provenance());
        }
        bar.inc(1);
    }
    for ((recording, cases), candidate) in recordings.iter().zip(results).zip(made_by) {
        let Some(candidate) = candidate else { continue };
        let cases: Vec<CaseResult> = cases.into_values().collect();
        runs.push(Run {
            reference: Provenance::of(recording),
            candidate,
            dtype: dtype(judging, recording),
            variants: Vec::new(),
            pass: cases.iter().all(|case| case.pass),
            cases,
        });
    }
    bar.finish_and_clear();
    Ok(report(command, &settings, runs))
}

/// The dtype whose bounds count.
fn dtype(judging: &Judging, recording: &Recording) -> DType {
    let named = judging.dtype.map(cli::Dtype::dtype);
    named.unwrap_or(recording.manifest.compute_dtype)
}

/// The tracks of the model's metadata; nothing where it has none, and predictions are not unscaled then.
fn known_tracks(model: &Path) -> Result<Option<KnownTracks>> {
    let read = |name: &str| {
        let path = model.join(name);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    if !model.join("tracks.json").is_file() {
        return Ok(None);
    }
    let config = Config::parse(&read("config.json")?)?;
    let metadata = Metadata::parse(&read("tracks.json")?, &config)?;
    let mut tracks = KnownTracks::default();
    for (name, head) in &config.heads {
        for organism in metadata.organisms.iter().map(|organism| organism.index) {
            let means = metadata.means(organism, head.output_type());
            let all = metadata.tracks(organism, head.output_type()).iter();
            let known = all.zip(means).map(|(track, mean)| KnownTrack {
                name: match track.strand.as_deref() {
                    Some(strand @ ("+" | "-")) => format!("{} ({strand})", track.name),
                    _ => track.name.clone(),
                },
                padding: mean.is_nan(),
            });
            tracks.0.insert((organism, name.clone()), known.collect());
        }
    }
    Ok(Some(tracks))
}

/// Says on stderr what is compared with what.
fn announce(args: &Level, chosen: &Chosen) {
    note(&format!("model {}", args.model.display()));
    for repeated in &chosen.repeated {
        note(&format!("notice: {repeated}"));
    }
    for recording in &chosen.recordings {
        note(&format!(
            "recording {} ({})",
            recording.path.display(),
            chosen.source
        ));
    }
}

impl From<cli::Arithmetic> for Arithmetic {
    fn from(named: cli::Arithmetic) -> Self {
        match named {
            cli::Arithmetic::XlaCpuF32 => Self::XlaCpuF32,
            cli::Arithmetic::XlaGpuF32 => Self::XlaGpuF32,
            cli::Arithmetic::XlaGpuTf32 => Self::XlaGpuTf32,
            cli::Arithmetic::XlaGpuBf16 => Self::XlaGpuBf16,
            cli::Arithmetic::XlaGpuBf16Strict => Self::XlaGpuBf16Strict,
            cli::Arithmetic::XlaCpuBf16 => Self::XlaCpuBf16,
            cli::Arithmetic::SplitF32 => Self::SplitF32,
        }
    }
}
