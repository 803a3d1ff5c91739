//! The panels of an output: each a figure, or the reason why there is none.

mod differences;
mod length;
mod magnitude;
mod position;
mod scatter;
mod tracks;
mod ulp;

use super::group::Group;
use super::text::escape;
use crate::outputs::Kind;
use crate::recording::DType;
use crate::result::OutputResult;
use parity_stats::options::Tolerance;

/// A panel's drawing.
struct Drawing {
    svg: String,
    /// Markup that explains the marks.
    legend: String,
    /// What the drawing leaves out, in words.
    note: String,
}

/// The seven panels of an output. Those of one case show the case farthest from the reference.
pub(super) fn all(group: &Group<'_>, several_runs: bool) -> String {
    let member = group.farthest();
    let output = member.output;
    let case = member.case.label(several_runs);
    let panels = [
        (
            "scatter",
            "Candidate against reference",
            scatter::draw(output),
        ),
        (
            "magnitude",
            "Difference against magnitude",
            magnitude::draw(output),
        ),
        ("differences", "Differences", differences::draw(output)),
        ("ulp", "Distance in ULPs", ulp::draw(output)),
        ("position", "Error by position", position::draw(output)),
        ("length", "Error by sequence length", length::draw(group)),
        ("tracks", "Error by track and case", tracks::draw(group)),
    ];
    let mut out = String::from("<div class=\"panels\">");
    for (key, title, drawing) in panels {
        let over = match key {
            "tracks" | "length" => format!("all {} cases", group.members.len()),
            _ => case.clone(),
        };
        let over = if group.members.len() == 1 {
            case.clone()
        } else {
            over
        };
        out.push_str(&figure(key, title, &over, drawing));
    }
    out.push_str("</div>\n");
    out
}

fn figure(key: &str, title: &str, over: &str, drawing: Result<Drawing, String>) -> String {
    let body = match drawing {
        Ok(Drawing { svg, legend, note }) => {
            let note = match note.as_str() {
                "" => note,
                note => format!("<span>{}</span>", escape(note)),
            };
            format!("{svg}<p class=\"legend\">{legend}{note}</p>")
        }
        Err(reason) => format!("<p class=\"none\">No drawing: {}.</p>", escape(&reason)),
    };
    format!(
        "<figure class=\"panel {key}\" data-panel=\"{key}\"><figcaption><b>{}</b> <span>{}</span></figcaption>{body}</figure>\n",
        escape(title),
        escape(over)
    )
}

/// A legend's entry: a sample of the mark and its meaning.
fn entry(class: &str, meaning: &str) -> String {
    let mark = match class.split(' ').next().unwrap_or_default() {
        "dot" => "M8 5h0",
        "cross" => "M5.5 2.5l5 5m0-5l-5 5",
        "bar" => "M3 1h10v8h-10z",
        _ => "M0 5h16",
    };
    format!(
        "<span><svg class=\"key\" viewBox=\"0 0 16 10\" aria-hidden=\"true\"><path class=\"{class}\" d=\"{mark}\"/></svg>{}</span>",
        escape(meaning)
    )
}

/// What the values of an output are.
fn unit(output: &OutputResult) -> &'static str {
    match output.kind {
        Kind::Tracks => "experimental units",
        Kind::ScaledTracks => "scaled units of the loss",
        Kind::ClassLogits | Kind::UsageLogits => "logit",
        Kind::ClassProbabilities | Kind::Usage => "probability",
        Kind::Junctions => "counts",
        Kind::Embedding | Kind::Pair | Kind::Tap => "activation",
        Kind::SplicePositions => "bp",
        Kind::JunctionMask | Kind::Other => "value",
    }
}

/// The tolerance that the output was held to.
fn tolerance(output: &OutputResult) -> Option<Tolerance> {
    output.checks.iter().find_map(|check| check.tolerance)
}

/// What an output without differences to draw is.
fn nothing_to_draw(output: &OutputResult) -> Option<String> {
    match output.kind {
        Kind::SplicePositions => return Some("positions are compared as sets".into()),
        Kind::JunctionMask => return Some("a mask is equal or not".into()),
        _ => {}
    }
    match output.reference_dtype {
        DType::Float64 | DType::Float32 | DType::Float16 | DType::Bfloat16 => {}
        other => return Some(format!("values of type {other} are equal or not")),
    }
    (output.summary.finite == 0).then(|| "no finite values".into())
}

/// A note of the comparison that begins with `start`, as a reason.
fn note(output: &OutputResult, start: &str) -> Option<String> {
    let note = output.notes.iter().find(|note| note.starts_with(start))?;
    Some(note.trim_end_matches('.').to_string())
}
