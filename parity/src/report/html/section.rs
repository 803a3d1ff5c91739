//! The section of one output: checks, every case's figures, panels, and the finer tables.

use std::fmt::Write;

use parity_stats::Stat;

use super::checks::{bound, check_name, measured};
use super::group::{Group, Member};
use super::table::Table;
use super::text::{count, escape, scientific, short, stat};
use super::{details, figures, panels};
use crate::result::Check;

/// The section, open or folded.
pub(super) fn section(group: &Group<'_>, several: bool, open: bool) -> String {
    let failing = group.failing();
    let far = group.farthest();
    let chip = match failing {
        0 => "<span class=\"chip pass\">pass</span>".to_string(),
        n => format!(
            "<b class=\"chip fail\">fails in {n} of {}</b>",
            group.members.len()
        ),
    };
    let distance = match group.first().reference_dtype.is_float() {
        true => format!(
            "<span class=\"far\">relative L2 {}</span>",
            escape(&stat(far.output.summary.relative_l2, |x| scientific(x, 2)))
        ),
        false => String::new(),
    };
    let mut out = format!(
        "<details class=\"output\" id=\"o{}\"{}><summary><h3>{}</h3>{chip}{distance}</summary>\n",
        group.number,
        if open { " open" } else { "" },
        escape(&group.short_name())
    );
    out.push_str(&what(group));
    out.push_str(&checks(&far, several, group.members.len()));
    out.push_str(&panels::all(group, several));
    let table: Table = figures::table(group, several);
    out.push_str(&table.finish());
    out.push_str(&notes(group));
    out.push_str(&details::details(&far, several));
    out.push_str("</details>\n");
    out
}

/// What the output is, in one line.
fn what(group: &Group<'_>) -> String {
    let output = group.farthest().output;
    let shape = |shape: &[usize]| {
        let parts: Vec<String> = shape.iter().map(|&n| count(n as u64)).collect();
        parts.join(" \u{d7} ")
    };
    let mut parts = vec![kind(output.kind).to_string()];
    if let Some(resolution) = output.resolution {
        parts.push(format!("{resolution} bp a position"));
    }
    parts.push(match output.reference_dtype == output.candidate_dtype {
        true => format!("{} on both sides", output.reference_dtype),
        false => format!(
            "{} against {}",
            output.candidate_dtype, output.reference_dtype
        ),
    });
    parts.push(if output.full_shape == output.compared_shape {
        format!("shape {}, all compared", shape(&output.full_shape))
    } else {
        format!(
            "shape {}, compared {}",
            shape(&output.full_shape),
            shape(&output.compared_shape)
        )
    });
    if output.padding.tracks > 0 {
        parts.push(format!(
            "{} padding tracks (NaN) left out",
            output.padding.tracks
        ));
    }
    format!("<p class=\"about\">{}</p>\n", escape(&parts.join("; ")))
}

fn kind(kind: crate::outputs::Kind) -> &'static str {
    use crate::outputs::Kind;
    match kind {
        Kind::Embedding => "embedding of positions",
        Kind::Pair => "values for pairs of positions",
        Kind::Tracks => "tracks in experimental units",
        Kind::ScaledTracks => "tracks as the loss sees them",
        Kind::ClassLogits => "logits of splice-site classes",
        Kind::ClassProbabilities => "probabilities of splice-site classes",
        Kind::Usage => "splice-site usage",
        Kind::UsageLogits => "logits of splice-site usage",
        Kind::SplicePositions => "positions of splice sites",
        Kind::JunctionMask => "mask of junctions",
        Kind::Junctions => "junction counts",
        Kind::Tap => "output of a module inside the model",
        Kind::Other => "an output without a kind of its own",
    }
}

/// The checks of the farthest case.
fn checks(member: &Member<'_>, several: bool, cases: usize) -> String {
    let output = member.output;
    if output.checks.is_empty() && output.floor.is_none() {
        return "<p class=\"checks\">No bound of this level applies: reported, not judged.</p>\n"
            .into();
    }
    let mut out = String::from("<ul class=\"checks\">");
    for check in &output.checks {
        let _ = write!(
            out,
            "<li{}>{}</li>",
            class(check.pass),
            escape(&sentence(check))
        );
    }
    if let Some(floor) = &output.floor {
        let ratio = stat(floor.ratio, |x| format!("{x:.3}"));
        let relation = if floor.pass { "\u{2264}" } else { ">" };
        let text = format!(
            "ratio to the floor {ratio} {relation} {}: the reference is {} from itself ({})",
            short(floor.limit),
            scientific(floor.floor, 2),
            floor.pair
        );
        let _ = write!(out, "<li{}>{}</li>", class(floor.pass), escape(&text));
    }
    out.push_str("</ul>");
    if cases > 1 {
        let _ = write!(
            out,
            "<p class=\"about\">Checks and panels: {}</p>",
            escape(&member.case.label(several))
        );
    }
    out.push('\n');
    out
}

fn class(pass: bool) -> &'static str {
    if pass { "" } else { " class=\"bad\"" }
}

fn sentence(check: &Check) -> String {
    let relation = match (check.at_least, check.pass) {
        (true, true) => "\u{2265}",
        (true, false) => "<",
        (false, true) => "\u{2264}",
        (false, false) => ">",
    };
    let name = check_name(check);
    let note = check
        .note
        .as_ref()
        .map_or(String::new(), |note| format!(" ({note})"));
    let bound = bound(check);
    match check.value {
        Stat::Defined(0.0) if check.bound == 0.0 => format!("{name}: none{note}"),
        Stat::Defined(x) => format!("{name} {} {relation} {bound}{note}", measured(check, x)),
        Stat::Undefined(reason) => format!("{name} undefined: {reason}; bound {bound}{note}"),
    }
}

/// The notes of all cases, each once.
fn notes(group: &Group<'_>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for note in group.members.iter().flat_map(|member| &member.output.notes) {
        if !seen.contains(&note.as_str()) {
            seen.push(note);
        }
    }
    if seen.is_empty() {
        return String::new();
    }
    let mut out = String::from("<ul class=\"notes\">");
    for note in seen {
        let _ = write!(out, "<li>{}</li>", escape(note));
    }
    out.push_str("</ul>\n");
    out
}
