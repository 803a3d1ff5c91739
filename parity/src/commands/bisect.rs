//! `parity bisect`: which module is wrong.

use anyhow::{Result, bail};

use super::write::print;
use crate::bisect::{Case, Report, SCHEMA, SCHEMA_VERSION, two};
use crate::cli::Bisect;
use crate::exit::Exit;
use crate::recording::{Recording, write_atomically};
use crate::report::grid::terminal_width;
use crate::report::{html, path};

/// Searches, and prints what it finds; disagrees where a module is at fault.
///
/// # Errors
/// Where the recording has no taps, the model cannot be loaded, or the case does not fit it.
pub fn run(args: &Bisect) -> Result<Exit> {
    let recording = Recording::open(&args.recording)?;
    require_taps(&recording)?;
    let report = match &args.against {
        Some(against) => {
            let against = Recording::open(against)?;
            require_taps(&against)?;
            recordings(args, &recording, &against)?
        }
        None => model(args, &recording)?,
    };
    if let Some(file) = &args.html {
        let page = html::path(&report);
        write_atomically(file, |out| std::io::Write::write_all(out, page.as_bytes()))?;
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else {
        print(&path::write(&report, terminal_width()))?;
    }
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
            "{}: holds no module outputs (taps); record it with --taps (`parity record`, or parity/recorder/record.py for JAX)",
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
    Ok(report(
        args,
        reference,
        candidate.path.display().to_string(),
        found,
    ))
}

fn report(args: &Bisect, recording: &Recording, candidate: String, cases: Vec<Case>) -> Report {
    Report {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        recording: recording.path.display().to_string(),
        made_by: recording.manifest.made_by(),
        candidate,
        arithmetic: None,
        floor: None,
        limit: args.floor_limit,
        clean: cases.iter().all(|case| case.culprit.is_none()),
        cases,
    }
}

#[cfg(not(feature = "burn"))]
fn model(_: &Bisect, _: &Recording) -> Result<Report> {
    bail!(
        "this build has no model: build with the default features, or name a second recording with --against"
    )
}

#[cfg(feature = "burn")]
fn model(args: &Bisect, recording: &Recording) -> Result<Report> {
    use crate::bisect::{LocalFloor, Settings, Subject, walk};
    use crate::progress;

    let arithmetic = match args.arithmetic {
        Some(named) => named.into(),
        None => crate::run::arithmetic_for(recording)?,
    };
    let manifest = &recording.manifest;
    let recorded = manifest
        .more
        .get("arithmetic")
        .and_then(|value| value.as_str());
    let same_program = manifest.framework == "burn" && recorded == Some(arithmetic.name());
    let dtype = manifest.compute_dtype;
    let rule = LocalFloor::of(dtype, same_program);
    let names = cases(args, recording)?;
    let bar = progress::bar(names.len());
    bar.set_message(format!("loading {}", args.model.display()));
    let subject = Subject::load(&args.model, arithmetic)?;
    let mut found = Vec::new();
    for name in &names {
        let settings = Settings {
            floor: rule,
            limit: args.floor_limit,
            same_program,
            command: format!(
                "parity bisect --model {} --recording {} --case {name} --arithmetic {arithmetic}",
                args.model.display(),
                recording.path.display()
            ),
            progress: &|what| bar.set_message(format!("{name}: {what}")),
        };
        found.push(walk(&subject, recording, name, &settings)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let words = match same_program {
        true => format!(
            "this program wrote the recording with the same arithmetic, so each module repeats it to {:.0} roundings of a float32",
            rule.least
        ),
        false => format!(
            "per module: {} times what one {dtype} rounding of its input moves its output, and no less than {} roundings of its \
             output",
            rule.roundings, rule.least
        ),
    };
    let report = report(args, recording, args.model.display().to_string(), found);
    Ok(Report {
        arithmetic: Some(arithmetic.name().into()),
        floor: Some(words),
        ..report
    })
}
