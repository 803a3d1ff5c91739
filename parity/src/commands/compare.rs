//! `parity compare`: two recordings, no model.

use anyhow::{Result, bail};

use super::{wanted, write};
use crate::cli::{Compare, Judging};
use crate::compare::{CaseInfo, Settings, compare_case, compare_variant, variant_pairs};
use crate::exit::Exit;
use crate::floor::{Floor, sides};
use crate::levels::Thresholds;
use crate::progress::{self, note};
use crate::recording::{DType, Recording};
use crate::result::{FloorUse, Provenance, Report, Run, SCHEMA, SCHEMA_VERSION, by_head};
use crate::verdict::verdict;
use crate::weights::{Weights, short};

/// Compares and reports.
///
/// # Errors
/// Where a recording cannot be read or the two have no case in common.
pub fn run(args: &Compare) -> Result<Exit> {
    let (references, candidates) = (
        Recording::discover(&args.reference)?,
        Recording::discover(&args.candidate)?,
    );
    wanted::check(&args.judging, &[&references, &candidates])?;
    let mut settings = settings(&args.judging, args.level, [DType::Float32; 2])?;
    let mut runs = Vec::new();
    for (reference, candidate) in pairs(args, &references, &candidates)? {
        if let Some(notice) = other_weights(reference, candidate) {
            note(&format!(
                "notice: {notice}: differences may be the weights' own"
            ));
        }
        if candidate.is_copy_of(reference)? {
            note(&format!(
                "notice: {} is the same recording as {}: that they agree shows nothing",
                candidate.path.display(),
                reference.path.display()
            ));
        }
        let both = [reference, candidate].map(|recording| recording.manifest.compute_dtype);
        let named = args.judging.dtype.map(crate::cli::Dtype::dtype);
        settings.dtype = named.unwrap_or(coarser(both[0], both[1]));
        settings.sides = sides(both[0], both[1]);
        runs.push(recordings(
            reference,
            candidate,
            &args.judging.case,
            &settings,
        )?);
    }
    let report = report("compare", &settings, runs);
    write::report(&report, &args.writing)
}

