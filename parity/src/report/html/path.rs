//! The error along the depth of the model, as a page of its own.

use super::plot::Plot;
use super::scale::Scale;
use super::table::{Cell, Table, numbers, words};
use super::text::escape;
use super::{STYLE, shell};
use crate::bisect::{Case, Report, Row};
use crate::report::path::{cells, clean, finding};

/// The page.
pub fn path(report: &Report) -> String {
    let sides = format!("{} against {}", report.candidate, report.recording);
    let title = format!("Where the error arises: {sides}");
    let sides = escape(&sides);
    let mut body =
        format!("<header><h1>Where the error arises</h1>\n<p class=\"line found\">{sides}</p>\n");
    for line in [Some(&report.made_by), report.floor.as_ref()]
        .into_iter()
        .flatten()
    {
        body.push_str(&format!("<p class=\"about\">{}</p>\n", escape(line)));
    }
    body.push_str("</header>\n<main>\n");
    for case in &report.cases {
        body.push_str(&section(report, case));
    }
    body.push_str("</main>\n");
    let style = format!("{STYLE}header {{ padding-top: 26px; }}\n");
    shell::page(&title, &style, &body)
}

/// One case: what was found, the drawing, the evidence, the figures.
fn section(report: &Report, case: &Case) -> String {
    let evidence = match &case.culprit {
        Some(culprit) => finding(case, culprit),
        None => vec![clean(report, case)],
    };
    let (found, evidence) = evidence
        .split_first()
        .map_or(("", &[][..]), |(found, more)| (found.as_str(), more));
    let class = if case.culprit.is_some() {
        "found bad"
    } else {
        "found"
    };
    let mut out = format!(
        "<section><h2>{}</h2>\n<p class=\"{class}\">{}</p>\n",
        escape(&case.name),
        escape(found)
    );
    out.push_str(&format!(
        "<figure class=\"panel wide\">{}<figcaption>Modules in the order of the data, from the bases on the left to the heads \
         on the right. Line: the error that is handed on. Crosses: the error that the module makes on the recorded input. \
         Dashed: the floor of that error. On the line marked 0, where there is one, nothing differs.</figcaption></figure>\n",
        draw(case)
    ));
    let notes = evidence.iter().chain(&case.notes);
    let notes: String = notes
        .map(|line| format!("<li>{}</li>", escape(line.trim())))
        .collect();
    if !notes.is_empty() {
        out.push_str(&format!("<ul class=\"notes\">{notes}</ul>\n"));
    }
    out + &figures(case) + "</section>\n"
}

fn figures(case: &Case) -> String {
    let mut rows = cells(case).into_iter();
    let titles = rows.next().unwrap_or_default();
    let last = titles.len() - 1;
    let is_words = |column: usize| column == 0 || (column == last && titles[last].is_empty());
    let columns = titles
        .iter()
        .enumerate()
        .map(|(column, title)| match is_words(column) {
            true => words(title.clone(), ""),
            false => numbers(title.clone(), ""),
        });
    let table = Table {
        caption: "Figures, module by module".into(),
        sortable: false,
        columns: columns.collect(),
        rows: rows
            .map(|row| {
                let cells = row.iter().enumerate().map(|(column, cell)| match column {
                    column if column == last && is_words(column) => Cell::text(cell).class("bad"),
                    column if is_words(column) => Cell::text(cell),
                    _ => Cell::text(cell).class("n"),
                });
                cells.collect()
            })
            .collect(),
    };
    table.finish()
}

fn draw(case: &Case) -> String {
    let all = case
        .rows
        .iter()
        .flat_map(|row| [row.propagated, row.local, row.floor]);
    let all: Vec<f64> = all.flatten().filter(|value| value.is_finite()).collect();
    // Zero has no place on a logarithmic axis: it gets a line of its own, a decade below all that is drawn.
    let least = all
        .iter()
        .copied()
        .filter(|&value| value > 0.0)
        .reduce(f64::min);
    let zero = 10f64.powf(least.unwrap_or(1.0).log10().floor() - 1.0);
    let has_zero = all.contains(&0.0);
    let value = |value: Option<f64>| {
        let value = value.filter(|value| value.is_finite())?;
        Some(if value > 0.0 { value } else { zero })
    };
    let series = |of: fn(&Row) -> Option<f64>| -> Vec<(f64, f64)> {
        let rows = case.rows.iter().enumerate();
        rows.filter_map(|(index, row)| Some((index as f64, value(of(row))?)))
            .collect()
    };
    let (propagated, local, floor) = (
        series(|row| row.propagated),
        series(|row| row.local),
        series(|row| row.floor),
    );
    let drawn = all
        .iter()
        .map(|&value| if value > 0.0 { value } else { zero });
    let (Some(y), Some(x)) = (
        Scale::log(drawn),
        Scale::linear([0.0, case.rows.len().max(2) as f64 - 1.0]),
    ) else {
        return "<p>There is nothing to draw.</p>".into();
    };
    let ticks = case.rows.iter().enumerate().filter_map(|(index, row)| {
        let part = row
            .module
            .trim_start_matches("alphagenome/")
            .split('/')
            .next()?;
        let before = index
            .checked_sub(1)
            .map(|before| case.rows[before].module.trim_start_matches("alphagenome/"));
        let begins = before.is_none_or(|before| !before.starts_with(part));
        // Heads and embedders stand close together; their names would cover each other.
        let named = [
            "sequence_encoder",
            "transformer_tower",
            "sequence_decoder",
            "head",
        ]
        .contains(&part);
        (begins && named).then(|| {
            (
                index as f64,
                part.replace("sequence_", "").replace("transformer_", ""),
            )
        })
    });
    let mut plot = Plot::new(x, y, "module", "relative L2")
        .with_size(760.0, 220.0)
        .with_x_ticks(ticks.collect());
    if has_zero {
        let positive = y
            .ticks(5)
            .into_iter()
            .filter(|(value, _)| *value > 3.0 * zero);
        plot = plot.with_y_ticks(positive.chain([(zero, "0".into())]).collect());
    }
    plot.line("line ref dash", floor);
    plot.line("line", propagated);
    let (bad, good) = local
        .into_iter()
        .partition::<Vec<_>, _>(|point| case.rows[point.0 as usize].fails());
    plot.crosses("cross", &good);
    plot.crosses("cross bad", &bad);
    let words = match &case.culprit {
        Some(culprit) => format!("the first module at fault is {}", culprit.module),
        None => "no module is at fault".into(),
    };
    plot.finish("error along the depth of the model", &words)
}
