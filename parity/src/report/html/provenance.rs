//! What made both sides, and what made this page.

use std::fmt::Write;

use super::text::{count, escape, short};
use crate::result::{Provenance, Report, Run};

/// The section.
pub(super) fn section(reports: &[Report]) -> String {
    let mut out = String::from("<section id=\"provenance\"><h2>Provenance</h2>\n");
    for report in reports {
        for run in &report.runs {
            out.push_str(&sides(run));
        }
    }
    for report in reports {
        out.push_str(&program(report));
    }
    out.push_str("</section>\n");
    out
}

/// What a row is called, and what a side has there.
type Field = (&'static str, fn(&Provenance) -> String);

fn sides(run: &Run) -> String {
    let rows: [Field; 11] = [
        ("name", |side| side.name.clone()),
        ("path", |side| side.path.clone()),
        ("framework", |side| side.framework.clone()),
        ("versions", |side| side.versions.join(", ")),
        ("platform", |side| side.platform.clone().unwrap_or_default()),
        ("device", |side| side.device.clone().unwrap_or_default()),
        ("compute dtype", |side| side.compute_dtype.to_string()),
        ("precision of products", |side| {
            side.matmul_precision.clone().unwrap_or_default()
        }),
        ("compiler flags", |side| {
            side.flags.clone().unwrap_or_default()
        }),
        ("checkpoint", |side| {
            side.checkpoint.clone().unwrap_or_default()
        }),
        ("checkpoint digest", |side| {
            side.checkpoint_digest.clone().unwrap_or_default()
        }),
    ];
    let mut out = format!(
        "<div class=\"scroll\"><table class=\"sides\"><caption>{}</caption><thead><tr><td></td>\
         <th scope=\"col\">reference</th><th scope=\"col\">candidate</th></tr></thead><tbody>\n",
        escape(&format!(
            "{} against {}: {} cases, bounds of {}",
            run.candidate.name,
            run.reference.name,
            count(run.cases.len() as u64),
            run.dtype
        ))
    );
    for (name, value) in rows {
        let (a, b) = (value(&run.reference), value(&run.candidate));
        let _ = write!(out, "<tr><th scope=\"row\">{name}</th>");
        for side in [a, b] {
            let _ = match side.as_str() {
                "" => write!(out, "<td><i>not stated</i></td>"),
                side => write!(out, "<td>{}</td>", escape(side)),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn program(report: &Report) -> String {
    let command = match report.arguments.is_empty() {
        true => report.command.clone(),
        false => format!("parity {}", report.arguments.join(" ")),
    };
    let floor = report.floor.as_ref().map_or("none used".into(), |floor| {
        let recordings = floor.recordings.join(", ");
        format!("limit {}, measured on {recordings}", short(floor.limit))
    });
    let rows = [
        ("program", report.program.clone()),
        ("command", command),
        (
            "level and profile",
            format!("level {}, {}", report.level, report.profile),
        ),
        ("noise floor", floor),
        (
            "result",
            format!("{} version {}", report.schema, report.schema_version),
        ),
    ];
    let mut out = String::from(
        "<div class=\"scroll\"><table class=\"sides\"><caption>Made by</caption><tbody>\n",
    );
    for (name, value) in rows {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>",
            escape(&value)
        );
    }
    out.push_str("</tbody></table></div>\n");
    out
}
