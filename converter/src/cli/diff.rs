//! `convert diff`.

use std::{io::Write as _, path::Path};

use converter::{
    diff::{Difference, Side, diff},
    safetensors_file::{INDEX, Model, SINGLE},
    snapshot, text,
};
use serde_json::json;
use terminal::Speech;

use super::{Outcome, arguments::DiffArguments, print_json, source, table::Table, unless_closed};

pub fn run(arguments: &DiffArguments) -> anyhow::Result<Outcome> {
    let (a, b) = (open(&arguments.a)?, open(&arguments.b)?);
    if matches!(&a, Side::Model(_)) != matches!(&b, Side::Model(_)) {
        anyhow::bail!(
            "one of {} and {} is a checkpoint and the other was converted; `convert verify MODEL --snapshot PATH` compares \
             those",
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
    unless_closed(show(arguments, arrays, &differences, &unread))?;
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
) -> anyhow::Result<()> {
    if arguments.json {
        return print_json(
            &json!({ "a": arguments.a, "b": arguments.b, "differences": differences, "not_compared": unread }),
        );
    }
    let mut out = terminal::stdout();
    if differences.is_empty() {
        let equal = text::counted(arrays, "array", "arrays");
        writeln!(out, "{equal} are equal")?;
    } else {
        let shown = arguments.top.min(differences.len());
        table(&differences[..shown]).write(&mut out)?;
        let count = text::counted(differences.len(), "array differs", "arrays differ");
        writeln!(out, "{count}, {shown} shown")?;
    }
    if !unread.is_empty() {
        let count = text::counted(unread.len(), "value is", "values are");
        writeln!(out, "{count} of a type that is not compared")?;
    }
    Ok(out.flush()?)
}

fn open(path: &Path) -> anyhow::Result<Side> {
    if path.join(SINGLE).is_file() || path.join(INDEX).is_file() {
        return Ok(Side::Model(Model::open(path)?));
    }
    let snapshot = snapshot::resolve(path, None)?;
    Ok(Side::Checkpoint(Box::new(source::checkpoint(&snapshot)?)))
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
