//! The table on the terminal.

mod heading;
mod overview;
mod row;

use std::fmt::Write;

use parity_stats::Stat;

use super::grid::{Grid, wrapped};
use crate::outputs::Kind;
use crate::result::{CaseResult, OutputResult, Report, text};
use crate::verdict::why;

/// The table of a report: a block a case, a line an output, the verdict last. Lines fit `width` where one is given.
pub fn write(report: &Report, width: Option<usize>) -> String {
    let mut table = Table {
        out: String::new(),
        width,
        floor: report.floor.is_some(),
        less: false,
    };
    for run in &report.runs {
        table.heading(report, run);
        for case in &run.cases {
            table.case(case);
        }
        for variant in &run.variants {
            table.variant(variant);
        }
    }
    let cases: usize = report.runs.iter().map(|run| run.cases.len()).sum();
    if cases > 1 {
        table.all_cases(report);
    }
    table.heads(report);
    if table.less {
        table.line(
            "  (columns left out to fit the width; --json, --html or a wider terminal has all)",
            2,
        );
    }
    let _ = writeln!(table.out);
    // With one case, its failures stand right above.
    if cases > 1 || report.verdict.agree {
        for reason in &report.verdict.reasons {
            table.line(&format!("  {reason}"), 6);
        }
    }
    table.line(&report.verdict.line, 2);
    table.out
}

struct Table {
    out: String,
    width: Option<usize>,
    floor: bool,
    less: bool,
}

const COLUMNS: [&str; 11] = [
    "compared", "n", "rel L2", "1-r", "within", "outliers", "max|d|", "NaN/Inf", "t-test p",
    "x floor", "",
];

/// The least important first.
const DROPPABLE: [&str; 6] = ["compared", "outliers", "t-test p", "n", "max|d|", "NaN/Inf"];

impl Table {
    fn line(&mut self, line: &str, indent: usize) {
        let _ = writeln!(self.out, "{}", wrapped(line, indent, self.width));
    }

    fn grid(&mut self, rows: Vec<Vec<String>>, droppable: &[&str]) {
        self.less |= Grid { rows, droppable }.write(&mut self.out, self.width);
    }

    fn case(&mut self, case: &CaseResult) {
        let seconds = case
            .seconds
            .map_or(String::new(), |s| format!(", forward pass {s:.1} s"));
        let _ = writeln!(
            self.out,
            "\n{}  {} bp, {}{seconds}",
            case.name,
            case.sequence_length,
            organism(case.organism_index)
        );
        let (taps, outputs): (Vec<_>, Vec<_>) = case
            .outputs
            .iter()
            .partition(|output| output.kind == Kind::Tap);
        self.outputs("output", &outputs);
        self.outputs("module output (tap)", &taps);
        for output in case.outputs.iter().filter(|output| !output.pass) {
            self.line(
                &format!("  fails: {}: {}", short_name(output), why(output)),
                6,
            );
        }
        // Outputs of which the same is not judged share a line; figures in it differ.
        let mut open: Vec<(String, String, usize)> = Vec::new();
        let notes = case.outputs.iter().flat_map(|output| {
            let notes = output.notes.iter().map(move |note| (output, note));
            notes.filter(|(_, note)| note.starts_with("not judged"))
        });
        for (output, note) in notes {
            let words: String = note.chars().filter(|c| c.is_alphabetic()).collect();
            match open.iter_mut().find(|(known, ..)| *known == words) {
                Some((_, _, more)) => *more += 1,
                None => open.push((words, format!("  {}: {note}", short_name(output)), 0)),
            }
        }
        for (_, line, more) in open {
            let more = match more {
                0 => String::new(),
                more => format!(" (so of {more} more outputs)"),
            };
            self.line(&format!("{line}{more}"), 6);
        }
        for set in &case.splice_sites {
            if !set.only_reference.is_empty() || !set.only_candidate.is_empty() {
                let line = format!(
                    "  splice sites, {}: {} of {} positions shared, Jaccard {}; of the others {} are ties, {} are not",
                    set.kind,
                    set.shared,
                    set.reference,
                    set.jaccard
                        .value()
                        .map_or("-".into(), |j| format!("{j:.4}")),
                    set.ties,
                    set.unexplained
                );
                self.line(&line, 6);
            }
        }
        for entry in &case.not_compared {
            let word = if entry.fails { "fails" } else { "left out" };
            self.line(&format!("  {word}: {}: {}", entry.name, entry.reason), 6);
        }
    }

    fn outputs(&mut self, title: &str, outputs: &[&OutputResult]) {
        if outputs.is_empty() {
            return;
        }
        let mut rows = vec![
            std::iter::once(title)
                .chain(COLUMNS)
                .map(String::from)
                .collect(),
        ];
        rows.extend(outputs.iter().map(|output| row::row(output)));
        if !self.floor {
            let column = 1 + COLUMNS
                .iter()
                .position(|&title| title == "x floor")
                .unwrap_or(0);
            rows.iter_mut().for_each(|row: &mut Vec<String>| {
                row.remove(column);
            });
        }
        self.grid(rows, &DROPPABLE);
    }
}

fn organism(index: usize) -> String {
    match index {
        0 => "human".into(),
        1 => "mouse".into(),
        other => format!("organism {other}"),
    }
}

fn share(stat: Stat, digits: usize) -> String {
    stat.value()
        .map_or("-".into(), |s| format!("{:.digits$}%", s * 100.0))
}

fn or_dash(stat: Stat, digits: usize) -> String {
    stat.value().map_or("-".into(), |_| text(stat, digits))
}

fn floor_ratio(ratio: f64) -> String {
    if ratio < 100.0 {
        format!("{ratio:.2}")
    } else {
        format!("{ratio:.1e}")
    }
}

/// Taps carry long module paths: what all of them begin with is left out.
fn short_name(output: &OutputResult) -> String {
    match output.kind {
        Kind::Tap => output.name.replace("taps/alphagenome/", ""),
        _ => output.name.clone(),
    }
}
