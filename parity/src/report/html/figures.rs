//! The figures of an output: a row a case.

use super::group::{Group, Member};
use super::outputs::{verdict, within};
use super::table::{Cell, Column, Table, numbers, words};
use super::text::{percent, place, scientific};
use parity_stats::Stat;

/// The table.
pub(super) fn table(group: &Group<'_>, several: bool) -> Table {
    let float = group.first().reference_dtype.is_float();
    let floors = group
        .members
        .iter()
        .any(|member| member.output.floor.is_some());
    let row = |member: &Member<'_>| {
        if float {
            floats(member, several, floors)
        } else {
            exact(member, several)
        }
    };
    Table {
        caption: "Every case".into(),
        sortable: group.members.len() > 1,
        columns: if float {
            float_columns(floors)
        } else {
            exact_columns()
        },
        rows: group.members.iter().map(row).collect(),
    }
}

fn exact_columns() -> Vec<Column> {
    vec![
        words("case", ""),
        words("result", ""),
        numbers("values", "Values compared"),
        numbers("equal", "Values that are equal"),
        numbers("differ", "Values that are not"),
    ]
}

fn exact(member: &Member<'_>, several: bool) -> Vec<Cell> {
    let (output, summary) = (member.output, &member.output.summary);
    vec![
        Cell::text(&member.case.label(several)),
        verdict(output.pass, output.checks.is_empty()),
        Cell::count(summary.count),
        Cell::count(summary.equal),
        Cell::count(summary.finite - summary.equal),
    ]
}

fn float_columns(floors: bool) -> Vec<Column> {
    let mut columns = vec![
        words("case", ""),
        words("result", ""),
        numbers("values", "Finite pairs of values compared"),
        numbers(
            "rel. L2",
            "Norm of the differences over the norm of the reference",
        ),
        numbers("1 \u{2212} r", "1 minus Pearson's correlation"),
        numbers("1 \u{2212} cos", "1 minus the cosine similarity"),
        numbers("within", "Share of values within the level's tolerance"),
        numbers("MAD", "Mean absolute difference"),
        numbers("median |d|", "Median absolute difference"),
        numbers("max |d|", "Largest absolute difference"),
        words("at", "Where it stands: indices in the full array"),
        numbers("mean d", "Mean of candidate minus reference"),
        numbers("std d", "Standard deviation of candidate minus reference"),
        numbers("same sign", "Share of values of equal sign"),
        numbers("outliers", "Differences beyond five standard deviations"),
        numbers("NaN/Inf", "Places with NaN or infinity on one side alone"),
        numbers(
            "t-test p",
            "Plain paired t-test; takes every value for independent",
        ),
        words(
            "bias",
            "Two one-sided tests against the margin, with errors by block and track",
        ),
    ];
    if floors {
        columns.push(numbers(
            "\u{d7} floor",
            "Ratio to the reference's distance to itself",
        ));
    }
    columns
}

fn floats(member: &Member<'_>, several: bool, floors: bool) -> Vec<Cell> {
    let (output, summary) = (member.output, &member.output.summary);
    let number = |stat: Stat, digits| Cell::stat(stat, |x| scientific(x, digits));
    let quantiles = output.quantiles.as_ref().map(|q| &q.absolute);
    let median = quantiles.and_then(|q| q.iter().find(|q| q.probability == 0.5));
    let bias = output
        .bias
        .as_ref()
        .map(|bias| match bias.test.equivalence.equivalent {
            true => "none beyond the margin",
            false => "not excluded",
        });
    let mut cells = vec![
        Cell::text(&member.case.label(several)),
        verdict(output.pass, output.checks.is_empty()),
        Cell::count(summary.finite),
        number(summary.relative_l2, 2),
        number(summary.one_minus_pearson, 1),
        number(summary.one_minus_cosine, 1),
        within(output).map_or_else(Cell::none, |share| Cell::stat(share, percent)),
        number(summary.mad, 2),
        median.map_or_else(Cell::none, |q| number(q.value, 2)),
        number(summary.max_abs(), 2),
        Cell::text(&place(output.max_place.as_deref())),
        number(summary.difference.mean, 1),
        number(summary.difference.std, 1),
        Cell::stat(summary.sign.share, percent),
        summary
            .outliers
            .as_ref()
            .map_or_else(Cell::none, |o| Cell::count(o.count)),
        Cell::count(summary.non_finite.mismatches),
        number(summary.t_test.p, 1),
        bias.map_or_else(Cell::none, Cell::text),
    ];
    if floors {
        let ratio = output.floor.as_ref().map(|floor| floor.ratio);
        cells.push(ratio.map_or_else(Cell::none, |r| Cell::stat(r, |x| format!("{x:.2}"))));
    }
    cells
}
