//! The tables of cases, and of their splice sites.

use super::group::{Case, distance};
use super::outputs::verdict;
use super::table::{Cell, Table, numbers, words};
use super::text::scientific;

/// Splice-site sets beyond which their table is folded.
const SETS: usize = 16;

/// A row a case.
pub(super) fn cases(cases: &[Case<'_>], several: bool) -> String {
    let timed = cases.iter().any(|case| case.case.seconds.is_some());
    let mut columns = vec![
        words("case", ""),
        words("result", ""),
        numbers("#", "Its number in tables and drawings"),
        numbers("bp", "Length of the sequence"),
        words("organism", ""),
        numbers("outputs", "Outputs compared, taps included"),
        numbers("failing", ""),
        words("farthest prediction", ""),
        numbers("rel. L2", "Its relative L2 distance"),
        words("not compared", "Outputs that could not be compared"),
    ];
    if timed {
        columns.push(numbers("seconds", "The candidate's forward pass"));
    }
    let rows = cases.iter().map(|case| {
        let result = case.case;
        let far = result
            .outputs
            .iter()
            .filter(|o| o.kind != crate::outputs::Kind::Tap && o.reference_dtype.is_float())
            .max_by(|a, b| distance(a).total_cmp(&distance(b)));
        let mut cells = vec![
            Cell::text(&case.label(several)),
            verdict(result.pass, false),
            Cell::count(case.number as u64),
            Cell::count(result.sequence_length as u64),
            Cell::text(&case.organism()),
            Cell::count(result.outputs.len() as u64),
            Cell::count(result.outputs.iter().filter(|output| !output.pass).count() as u64),
            far.map_or_else(Cell::none, |output| Cell::text(&output.name)),
            far.map_or_else(Cell::none, |o| {
                Cell::stat(o.summary.relative_l2, |x| scientific(x, 2))
            }),
            not_compared(case),
        ];
        if timed {
            cells.push(
                result
                    .seconds
                    .map_or_else(Cell::none, |s| Cell::number(format!("{s:.2}"), s)),
            );
        }
        cells
    });
    let table = Table {
        caption: "Every case that both sides have".into(),
        sortable: true,
        columns,
        rows: rows.collect(),
    };
    format!(
        "<section id=\"cases\"><h2>Cases</h2>\n{}</section>\n",
        table.finish()
    )
}

fn not_compared(case: &Case<'_>) -> Cell {
    let mut parts: Vec<String> = case
        .case
        .not_compared
        .iter()
        .map(|entry| format!("{}: {}", entry.name, entry.reason))
        .collect();
    if !case.case.extra.is_empty() {
        parts.push(format!(
            "in the candidate alone: {}",
            case.case.extra.join(", ")
        ));
    }
    if parts.is_empty() {
        return Cell::text("\u{2013}");
    }
    Cell::text(&parts.join("; "))
}

/// Splice sites as sets; nothing where no case has any.
pub(super) fn sites(cases: &[Case<'_>], several: bool) -> String {
    let rows: Vec<Vec<Cell>> = cases
        .iter()
        .flat_map(|case| case.case.splice_sites.iter().map(move |set| (case, set)))
        .map(|(case, set)| {
            vec![
                Cell::text(&case.label(several)),
                Cell::text(&set.kind),
                Cell::count(set.reference as u64),
                Cell::count(set.candidate as u64),
                Cell::count(set.shared as u64),
                Cell::stat(set.jaccard, |x| format!("{x:.4}")),
                Cell::count(set.ties as u64),
                Cell::count(set.unexplained as u64),
                Cell::stat(set.widest, |x| scientific(x, 1)),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let table = Table {
        caption: "Positions of splice sites as sets".into(),
        sortable: true,
        columns: vec![
            words("case", ""),
            words("kind", "Donor or acceptor, with the strand"),
            numbers("reference", "Positions of the reference"),
            numbers("candidate", "Positions of the candidate"),
            numbers("shared", "Positions of both"),
            numbers("Jaccard", "Shared positions over positions of either"),
            numbers(
                "ties",
                "Positions of one alone that rounding decides: their probability lies within the tolerance of the cut",
            ),
            numbers("unexplained", "Positions of one alone farther from the cut"),
            numbers(
                "widest",
                "Largest distance of such a position's probability from the cut",
            ),
        ],
        rows,
    };
    let open = if table.rows.len() > SETS { "" } else { " open" };
    format!(
        "<section id=\"sites\"><h2>Splice sites</h2>\n<details{open}><summary>{} sets</summary>{}</details></section>\n",
        table.rows.len(),
        table.finish()
    )
}
