//! The error along the depth of the model, as a page of its own.

use super::plot::Plot;
use super::scale::Scale;
use super::text::escape;
use super::{POLICY, STYLE};
use crate::bisect::{Case, Report, Row};
use crate::report::path;

/// The least distance that is drawn: zero has no place on a logarithmic axis.
const LEAST: f64 = 1e-9;

/// The page.
pub fn path(report: &Report) -> String {
    let title = escape(&format!(
        "Where the error arises: {} against {}",
        report.candidate, report.recording
    ));
    let mut body = format!("<main>\n<h1>{title}</h1>\n");
    for case in &report.cases {
        body.push_str(&format!(
            "<section><h2>{}</h2>\n<figure class=\"panel\">{}",
            escape(&case.name),
            draw(case)
        ));
        body.push_str("<figcaption>Modules in the order of the data, from the bases on the left to the heads on the right. ");
        body.push_str("Line: the error that is handed on. Crosses: the error that the module makes on the recorded input. ");
        body.push_str("Dashed: the floor of that error.</figcaption></figure></section>\n");
    }
    let text = escape(&path::write(report, None));
    body.push_str(&format!(
        "<section><h2>Figures</h2><pre>{text}</pre></section></main>\n"
    ));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}pre {{ overflow-x: auto; }}\n</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn draw(case: &Case) -> String {
    let value = |value: Option<f64>| {
        value
            .filter(|value| value.is_finite())
            .map(|value| value.max(LEAST))
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
    let all = || {
        propagated
            .iter()
            .chain(&local)
            .chain(&floor)
            .map(|point| point.1)
    };
    let (Some(y), Some(x)) = (
        Scale::log(all()),
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
