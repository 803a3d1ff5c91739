//! Comparing the leaves' shapes with the spec's, and finding the dimensions' values on the way.

use std::collections::BTreeMap;

use super::{
    dimensions::{Dimensions, Ground, Unknown, ground, ground_check, is_equality},
    matching::{Matching, Part},
    violation::Violation,
};
use crate::{
    checkpoint::Leaf,
    spec::{Spec, rule::Axis},
};

/// The lengths that a leaf's axes should have, one for each axis.
type Expected = Vec<Ground>;

pub(super) fn solve(
    spec: &Spec,
    leaves: &[Leaf],
    matching: &Matching,
    violations: &mut Vec<Violation>,
) -> Dimensions {
    let mut lengths = Vec::new();
    let mut expectations = Vec::new();
    for part in &matching.parts {
        let found = &leaves[part.leaf].kind.shape;
        match expected(spec, matching, part, found.len()) {
            Ok(Some(expected)) => {
                lengths.extend(
                    expected
                        .iter()
                        .cloned()
                        .zip(found.iter().map(|&length| length as i64)),
                );
                expectations.push((part, expected));
            }
            Ok(None) => violations.push(wrong_shape(spec, matching, part, found, None)),
            Err(reason) => violations.push(Violation::Spec(reason)),
        }
    }
    let mut checks = Vec::new();
    for check in &spec.checks {
        match ground_check(check, &matching.seen) {
            Ok(sides) => checks.push((check, sides)),
            Err(reason) => violations.push(Violation::Spec(reason)),
        }
    }
    let equalities: Vec<_> = checks
        .iter()
        .filter(|(check, _)| is_equality(check))
        .map(|(_, sides)| sides.clone())
        .collect();
    let dimensions = Dimensions::solve(&lengths, &equalities);

    let mut unknown = BTreeMap::new();
    for (part, expected) in expectations {
        let found = &leaves[part.leaf].kind.shape;
        let values: Vec<Result<i64, Unknown>> = expected
            .iter()
            .map(|axis| dimensions.evaluate(axis))
            .collect();
        for value in &values {
            if let Err(Unknown::Dimension(dimension)) = value {
                unknown
                    .entry(dimension.clone())
                    .or_insert_with(|| matching.addresses[part.leaf].clone());
            }
        }
        let differs = values.iter().zip(found).any(|(value, &found)| match value {
            Ok(value) => *value != found as i64,
            Err(Unknown::Arithmetic(_)) => true,
            Err(Unknown::Dimension(_)) => false,
        });
        if differs {
            violations.push(wrong_shape(spec, matching, part, found, Some(&values)));
        }
    }
    for (dimension, leaf) in unknown {
        violations.push(Violation::Spec(format!(
            "`{dimension}`, in the shape of `{leaf}`, stands alone in no shape and follows from no other dimension"
        )));
    }
    for (check, (left, right)) in checks {
        match (dimensions.evaluate(&left), dimensions.evaluate(&right)) {
            (Ok(left), Ok(right)) if check.relation.holds(left, right) => {}
            (Ok(left), Ok(right)) => {
                let text = format!(
                    "`{}`: the left side is {left}, the right side {right}",
                    check.text
                );
                violations.push(Violation::Check { text });
            }
            (Err(reason), _) | (_, Err(reason)) => {
                violations.push(Violation::Check {
                    text: format!("`{}`: {reason}", check.text),
                });
            }
        }
    }
    dimensions
}

/// The expected lengths of `rank` axes; nothing if the spec expects another rank.
fn expected(
    spec: &Spec,
    matching: &Matching,
    part: &Part,
    rank: usize,
) -> Result<Option<Expected>, String> {
    let rule = &spec.blocks[part.block].rules[part.rule];
    let shape = &rule.sources[part.source].shape;
    let named = shape
        .iter()
        .filter(|axis| matches!(axis, Axis::Length(_)))
        .count();
    let ones = if named < shape.len() {
        rank.checked_sub(named)
    } else {
        Some(0)
    };
    let Some(ones) = ones.filter(|ones| named + ones == rank) else {
        return Ok(None);
    };
    let mut expected = Vec::with_capacity(rank);
    for axis in shape {
        match axis {
            Axis::Ones => expected.extend(std::iter::repeat_n(Ground::Integer(1), ones)),
            Axis::Length(length) => {
                let place = || format!("{}{}", rule.label, Matching::place(&part.captures));
                let length = ground(length, &part.captures, &matching.seen);
                expected.push(length.map_err(|reason| format!("{}: {reason}", place()))?);
            }
        }
    }
    Ok(Some(expected))
}

fn wrong_shape(
    spec: &Spec,
    matching: &Matching,
    part: &Part,
    found: &[usize],
    values: Option<&[Result<i64, Unknown>]>,
) -> Violation {
    let expected = match values {
        Some(values) => {
            let value = |value: &Result<i64, Unknown>| match value {
                Ok(value) => value.to_string(),
                Err(reason) => format!("({reason})"),
            };
            format!(
                "[{}]",
                values.iter().map(value).collect::<Vec<_>>().join(", ")
            )
        }
        None => {
            let shape = &spec.blocks[part.block].rules[part.rule].sources[part.source].shape;
            let named = shape
                .iter()
                .filter(|axis| matches!(axis, Axis::Length(_)))
                .count();
            let more = if named < shape.len() { "at least " } else { "" };
            format!("{more}{}", crate::text::counted(named, "axis", "axes"))
        }
    };
    Violation::WrongShape {
        leaf: matching.addresses[part.leaf].clone(),
        expected,
        found: found.to_vec(),
    }
}
