//! The table of a search along the modules.

use std::fmt::Write;

use super::grid::{Grid, wrapped};
use crate::bisect::{Case, Culprit, Report, Row};

/// The search as text.
pub fn write(report: &Report, width: Option<usize>) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "recording  {}  {}", report.recording, report.made_by);
    let _ = match &report.arithmetic {
        Some(arithmetic) => writeln!(text, "model      {}  {arithmetic}", report.candidate),
        None => writeln!(text, "candidate  {}", report.candidate),
    };
    if let Some(floor) = &report.floor {
        line(&mut text, &format!("floor      {floor}"), width);
    }
    for case in &report.cases {
        let _ = writeln!(text, "\n{}  {:.1} s", case.name, case.seconds);
        grid(&mut text, case, width);
        for note in &case.notes {
            line(&mut text, &format!("  {note}"), width);
        }
        match &case.culprit {
            Some(culprit) => {
                for (index, found) in finding(case, culprit).iter().enumerate() {
                    let indent = if index == 0 { "  " } else { "    " };
                    line(&mut text, &format!("{indent}{found}"), width);
                }
            }
            None => line(&mut text, &format!("  {}", clean(report, case)), width),
        }
    }
    text
}

fn line(text: &mut String, line: &str, width: Option<usize>) {
    text.push_str(&wrapped(line, 4, width));
    text.push('\n');
}

fn grid(text: &mut String, case: &Case, width: Option<usize>) {
    let grid = Grid {
        rows: cells(case),
        droppable: &["n", "limit", "gain", "input", "floor"],
    };
    if grid.write(text, width) {
        text.push_str("  columns are left out for want of width; --json has all\n");
    }
}

/// The figures: titles, then a row a module. The name stands first, the remark last.
pub(crate) fn cells(case: &Case) -> Vec<Vec<String>> {
    let with_local = case.rows.iter().any(|row| row.local.is_some());
    let titles: &[&str] = match with_local {
        true => &[
            "module",
            "n",
            "propagated",
            "gain",
            "local",
            "floor",
            "local/floor",
            "limit",
            "input",
            "",
        ],
        false => &["module", "n", "propagated", "gain", ""],
    };
    let mut rows: Vec<Vec<String>> = vec![titles.iter().map(|title| title.to_string()).collect()];
    for row in &case.rows {
        let mut cells = vec![label(row), row.values.to_string(), number(row.propagated)];
        cells.push(row.gain.map_or("-".into(), |gain| format!("{gain:.2}")));
        if with_local {
            cells.extend([
                number(row.local),
                number(row.floor),
                row.ratio.map_or("-".into(), ratio),
                row.limit.map_or("-".into(), |limit| format!("{limit:.2}")),
                input(row),
            ]);
        }
        cells.push(mark(case, row).into());
        rows.push(cells);
    }
    rows
}

fn short(module: &str) -> String {
    module.strip_prefix("alphagenome/").unwrap_or(module).into()
}

/// The module, or the array where that is no output of a module: the choice of splice sites.
fn label(row: &Row) -> String {
    match row.output.ends_with("splice_site_positions") {
        true => row.output.clone(),
        false => short(&row.module),
    }
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(0.0) => "0".into(),
        Some(value) => format!("{value:.2e}"),
    }
}

fn ratio(value: f64) -> String {
    match value {
        value if value < 1e4 => format!("{value:.2}"),
        value => format!("{value:.1e}"),
    }
}

fn input(row: &Row) -> String {
    match &row.input {
        None => "-".into(),
        Some(input) if input.completed.is_empty() => "recorded".into(),
        Some(input) => format!("{:.0} % recorded", 100.0 * input.recorded),
    }
}

fn mark<'a>(case: &'a Case, row: &Row) -> &'a str {
    match &case.culprit {
        Some(culprit) if culprit.seen_in.as_ref().unwrap_or(&culprit.module) == &row.module => {
            "<- first"
        }
        None if case.also.first() == Some(&row.module) => "<- jumps first",
        None if case.also.contains(&row.module) => "jumps",
        _ if row.fails() => "leaves its floor",
        _ => "",
    }
}

/// What is said of a module at fault: which one first, then the evidence.
pub(crate) fn finding(case: &Case, culprit: &Culprit) -> Vec<String> {
    let shows = culprit.seen_in.as_ref().unwrap_or(&culprit.module);
    let row = case
        .rows
        .iter()
        .find(|row| row.module == *shows && row.output == culprit.output);
    let figures = row.map_or(String::new(), |row| {
        format!(
            ": {} is {} from the recording on the recorded input, {} times its floor",
            row.output,
            number(row.local),
            row.ratio.map_or("-".into(), ratio)
        )
    });
    let mut lines = vec![format!(
        "the first module at fault is {}{figures}",
        culprit.module
    )];
    if let Some(input) = row
        .and_then(|row| row.input.as_ref())
        .filter(|input| !input.completed.is_empty())
    {
        lines.push(format!(
            "of what it reads {:.0} % was recorded; the rest is the model's own, and the floor allows for what that is off",
            100.0 * input.recorded
        ));
    }
    if let Some(reader) = &culprit.seen_in {
        lines.push(format!(
            "its own output is right; what it is added to is not, as {reader} shows, the first to read the sum"
        ));
    }
    lines.push(match culprit.kind {
        Some(kind) => format!(
            "likely kind: {}; of the squared difference the trials explain",
            kind.words()
        ),
        None => "likely kind: none of those tried explains half of the difference; another activation or another order of \
                 operations is left"
            .into(),
    });
    for trial in &culprit.trials {
        let share = match trial.explained {
            Some(explained) => format!("{:>6.1} %", 100.0 * explained),
            None => format!("{:>8}", "-"),
        };
        lines.push(format!("{share}  {}: {}", trial.kind.words(), trial.what));
    }
    if !culprit.weights.is_empty() {
        lines.push(format!("its weights: {}", culprit.weights.join(", ")));
    }
    if !case.also.is_empty() {
        let also: Vec<String> = case.also.iter().map(|module| short(module)).collect();
        lines.push(format!(
            "further modules leave their floor: {}",
            also.join(", ")
        ));
    }
    lines.push(format!("again: {}", culprit.command));
    lines
}

/// What is said where no module is named.
pub(crate) fn clean(report: &Report, case: &Case) -> String {
    if report.arithmetic.is_none() {
        return match case.also.split_first() {
            None => "the error jumps nowhere; what a module adds of its own needs a model that can be run (--model)".into(),
            Some((first, others)) => {
                let error = case.rows.iter().find(|row| row.module == *first);
                let figures = error.map_or(String::new(), |row| {
                    format!(" to {}, {} times the largest before it", number(row.propagated), row.gain.map_or("-".into(), ratio))
                });
                let others: Vec<String> = others.iter().map(|module| short(module)).collect();
                let others = if others.is_empty() { "nowhere else".into() } else { format!("then in {}", others.join(", ")) };
                format!("the error jumps first in {}{figures}; {others}", short(first))
            }
        };
    }
    let worst = case
        .rows
        .iter()
        .filter_map(|row| {
            row.ratio
                .zip(row.limit)
                .map(|(ratio, limit)| (ratio / limit, ratio, row))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match worst {
        Some((_, value, row)) => format!(
            "no module leaves its floor; the nearest is {} at {} times it",
            label(row),
            ratio(value)
        ),
        None => "the case holds no module output that the model has".into(),
    }
}
