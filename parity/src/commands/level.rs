//! `parity level1` to `level4`: the Burn model against recordings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use model::metadata::Metadata;
use model::{Arithmetic, Config};
use serde::{Deserialize, Serialize};
use terminal::Shard;

use super::compare::{report, settings};
use super::{wanted, write};
use crate::cli::{self, Judging, Level, Leveling};
use crate::compare::{CaseInfo, Settings, compare_case};
use crate::exit::Exit;
use crate::floor::sides;
use crate::progress::{self, note};
use crate::recording::{DType, Recording};
use crate::result::{CaseResult, KnownTrack, KnownTracks, Provenance, Report, Run, by_head};
use crate::run::{Candidate, Chosen, Pass, Wish, choose, compute_dtype, passes};
use crate::shares::{self, Merged, Plan};
use crate::verdict::verdict;

/// Runs a level, or a share of it, and reports.
///
/// # Errors
/// Where there is no model or no recording for it, or one cannot be read.
pub fn run(args: &Leveling, level: u8) -> Result<Exit> {
    let Leveling {
        level: args,
        sharing,
    } = args;
    if sharing.shard.is_some() && args.writing.files().iter().any(Option::is_some) {
        bail!("a share has no report yet: give --junit, --mqc and --html to `parity merge`");
    }
    let report = share(args, level, &format!("level{level}"), sharing.place())?;
    report.map_or(Ok(Exit::Agree), |report| {
        write::report(&report, &args.writing)
    })
}

/// Runs the model on every recording that fits, and gives the result.
///
/// # Errors
/// As [`run`].
pub fn compare(args: &Level, level: u8, command: &str) -> Result<Report> {
    share(args, level, command, None)?.context("a run without shares has a result")
}

/// What forward passes stand in.
#[derive(Deserialize, Serialize)]
struct Frame {
    /// Without runs.
    report: Report,
    /// The recordings, and the dtype whose bounds count.
    references: Vec<(Provenance, DType)>,
}

/// What a forward pass gave.
#[derive(Deserialize, Serialize)]
struct Ran {
    candidate: Provenance,
    /// By recording, and by case in it.
    cases: Vec<(usize, usize, CaseResult)>,
}

/// The result; nothing where only a share was run.
fn share(
    args: &Level,
    level: u8,
    command: &str,
    place: Option<(Shard, &Path)>,
) -> Result<Option<Report>> {
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
    let reference = |recording| (Provenance::of(recording), dtype(judging, recording));
    let frame = Frame {
        report: report(command, &settings, Vec::new()),
        references: recordings.iter().map(reference).collect(),
    };
    let plan = Plan {
        place,
        settings: &|| depends(args, command, recordings),
        costs: &passes.iter().map(Pass::sequence_length).collect::<Vec<_>>(),
        frame: &frame,
    };
    let mut loaded: Option<Candidate> = None;
    let bar = progress::bar(passes.len());
    let ran = shares::run(&plan, |index| {
        let pass = &passes[index];
        if loaded.as_ref().map(Candidate::arithmetic) != Some(pass.arithmetic.name()) {
            progress::step(&bar, &format!("loading {}", args.model.display()));
            // One model at a time: the full one takes gigabytes.
            drop(loaded.take());
        }
        let candidate = match &mut loaded {
            Some(candidate) => candidate,
            none => none.insert(Candidate::load(&args.model, pass.arithmetic, args.device)?),
        };
        let ran = forward(pass, candidate, recordings, (judging, &settings), &bar)?;
        bar.inc(1);
        Ok((ran, Vec::new()))
    })?;
    bar.finish_and_clear();
    Ok(ran.map(|ran| whole(frame, ran)))
}

/// What a level's result depends on.
fn depends(args: &Level, command: &str, recordings: &[Recording]) -> Result<shares::Settings> {
    let judging = &args.judging;
    let named = |path: &Option<PathBuf>| path.as_deref().map_or(Ok(String::new()), shares::digest);
    let digests = recordings.iter().map(|recording| {
        Ok(format!(
            "{} {}",
            recording.name(),
            shares::digest(&recording.path)?
        ))
    });
    let own = [
        (
            "recordings",
            digests.collect::<Result<Vec<_>>>()?.join(", "),
        ),
        ("arithmetic", format!("{:?}", args.arithmetic)),
        ("dtype", format!("{:?}", judging.dtype)),
        ("case", judging.case.join(", ")),
        ("only", judging.only.clone().unwrap_or_default()),
        ("profile", judging.profile.clone()),
        ("thresholds", named(&judging.thresholds)?),
        ("floor", named(&judging.floor)?),
        ("floor-limit", judging.floor_limit.to_string()),
    ];
    shares::settings(command, &args.model, args.device, &own)
}

/// Runs a pass and compares its cases.
fn forward(
    pass: &Pass,
    candidate: &Candidate,
    recordings: &[Recording],
    (judging, settings): (&Judging, &Settings),
    bar: &ProgressBar,
) -> Result<Ran> {
    let mut cases = Vec::new();
    for job in &pass.jobs {
        let recording = &recordings[job.recording];
        cases.push(recording.case(&recording.manifest.cases[job.case].name)?);
    }
    let first = cases.first().map_or("", |case| case.entry().name.as_str());
    progress::step(bar, &format!("{first}: forward pass"));
    let (outputs, seconds) = candidate.run_cases(&mut cases.iter_mut().collect::<Vec<_>>())?;
    let jobs = pass.jobs.iter().zip(&mut cases).zip(outputs);
    let mut compared = Vec::new();
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
        let mut case = compare_case(&info, reference, &mut outputs, &settings, &mut |output| {
            progress::step(bar, &format!("{place} {output}"));
        })?;
        // A pass counts once.
        case.seconds = (index == 0).then_some(seconds);
        compared.push((job.recording, job.case, case));
    }
    Ok(Ran {
        candidate: candidate.provenance(),
        cases: compared,
    })
}

/// The shares as one result.
///
/// # Errors
/// Where they do not hold what this command makes.
pub fn merge(merged: &Merged) -> Result<Report> {
    let frame: Frame = merged.frame()?;
    let ran: Vec<Ran> = merged.items()?.into_iter().map(|(_, ran)| ran).collect();
    let count = frame.references.len();
    if ran
        .iter()
        .flat_map(|ran| &ran.cases)
        .any(|case| case.0 >= count)
    {
        bail!("the shares have cases of more than their {count} recordings");
    }
    Ok(whole(frame, ran))
}

fn whole(frame: Frame, all: Vec<Ran>) -> Report {
    let count = frame.references.len();
    let mut results: Vec<BTreeMap<usize, CaseResult>> = vec![BTreeMap::new(); count];
    let mut made_by: Vec<Option<Provenance>> = vec![None; count];
    for ran in all {
        for (recording, number, case) in ran.cases {
            results[recording].insert(number, case);
            made_by[recording] = Some(ran.candidate.clone());
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    for (((reference, dtype), cases), candidate) in
        frame.references.into_iter().zip(results).zip(made_by)
    {
        let Some(candidate) = candidate else { continue };
        let cases: Vec<CaseResult> = cases.into_values().collect();
        runs.push(Run {
            reference,
            candidate,
            dtype,
            variants: Vec::new(),
            pass: cases.iter().all(|case| case.pass),
            cases,
        });
    }
    Report {
        heads: by_head(&runs),
        verdict: verdict(&runs, frame.report.level),
        runs,
        ..frame.report
    }
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
