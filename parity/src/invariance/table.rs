//! The table of `parity invariance`.

use super::{Report, Row, Verdict};
use crate::report::grid::{Grid, wrapped};

/// The report as text.
pub fn write(report: &Report, width: Option<usize>) -> String {
    let mut text = format!(
        "{}: {} on {}, batches of {}, {:.0} s\n",
        report.model, report.arithmetic, report.device, report.batch, report.seconds
    );
    let titles = [
        "condition",
        "bp",
        "changed",
        "cosine",
        "rel L2",
        "limit",
        "differing",
        "farthest output",
        "",
    ];
    let mut rows = vec![titles.map(String::from).to_vec()];
    rows.extend(report.rows.iter().map(cells));
    let grid = Grid {
        rows,
        droppable: &["limit", "differing", "farthest output"],
    };
    grid.write(&mut text, width);
    for skipped in &report.skipped {
        text.push_str(&format!("  left out: {skipped}\n"));
    }
    let decided = report.rows.iter().filter(|row| row.limit.is_some()).count();
    let line = match report
        .first_failure
        .and_then(|index| report.rows.get(index))
    {
        None => format!(
            "the model is invariant: {decided} of {decided} conditions hold{}",
            match report.rows.len() - decided {
                0 => String::new(),
                more => format!(", {more} only inform (docs/invariance.md says what is expected)"),
            }
        ),
        Some(row) => format!(
            "NOT invariant: the first that breaks is {} at {} bp ({}): {}\n  {}",
            row.condition.name(),
            row.length,
            row.what,
            broken(row),
            row.command
        ),
    };
    text.push_str(&wrapped(&line, 2, width));
    text.push('\n');
    text
}

fn cells(row: &Row) -> Vec<String> {
    let number = |x: Option<f64>, infinite: &str| x.map_or(infinite.into(), |x| format!("{x:.1e}"));
    let differing: u64 = row
        .compared
        .outputs
        .iter()
        .map(|output| output.closeness.differing)
        .sum();
    vec![
        row.condition.name().into(),
        row.length.to_string(),
        row.what.clone(),
        row.compared
            .cosine
            .map_or("-".into(), |x| format!("{x:.7}")),
        match row.compared.equal {
            true => "0".into(),
            false => number(row.compared.relative_l2, "inf"),
        },
        match row.limit {
            Some(0.0) => "bits".into(),
            limit => number(limit, "-"),
        },
        differing.to_string(),
        row.compared.worst.clone().unwrap_or_else(|| "-".into()),
        match row.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Information => "for information",
        }
        .into(),
    ]
}

/// What is wrong with a row that fails.
fn broken(row: &Row) -> String {
    let differ = |output: &&super::Output| !output.closeness.equal();
    let outputs = row.compared.outputs.iter().filter(differ).count();
    let all = row.compared.outputs.len();
    let worst = row.compared.worst.as_deref().unwrap_or("the splice sites");
    let distance = match row.compared.relative_l2 {
        Some(distance) => format!("{distance:.1e}"),
        None => "infinite".into(),
    };
    format!("{outputs} of {all} outputs differ, {worst} most, relative L2 {distance}")
}