/// What is compared with what: one recording with each of the other side's, folders of them by name.
fn pairs<'a>(
    args: &Compare,
    references: &'a [Recording],
    candidates: &'a [Recording],
) -> Result<Vec<(&'a Recording, &'a Recording)>> {
    if references.len() == 1 || candidates.len() == 1 {
        let of = |reference| {
            candidates
                .iter()
                .map(move |candidate| (reference, candidate))
        };
        return Ok(references.iter().flat_map(of).collect());
    }
    let named =
        |recordings: &'a [Recording], name: &str| recordings.iter().find(|r| r.name() == name);
    let mut pairs = Vec::new();
    for reference in references {
        match named(candidates, &reference.name()) {
            Some(candidate) => pairs.push((reference, candidate)),
            None => note(&format!(
                "{} is not among the candidates: left out",
                reference.path.display()
            )),
        }
    }
    for candidate in candidates {
        if named(references, &candidate.name()).is_none() {
            note(&format!(
                "{} is not among the references: left out",
                candidate.path.display()
            ));
        }
    }
    if pairs.is_empty() {
        let names = |recordings: &[Recording]| {
            recordings
                .iter()
                .map(Recording::name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        bail!(
            "no recording of {} ({}) has the name of one in {} ({})",
            args.reference.display(),
            names(references),
            args.candidate.display(),
            names(candidates)
        );
    }
    Ok(pairs)
}

/// What to say of two recordings of different checkpoints.
pub fn other_weights(a: &Recording, b: &Recording) -> Option<String> {
    let digest = |recording: &Recording| recording.manifest.checkpoint_digest.clone();
    let (one, other) = (digest(a), digest(b));
    match Weights::of(one.as_deref(), other.as_deref()) {
        Weights::Different => Some(format!(
            "{} and {} are of different checkpoints, {} and {}",
            a.path.display(),
            b.path.display(),
            short(&one.unwrap_or_default()),
            short(&other.unwrap_or_default())
        )),
        Weights::Same | Weights::Unknown => None,
    }
}

/// The settings that the arguments ask for, for two sides that compute in `dtypes`; the coarser counts where they name none.
///
/// # Errors
/// Where bounds or a floor cannot be read, or the floor's limit is no ratio.
pub fn settings(judging: &Judging, level: u8, dtypes: [DType; 2]) -> Result<Settings> {
    let thresholds = match &judging.thresholds {
        Some(path) => Thresholds::read(path)?,
        None => Thresholds::profile(&judging.profile)?,
    };
    if !(judging.floor_limit.is_finite() && judging.floor_limit > 0.0) {
        bail!(
            "--floor-limit {}: expected a ratio above 0",
            judging.floor_limit
        );
    }
    let floor = match &judging.floor {
        Some(path) => Some((Floor::read(path)?, judging.floor_limit)),
        None => None,
    };
    Ok(Settings {
        level,
        dtype: judging
            .dtype
            .map_or(coarser(dtypes[0], dtypes[1]), crate::cli::Dtype::dtype),
        sides: sides(dtypes[0], dtypes[1]),
        thresholds,
        floor,
        known: None,
        tables: true,
        only: judging.only.clone(),
    })
}

/// The dtype whose bounds count between two sides.
pub fn coarser(a: DType, b: DType) -> DType {
    if a.unit_roundoff() >= b.unit_roundoff() {
        a
    } else {
        b
    }
}

/// Compares the cases that two recordings have in common.
///
/// # Errors
/// Where an array cannot be read, a case holds another sequence, or no case is common.
pub fn recordings(
    reference: &Recording,
    candidate: &Recording,
    only: &[String],
    settings: &Settings,
) -> Result<Run> {
    let names: Vec<_> = reference
        .manifest
        .cases
        .iter()
        .filter(|case| only.is_empty() || only.contains(&case.name))
        .filter(|case| candidate.manifest.cases.iter().any(|c| c.name == case.name))
        .collect();
    if names.is_empty() {
        let list = |recording: &Recording| {
            let cases = recording
                .manifest
                .cases
                .iter()
                .map(|case| case.name.as_str());
            cases.collect::<Vec<_>>().join(", ")
        };
        bail!(
            "{} and {} have no case in common{}: {} and {}",
            reference.path.display(),
            candidate.path.display(),
            if only.is_empty() {
                ""
            } else {
                " of those asked for"
            },
            list(reference),
            list(candidate)
        );
    }
    let bar = progress::bar(names.len());
    let mut cases = Vec::new();
    for entry in names {
        let (mut a, mut b) = (reference.case(&entry.name)?, candidate.case(&entry.name)?);
        if a.sequence()? != b.sequence()? {
            bail!(
                "{}: the two recordings hold different sequences under this name",
                entry.name
            );
        }
        if a.entry().organism_index != b.entry().organism_index {
            bail!(
                "{}: the two recordings are of different organisms",
                entry.name
            );
        }
        let info = CaseInfo {
            name: entry.name.clone(),
            sequence_length: entry.sequence_length,
            organism_index: entry.organism_index,
        };
        cases.push(compare_case(
            &info,
            &mut a,
            &mut b,
            settings,
            &mut |output| {
                progress::step(&bar, &format!("{} {output}", entry.name));
            },
        )?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut variants = Vec::new();
    for (id, low, high) in variant_pairs(reference) {
        let both = |name: &String| cases.iter().any(|case| case.name == *name);
        if both(&low) && both(&high) {
            let (mut a, mut b) = (reference.case(&low)?, reference.case(&high)?);
            let (mut c, mut d) = (candidate.case(&low)?, candidate.case(&high)?);
            variants.push(compare_variant(&id, [&mut a, &mut b], [&mut c, &mut d])?);
        }
    }
    Ok(Run {
        reference: Provenance::of(reference),
        candidate: Provenance::of(candidate),
        dtype: settings.dtype,
        variants,
        pass: cases.iter().all(|case| case.pass),
        cases,
    })
}

/// The document that holds runs.
pub fn report(command: &str, settings: &Settings, runs: Vec<Run>) -> Report {
    Report {
        schema: SCHEMA.into(),
        schema_version: SCHEMA_VERSION,
        program: format!("parity {}", env!("CARGO_PKG_VERSION")),
        command: command.into(),
        arguments: std::env::args().skip(1).collect(),
        level: settings.level,
        profile: settings.thresholds.name.clone(),
        floor: settings.floor.as_ref().map(|(floor, limit)| FloorUse {
            recordings: floor.recordings.clone(),
            limit: *limit,
        }),
        heads: by_head(&runs),
        verdict: verdict(&runs, settings.level),
        runs,
    }
}
