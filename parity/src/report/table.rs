//! The table on the terminal.

use std::fmt::Write;

use parity_stats::Stat;

use crate::outputs::Kind;
use crate::result::{CaseResult, OutputResult, Report, Run, VariantResult, text};
use crate::verdict::why;

/// The table of a report: a block a case, a line an output, the verdict last.
pub fn write(report: &Report) -> String {
    let mut out = String::new();
    for run in &report.runs {
        heading(&mut out, run);
        for case in &run.cases {
            case_table(&mut out, case);
        }
        for variant in &run.variants {
            variant_table(&mut out, variant);
        }
    }
    if report.runs.iter().map(|run| run.cases.len()).sum::<usize>() > 1 {
        cross_table(&mut out, report);
    }
    for reason in &report.verdict.reasons {
        let _ = writeln!(out, "  {reason}");
    }
    let _ = writeln!(out, "{}", report.verdict.line);
    out
}

fn heading(out: &mut String, run: &Run) {
    let _ = writeln!(
        out,
        "reference  {}  {}",
        run.reference.path, run.reference.made_by
    );
    let _ = writeln!(
        out,
        "candidate  {}  {}",
        run.candidate.path, run.candidate.made_by
    );
    let _ = writeln!(out, "bounds     {}", run.dtype);
}

const COLUMNS: [&str; 10] = [
    "compared", "n", "rel L2", "1-r", "within", "outliers", "max|d|", "NaN/Inf", "t-test p", "",
];

fn case_table(out: &mut String, case: &CaseResult) {
    let seconds = case
        .seconds
        .map_or(String::new(), |s| format!(", {s:.1} s"));
    let _ = writeln!(
        out,
        "\n{}  {} bp, organism {}{seconds}",
        case.name, case.sequence_length, case.organism_index
    );
    let mut rows = vec![
        std::iter::once("output")
            .chain(COLUMNS)
            .map(String::from)
            .collect(),
    ];
    rows.extend(case.outputs.iter().map(row));
    grid(out, &rows);
    for output in case.outputs.iter().filter(|output| !output.pass) {
        let _ = writeln!(out, "  fails: {}: {}", output.name, why(output));
    }
    for set in &case.splice_sites {
        if !set.only_reference.is_empty() || !set.only_candidate.is_empty() {
            let _ = writeln!(
                out,
                "  {}: {} of {} positions shared, Jaccard {}, {} ties, {} unexplained",
                set.kind,
                set.shared,
                set.reference,
                text(set.jaccard, 3),
                set.ties,
                set.unexplained
            );
        }
    }
    for entry in &case.not_compared {
        let word = if entry.fails { "fails" } else { "left out" };
        let _ = writeln!(out, "  {word}: {}: {}", entry.name, entry.reason);
    }
}

/// ALT minus REF of a variant.
fn variant_table(out: &mut String, variant: &VariantResult) {
    let _ = writeln!(out, "\nvariant {}: ALT - REF", variant.id);
    let titles = [
        "output",
        "n",
        "changed",
        "same sign",
        "of changed",
        "Spearman",
        "rel L2",
        "largest at",
    ];
    let mut rows = vec![titles.map(String::from).to_vec()];
    let share = |stat: Stat| {
        stat.value()
            .map_or("-".into(), |s| format!("{:.3}%", s * 100.0))
    };
    for output in &variant.outputs {
        let effects = &output.effects;
        rows.push(vec![
            output.name.clone(),
            effects.count.to_string(),
            effects.changed.to_string(),
            share(effects.sign_agreement),
            share(effects.sign_agreement_changed),
            effects
                .spearman
                .value()
                .map_or("-".into(), |r| format!("{r:.5}")),
            text(effects.relative_l2, 2),
            output
                .largest_place
                .as_ref()
                .map_or("-".into(), |place| format!("{place:?}")),
        ]);
    }
    grid(out, &rows);
    for name in &variant.left_out {
        let _ = writeln!(
            out,
            "  left out: {name}: the four arrays kept no places in common"
        );
    }
}

