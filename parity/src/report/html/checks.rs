//! A check in words.

use super::text::{percent, short};
use crate::result::Check;

/// A check's measured value as it is printed: in the same form down a column.
pub(super) fn measured(check: &Check, x: f64) -> String {
    match check.name.as_str() {
        // Cut, not rounded: only 1 is 1.
        "pearson" => format!("{:.6}", (x * 1e6).floor() / 1e6),
        "within" | "outliers" => percent(x),
        _ => short(x),
    }
}

/// A check's bound as it is printed.
pub(super) fn bound(check: &Check) -> String {
    match check.name.as_str() {
        "within" | "outliers" => format!("{} %", short(check.bound * 100.0)),
        _ => short(check.bound),
    }
}

/// A check's name for a person.
pub(super) fn check_name(check: &Check) -> String {
    match (check.name.as_str(), check.tolerance) {
        ("within", Some(t)) => {
            format!(
                "share within {} + {} |x|",
                short(t.absolute),
                short(t.relative)
            )
        }
        ("non_finite_mismatches", _) => "NaN or Inf on one side alone".into(),
        ("sites_beyond_ties", _) => "splice sites beyond ties".into(),
        ("sites_out_of_order", _) => "splice sites out of order".into(),
        ("unequal", _) => "unequal values".into(),
        ("within", None) => "share within the tolerance".into(),
        ("pearson", _) => "Pearson r".into(),
        ("relative_l2", _) => "relative L2".into(),
        ("constant_relative_l2", _) => "relative L2 of a constant".into(),
        ("track_relative_l2", _) => "relative L2 of the farthest track".into(),
        ("track_shape_l2", _) => "relative L2 of the farthest track without its mean".into(),
        ("window_relative_l2", _) => "relative L2 of the farthest window".into(),
        ("track_floor_ratio", _) => "farthest track, ratio to the floor".into(),
        ("window_floor_ratio", _) => "farthest window, ratio to the floor".into(),
        ("outliers", _) => "share of outliers".into(),
        ("t_test_p", _) => "p of the paired t-test".into(),
        ("steps", _) => "largest distance in ULPs".into(),
        (name, _) => name.replace('_', " "),
    }
}
