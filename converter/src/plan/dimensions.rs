//! Named dimensions: finding their values from shapes, and evaluating expressions over them.

mod grounding;

use std::{collections::BTreeMap, fmt};

use crate::spec::{expression::Operator, pattern::Index};

pub use grounding::{Seen, ground, ground_check, is_equality, values_of};

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

#[cfg(test)]
mod tests;
