//! `convert verify`.

use std::io::Write as _;

use converter::{
    convert::TRACKS,
    digest,
    ledger::Ledger,
    plan::Plan,
    spec::Spec,
    tensor::Dtype,
    text,
    verify::{Difference, Request, verify},
};
use serde_json::json;
use terminal::Progress;

use super::{
    Outcome,
    arguments::{Reader, VerifyArguments},
    print_json, source, unless_closed,
};

pub fn run(arguments: &VerifyArguments) -> anyhow::Result<Outcome> {
    let ledger = Ledger::read(&arguments.model)?;
    let options: Vec<(String, bool)> = ledger.spec.options.clone().into_iter().collect();
    let given = &arguments.spec;
    let spec = match Reader::of(&ledger.spec.digest) {
        Some(reader) if given.spec.is_none() && given.reader.reader.is_none() => {
            Spec::parse(reader.spec(), &options)?
        }
        _ => source::spec(given, &options)?,
    };
    let found = digest::of(spec.text.as_bytes());
    if found != ledger.spec.digest {
        anyhow::bail!(
            "{} was made with another spec (`{}`, digest {}); give it with --spec (that of `{}` has digest {found})",
            arguments.model.display(),
            ledger.spec.name,
            ledger.spec.digest,
            spec.name
        );
    }
    let Some(dtype) = Dtype::by_name(&ledger.output.dtype) else {
        anyhow::bail!(
            "{} is of unknown type {}",
            arguments.model.display(),
            ledger.output.dtype
        );
    };
    let snapshot = source::snapshot(&arguments.source)?;
    let checkpoint = source::checkpoint(&snapshot)?;
    let plan = Plan::of(&spec, &checkpoint, dtype)?;
    let tracks = match &arguments.metadata {
        Some(dir) => Some(source::tracks(dir, &spec, &plan)?),
        None => std::fs::read(arguments.model.join(TRACKS)).ok(),
    };
    let (checkpoint, plan) = source::with_means(&spec, checkpoint, plan, dtype, tracks.as_deref())?;
    let progress = Progress::bytes("verifying", plan.target_bytes());
    let resources = source::resources(&arguments.resources);
    let mut differences = verify(&Request {
        dir: &arguments.model,
        ledger: &ledger,
        spec: &spec,
        plan: &plan,
        dtype,
        checkpoint: &checkpoint,
        resources,
        progress: &|bytes| progress.add(bytes),
    })?;
    drop(progress);
    differences.extend(compare_tracks(arguments, &ledger, &spec, &plan)?);

    unless_closed(show(arguments, &plan, &differences))?;
    Ok(if differences.is_empty() {
        Outcome::Fine
    } else {
        Outcome::Different
    })
}

fn show(
    arguments: &VerifyArguments,
    plan: &Plan,
    differences: &[Difference],
) -> anyhow::Result<()> {
    let (count, bytes) = (plan.targets.len(), plan.target_bytes());
    if arguments.json {
        return print_json(&json!({
            "model": arguments.model,
            "tensors": count,
            "bytes": bytes,
            "differences": differences,
        }));
    }
    let mut out = terminal::stdout();
    for difference in differences {
        writeln!(out, "{difference}")?;
    }
    let tensors = text::counted(count, "tensor", "tensors");
    let bytes = text::bytes(bytes);
    match differences.len() {
        0 => writeln!(out, "{tensors}, {bytes}: every byte is as it should be")?,
        count => {
            let counted = text::counted(count, "difference", "differences");
            writeln!(out, "{counted} in {tensors}")?;
        }
    }
    Ok(out.flush()?)
}

/// Compares `tracks.json` with its digest in the ledger, and with `--metadata` if that was given.
fn compare_tracks(
    arguments: &VerifyArguments,
    ledger: &Ledger,
    spec: &Spec,
    plan: &Plan,
) -> anyhow::Result<Vec<Difference>> {
    let mut differences = Vec::new();
    let mut differs = |problem: &str| {
        differences.push(Difference {
            name: TRACKS.to_owned(),
            problem: problem.to_owned(),
        });
    };
    let stored = std::fs::read(arguments.model.join(TRACKS));
    match (&ledger.tracks, &stored) {
        (Some(entry), Ok(stored)) if digest::of(stored) != entry.digest => {
            differs("has another digest in the ledger")
        }
        (Some(_), Err(_)) => differs("is missing"),
        (None, Ok(_)) => differs("is not in the ledger"),
        _ => {}
    }
    if let Some(dir) = &arguments.metadata {
        let expected = source::tracks(dir, spec, plan)?;
        if !stored.is_ok_and(|stored| stored == expected) {
            differs("differs from the track metadata");
        }
    }
    Ok(differences)
}
