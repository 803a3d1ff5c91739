//! Named dimensions: finding their values from shapes, and evaluating expressions over them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::spec::{
    expression::{Check, Expression, Operator, Relation},
    pattern::{Captures, Index},
};

/// A dimension, with its index if it has one: `trunk`, `channels[3]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dimension {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: Vec<Index>,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.index.is_empty() {
            let index: Vec<String> = self.index.iter().map(Index::to_string).collect();
            write!(f, "[{}]", index.join(", "))?;
        }
        Ok(())
    }
}

/// An expression whose captures and counts are filled in, so that only dimensions are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// A number.
    Integer(i64),
    /// A dimension.
    Dimension(Dimension),
    /// Arithmetic.
    Binary(Operator, Box<Ground>, Box<Ground>),
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No leaf gives this dimension a value.
    Dimension(Dimension),
    /// Arithmetic without an integer result.
    Arithmetic(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unknown::Dimension(dimension) => write!(f, "no leaf gives `{dimension}` a value"),
            Unknown::Arithmetic(reason) => f.write_str(reason),
        }
    }
}

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

fn compute(operator: Operator, left: i64, right: i64) -> Result<i64, Unknown> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide if right == 0 => {
            return Err(Unknown::Arithmetic(format!("{left} is divided by zero")));
        }
        Operator::Divide if left % right != 0 => {
            return Err(Unknown::Arithmetic(format!(
                "{left} cannot be divided by {right} without remainder"
            )));
        }
        Operator::Divide => left.checked_div(right),
    };
    result.ok_or_else(|| Unknown::Arithmetic("a length overflows".to_owned()))
}

/// The dimensions' values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dimensions(BTreeMap<Dimension, i64>);

impl Dimensions {
    /// Evaluates an expression.
    ///
    /// # Errors
    /// If a dimension has no value, or arithmetic has no integer result.
    pub fn evaluate(&self, ground: &Ground) -> Result<i64, Unknown> {
        match ground {
            Ground::Integer(value) => Ok(*value),
            Ground::Dimension(dimension) => self
                .0
                .get(dimension)
                .copied()
                .ok_or_else(|| Unknown::Dimension(dimension.clone())),
            Ground::Binary(operator, left, right) => {
                compute(*operator, self.evaluate(left)?, self.evaluate(right)?)
            }
        }
    }

    /// The values of an indexed dimension, in the order of the index.
    pub fn all(&self, name: &str) -> Vec<i64> {
        let entries = self
            .0
            .iter()
            .filter(|(dimension, _)| dimension.name == name && !dimension.index.is_empty());
        entries.map(|(_, value)| *value).collect()
    }

