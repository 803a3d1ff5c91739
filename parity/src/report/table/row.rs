//! The line of one output.

use parity_stats::Stat;

use super::{floor_ratio, share, short_name};
use crate::result::{OutputResult, text};

/// The cells, the name first and the verdict last.
pub(super) fn row(output: &OutputResult) -> Vec<String> {
    let summary = &output.summary;
    let shape: Vec<String> = output.compared_shape.iter().map(usize::to_string).collect();
    let sampled = if output.compared_shape == output.full_shape {
        ""
    } else {
        " of more"
    };
    let within = output.checks.iter().find(|check| check.name == "within");
    let within = within.map_or_else(
        || {
            summary
                .within
                .first()
                .map_or(Stat::Defined(0.0), |w| w.share)
        },
        |check| check.value,
    );
    let non_finite = &summary.non_finite;
    let non_finite = match non_finite.mismatches {
        0 => match non_finite.reference_nan + non_finite.reference_inf {
            0 => "0".to_string(),
            n => format!("{n} ="),
        },
        n => format!("{n} differ"),
    };
    let verdict = match (output.pass, output.checks.is_empty()) {
        (true, false) => "pass",
        (true, true) => "-",
        (false, _) => "FAIL",
    };
    let floats = output.reference_dtype.is_float();
    let or_dash = |text: String| if floats { text } else { "-".into() };
    let floor = output.floor.as_ref().map_or("-".into(), |floor| {
        let ratio = floor.ratio.value().map_or("?".into(), floor_ratio);
        format!("{ratio} of {:.2}", floor.limit)
    });
    vec![
        short_name(output),
        format!("{}{sampled}", shape.join("x")),
        summary.count.to_string(),
        or_dash(text(summary.relative_l2, 2)),
        or_dash(text(summary.one_minus_pearson, 1)),
        or_dash(share(within, 4)),
        or_dash(
            summary
                .outliers
                .as_ref()
                .map_or("-".into(), |o| o.count.to_string()),
        ),
        if floats {
            text(summary.max_abs(), 2)
        } else {
            format!("{} differ", summary.finite - summary.equal)
        },
        non_finite,
        or_dash(text(summary.t_test.p, 1)),
        floor,
        verdict.into(),
    ]
}
