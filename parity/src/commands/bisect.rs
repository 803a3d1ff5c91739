//! `parity bisect`: which module is wrong.

use anyhow::{Result, bail};

use super::write::{self, both};
use crate::bisect::{Report, SCHEMA, SCHEMA_VERSION, two};
use crate::cli::Bisect;
use crate::exit::Exit;
use crate::recording::Recording;
use crate::report::grid::terminal_width;
use crate::report::{html, path};

/// Searches, and prints what it finds; disagrees where a module is at fault.
///
/// # Errors
/// Where the recording has no taps, the model cannot be loaded, or the case does not fit it.
pub fn run(args: &Bisect) -> Result<Exit> {
    let recording = Recording::open(&args.recording)?;
    require_taps(&recording)?;
    let report = match &args.candidate {
        Some(candidate) => {
            let candidate = Recording::open(candidate)?;
            require_taps(&candidate)?;
            recordings(args, &recording, &candidate)?
        }
        None => model(args, &recording)?,
    };
    let text = match args.json {
        true => format!("{}\n", serde_json::to_string_pretty(&report)?),
        false => path::write(&report, terminal_width()),
    };
    both(&text, || match &args.html {
        Some(file) => Ok(write::text(file, &html::path(&report))?),
        None => Ok(()),
    })?;
    Ok(Exit::of(report.clean))
}

fn require_taps(recording: &Recording) -> Result<()> {
    let mut outputs = recording
        .manifest
        .cases
        .iter()
        .flat_map(|case| case.outputs.keys());
    if !outputs.any(|name| name.starts_with("taps/")) {
        bail!(
            "{}: holds no module outputs (taps); record it with --taps (`parity record`, or parity/recorder for JAX and PyTorch)",
            recording.path.display()
        );
    }
    Ok(())
}

/// The cases that were asked for.
fn cases(args: &Bisect, recording: &Recording) -> Result<Vec<String>> {
    let known: Vec<&String> = recording
        .manifest
        .cases
        .iter()
        .map(|case| &case.name)
        .collect();
    if let Some(unknown) = args.case.iter().find(|name| !known.contains(name)) {
        // Reading it gives the error that lists what there is.
        recording.case(unknown)?;
    }
    let wanted = known
        .into_iter()
        .filter(|name| args.case.is_empty() || args.case.contains(*name));
    Ok(wanted.cloned().collect())
}

fn recordings(args: &Bisect, reference: &Recording, candidate: &Recording) -> Result<Report> {
    let mut found = Vec::new();
    for name in cases(args, reference)? {
        if candidate
            .manifest
            .cases
            .iter()
            .any(|case| case.name == name)
        {
            found.push(two(reference, candidate, &name)?);
        }
    }
    if found.is_empty() {
        bail!(
            "{} and {} have no case in common",
            reference.path.display(),
            candidate.path.display()
        );
    }
    Ok(Report {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        recording: reference.path.display().to_string(),
        made_by: reference.manifest.made_by(),
        candidate: candidate.path.display().to_string(),
        arithmetic: None,
        floor: None,
        limit: args.floor_limit,
        clean: found.iter().all(|case| case.also.is_empty()),
        cases: found,
    })
}

#[cfg(not(feature = "burn"))]
fn model(_: &Bisect, _: &Recording) -> Result<Report> {
    bail!(
        "this build has no model: build with the default features, or name a second recording with --candidate"
    )
}

#[cfg(feature = "burn")]
fn model(args: &Bisect, recording: &Recording) -> Result<Report> {
    use crate::bisect::{Subject, search};
    use crate::progress::{self, note};

    let arithmetic = match args.arithmetic {
        Some(named) => named.into(),
        None => crate::run::arithmetic_for(recording)?,
    };
    let names = cases(args, recording)?;
    let bar = progress::bar(names.len());
    progress::step(&bar, &format!("loading {}", args.model.display()));
    let subject = Subject::load(&args.model, arithmetic)?;
    let tell = |case: &str, what: &str| {
        let done = names.iter().position(|name| name == case);
        bar.set_position(done.unwrap_or(0) as u64);
        progress::step(&bar, &format!("{case}: {what}"));
    };
    let estimate = |case: &str, seconds: f64| {
        bar.suspend(|| {
            note(&format!(
                "{case}: about {:.0} s for the modules one by one; where one is at fault, trying what is wrong with it \
                 takes up to minutes more",
                seconds.max(1.0)
            ));
        });
    };
    let limit = args.floor_limit;
    let report = search(&subject, recording, &names, limit, &tell, &estimate)?;
    bar.finish_and_clear();
    Ok(report)
}
