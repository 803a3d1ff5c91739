//! The table of outputs against cases.

use super::group::{Case, Group, link};
use super::heat::Heat;
use super::table::{Cell, Table, numbers, words};
use super::text::scientific;

/// Cases beyond which the table across them would be wider than anyone reads.
const ACROSS: usize = 64;

/// Outputs down, cases across: the relative L2 distance, shaded.
pub(super) fn across(
    cases: &[Case<'_>],
    groups: &[Group<'_>],
    anchored: &dyn Fn(usize) -> bool,
) -> String {
    let rows: Vec<&Group<'_>> = groups
        .iter()
        .filter(|group| !group.is_tap() && group.first().reference_dtype.is_float())
        .collect();
    if cases.len() < 2 || rows.is_empty() {
        return String::new();
    }
    let shown = &cases[..cases.len().min(ACROSS)];
    let distances = rows
        .iter()
        .flat_map(|group| &group.members)
        .filter_map(|member| member.output.summary.relative_l2.value());
    let heat = Heat::of(distances);
    let mut columns = vec![words("output", "")];
    columns.extend(
        shown
            .iter()
            .map(|case| numbers(format!("#{}", case.number), "")),
    );
    let table = Table {
        caption: "Relative L2 distance across cases; the numbers of the cases stand in the table of cases".into(),
        sortable: true,
        columns,
        rows: rows
            .iter()
            .map(|group| {
                let mut cells = vec![link(group, anchored)];
                cells.extend(shown.iter().map(|case| across_cell(group, case, heat.as_ref())));
                cells
            })
            .collect(),
    };
    let mut out = String::from("<section id=\"across\"><h2>Across cases</h2>\n");
    out.push_str(&table.finish());
    let mut legend = heat.map_or(String::new(), |heat| heat.legend("relative L2", "t"));
    legend.push_str("<span><b class=\"bad\">\u{2717}</b> fails</span>");
    if cases.len() > shown.len() {
        legend.push_str(&format!(
            "<span>the first {ACROSS} of {} cases</span>",
            cases.len()
        ));
    }
    out.push_str(&format!("<p class=\"legend\">{legend}</p></section>\n"));
    out
}

fn across_cell(group: &Group<'_>, case: &Case<'_>, heat: Option<&Heat>) -> Cell {
    const SHADES: [&str; Heat::CLASSES] = [
        "n t0", "n t1", "n t2", "n t3", "n t4", "n t5", "n t6", "n t7", "n t8",
    ];
    let Some(member) = group.members.iter().find(|m| m.case.number == case.number) else {
        return Cell::none();
    };
    let stat = member.output.summary.relative_l2;
    let print = |x: f64| match member.output.pass {
        true => scientific(x, 1),
        false => format!("\u{2717}{}", scientific(x, 1)),
    };
    let cell = Cell::stat(stat, print);
    match (stat.value(), heat, member.output.pass) {
        (_, _, false) => cell.class("n bad"),
        (Some(x), Some(heat), true) => cell.class(SHADES[heat.class(x)]),
        _ => cell,
    }
}
