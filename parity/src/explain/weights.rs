//! What the weights themselves tell, held to the ledger that `convert` wrote.

use std::collections::BTreeSet;

use super::cause::{Add, list};
use crate::evidence::{Change, Changes};

/// Names what became of weights since the conversion.
pub(super) fn weights(changes: &Changes, add: &mut Add<'_>) {
    let of = |wanted: &Change| -> BTreeSet<&str> {
        let found = changes
            .changed
            .iter()
            .filter(|(_, change)| *change == wanted);
        found.map(|(name, _)| name.as_str()).collect()
    };
    let evidence = |count: usize| {
        format!(
            "{count} of {} tensors have another digest in the ledger conversion.json",
            changes.tensors
        )
    };
    let copied: BTreeSet<String> = changes
        .changed
        .iter()
        .filter_map(|(name, change)| match change {
            Change::Copied(other) => Some(format!("{name} (those of {other})")),
            _ => None,
        })
        .collect();
    if !copied.is_empty() {
        add(
            format!(
                "Weights hold the values that the checkpoint gives others, a layer was copied: {}.",
                list(&copied)
            ),
            evidence(copied.len()),
        );
    }
    for (change, what) in [
        (Change::Rounded, "rounded to bfloat16 since the conversion"),
        (Change::Zero, "set to zero since the conversion"),
        (Change::Other, "given other values since the conversion"),
    ] {
        let names = of(&change);
        if names.is_empty() {
            continue;
        }
        // What bfloat16 held already, such as ones and zeros, was rounded too.
        let all = names.len() * 2 > changes.tensors;
        let which = match all {
            true => "All weights were".to_owned(),
            false => format!("{}: weights that were", list(&names)),
        };
        add(
            format!("{which} {what}; convert again, or find what changed them."),
            evidence(names.len()),
        );
    }
}
