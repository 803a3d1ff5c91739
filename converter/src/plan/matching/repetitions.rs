//! How often blocks repeat.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    plan::{
        dimensions::{Seen, values_of},
        violation::Violation,
    },
    spec::{
        Spec,
        pattern::{Captures, Index},
        rule::Block,
    },
};

/// How often each counting capture repeats; a gap is a violation.
pub(super) fn counts(
    spec: &Spec,
    seen: &Seen,
    leaves: usize,
    violations: &mut Vec<Violation>,
) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for capture in spec.counting_captures() {
        let numbers: BTreeSet<i64> = values_of(seen, capture, &Captures::new())
            .into_iter()
            .filter_map(|value| match value {
                Index::Number(number) => Some(number),
                Index::Text(_) => None,
            })
            .collect();
        let gap = numbers
            .iter()
            .enumerate()
            .find(|(at, number)| *at as i64 != **number);
        if let (Some((at, _)), Some(largest)) = (gap, numbers.last()) {
            violations.push(Violation::Gap {
                capture: capture.to_owned(),
                missing: at as i64,
                largest: *largest,
            });
        }
        // With a gap, what is missing has been said; a count past the number of leaves would only be made up.
        counts.insert(
            capture.to_owned(),
            (numbers.len() as i64).min(leaves as i64),
        );
    }
    counts
}

/// The repetitions that a block should have; none if nothing of it was seen.
pub(super) fn repetitions(
    block: &Block,
    observed: BTreeSet<&Captures>,
    counts: &BTreeMap<String, i64>,
) -> BTreeSet<Captures> {
    let mut repetitions: BTreeSet<Captures> = observed.into_iter().cloned().collect();
    if repetitions.is_empty() {
        return repetitions;
    }
    let mut names = block.captures.iter();
    match (names.next(), names.next()) {
        (None, _) => {
            repetitions.insert(Captures::new());
        }
        (Some(only), None) => {
            if let Some(count) = counts.get(only) {
                repetitions.extend(
                    (0..*count)
                        .map(|number| Captures::from([(only.clone(), Index::Number(number))])),
                );
            }
        }
        _ => {}
    }
    repetitions
}
