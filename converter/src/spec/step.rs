//! A transform as written, its lengths still expressions.

use serde::Deserialize;

use super::{document::Length, expression::Expression};
use crate::{
    text::nearest,
    transform::{Precision, Transform},
};

/// The transforms' names.
const OPERATIONS: [&str; 6] = [
    "permute",
    "reshape",
    "squeeze",
    "standardize_weight",
    "fold_norm",
    "fill_nan",
];

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Written {
    Permute {
        axes: Vec<usize>,
    },
    Reshape {
        shape: Vec<Length>,
    },
    Squeeze {
        axes: Option<Vec<usize>>,
        keep_last: Option<usize>,
    },
    StandardizeWeight {
        minimum: f64,
        precision: Precision,
    },
    FoldNorm {
        epsilon: f64,
        precision: Precision,
    },
    FillNan {
        value: f64,
    },
}

/// A step whose lengths wait for the dimensions' values.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Needs no length.
    Ready(Transform),
    /// `reshape`.
    Reshape(Vec<Expression>),
}

impl Step {
    /// Reads a step from its table.
    ///
    /// # Errors
    /// Says which operation or field is unknown, with the nearest name.
    pub fn parse(table: &toml::Table) -> Result<Step, String> {
        match table.get("op").and_then(toml::Value::as_str) {
            None => {
                return Err(format!(
                    "a transform needs `op`, one of {}",
                    OPERATIONS.join(", ")
                ));
            }
            Some(op) if !OPERATIONS.contains(&op) => {
                let hint = nearest(op, OPERATIONS)
                    .map_or(String::new(), |name| format!("; did you mean `{name}`?"));
                return Err(format!(
                    "unknown transform `{op}`{hint} (known: {})",
                    OPERATIONS.join(", ")
                ));
            }
            Some(_) => {}
        }
        let written: Written = table
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| error.message().to_owned())?;
        Step::from_written(written)
    }

    fn from_written(written: Written) -> Result<Step, String> {
        let ready = match written {
            Written::Permute { axes } => Transform::Permute { axes },
            Written::Squeeze {
                axes: Some(axes),
                keep_last: None,
            } => Transform::Squeeze { axes },
            Written::Squeeze {
                axes: None,
                keep_last: Some(keep_last),
            } => Transform::SqueezeLeading { keep_last },
            Written::Squeeze { .. } => {
                return Err("squeeze takes either `axes` or `keep_last`".to_owned());
            }
            Written::StandardizeWeight { minimum, precision } => {
                Transform::StandardizeWeight { minimum, precision }
            }
            Written::FoldNorm { epsilon, precision } => Transform::FoldNorm { epsilon, precision },
            Written::FillNan { value } => Transform::FillNan { value },
            Written::Reshape { shape } => return Ok(Step::Reshape(expressions(&shape)?)),
        };
        Ok(Step::Ready(ready))
    }

    /// Replaces the names that `replace` knows.
    pub fn substitute(&self, replace: &impl Fn(&str) -> Option<Expression>) -> Step {
        let all = |list: &[Expression]| list.iter().map(|e| e.substitute(replace)).collect();
        match self {
            Step::Ready(transform) => Step::Ready(transform.clone()),
            Step::Reshape(shape) => Step::Reshape(all(shape)),
        }
    }

    /// Works the lengths out.
    ///
    /// # Errors
    /// Passes on what `length` says.
    pub fn resolve(
        &self,
        length: &impl Fn(&Expression) -> Result<usize, String>,
    ) -> Result<Transform, String> {
        let all = |list: &[Expression]| list.iter().map(length).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Step::Ready(transform) => transform.clone(),
            Step::Reshape(shape) => Transform::Reshape { shape: all(shape)? },
        })
    }
}

fn expressions(lengths: &[Length]) -> Result<Vec<Expression>, String> {
    lengths.iter().map(Length::expression).collect()
}

impl Length {
    /// The length as an expression.
    ///
    /// # Errors
    /// As [`Expression::parse`].
    pub fn expression(&self) -> Result<Expression, String> {
        match self {
            Length::Number(value) => Ok(Expression::Integer(*value)),
            Length::Expression(text) => Expression::parse(text),
        }
    }
}