    /// Every dimension with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&Dimension, i64)> {
        self.0.iter().map(|(dimension, value)| (dimension, *value))
    }

    /// Finds values for the dimensions from lengths and from checks that state an equality.
    ///
    /// A dimension that stands alone in a shape gets the value that most leaves give it, so that a single leaf of wrong
    /// shape is the one that is blamed. Others follow by solving for the last unknown of an expression.
    pub fn solve(lengths: &[(Ground, i64)], equalities: &[(Ground, Ground)]) -> Dimensions {
        let mut dimensions = Dimensions::default();
        let alone = lengths.iter().filter_map(|(ground, value)| match ground {
            Ground::Dimension(dimension) => Some((dimension.clone(), *value)),
            _ => None,
        });
        dimensions.vote(alone);
        loop {
            let sides = equalities
                .iter()
                .flat_map(|(left, right)| [(left, right), (right, left)]);
            let known =
                sides.filter_map(|(side, other)| Some((side, dimensions.evaluate(other).ok()?)));
            let all = lengths
                .iter()
                .map(|(ground, value)| (ground, *value))
                .chain(known);
            let votes: Vec<_> = all
                .filter_map(|(ground, value)| dimensions.solve_for(ground, value))
                .collect();
            if votes.is_empty() {
                return dimensions;
            }
            dimensions.vote(votes.into_iter());
        }
    }

    /// Gives every dimension that is voted for its most frequent value; the first of several.
    fn vote(&mut self, votes: impl Iterator<Item = (Dimension, i64)>) {
        let mut tallies: BTreeMap<Dimension, Vec<(i64, usize)>> = BTreeMap::new();
        for (dimension, value) in votes {
            let tally = tallies.entry(dimension).or_default();
            match tally.iter_mut().find(|(candidate, _)| *candidate == value) {
                Some((_, count)) => *count += 1,
                None => tally.push((value, 1)),
            }
        }
        for (dimension, tally) in tallies {
            let most = tally.iter().map(|(_, count)| *count).max().unwrap_or(0);
            if let Some((value, _)) = tally.into_iter().find(|(_, count)| *count == most) {
                self.0.entry(dimension).or_insert(value);
            }
        }
    }

    /// The one dimension without a value in `ground`, and the value that makes it equal to `value`.
    fn solve_for(&self, ground: &Ground, value: i64) -> Option<(Dimension, i64)> {
        match ground {
            Ground::Integer(_) => None,
            Ground::Dimension(dimension) => {
                (!self.0.contains_key(dimension)).then(|| (dimension.clone(), value))
            }
            Ground::Binary(operator, left, right) => {
                match (self.evaluate(left), self.evaluate(right)) {
                    (Ok(known), Err(_)) => {
                        let value = match operator {
                            Operator::Add => compute(Operator::Subtract, value, known),
                            Operator::Subtract => compute(Operator::Subtract, known, value),
                            Operator::Multiply => compute(Operator::Divide, value, known),
                            Operator::Divide => compute(Operator::Divide, known, value),
                        };
                        self.solve_for(right, value.ok()?)
                    }
                    (Err(_), Ok(known)) => {
                        let value = match operator {
                            Operator::Add => compute(Operator::Subtract, value, known),
                            Operator::Subtract => compute(Operator::Add, value, known),
                            Operator::Multiply => compute(Operator::Divide, value, known),
                            Operator::Divide => compute(Operator::Multiply, value, known),
                        };
                        self.solve_for(left, value.ok()?)
                    }
                    _ => None,
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn grounded(text: &str) -> Ground {
        ground(
            &Expression::parse(text).unwrap(),
            &Captures::new(),
            &Seen::new(),
        )
        .unwrap()
    }

    fn solved(lengths: &[(&str, i64)], equalities: &[(&str, &str)]) -> String {
        let lengths: Vec<_> = lengths
            .iter()
            .map(|(text, value)| (grounded(text), *value))
            .collect();
        let equalities: Vec<_> = equalities
            .iter()
            .map(|(left, right)| (grounded(left), grounded(right)))
            .collect();
        let dimensions = Dimensions::solve(&lengths, &equalities);
        dimensions
            .iter()
            .map(|(dimension, value)| format!("{dimension}={value} "))
            .collect()
    }

    #[test]
    fn the_last_unknown_of_an_expression_follows() {
        assert_eq!(
            solved(&[("2 * t * h", 563_712), ("h", 768)], &[]),
            "h=768 t=367 "
        );
        assert_eq!(
            solved(
                &[("10 - a", 4), ("b / 2", 3), ("6 / c", 2), ("d + 1", 1)],
                &[]
            ),
            "a=6 b=6 c=3 d=0 "
        );
        assert_eq!(solved(&[("2 * a", 5)], &[]), "");
        assert_eq!(solved(&[("a * b", 6)], &[]), "");
        assert_eq!(
            solved(&[("a", 3)], &[("b[1]", "a"), ("c", "b[1] + 1")]),
            "a=3 b[1]=3 c=4 "
        );
    }

    #[test]
    fn the_majority_gives_a_dimension_its_value() {
        assert_eq!(solved(&[("a", 4), ("a", 3), ("a", 3)], &[]), "a=3 ");
    }

    #[test]
    fn captures_index_dimensions() {
        let captures = Captures::from([("i".to_owned(), Index::Number(4))]);
        let expression = Expression::parse("c[i - 1] * i").unwrap();
        let expected = Ground::Binary(
            Operator::Multiply,
            Box::new(Ground::Dimension(Dimension {
                name: "c".to_owned(),
                index: vec![Index::Number(3)],
            })),
            Box::new(Ground::Integer(4)),
        );
        assert_eq!(ground(&expression, &captures, &Seen::new()), Ok(expected));
        assert!(ground(&Expression::parse("c[]").unwrap(), &captures, &Seen::new()).is_err());
        assert!(
            ground(
                &Expression::parse("9223372036854775807 + 1").unwrap(),
                &captures,
                &Seen::new()
            )
            .is_err()
        );
    }
}
