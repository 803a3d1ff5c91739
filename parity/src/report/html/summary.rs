//! The head of the page: the verdict, and what was compared.

use std::fmt::Write;

use super::group::{Case, Group, distance};
use super::text::{count, escape, scientific, short, stat};
use crate::decision::word;
use crate::result::{Decision, Report};

/// The page's title.
pub(super) fn title(reports: &[Report]) -> String {
    let mut pairs: Vec<String> = Vec::new();
    for run in reports.iter().flat_map(|report| &report.runs) {
        let pair = format!("{} against {}", run.candidate.name, run.reference.name);
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let more = pairs.len().saturating_sub(1);
    let first = pairs
        .into_iter()
        .next()
        .unwrap_or_else(|| "nothing compared".into());
    match more {
        0 => format!("Parity: {first}"),
        n => format!("Parity: {first} and {n} more"),
    }
}

/// The banner with the verdict.
pub(super) fn header(reports: &[Report], cases: &[Case<'_>], groups: &[Group<'_>]) -> String {
    let agree = !reports.is_empty() && reports.iter().all(|report| report.verdict.agree);
    let decision = reports.iter().find_map(|report| report.verdict.decision);
    let (headline, class) = match decision {
        Some(Decision::Accept) => ("Accept", "pass"),
        Some(Decision::Validate) => ("Validate", "check"),
        Some(Decision::FallBack) => ("Fall back", "fail"),
        None if agree => ("The candidate agrees", "pass"),
        None => ("The candidate disagrees", "fail"),
    };
    let mut out = format!(
        "<header class=\"{class}\"><div class=\"bar\"><p class=\"brand\">parity</p>\
         <nav aria-label=\"Sections\"><a href=\"#outputs\">Outputs</a><a href=\"#cases\">Cases</a>\
         <a href=\"#details\">Details</a><a href=\"#provenance\">Provenance</a><a href=\"#guide\">Guide</a></nav>\
         <button id=\"theme\" type=\"button\" hidden>Theme</button></div>\n\
         <h1><span class=\"mark\" aria-hidden=\"true\"></span>{headline}</h1>\n"
    );
    if let Some(decision) = decision {
        let _ = writeln!(
            out,
            "<p class=\"line\">verdict: {}</p>",
            escape(word(decision))
        );
    }
    for report in reports {
        let _ = writeln!(
            out,
            "<p class=\"line\">{}</p>",
            escape(&report.verdict.line)
        );
    }
    out.push_str(&facts(reports, cases, groups));
    out.push_str("</header>\n");
    out
}

/// A row of large numbers.
fn facts(reports: &[Report], cases: &[Case<'_>], groups: &[Group<'_>]) -> String {
    let total: usize = reports.iter().map(|report| report.verdict.outputs).sum();
    let passed: usize = reports.iter().map(|report| report.verdict.passed).sum();
    let mut facts: Vec<(String, &str, String)> = Vec::new();
    let failed = total.saturating_sub(passed);
    facts.push((
        format!("{} of {}", count(passed as u64), count(total as u64)),
        "outputs pass",
        match failed {
            0 => "no output fails".into(),
            1 => "1 fails".into(),
            n => format!("{} fail", count(n as u64)),
        },
    ));
    let lengths = || cases.iter().map(|case| case.case.sequence_length as u64);
    let span = match (lengths().min(), lengths().max()) {
        (Some(a), Some(b)) if a == b => format!("{} bp", count(a)),
        (Some(a), Some(b)) => format!("{} to {} bp", count(a), count(b)),
        _ => String::new(),
    };
    facts.push((
        count(cases.len() as u64),
        if cases.len() == 1 { "case" } else { "cases" },
        span,
    ));
    let members = groups
        .iter()
        .filter(|group| !group.is_tap() && group.first().reference_dtype.is_float())
        .flat_map(|group| &group.members);
    let farthest = members.max_by(|a, b| distance(a.output).total_cmp(&distance(b.output)));
    if let Some(member) = farthest {
        let output = member.output;
        facts.push((
            stat(output.summary.relative_l2, |x| scientific(x, 2)),
            "largest relative L2",
            format!("{}, {}", output.name, member.case.case.name),
        ));
    }
    let ratios = groups
        .iter()
        .flat_map(|group| &group.members)
        .filter_map(|member| Some((member, member.output.floor.as_ref()?)))
        .filter_map(|(member, floor)| Some((member, floor, floor.ratio.value()?)));
    if let Some((member, floor, ratio)) = ratios.max_by(|a, b| a.2.total_cmp(&b.2)) {
        facts.push((
            format!("{ratio:.2} \u{d7}"),
            "largest ratio to the floor",
            format!("{}; limit {}", member.output.name, short(floor.limit)),
        ));
    }
    let levels = unique(
        reports
            .iter()
            .map(|report| format!("level {}", report.level)),
    );
    let profiles = unique(reports.iter().map(|report| report.profile.clone()));
    let runs = reports.iter().flat_map(|report| &report.runs);
    let dtypes = unique(runs.map(|run| run.dtype.to_string()));
    facts.push((
        levels.join(", "),
        "bounds",
        format!("{}; profile {}", dtypes.join(", "), profiles.join(", ")),
    ));
    let mut out = String::from("<dl class=\"facts\">");
    for (value, name, about) in facts {
        let _ = write!(
            out,
            "<div><dt>{}</dt><dd><b>{}</b><span>{}</span></dd></div>",
            escape(name),
            escape(&value),
            escape(&about)
        );
    }
    out.push_str("</dl>\n");
    out
}

fn unique(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}
