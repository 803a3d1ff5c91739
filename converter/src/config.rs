//! `config.json`: the spec's template, with expressions over the checkpoint's dimensions worked out.

use serde_json::{Map, Value};

use crate::{
    plan::{
        Violation,
        dimensions::{Dimensions, Seen, ground, values_of},
    },
    spec::{
        Spec,
        expression::Expression,
        pattern::{Captures, Index},
    },
    tensor::Dtype,
};

/// The key of a table that is left out unless its expression has a value.
const PRESENT_IF: &str = "present_if";

/// Evaluates the template.
pub(crate) fn evaluate(
    spec: &Spec,
    dimensions: &Dimensions,
    seen: &Seen,
    dtype: Dtype,
    violations: &mut Vec<Violation>,
) -> Value {
    let evaluator = Evaluator {
        spec,
        dimensions,
        seen,
        dtype,
    };
    evaluator
        .table(&spec.config, "", violations)
        .map_or(Value::Null, Value::Object)
}

struct Evaluator<'a> {
    spec: &'a Spec,
    dimensions: &'a Dimensions,
    seen: &'a Seen,
    dtype: Dtype,
}

impl Evaluator<'_> {
    fn table(
        &self,
        table: &toml::Table,
        at: &str,
        violations: &mut Vec<Violation>,
    ) -> Option<Map<String, Value>> {
        if let Some(toml::Value::String(condition)) = table.get(PRESENT_IF) {
            match Expression::parse(condition)
                .and_then(|expression| ground(&expression, &Captures::new(), self.seen))
            {
                Ok(ground) if self.dimensions.evaluate(&ground).is_err() => return None,
                Ok(_) => {}
                Err(reason) => violations.push(Violation::Config {
                    key: format!("{at}{PRESENT_IF}"),
                    reason,
                }),
            }
        }
        let mut out = Map::new();
        for (key, value) in table.iter().filter(|(key, _)| *key != PRESENT_IF) {
            if let Some(value) = self.value(value, &format!("{at}{key}"), violations) {
                out.insert(key.clone(), value);
            }
        }
        Some(out)
    }

    fn value(
        &self,
        value: &toml::Value,
        at: &str,
        violations: &mut Vec<Violation>,
    ) -> Option<Value> {
        Some(match value {
            toml::Value::Table(table) => {
                return self
                    .table(table, &format!("{at}."), violations)
                    .map(Value::Object);
            }
            toml::Value::Array(list) => Value::Array(
                list.iter()
                    .filter_map(|value| self.value(value, at, violations))
                    .collect(),
            ),
            toml::Value::String(text) => match text.strip_prefix('=') {
                None => Value::from(text.as_str()),
                Some(formula) => {
                    match Expression::parse(formula.trim()).and_then(|e| self.expression(&e)) {
                        Ok(value) => value,
                        Err(reason) => {
                            violations.push(Violation::Config {
                                key: at.to_owned(),
                                reason,
                            });
                            Value::Null
                        }
                    }
                }
            },
            toml::Value::Integer(value) => Value::from(*value),
            toml::Value::Float(value) => Value::from(*value),
            toml::Value::Boolean(value) => Value::from(*value),
            toml::Value::Datetime(value) => Value::from(value.to_string()),
        })
    }

    fn expression(&self, expression: &Expression) -> Result<Value, String> {
        match expression {
            Expression::All(name) => Ok(Value::from(self.dimensions.all(name))),
            Expression::Call {
                name,
                arguments,
                named,
            } if name != "count" => self.call(name, arguments, named),
            _ => {
                let ground = ground(expression, &Captures::new(), self.seen)?;
                self.dimensions
                    .evaluate(&ground)
                    .map(Value::from)
                    .map_err(|unknown| unknown.to_string())
            }
        }
    }

    fn call(
        &self,
        name: &str,
        arguments: &[Expression],
        named: &[(String, Expression)],
    ) -> Result<Value, String> {
        let word = |expression: &Expression| match expression {
            Expression::Name { name, index } if index.is_empty() => Ok(name.clone()),
            _ => Err(format!("`{name}` takes a name here")),
        };
        match (name, arguments) {
            ("dtype", []) => Ok(Value::from(self.dtype.name())),
            ("option", [option]) => {
                let option = word(option)?;
                let value = self
                    .spec
                    .options
                    .get(&option)
                    .ok_or(format!("the spec has no option `{option}`"))?;
                Ok(Value::from(*value))
            }
            ("values", [capture]) => {
                let mut given = Captures::new();
                for (capture, value) in named {
                    let value = match value {
                        Expression::Integer(value) => Index::Number(*value),
                        other => Index::Text(word(other)?),
                    };
                    given.insert(capture.clone(), value);
                }
                let values = values_of(self.seen, &word(capture)?, &given);
                Ok(Value::from_iter(values.into_iter().map(
                    |value| match value {
                        Index::Number(number) => Value::from(number),
                        Index::Text(text) => Value::from(text),
                    },
                )))
            }
            ("take", [list, count]) => {
                let list = word(list)?;
                let names = self
                    .spec
                    .lists
                    .get(&list)
                    .ok_or(format!("the spec has no list `{list}`"))?;
                let count = self.expression(count)?.as_u64().unwrap_or(u64::MAX) as usize;
                match names.get(..count) {
                    Some(names) => Ok(Value::from(names)),
                    None => Err(format!(
                        "list `{list}` holds {} names, but {count} are needed",
                        names.len()
                    )),
                }
            }
            ("tail", [list]) => match self.expression(list)? {
                Value::Array(values) => Ok(Value::from_iter(values.into_iter().skip(1))),
                _ => Err(format!("`{name}` takes a list")),
            },
            _ => Err(format!(
                "unknown function `{name}` with {} arguments; there are count, values, option, dtype, take, tail",
                arguments.len()
            )),
        }
    }
}
