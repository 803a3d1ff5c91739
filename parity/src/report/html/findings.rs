//! What failed: a row a check, and the evidence of a decision.

use std::fmt::Write;

use super::checks::{bound, check_name, measured};
use super::group::{Group, Member, link};
use super::table::{Cell, Table, numbers, words};
use super::text::{escape, scientific};
use crate::result::{Check, Report};

/// Failed checks that are listed.
const LISTED: usize = 60;

/// What failed, or what came closest to it.
pub(super) fn findings(
    reports: &[Report],
    several: bool,
    groups: &[Group<'_>],
    anchored: &dyn Fn(usize) -> bool,
) -> String {
    let mut out = String::from("<section id=\"findings\"><h2>Findings</h2>\n");
    let mut rows: Vec<Vec<Cell>> = groups
        .iter()
        .flat_map(|group| failed(group, several, anchored))
        .collect();
    for run in reports.iter().flat_map(|report| &report.runs) {
        for case in &run.cases {
            for entry in case.not_compared.iter().filter(|entry| entry.fails) {
                let name = if several {
                    format!("{} / {}", run.reference.name, case.name)
                } else {
                    case.name.clone()
                };
                rows.push(vec![
                    Cell::text(&entry.name),
                    Cell::text("not compared"),
                    Cell::number("1".into(), 1.0),
                    Cell::none(),
                    Cell::none(),
                    Cell::text(&name),
                    Cell::text(&entry.reason),
                ]);
            }
        }
    }
    let all = rows.len();
    rows.truncate(LISTED);
    if rows.is_empty() {
        out.push_str("<p>No check failed.</p>\n");
    } else {
        let caption = match all.saturating_sub(LISTED) {
            0 => format!("Failed checks ({all})"),
            more => format!("Failed checks: the first {LISTED}, and {more} more"),
        };
        let table = Table {
            caption,
            sortable: true,
            columns: vec![
                words("output", ""),
                words("check", ""),
                numbers("cases", "Cases in which it fails, of those that have it"),
                numbers("measured", "The worst of these cases"),
                numbers("bound", ""),
                words("in case", "The worst of these cases"),
                words("note", ""),
            ],
            rows,
        };
        out.push_str(&table.without_empty_columns().finish());
    }
    // Failed checks are in the table; other reasons are the evidence of a decision, or what was farthest.
    for verdict in reports.iter().map(|report| &report.verdict) {
        if (verdict.agree || verdict.decision.is_some()) && !verdict.reasons.is_empty() {
            out.push_str("<ul class=\"reasons\">");
            for reason in &verdict.reasons {
                let _ = write!(out, "<li>{}</li>", escape(reason));
            }
            out.push_str("</ul>\n");
        }
    }
    out.push_str("</section>\n");
    out
}

/// A row for every check that fails, and for the floor: the worst case of each.
fn failed(group: &Group<'_>, several: bool, anchored: &dyn Fn(usize) -> bool) -> Vec<Vec<Cell>> {
    let mut worst: Vec<(Member<'_>, &Check, usize)> = Vec::new();
    for &member in &group.members {
        for check in member.output.checks.iter().filter(|check| !check.pass) {
            match worst
                .iter_mut()
                .find(|(_, known, _)| known.name == check.name)
            {
                None => worst.push((member, check, 1)),
                Some(known) => {
                    known.2 += 1;
                    if miss(check) > miss(known.1) {
                        (known.0, known.1) = (member, check);
                    }
                }
            }
        }
    }
    let cases = |n: usize| Cell::number(format!("{n} / {}", group.members.len()), n as f64);
    let mut rows: Vec<Vec<Cell>> = worst
        .into_iter()
        .map(|(member, check, n)| {
            let relation = if check.at_least {
                '\u{2265}'
            } else {
                '\u{2264}'
            };
            let limit = format!("{relation} {}", bound(check));
            vec![
                link(group, anchored),
                Cell::text(&check_name(check)),
                cases(n),
                Cell::stat(check.value, |x| measured(check, x)),
                Cell::number(limit, check.bound),
                Cell::text(&member.case.label(several)),
                Cell::text(check.note.as_deref().unwrap_or("")),
            ]
        })
        .collect();
    let floors = group.members.iter().filter_map(|member| {
        let floor = member.output.floor.as_ref().filter(|floor| !floor.pass)?;
        Some((member, floor, floor.ratio.value().unwrap_or(f64::INFINITY)))
    });
    let n = floors.clone().count();
    if let Some((member, floor, _)) = floors.max_by(|a, b| a.2.total_cmp(&b.2)) {
        rows.push(vec![
            link(group, anchored),
            Cell::text("ratio to the floor"),
            cases(n),
            Cell::stat(floor.ratio, |x| format!("{x:.3}")),
            Cell::number(format!("\u{2264} {:.3}", floor.limit), floor.limit),
            Cell::text(&member.case.label(several)),
            Cell::text(&format!(
                "floor {} ({})",
                scientific(floor.floor, 2),
                floor.pair
            )),
        ]);
    }
    rows
}

/// By how much a failed check misses its bound.
fn miss(check: &Check) -> f64 {
    match check.value.value() {
        Some(x) => (x - check.bound).abs(),
        None => f64::INFINITY,
    }
}
