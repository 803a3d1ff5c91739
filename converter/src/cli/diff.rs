//! `convert diff`.

use std::{collections::BTreeMap, io::Write as _, path::Path};

use converter::{
    checkpoint::Checkpoint,
    convert::TRACKS,
    converted::Converted,
    diff::{Difference, Side, diff},
    ledger::Ledger,
    plan::Plan,
    safetensors_file::{INDEX, Model, SINGLE},
    snapshot,
    spec::Spec,
    tensor::Dtype,
    text,
};
use serde_json::json;
use terminal::Speech;

use super::{Outcome, arguments::DiffArguments, print_json, source, table::Table, unless_closed};

pub fn run(arguments: &DiffArguments) -> anyhow::Result<Outcome> {
    let (a, b) = (
        open(&arguments.a, arguments)?,
        open(&arguments.b, arguments)?,
    );
    if matches!(&a, Side::Checkpoint(_)) != matches!(&b, Side::Checkpoint(_)) {
        anyhow::bail!(
            "one of {} and {} is a checkpoint and the other was converted; `convert verify MODEL --snapshot PATH` compares \
             those, and `convert diff --for READER` compares a checkpoint with a state dict",
            arguments.a.display(),
            arguments.b.display()
        );
    }
    let arrays = a.kinds().len();
    let differences = diff(&a, &b, source::resources(&arguments.resources))?;
    let (others_a, others_b) = (a.others(), b.others());
    let mut unread = Vec::new();
    for (name, other) in others_a {
        if !other.compared && others_b.get(name).is_some_and(|b| b.what == other.what) {
            terminal::note(
                Speech::Normal,
                &format!(
                    "note: {name} is {} on both sides; its values are not compared",
                    other.what
                ),
            );
            unread.push(name);
        }
    }
    unless_closed(show(arguments, arrays, &differences, &unread, &|name| {
        a.origin(name).or_else(|| b.origin(name))
    }))?;
    Ok(if differences.is_empty() {
        Outcome::Fine
    } else {
        Outcome::Different
    })
}

fn show(
    arguments: &DiffArguments,
    arrays: usize,
    differences: &[Difference],
    unread: &[&str],
    origin: &dyn Fn(&str) -> Option<String>,
) -> anyhow::Result<()> {
    if arguments.json {
        let origins: BTreeMap<&str, String> = differences
            .iter()
            .filter_map(|difference| Some((difference.name(), origin(difference.name())?)))
            .collect();
        return print_json(
            &json!({ "a": arguments.a, "b": arguments.b, "differences": differences, "not_compared": unread, "origins": origins }),
        );
    }
    let mut out = terminal::stdout();
    if differences.is_empty() {
        let equal = text::counted(arrays, "array", "arrays");
        writeln!(out, "{equal} are equal")?;
    } else {
        let shown = arguments.top.min(differences.len());
        table(&differences[..shown]).write(&mut out)?;
        for name in differences[..shown].iter().map(Difference::name) {
            if let Some(origin) = origin(name) {
                writeln!(out, "{name}: {origin}")?;
            }
        }
        let count = text::counted(differences.len(), "array differs", "arrays differ");
        writeln!(out, "{count}, {shown} shown")?;
    }
    if !unread.is_empty() {
        let count = text::counted(unread.len(), "value is", "values are");
        writeln!(out, "{count} of a type that is not compared")?;
    }
    Ok(out.flush()?)
}

/// Opens a side; where a reader or a spec was named, what that makes of a checkpoint or of a folder for another reader.
fn open(path: &Path, arguments: &DiffArguments) -> anyhow::Result<Side> {
    let spec = &arguments.spec;
    let mapped = spec.spec.is_some() || spec.reader.reader.is_some();
    if path.is_file() {
        if path
            .extension()
            .is_none_or(|extension| extension != "safetensors")
        {
            anyhow::bail!(
                "{}: a state dict is read as safetensors; in Python: safetensors.torch.save_file(torch.load(FILE, \
                 weights_only=True), \"theirs.safetensors\")",
                path.display()
            );
        }
        return Ok(Side::Model(Model::open(path)?));
    }
    if path.join(SINGLE).is_file() || path.join(INDEX).is_file() {
        if !mapped {
            return Ok(Side::Model(Model::open(path)?));
        }
        let spec = source::spec(spec, &[])?;
        if Ledger::read(path)?.spec.name == spec.name {
            return Ok(Side::Model(Model::open(path)?));
        }
        let tracks = std::fs::read(path.join(TRACKS)).ok();
        return side(Box::new(Converted::open(path)?), &spec, arguments, tracks);
    }
    let snapshot = snapshot::resolve(path, None)?;
    let checkpoint = Box::new(source::checkpoint(&snapshot)?);
    match mapped {
        true => side(checkpoint, &source::spec(spec, &[])?, arguments, None),
        false => Ok(Side::Checkpoint(checkpoint)),
    }
}

/// What a spec makes of a checkpoint.
fn side(
    checkpoint: Box<dyn Checkpoint>,
    spec: &Spec,
    arguments: &DiffArguments,
    tracks: Option<Vec<u8>>,
) -> anyhow::Result<Side> {
    let plan = Plan::of(spec, &checkpoint, Dtype::F32)?;
    let tracks = match &arguments.metadata {
        Some(dir) => Some(source::tracks(dir, spec, &plan)?),
        None => tracks,
    };
    let (checkpoint, plan) =
        source::with_means(spec, checkpoint, plan, Dtype::F32, tracks.as_deref())?;
    Ok(Side::Mapped(Box::new(checkpoint), plan))
}

fn table(differences: &[Difference]) -> Table {
    let mut table = Table::new([
        "array",
        "difference",
        "differing",
        "largest",
        "relative L2",
        "element",
        "a",
        "b",
    ]);
    let number =
        |value: Option<f64>| value.map_or("not finite".to_owned(), |value| format!("{value:.3e}"));
    for difference in differences {
        let name = difference.name().to_owned();
        match difference {
            Difference::OnlyInA { .. } => table.row([name, "only in a".to_owned()]),
            Difference::OnlyInB { .. } => table.row([name, "only in b".to_owned()]),
            Difference::Type { a, b, .. } => table.row([name, format!("{a} in a, {b} in b")]),
            Difference::Values(values) => table.row([
                name,
                "values".to_owned(),
                format!("{} of {}", values.differing, values.values),
                number(values.largest),
                number(values.relative_l2),
                values.at.to_string(),
                values.a.clone(),
                values.b.clone(),
            ]),
        }
    }
    table
}