fn row(output: &OutputResult) -> Vec<String> {
    let summary = &output.summary;
    let shape: Vec<String> = output.compared_shape.iter().map(usize::to_string).collect();
    let sampled = if output.compared_shape == output.full_shape {
        ""
    } else {
        " of more"
    };
    let within = output.checks.iter().find(|check| check.name == "within");
    let share = within.map_or_else(
        || {
            summary
                .within
                .first()
                .map_or(Stat::Defined(0.0), |w| w.share)
        },
        |check| check.value,
    );
    let non_finite = &summary.non_finite;
    let non_finite = match non_finite.mismatches {
        0 => match non_finite.reference_nan + non_finite.reference_inf {
            0 => "0".to_string(),
            n => format!("{n} ="),
        },
        n => format!("{n} differ"),
    };
    let verdict = match (output.pass, output.checks.is_empty()) {
        (true, false) => "pass",
        (true, true) => "-",
        (false, _) => "FAIL",
    };
    let floats = output.reference_dtype.is_float();
    let or_dash = |text: String| if floats { text } else { "-".into() };
    let verdict = match &output.floor {
        Some(floor) => format!("{verdict} {}x floor", ratio(floor.ratio)),
        None => verdict.into(),
    };
    vec![
        short_name(output),
        format!("{}{sampled}", shape.join("x")),
        summary.count.to_string(),
        or_dash(text(summary.relative_l2, 2)),
        or_dash(text(summary.one_minus_pearson, 1)),
        or_dash(
            share
                .value()
                .map_or("-".into(), |s| format!("{:.4}%", s * 100.0)),
        ),
        or_dash(
            summary
                .outliers
                .as_ref()
                .map_or("-".into(), |o| o.count.to_string()),
        ),
        if floats {
            text(summary.max_abs(), 2)
        } else {
            format!("{} differ", summary.finite - summary.equal)
        },
        non_finite,
        or_dash(text(summary.t_test.p, 1)),
        verdict,
    ]
}

fn ratio(ratio: Stat) -> String {
    ratio.value().map_or("?".into(), |r| format!("{r:.2}"))
}

/// Taps carry long module paths: the model's name is left out.
fn short_name(output: &OutputResult) -> String {
    match output.kind {
        Kind::Tap => output.name.replace("taps/alphagenome/", "taps/"),
        _ => output.name.clone(),
    }
}

/// For each output the worst case.
fn cross_table(out: &mut String, report: &Report) {
    let mut rows: Vec<Vec<String>> = vec![
        [
            "output",
            "cases",
            "worst rel L2",
            "in",
            "worst 1-r",
            "failed",
        ]
        .map(String::from)
        .to_vec(),
    ];
    let cases: Vec<(&Run, &CaseResult)> = report
        .runs
        .iter()
        .flat_map(|run| run.cases.iter().map(move |case| (run, case)))
        .collect();
    let mut names: Vec<&OutputResult> = Vec::new();
    for output in cases.iter().flat_map(|(_, case)| &case.outputs) {
        let known = names.iter().any(|known| known.name == output.name);
        if !known && output.kind != Kind::Tap && output.reference_dtype.is_float() {
            names.push(output);
        }
    }
    for name in names {
        let all: Vec<_> = cases
            .iter()
            .filter_map(|(run, case)| {
                let output = case
                    .outputs
                    .iter()
                    .find(|output| output.name == name.name)?;
                Some((run, case, output))
            })
            .collect();
        let l2 = |output: &OutputResult| output.summary.relative_l2.value().unwrap_or(0.0);
        let Some(worst) = all.iter().max_by(|a, b| l2(a.2).total_cmp(&l2(b.2))) else {
            continue;
        };
        let correlation = all
            .iter()
            .filter_map(|(_, _, output)| output.summary.one_minus_pearson.value())
            .max_by(f64::total_cmp);
        rows.push(vec![
            name.name.clone(),
            all.len().to_string(),
            text(worst.2.summary.relative_l2, 2),
            format!("{} {}", worst.0.reference.name, worst.1.name),
            correlation.map_or("-".into(), |r| text(Stat::Defined(r), 1)),
            all.iter()
                .filter(|(_, _, output)| !output.pass)
                .count()
                .to_string(),
        ]);
    }
    let _ = writeln!(out, "\nall cases");
    grid(out, &rows);
}

/// Left-aligned first column, right-aligned figures, left-aligned last.
fn grid(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::from(" ");
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let left = column == 0 || column + 1 == columns;
            let _ = if left {
                write!(line, " {cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}
