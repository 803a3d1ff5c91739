//! Filling captures and counts into expressions.

use std::collections::BTreeSet;

use super::{Dimension, Ground, compute};
use crate::spec::{
    expression::{Check, Expression, Relation},
    pattern::{Captures, Index},
};

/// The captures of every repetition that was seen: what `count` and `values` ask.
pub type Seen = BTreeSet<Captures>;

/// The distinct values of a capture among the repetitions that agree with `given`.
pub fn values_of(seen: &Seen, capture: &str, given: &Captures) -> BTreeSet<Index> {
    let agrees = |captures: &&Captures| {
        given
            .iter()
            .all(|(name, value)| captures.get(name) == Some(value))
    };
    seen.iter()
        .filter(agrees)
        .filter_map(|captures| captures.get(capture).cloned())
        .collect()
}

/// Fills in captures and counts.
///
/// # Errors
/// Says what has no place in a length.
pub fn ground(expression: &Expression, captures: &Captures, seen: &Seen) -> Result<Ground, String> {
    Ok(match expression {
        Expression::Integer(value) => Ground::Integer(*value),
        Expression::Name { name, index } if index.is_empty() => match captures.get(name) {
            Some(Index::Number(value)) => Ground::Integer(*value),
            Some(Index::Text(text)) => {
                return Err(format!("capture `{name}` is `{text}`, which is no number"));
            }
            None => Ground::Dimension(Dimension {
                name: name.clone(),
                index: Vec::new(),
            }),
        },
        Expression::Name { name, index } => {
            let index = index
                .iter()
                .map(|entry| ground_index(entry, captures, seen))
                .collect::<Result<_, _>>()?;
            Ground::Dimension(Dimension {
                name: name.clone(),
                index,
            })
        }
        Expression::Call {
            name,
            arguments,
            named,
        } if name == "count" && named.is_empty() => match arguments.as_slice() {
            [Expression::Name { name, index }] if index.is_empty() => {
                Ground::Integer(values_of(seen, name, &Captures::new()).len() as i64)
            }
            _ => return Err("count takes the name of a capture".to_owned()),
        },
        Expression::Call { name, .. } => return Err(format!("`{name}(...)` gives no length")),
        Expression::All(name) => return Err(format!("`{name}[]` is a list, not a length")),
        Expression::Binary(operator, left, right) => {
            match (
                ground(left, captures, seen)?,
                ground(right, captures, seen)?,
            ) {
                (Ground::Integer(left), Ground::Integer(right)) => Ground::Integer(
                    compute(*operator, left, right).map_err(|unknown| unknown.to_string())?,
                ),
                (left, right) => Ground::Binary(*operator, Box::new(left), Box::new(right)),
            }
        }
    })
}

fn ground_index(entry: &Expression, captures: &Captures, seen: &Seen) -> Result<Index, String> {
    if let Expression::Name { name, index } = entry
        && index.is_empty()
    {
        return Ok(captures
            .get(name)
            .cloned()
            .unwrap_or_else(|| Index::Text(name.clone())));
    }
    match ground(entry, captures, seen)? {
        Ground::Integer(value) => Ok(Index::Number(value)),
        _ => Err("an index is made of captures and numbers, not of dimensions".to_owned()),
    }
}

/// Both sides of every check, captures and counts filled in.
///
/// # Errors
/// Says which check is wrong.
pub fn ground_check(check: &Check, seen: &Seen) -> Result<(Ground, Ground), String> {
    let side = |side: &Expression| {
        ground(side, &Captures::new(), seen)
            .map_err(|reason| format!("check `{}`: {reason}", check.text))
    };
    Ok((side(&check.left)?, side(&check.right)?))
}

/// Whether a check's relation can give a dimension its value.
pub fn is_equality(check: &Check) -> bool {
    check.relation == Relation::Equal
}
