//! The table of organisms and heads.

use super::outputs::verdict;
use super::table::{Cell, Table, numbers, words};
use super::text::{percent, scientific};
use crate::result::{HeadSummary, Report};

/// A row an organism and head; nothing where a result holds no such sums.
pub(super) fn table(reports: &[Report]) -> String {
    let heads: Vec<&HeadSummary> = reports.iter().flat_map(|report| &report.heads).collect();
    if heads.is_empty() {
        return String::new();
    }
    let floors = heads.iter().any(|head| head.worst_floor_ratio.is_some());
    let mut columns = vec![
        words("head", ""),
        words("organism", ""),
        words("result", ""),
        numbers(
            "failing",
            "Outputs that fail or are missing, of all in all cases",
        ),
        numbers("rel. L2", "Largest relative L2 distance"),
        words("in", "Recording, case and output of that distance"),
        numbers("1 \u{2212} r", "Largest 1 minus Pearson's correlation"),
        numbers(
            "within",
            "Smallest share of values within the level's tolerance",
        ),
        numbers(
            "\u{d7} bound",
            "The track or window that is nearest to its bound, or farthest beyond, in units of the bound",
        ),
        words(
            "farthest track or window",
            "Recording, case, output and which one",
        ),
    ];
    if floors {
        columns.push(numbers(
            "\u{d7} floor",
            "Largest ratio to the reference's distance to itself",
        ));
    }
    let rows = heads.iter().map(|head| {
        let failing = head.outputs.saturating_sub(head.passed);
        let mut cells = vec![
            Cell::text(&head.head),
            Cell::text(&organism(head.organism_index)),
            verdict(failing == 0, false),
            Cell::number(format!("{failing} / {}", head.outputs), failing as f64),
            Cell::stat(head.worst_relative_l2, |x| scientific(x, 2)),
            Cell::text(head.worst.as_deref().unwrap_or("\u{2013}")),
            Cell::stat(head.worst_one_minus_pearson, |x| scientific(x, 1)),
            Cell::stat(head.least_within, percent),
            head.farthest_share
                .map_or_else(Cell::none, |share| Cell::stat(share, |x| format!("{x:.2}"))),
            Cell::text(head.farthest.as_deref().unwrap_or("\u{2013}")),
        ];
        if floors {
            let ratio = head.worst_floor_ratio;
            cells.push(ratio.map_or_else(Cell::none, |x| Cell::number(format!("{x:.2}"), x)));
        }
        cells
    });
    let table = Table {
        caption: "The worst over all cases and outputs of a head".into(),
        sortable: true,
        columns,
        rows: rows.collect(),
    };
    format!(
        "<section id=\"heads\"><h2>By organism and head</h2>\n{}</section>\n",
        table.finish()
    )
}

/// The organism in words.
pub(super) fn organism(index: usize) -> String {
    match index {
        0 => "human".into(),
        1 => "mouse".into(),
        other => format!("organism {other}"),
    }
}
