//! `parity trace-diff`: what two profiler traces have in common, and what not.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use serde::Serialize;

use super::write::print;
use crate::cli::{TraceDiff, TracePlace};
use crate::exit::Exit;
use crate::progress;
use crate::report::grid::{Grid, terminal_width, wrapped};
use crate::trace::{Difference, Groups, Only, Place, Side, Trace, diff};

/// Names that a list shows before it is cut.
const LISTED: usize = 12;

/// What was read of a file.
#[derive(Debug, Serialize)]
struct Source {
    path: String,
    events: u64,
    slices: usize,
    left_out: u64,
    malformed: u64,
    unmatched: u64,
    cut: bool,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    schema_version: u32,
    a: Source,
    b: Source,
    #[serde(flatten)]
    difference: Difference,
}

/// Reads both traces, groups and compares them.
///
/// # Errors
/// Where a file cannot be read or is no trace, or neither has work in the place asked for.
pub fn run(args: &TraceDiff) -> Result<Exit> {
    let (a, first) = read(&args.a, args)?;
    let (b, second) = read(&args.b, args)?;
    let place = match args.on {
        TracePlace::Auto => None,
        TracePlace::Device => Some(Place::Device),
        TracePlace::Host => Some(Place::Host),
    };
    let difference = diff(&first, &second, place);
    if difference.kernels.is_empty() {
        bail!(
            "neither trace has work on the {}; choose another place with --on",
            word(difference.place)
        );
    }
    let document = Document {
        schema: "parity-trace-diff",
        schema_version: 1,
        a,
        b,
        difference,
    };
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    } else {
        print(&table(&document, args.top))?;
    }
    Ok(Exit::Agree)
}

fn read(path: &Path, args: &TraceDiff) -> Result<(Source, Groups)> {
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    let bar = progress::bytes(bytes);
    progress::step(&bar, &path.display().to_string());
    let trace = Trace::read(path, &mut |read| bar.set_position(read))?;
    let groups = Groups::of(&trace, args.depth, args.exact_names);
    bar.finish_and_clear();
    let source = Source {
        path: path.display().to_string(),
        events: trace.events,
        slices: trace.slices.len(),
        left_out: groups.left_out,
        malformed: trace.malformed,
        unmatched: trace.unmatched,
        cut: trace.cut,
    };
    Ok((source, groups))
}

fn word(place: Place) -> &'static str {
    match place {
        Place::Device => "device",
        Place::Host => "host",
    }
}

fn table(document: &Document, top: usize) -> String {
    let width = terminal_width();
    let difference = &document.difference;
    let mut text = String::new();
    for (letter, source) in [("A", &document.a), ("B", &document.b)] {
        text.push_str(&format!(
            "{letter}  {}  {} slices",
            source.path, source.slices
        ));
        let notes = [
            (
                source.left_out,
                "left out that repeat other tracks or are no work",
            ),
            (source.malformed, "left out without a name or a time"),
            (
                source.unmatched,
                "beginnings or ends left out that have no partner",
            ),
        ];
        for (count, note) in notes.iter().filter(|(count, _)| *count > 0) {
            text.push_str(&format!(", {count} {note}"));
        }
        if source.cut {
            text.push_str(", the file ends in the middle");
        }
        text.push('\n');
    }
    let [a, b] = difference.busy.map(milliseconds);
    let [wall_a, wall_b] = difference.wall.map(milliseconds);
    let times = match difference.busy[0] > 0.0 {
        true => format!(", B/A {:.3}", difference.busy[1] / difference.busy[0]),
        false => String::new(),
    };
    text.push_str(&format!(
        "work on the {}: A {a} ms of {wall_a} ms, B {b} ms of {wall_b} ms{times}\n\nby module\n",
        word(difference.place)
    ));
    let modules = difference.modules.iter().take(top);
    let modules = modules.map(|row| (vec![named(&row.module)], row.a, row.b, row.ratio));
    grid(&mut text, &["module"], modules, width);
    text.push_str("\nby module and kernel\n");
    let kernels = difference.kernels.iter().take(top);
    let kernels = kernels.map(|row| {
        (
            vec![row.kernel.clone(), named(&row.module)],
            row.a,
            row.b,
            row.ratio,
        )
    });
    grid(&mut text, &["kernel", "module"], kernels, width);
    let hidden = difference.kernels.len().saturating_sub(top);
    if hidden > 0 {
        text.push_str(&format!(
            "  and {hidden} more; --top shows them, --json has all\n"
        ));
    }
    for (letter, only) in [("A", &difference.only_a), ("B", &difference.only_b)] {
        alone(&mut text, letter, only, width);
    }
    text
}

fn named(module: &str) -> String {
    if module.is_empty() { "(none)" } else { module }.into()
}

fn milliseconds(microseconds: f64) -> String {
    format!("{:.3}", microseconds / 1e3)
}

fn grid(
    text: &mut String,
    titles: &[&str],
    rows: impl Iterator<Item = (Vec<String>, Option<Side>, Option<Side>, Option<f64>)>,
    width: Option<usize>,
) {
    let figures = ["n A", "n B", "ms A", "ms B", "share A", "share B", "B/A"];
    let mut all = vec![
        titles[..1]
            .iter()
            .chain(&figures)
            .chain(&titles[1..])
            .map(|t| t.to_string())
            .collect(),
    ];
    for (names, a, b, ratio) in rows {
        let of = |side: Option<Side>, write: fn(Side) -> String| side.map_or("-".into(), write);
        let mut row = vec![names[0].clone()];
        for write in [
            (|side: Side| side.count.to_string()) as fn(Side) -> String,
            |side| milliseconds(side.microseconds),
            |side| format!("{:.1} %", side.share * 100.0),
        ] {
            row.extend([of(a, write), of(b, write)]);
        }
        row.push(ratio.map_or("-".into(), |ratio| format!("{ratio:.3}")));
        row.extend(names[1..].iter().cloned());
        all.push(row);
    }
    let grid = Grid {
        rows: all,
        droppable: &["share A", "share B", "n A", "n B", "module"],
    };
    grid.write(text, width);
}

fn alone(text: &mut String, letter: &str, only: &Only, width: Option<usize>) {
    for (what, names) in [("modules", &only.modules), ("kernels", &only.kernels)] {
        if names.is_empty() {
            continue;
        }
        let more = names.len().saturating_sub(LISTED);
        let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
        let tail = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let line = format!(
            "in {letter} alone, {} {what}: {}{tail}",
            names.len(),
            shown.join(", ")
        );
        text.push_str(&wrapped(&line, 2, width));
        text.push('\n');
    }
}
