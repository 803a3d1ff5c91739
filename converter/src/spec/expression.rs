//! Expressions over named dimensions: `2 * trunk`, `channels[stage + 1]`, `count(layer)`.
//!
//! ```text
//! comparison := sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum ]
//! sum        := product { ("+" | "-") product }
//! product    := atom { ("*" | "/") atom }
//! atom       := INTEGER | NAME [ "[" [ sum { "," sum } ] "]" ] | NAME "(" arguments ")" | "(" sum ")"
//! ```

mod parser;

use parser::{Parser, Token};

/// An operator of two integers; `/` must divide without remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// A relation of two integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Relation {
    /// Whether the relation holds.
    pub fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Relation::Equal => left == right,
            Relation::NotEqual => left != right,
            Relation::Less => left < right,
            Relation::AtMost => left <= right,
            Relation::Greater => left > right,
            Relation::AtLeast => left >= right,
        }
    }
}

/// An expression as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A number.
    Integer(i64),
    /// A dimension or a capture: `trunk`, `channels[stage]`.
    Name {
        /// Its name.
        name: String,
        /// What stands in brackets.
        index: Vec<Expression>,
    },
    /// Every entry of an indexed dimension: `channels[]`.
    All(String),
    /// A function: `count(layer)`, `values(resolution, head = atac)`.
    Call {
        /// The function's name.
        name: String,
        /// The positional arguments.
        arguments: Vec<Expression>,
        /// The arguments with a name.
        named: Vec<(String, Expression)>,
    },
    /// Arithmetic.
    Binary(Operator, Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// Says what was expected at which column.
    pub fn parse(text: &str) -> Result<Expression, String> {
        let mut parser = Parser::new(text)?;
        let expression = parser.sum()?;
        parser.end()?;
        Ok(expression)
    }

    /// Replaces names that `replace` knows: the arguments of a module type.
    pub fn substitute(&self, replace: &impl Fn(&str) -> Option<Expression>) -> Expression {
        let all = |list: &[Expression]| list.iter().map(|e| e.substitute(replace)).collect();
        match self {
            Expression::Integer(_) | Expression::All(_) => self.clone(),
            Expression::Name { name, index } => match replace(name) {
                Some(replacement) if index.is_empty() => replacement,
                _ => Expression::Name {
                    name: name.clone(),
                    index: all(index),
                },
            },
            Expression::Call {
                name,
                arguments,
                named,
            } => Expression::Call {
                name: name.clone(),
                arguments: all(arguments),
                named: named.clone(),
            },
            Expression::Binary(operator, left, right) => Expression::Binary(
                *operator,
                Box::new(left.substitute(replace)),
                Box::new(right.substitute(replace)),
            ),
        }
    }
}

/// A statement about dimensions: `decoder[0] == trunk`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// As written.
    pub text: String,
    /// What must hold.
    pub relation: Relation,
    /// The left side.
    pub left: Expression,
    /// The right side.
    pub right: Expression,
}

impl Check {
    /// Parses a check.
    ///
    /// # Errors
    /// Says what was expected at which column.
    pub fn parse(text: &str) -> Result<Check, String> {
        let mut parser = Parser::new(text)?;
        let left = parser.sum()?;
        let relation = match parser.next() {
            Some(Token::Symbol("==")) => Relation::Equal,
            Some(Token::Symbol("!=")) => Relation::NotEqual,
            Some(Token::Symbol("<")) => Relation::Less,
            Some(Token::Symbol("<=")) => Relation::AtMost,
            Some(Token::Symbol(">")) => Relation::Greater,
            Some(Token::Symbol(">=")) => Relation::AtLeast,
            _ => return Err(format!("`{text}`: expected a comparison such as ==")),
        };
        let right = parser.sum()?;
        parser.end()?;
        Ok(Check {
            text: text.to_owned(),
            relation,
            left,
            right,
        })
    }
}

#[cfg(test)]
mod tests;
