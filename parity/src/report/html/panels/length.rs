//! The distance against the sequence's length, a mark a case.

use std::collections::BTreeSet;

use super::{Drawing, entry, nothing_to_draw};
use crate::report::html::group::{Group, Member};
use crate::report::html::plot::Plot;
use crate::report::html::scale::{Scale, Tick};
use crate::report::html::text::count;

/// Room that a label needs, as a share of the axis.
const LABEL: f64 = 0.19;

pub(super) fn draw(group: &Group<'_>) -> Result<Drawing, String> {
    if let Some(reason) = nothing_to_draw(group.first()) {
        return Err(reason);
    }
    let lengths: BTreeSet<usize> = group
        .members
        .iter()
        .map(|m| m.case.case.sequence_length)
        .collect();
    if lengths.len() < 2 {
        let bp = lengths.first().copied().unwrap_or(0) as u64;
        return Err(match group.members.len() {
            1 => format!("one case only, of {} bp", count(bp)),
            n => format!("all {n} cases are {} bp long", count(bp)),
        });
    }
    let point = |member: &Member<'_>| {
        let length = member.case.case.sequence_length as f64;
        Some((length, member.output.summary.relative_l2.value()?))
    };
    let points: Vec<(f64, f64)> = group.members.iter().filter_map(point).collect();
    let left_out = group.members.len() - points.len();
    let equal = points.iter().filter(|p| p.1 == 0.0).count();
    let Some(y) = Scale::log(points.iter().map(|p| p.1)) else {
        return Err("no case has a defined distance above zero".into());
    };
    let Some(x) = Scale::log(lengths.iter().map(|&n| n as f64)) else {
        return Err("no case has a length".into());
    };
    let mut ticks: Vec<Tick> = Vec::new();
    for &length in &lengths {
        let at = length as f64;
        if ticks
            .last()
            .is_none_or(|last| x.at(at) - x.at(last.0) > LABEL)
        {
            ticks.push((at, count(length as u64)));
        }
    }
    let mut plot = Plot::new(x, y, "sequence length (bp)", "relative L2").with_x_ticks(ticks);
    let means = lengths.iter().filter_map(|&length| {
        let here = points.iter().filter(|p| p.0 == length as f64 && p.1 > 0.0);
        let (n, sum) = here.fold((0.0, 0.0), |(n, sum), p| (n + 1.0, sum + p.1.ln()));
        (n > 0.0).then(|| (length as f64, f64::exp(sum / n)))
    });
    plot.line("line thin", means);
    let of = |pass: bool| -> Vec<(f64, f64)> {
        let members = group.members.iter().filter(|m| m.output.pass == pass);
        members.filter_map(point).filter(|p| p.1 > 0.0).collect()
    };
    plot.dots("dot big", &of(true));
    plot.crosses("cross bad", &of(false));
    let mut legend = entry("line thin", "geometric mean") + &entry("dot big", "pass");
    if group.failing() > 0 {
        legend.push_str(&entry("cross bad", "fail"));
    }
    Ok(Drawing {
        svg: plot.finish(
            &format!("{}: error by sequence length", group.name()),
            &format!(
                "Relative L2 distance of {} cases of {} lengths.",
                points.len(),
                lengths.len()
            ),
        ),
        legend,
        note: match (equal, left_out) {
            (0, 0) => String::new(),
            (n, 0) => format!("{n} equal, not drawn"),
            (0, n) => format!("{n} undefined, not drawn"),
            (n, m) => format!("{n} equal and {m} undefined, not drawn"),
        },
    })
}
