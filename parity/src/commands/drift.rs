//! `parity drift`: what changed between two results.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::write::print;
use crate::cli::Drift;
use crate::exit::Exit;
use crate::report::grid::{Grid, terminal_width, wrapped};
use crate::report::json;
use crate::result::{OutputResult, Report};

/// What changed for one output.
#[derive(Debug, Serialize)]
struct Change {
    reference: String,
    case: String,
    output: String,
    /// `farther`, `fails`, `passes`, `missing` or `new`.
    change: &'static str,
    old_relative_l2: Option<f64>,
    new_relative_l2: Option<f64>,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    schema_version: u32,
    old: String,
    new: String,
    limit: f64,
    compared: usize,
    drifted: bool,
    changes: &'a [Change],
}

/// Compares and prints; disagrees where an output is farther, fails now, or is missing.
///
/// # Errors
/// Where a result cannot be read or the two have no output in common.
pub fn run(args: &Drift) -> Result<Exit> {
    if args.limit.is_nan() || args.limit < 1.0 {
        bail!("--limit {}: a factor of at least 1 is needed", args.limit);
    }
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let (before, after) = (outputs(&old), outputs(&new));
    let compared = before.keys().filter(|key| after.contains_key(*key)).count();
    if compared == 0 {
        bail!(
            "{} and {} have no output of the same recording and case",
            args.old.display(),
            args.new.display()
        );
    }
    let mut changes = Vec::new();
    for (key, old) in &before {
        if let Some(change) = change(old, after.get(key).copied(), args.limit) {
            changes.push(entry(key, change, Some(*old), after.get(key).copied()));
        }
    }
    for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        changes.push(entry(key, "new", None, Some(*new)));
    }
    let drifted = changes
        .iter()
        .any(|c| matches!(c.change, "farther" | "fails" | "missing"));
    let document = Document {
        schema: "parity-drift",
        schema_version: 1,
        old: args.old.display().to_string(),
        new: args.new.display().to_string(),
        limit: args.limit,
        compared,
        drifted,
        changes: &changes,
    };
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    } else {
        print(&table(&document))?;
    }
    Ok(Exit::of(!drifted))
}

type Key = (String, String, String);

fn read(path: &Path) -> Result<Report> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
    Ok(json::read(&text, &name)?)
}

fn outputs(report: &Report) -> BTreeMap<Key, &OutputResult> {
    let mut all = BTreeMap::new();
    for run in &report.runs {
        for case in &run.cases {
            for output in &case.outputs {
                let key = (
                    run.reference.name.clone(),
                    case.name.clone(),
                    output.name.clone(),
                );
                all.insert(key, output);
            }
        }
    }
    all
}

fn change(old: &OutputResult, new: Option<&OutputResult>, limit: f64) -> Option<&'static str> {
    let Some(new) = new else {
        return Some("missing");
    };
    match (old.pass, new.pass) {
        (true, false) => return Some("fails"),
        (false, true) => return Some("passes"),
        _ => {}
    }
    let (a, b) = (
        old.summary.relative_l2.value(),
        new.summary.relative_l2.value(),
    );
    match (a, b) {
        (Some(a), Some(b)) if b > a * limit => Some("farther"),
        (Some(_), None) => Some("farther"),
        _ => None,
    }
}

fn entry(
    key: &Key,
    change: &'static str,
    old: Option<&OutputResult>,
    new: Option<&OutputResult>,
) -> Change {
    let l2 = |output: Option<&OutputResult>| output?.summary.relative_l2.value();
    Change {
        reference: key.0.clone(),
        case: key.1.clone(),
        output: key.2.clone(),
        change,
        old_relative_l2: l2(old),
        new_relative_l2: l2(new),
    }
}

fn table(document: &Document<'_>) -> String {
    let number = |x: Option<f64>| x.map_or("-".into(), |x| format!("{x:.2e}"));
    let titles = ["output", "change", "older", "newer", "times", "in"];
    let mut rows: Vec<Vec<String>> = vec![titles.map(String::from).to_vec()];
    for c in document.changes {
        let times = c.old_relative_l2.zip(c.new_relative_l2);
        rows.push(vec![
            c.output.replace("taps/alphagenome/", "taps/"),
            c.change.into(),
            number(c.old_relative_l2),
            number(c.new_relative_l2),
            match times {
                Some((old, new)) if old > 0.0 => format!("{:.3}", new / old),
                _ => "-".into(),
            },
            format!("{} {}", c.reference, c.case),
        ]);
    }
    let mut text = String::new();
    let width = terminal_width();
    if !document.changes.is_empty() {
        text.push_str("relative L2 of outputs that changed\n");
        let grid = Grid {
            rows,
            droppable: &["in", "times"],
        };
        grid.write(&mut text, width);
    }
    let word = if document.drifted {
        "drifted"
    } else {
        "no drift"
    };
    let line = format!(
        "{word}: {} outputs compared, {} changed (fails, passes, missing, new, or farther than {} times the older distance)",
        document.compared,
        document.changes.len(),
        document.limit
    );
    text.push_str(&wrapped(&line, 2, width));
    text.push('\n');
    text
}
