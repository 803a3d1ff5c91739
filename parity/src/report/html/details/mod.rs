//! The finer tables of one output: quantiles, deciles, worst tracks and windows, bias, golden values, loss.

mod bias;
mod classes;
mod loss;

use std::fmt::Write;

use parity_stats::Stat;
use parity_stats::groups::GroupStats;

use super::group::Member;
use super::table::{Cell, Table, numbers, words};
use super::text::{count, escape, percent, scientific, short};
use crate::result::OutputResult;

/// The tables, folded; nothing where there are none.
pub(super) fn details(member: &Member<'_>, several: bool) -> String {
    let output = member.output;
    let tables: Vec<Table> = [
        quantiles(output),
        deciles(output),
        tracks(output),
        windows(output),
        shares(output),
    ]
    .into_iter()
    .flatten()
    .chain(output.bias.iter().flat_map(bias::tables))
    .chain(output.classes.iter().flat_map(classes::tables))
    .chain(loss::table(output))
    .chain(outliers(output))
    .collect();
    if tables.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "<details class=\"more\"><summary>Quantiles, deciles, worst tracks and windows, bias, golden values: {}</summary><div class=\"tables\">",
        escape(&member.case.label(several))
    );
    for table in tables {
        out.push_str(&table.finish());
    }
    if let Some(text) = output.bias.as_ref().and_then(bias::words_of) {
        let _ = write!(out, "<p class=\"about\">{}</p>", escape(&text));
    }
    out.push_str("</div></details>\n");
    out
}

fn plain(caption: &str, columns: Vec<super::table::Column>, rows: Vec<Vec<Cell>>) -> Option<Table> {
    (!rows.is_empty()).then(|| Table {
        caption: caption.into(),
        sortable: false,
        columns,
        rows,
    })
}

fn number(stat: Stat) -> Cell {
    Cell::stat(stat, |x| scientific(x, 2))
}

fn quantiles(output: &OutputResult) -> Option<Table> {
    let quantiles = output.quantiles.as_ref()?;
    let rows = quantiles
        .signed
        .iter()
        .zip(&quantiles.absolute)
        .map(|(signed, absolute)| {
            vec![
                Cell::number(
                    format!("{} %", short(signed.probability * 100.0)),
                    signed.probability,
                ),
                number(signed.value),
                number(absolute.value),
            ]
        });
    plain(
        "Quantiles of the differences",
        vec![
            numbers("quantile", ""),
            numbers("d", ""),
            numbers("|d|", ""),
        ],
        rows.collect(),
    )
}

fn deciles(output: &OutputResult) -> Option<Table> {
    let rows = output.deciles.iter().map(|decile| {
        vec![
            Cell::count(decile.decile.into()),
            Cell::stat(decile.low, short),
            Cell::stat(decile.high, short),
            Cell::count(decile.count),
            number(decile.relative_l2),
            number(decile.mad),
            number(decile.mean),
            number(decile.max),
            Cell::stat(decile.pearson, |r| format!("{r:.5}")),
        ]
    });
    plain(
        "By decile of the reference's signal",
        vec![
            numbers("decile", ""),
            numbers("from", ""),
            numbers("to", ""),
            numbers("values", ""),
            numbers("rel. L2", ""),
            numbers("MAD", ""),
            numbers("mean d", ""),
            numbers("max |d|", ""),
            numbers("r", ""),
        ],
        rows.collect(),
    )
}

fn group_columns(first: Vec<super::table::Column>) -> Vec<super::table::Column> {
    let mut columns = first;
    columns.extend([
        numbers("values", ""),
        numbers("rel. L2", ""),
        numbers("1 \u{2212} r", ""),
        numbers("mean d", ""),
        numbers("max |d|", ""),
    ]);
    columns
}

fn group_cells(group: &GroupStats) -> [Cell; 5] {
    [
        Cell::count(group.count),
        number(group.relative_l2),
        Cell::stat(group.one_minus_pearson, |x| scientific(x, 1)),
        number(group.mean),
        number(group.max),
    ]
}

fn tracks(output: &OutputResult) -> Option<Table> {
    let table = output.tracks.as_ref()?;
    let worst = table.worst.iter();
    let rows = worst.filter_map(|channel| table.tracks.iter().find(|t| t.group == *channel));
    plain(
        &format!(
            "Worst tracks, over {} positions each",
            count(table.positions as u64)
        ),
        group_columns(vec![numbers("track", "Channel")]),
        rows.map(|track| {
            let mut cells = vec![Cell::count(track.group as u64)];
            cells.extend(group_cells(track));
            cells
        })
        .collect(),
    )
}

fn windows(output: &OutputResult) -> Option<Table> {
    let worst = output.worst_positions.iter();
    let rows = worst.filter_map(|&window| output.positions.get(window));
    plain(
        "Worst windows",
        group_columns(vec![
            numbers("from", "In units of the output's resolution"),
            numbers("to", ""),
        ]),
        rows.map(|window| {
            let mut cells = vec![
                Cell::count(window.from as u64),
                Cell::count(window.to as u64),
            ];
            cells.extend(group_cells(&window.stats));
            cells
        })
        .collect(),
    )
}

fn shares(output: &OutputResult) -> Option<Table> {
    let summary = &output.summary;
    let below = summary.below.iter().map(|below| {
        vec![
            Cell::text(&format!("|d| < {}", short(below.limit))),
            Cell::count(below.count),
            Cell::stat(below.share, percent),
        ]
    });
    let within = summary.within.iter().map(|within| {
        let t = within.tolerance;
        vec![
            Cell::text(&format!(
                "|d| \u{2264} {} + {} |x|",
                short(t.absolute),
                short(t.relative)
            )),
            Cell::count(within.count),
            Cell::stat(within.share, percent),
        ]
    });
    if !output.reference_dtype.is_float() {
        return None;
    }
    plain(
        "Shares of values",
        vec![
            words("limit", ""),
            numbers("values", ""),
            numbers("share", ""),
        ],
        below.chain(within).collect(),
    )
}

fn outliers(output: &OutputResult) -> Option<Table> {
    let outliers = output.summary.outliers.as_ref()?;
    let rows = outliers.worst.iter().map(|place| {
        vec![
            Cell::count(place.index),
            Cell::number(short(place.reference), place.reference),
            Cell::number(short(place.candidate), place.candidate),
            number(place.difference),
        ]
    });
    plain(
        &format!(
            "Outliers beyond {} standard deviations: {} in all",
            short(outliers.sigmas),
            count(outliers.count)
        ),
        vec![
            numbers("flat index", "Into the arrays that were compared"),
            numbers("reference", ""),
            numbers("candidate", ""),
            numbers("difference", ""),
        ],
        rows.collect(),
    )
}
