//! The table of outputs.

use parity_stats::Stat;

use super::group::{Group, distance, link};
use super::table::{Cell, Column, Table, numbers, words};
use super::text::{percent, scientific};
use crate::result::OutputResult;

/// A row an output: the worst over its cases.
pub(super) fn outputs(
    groups: &[Group<'_>],
    several: bool,
    anchored: &dyn Fn(usize) -> bool,
) -> String {
    let (taps, predictions): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.is_tap());
    let mut out = String::from("<section id=\"outputs\"><h2>Outputs</h2>\n");
    let table = |caption: &str, groups: &[&Group<'_>]| {
        let floors = groups
            .iter()
            .any(|g| g.members.iter().any(|m| m.output.floor.is_some()));
        let table = Table {
            caption: caption.into(),
            sortable: true,
            columns: columns(floors),
            rows: groups
                .iter()
                .map(|group| row(group, several, floors, anchored))
                .collect(),
        };
        table.finish()
    };
    if !predictions.is_empty() {
        out.push_str(&table(
            "Predictions and embeddings: the worst over all cases",
            &predictions,
        ));
    }
    if !taps.is_empty() {
        let failing = taps.iter().filter(|group| group.failing() > 0).count();
        out.push_str(&format!(
            "<details><summary>Module outputs (taps): {}, {} failing</summary>{}</details>\n",
            taps.len(),
            if failing == 0 {
                "none".into()
            } else {
                failing.to_string()
            },
            table("Module outputs: the worst over all cases", &taps)
        ));
    }
    out.push_str("</section>\n");
    out
}

fn columns(floors: bool) -> Vec<Column> {
    let mut columns = vec![
        words("output", ""),
        words("result", ""),
        numbers("failing", "Cases that fail, of those that have it"),
        numbers(
            "rel. L2",
            "Largest relative L2 distance: the norm of the differences over the norm of the reference",
        ),
        words("in case", "The case of the largest relative L2 distance"),
        numbers("1 \u{2212} r", "Largest 1 minus Pearson's correlation"),
        numbers(
            "within",
            "Smallest share of values within the level's tolerance",
        ),
        numbers("max |d|", "Largest absolute difference"),
        numbers("NaN/Inf", "Places with NaN or infinity on one side alone"),
    ];
    if floors {
        columns.push(numbers(
            "\u{d7} floor",
            "Largest ratio to the reference's distance to itself",
        ));
    }
    columns
}

fn row(
    group: &Group<'_>,
    several: bool,
    floors: bool,
    anchored: &dyn Fn(usize) -> bool,
) -> Vec<Cell> {
    let outputs = || group.members.iter().map(|member| member.output);
    let largest = |value: &dyn Fn(&OutputResult) -> Stat| worst(outputs().map(value), f64::max);
    let far = group
        .members
        .iter()
        .max_by(|a, b| distance(a.output).total_cmp(&distance(b.output)))
        .map_or_else(|| group.farthest(), |member| *member);
    let failing = group.failing();
    let float = group.first().reference_dtype.is_float();
    let number = |stat: Stat, digits: usize| match float {
        true => Cell::stat(stat, |x| scientific(x, digits)),
        false => Cell::none(),
    };
    let mut cells = vec![
        link(group, anchored),
        verdict(
            failing == 0,
            outputs().all(|output| output.checks.is_empty()),
        ),
        Cell::number(
            format!("{failing} / {}", group.members.len()),
            failing as f64,
        ),
        number(far.output.summary.relative_l2, 2),
        Cell::text(&if float {
            far.case.label(several)
        } else {
            "\u{2013}".into()
        }),
        number(largest(&|o| o.summary.one_minus_pearson), 1),
        Cell::stat(worst(outputs().filter_map(within), f64::min), percent),
        number(largest(&|o| o.summary.max_abs()), 2),
        Cell::count(outputs().map(|o| o.summary.non_finite.mismatches).sum()),
    ];
    if outputs().all(|output| within(output).is_none()) {
        cells[6] = Cell::none();
    }
    if floors {
        let ratios = outputs().filter_map(|o| o.floor.as_ref().map(|floor| floor.ratio));
        cells.push(match ratios.clone().next() {
            None => Cell::none(),
            Some(_) => Cell::stat(worst(ratios, f64::max), |x| format!("{x:.2}")),
        });
    }
    cells
}

/// The share within the tolerance that was judged.
pub(super) fn within(output: &OutputResult) -> Option<Stat> {
    let check = output.checks.iter().find(|check| check.name == "within")?;
    Some(check.value)
}

/// The word for a result.
pub(super) fn verdict(pass: bool, unjudged: bool) -> Cell {
    Cell::html(
        match (pass, unjudged) {
            (false, _) => "<b class=\"chip fail\">fail</b>",
            (true, true) => "<span class=\"chip none\">reported</span>",
            (true, false) => "<span class=\"chip pass\">pass</span>",
        }
        .into(),
    )
}

fn worst(stats: impl Iterator<Item = Stat>, choose: fn(f64, f64) -> f64) -> Stat {
    let mut found: Option<Stat> = None;
    for stat in stats {
        found = Some(match (found, stat) {
            (Some(Stat::Defined(a)), Stat::Defined(b)) => Stat::Defined(choose(a, b)),
            (Some(Stat::Defined(a)), Stat::Undefined(_)) => Stat::Defined(a),
            (_, stat) => stat,
        });
    }
    found.unwrap_or(Stat::Undefined(parity_stats::Reason::Empty))
}
