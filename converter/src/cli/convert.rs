//! `convert`, and `convert --dry-run`.

use std::{io::Write as _, time::Instant};

use converter::{
    checkpoint::Checkpoint,
    convert::{Request, convert, is_output},
    ledger::{Ledger, NO_TRACKS},
    plan::Plan,
    publish,
    tensor::{Dtype, Shape},
    text,
};
use serde_json::json;
use terminal::{Progress, Speech, note};

use super::{
    Outcome, arguments::ConvertArguments, print_json, source, table::Table, unless_closed,
};

pub fn run(arguments: &ConvertArguments) -> anyhow::Result<Outcome> {
    let start = Instant::now();
    let options: Vec<(String, bool)> = arguments
        .folds
        .iter()
        .map(|name| (name.clone(), true))
        .collect();
    if !arguments.dry_run {
        // Not only after a download.
        publish::check_target(&arguments.out, arguments.force, is_output)?;
    }
    let spec = source::spec(&arguments.spec, &options)?;
    let snapshot = source::snapshot(&arguments.source)?;
    let checkpoint = source::checkpoint(&snapshot)?;
    let dtype = Dtype::from(arguments.dtype);
    let plan = Plan::of(&spec, &checkpoint, dtype)?;
    let tracks = match &arguments.metadata {
        Some(dir) => Some(source::tracks(dir, &spec, &plan)?),
        None => {
            if spec.tracks.is_some() {
                let line = format!("note: unscaled tracks are {NO_TRACKS}");
                note(Speech::Normal, &line);
            }
            None
        }
    };
    let leaves = text::counted(checkpoint.leaves().len(), "leaf", "leaves");
    note(
        Speech::Verbose,
        &format!(
            "note: {} ({leaves}, {}) by the spec `{}`",
            snapshot.dir.display(),
            checkpoint.layout(),
            spec.name
        ),
    );
    let (checkpoint, plan) = source::with_means(&spec, checkpoint, plan, dtype, tracks.as_deref())?;
    note_others(&plan);
    if arguments.dry_run {
        show_plan(&plan, &checkpoint, arguments.json)?;
        return Ok(Outcome::Fine);
    }
    let progress = Progress::bytes("converting", plan.target_bytes());
    let ledger = convert(&Request {
        checkpoint: &checkpoint,
        spec: &spec,
        plan: &plan,
        dtype,
        tracks,
        repo: snapshot.repo.clone(),
        revision: snapshot.revision.clone(),
        out: arguments.out.clone(),
        force: arguments.force,
        max_shard: arguments.max_shard_size.unwrap_or(u64::MAX),
        resources: source::resources(&arguments.resources),
        progress: &|bytes| progress.add(bytes),
    })?;
    drop(progress);
    let seconds = start.elapsed().as_secs_f64();
    if let Err(error) = unless_closed(show_summary(arguments, &ledger, seconds)) {
        // The folder is there: what nobody could be told does not undo that.
        let (error, out) = (terminal::message(&error), arguments.out.display());
        let line = format!("note: stdout: {error}; the conversion is complete: {out}");
        note(Speech::Normal, &line);
    }
    Ok(Outcome::Fine)
}

fn show_summary(arguments: &ConvertArguments, ledger: &Ledger, seconds: f64) -> anyhow::Result<()> {
    let out = std::path::absolute(&arguments.out)?;
    if arguments.json {
        return print_json(&json!({
            "out": out,
            "source": ledger.source,
            "output": ledger.output,
            "unscaled_tracks": ledger.unscaled_tracks,
            "seconds": seconds,
        }));
    }
    let tensors = text::counted(ledger.output.tensors, "tensor", "tensors");
    let size = text::bytes(ledger.output.bytes);
    Ok(terminal::print(&format!(
        "{tensors}, {size}, in {seconds:.1} s: {}\n",
        out.display()
    ))?)
}

/// Names what the checkpoint holds beside its arrays.
fn note_others(plan: &Plan) {
    /// Values that are named.
    const NAMED: usize = 5;
    if plan.others.is_empty() {
        return;
    }
    let named = plan.others.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|other| format!("{} ({})", other.name, other.what))
        .collect();
    let more = match plan.others.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let values = text::counted(plan.others.len(), "value", "values");
    let note_text = format!(
        "note: {values} that cannot be converted left out: {}{more}",
        named.join(", ")
    );
    note(Speech::Normal, &note_text);
}

fn show_plan(plan: &Plan, checkpoint: &dyn Checkpoint, as_json: bool) -> anyhow::Result<()> {
    let leaves = checkpoint.leaves();
    if as_json {
        let jobs = plan.jobs.iter().map(|job| {
            let sources = job.sources.iter().map(|&leaf| {
                let leaf = &leaves[leaf];
                json!({ "name": leaf.name, "shape": leaf.kind.shape, "dtype": leaf.kind.dtype.name() })
            });
            let targets = job.targets.iter().map(|&target| {
                let target = &plan.targets[target];
                json!({ "name": target.name, "shape": target.kind.shape, "dtype": target.kind.dtype.name() })
            });
            json!({
                "sources": sources.collect::<Vec<_>>(),
                "transforms": job.chain.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "targets": targets.collect::<Vec<_>>(),
            })
        });
        let ignored: Vec<&str> = plan
            .ignored
            .iter()
            .map(|&leaf| leaves[leaf].name.as_str())
            .chain(plan.others.iter().map(|other| other.name.as_str()))
            .collect();
        return print_json(&json!({
            "jobs": jobs.collect::<Vec<_>>(),
            "ignored": ignored,
            "config": plan.config,
        }));
    }
    let mut table = Table::new([
        "source",
        "shape",
        "dtype",
        "transforms",
        "target",
        "shape",
        "dtype",
    ]);
    for job in &plan.jobs {
        let transforms: Vec<String> = job.chain.iter().map(ToString::to_string).collect();
        let transforms = if transforms.is_empty() {
            "keep".to_owned()
        } else {
            transforms.join(", ")
        };
        for row in 0..job.sources.len().max(job.targets.len()) {
            let [source, shape, dtype] =
                job.sources
                    .get(row)
                    .map_or([const { String::new() }; 3], |&leaf| {
                        let leaf = &leaves[leaf];
                        [
                            leaf.name.clone(),
                            Shape(&leaf.kind.shape).to_string(),
                            leaf.kind.dtype.to_string(),
                        ]
                    });
            let [target, new_shape, new_dtype] =
                job.targets
                    .get(row)
                    .map_or([const { String::new() }; 3], |&target| {
                        let target = &plan.targets[target];
                        [
                            target.name.clone(),
                            Shape(&target.kind.shape).to_string(),
                            target.kind.dtype.to_string(),
                        ]
                    });
            let transforms = if row == 0 {
                transforms.clone()
            } else {
                String::new()
            };
            table.row([
                source, shape, dtype, transforms, target, new_shape, new_dtype,
            ]);
        }
    }
    let mut out = terminal::stdout();
    table.write(&mut out)?;
    for &leaf in &plan.ignored {
        writeln!(out, "{}  ignored", leaves[leaf].name)?;
    }
    for other in &plan.others {
        writeln!(out, "{}  ignored: {}", other.name, other.what)?;
    }
    let (read, written) = (leaves.len() - plan.ignored.len(), plan.targets.len());
    let tensors = text::counted(written, "tensor", "tensors");
    writeln!(
        out,
        "{} become {tensors}, {}",
        text::counted(read, "leaf", "leaves"),
        text::bytes(plan.target_bytes())
    )?;
    out.flush()?;
    Ok(())
}
