//! Expressions over named dimensions: `2 * trunk`, `channels[stage + 1]`, `count(layer)`.
//!
//! ```text
//! comparison := sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum ]
//! sum        := product { ("+" | "-") product }
//! product    := atom { ("*" | "/") atom }
//! atom       := INTEGER | NAME [ "[" [ sum { "," sum } ] "]" ] | NAME "(" arguments ")" | "(" sum ")"
//! ```

use std::fmt;

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

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Integer(i64),
    Name(String),
    Symbol(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Integer(value) => value.fmt(f),
            Token::Name(name) => name.fmt(f),
            Token::Symbol(symbol) => symbol.fmt(f),
        }
    }
}

/// Longer symbols stand before their prefixes.
const SYMBOLS: [&str; 16] = [
    "==", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "(", ")", "[", "]", ",",
];

/// Deep enough for any spec, shallow enough for the stack.
const MAX_DEPTH: usize = 64;

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Parser<'a>, String> {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let length =
                |keep: fn(char) -> bool| text[at..].find(|c| !keep(c)).unwrap_or(text.len() - at);
            if c.is_whitespace() {
                at += c.len_utf8();
            } else if c.is_ascii_digit() {
                let digits = &text[at..at + length(|c| c.is_ascii_digit())];
                let value = digits
                    .parse()
                    .map_err(|_| format!("`{text}`: {digits} is too large"))?;
                tokens.push((at, Token::Integer(value)));
                at += digits.len();
            } else if c.is_ascii_alphabetic() || c == '_' {
                let name = &text[at..at + length(|c| c.is_ascii_alphanumeric() || c == '_')];
                tokens.push((at, Token::Name(name.to_owned())));
                at += name.len();
            } else if let Some(symbol) = SYMBOLS
                .into_iter()
                .find(|symbol| text[at..].starts_with(symbol))
            {
                tokens.push((at, Token::Symbol(symbol)));
                at += symbol.len();
            } else {
                return Err(format!("`{text}`: unexpected `{c}` at column {}", at + 1));
            }
        }
        Ok(Parser {
            text,
            tokens,
            at: 0,
            depth: 0,
        })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let found = self.peek() == Some(&Token::Symbol(symbol));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), String> {
        if self.take(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{symbol}`")))
        }
    }

    fn end(&mut self) -> Result<(), String> {
        if self.at == self.tokens.len() {
            Ok(())
        } else {
            Err(self.unexpected("the end"))
        }
    }

    fn unexpected(&self, wanted: &str) -> String {
        match self.tokens.get(self.at) {
            Some((column, token)) => {
                format!(
                    "`{}`: expected {wanted} at column {}, found `{token}`",
                    self.text,
                    column + 1
                )
            }
            None => format!("`{}`: expected {wanted} at its end", self.text),
        }
    }

    fn sum(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("an expression is nested deeper than {MAX_DEPTH}"));
        }
        let mut left = self.product()?;
        loop {
            let operator = if self.take("+") {
                Operator::Add
            } else if self.take("-") {
                Operator::Subtract
            } else {
                self.depth -= 1;
                return Ok(left);
            };
            left = Expression::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expression, String> {
        let mut left = self.atom()?;
        loop {
            let operator = if self.take("*") {
                Operator::Multiply
            } else if self.take("/") {
                Operator::Divide
            } else {
                return Ok(left);
            };
            left = Expression::Binary(operator, Box::new(left), Box::new(self.atom()?));
        }
    }

    fn atom(&mut self) -> Result<Expression, String> {
        match self.peek().cloned() {
            Some(Token::Integer(value)) => {
                self.at += 1;
                Ok(Expression::Integer(value))
            }
            Some(Token::Symbol("(")) => {
                self.at += 1;
                let inside = self.sum()?;
                self.expect(")")?;
                Ok(inside)
            }
            Some(Token::Name(name)) => {
                self.at += 1;
                if self.take("(") {
                    self.call(name)
                } else if self.take("[") {
                    self.indexed(name)
                } else {
                    Ok(Expression::Name {
                        name,
                        index: Vec::new(),
                    })
                }
            }
            _ => Err(self.unexpected("a number, a name or `(`")),
        }
    }

    fn indexed(&mut self, name: String) -> Result<Expression, String> {
        if self.take("]") {
            return Ok(Expression::All(name));
        }
        let mut index = vec![self.sum()?];
        while self.take(",") {
            index.push(self.sum()?);
        }
        self.expect("]")?;
        Ok(Expression::Name { name, index })
    }

    fn call(&mut self, name: String) -> Result<Expression, String> {
        let (mut arguments, mut named) = (Vec::new(), Vec::new());
        if self.take(")") {
            return Ok(Expression::Call {
                name,
                arguments,
                named,
            });
        }
        loop {
            let argument = self.sum()?;
            match argument {
                Expression::Name { name, index } if index.is_empty() && self.take("=") => {
                    named.push((name, self.sum()?))
                }
                other => arguments.push(other),
            }
            if !self.take(",") {
                self.expect(")")?;
                return Ok(Expression::Call {
                    name,
                    arguments,
                    named,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Expression {
        Expression::Name {
            name: name.to_owned(),
            index: Vec::new(),
        }
    }

    #[test]
    fn products_bind_closer_than_sums() {
        let parsed = Expression::parse("2 * trunk - 1").unwrap();
        let product = Expression::Binary(
            Operator::Multiply,
            Box::new(Expression::Integer(2)),
            Box::new(name("trunk")),
        );
        assert_eq!(
            parsed,
            Expression::Binary(
                Operator::Subtract,
                Box::new(product),
                Box::new(Expression::Integer(1))
            )
        );
    }

    #[test]
    fn calls_take_named_arguments() {
        let parsed = Expression::parse("values(resolution, head = atac)").unwrap();
        assert_eq!(
            parsed,
            Expression::Call {
                name: "values".to_owned(),
                arguments: vec![name("resolution")],
                named: vec![("head".to_owned(), name("atac"))],
            }
        );
    }

    #[test]
    fn substitution_reaches_into_an_index() {
        let parsed = Expression::parse("c[i + 1] * w").unwrap();
        let replaced = parsed.substitute(&|n| (n == "i").then(|| Expression::Integer(4)));
        assert_eq!(replaced, Expression::parse("c[4 + 1] * w").unwrap());
    }

    #[test]
    fn mistakes_name_their_column() {
        assert_eq!(
            Expression::parse("2 *").unwrap_err(),
            "`2 *`: expected a number, a name or `(` at its end"
        );
        assert_eq!(
            Expression::parse("a b").unwrap_err(),
            "`a b`: expected the end at column 3, found `b`"
        );
        assert_eq!(
            Expression::parse("a ? b").unwrap_err(),
            "`a ? b`: unexpected `?` at column 3"
        );
        assert!(Expression::parse("99999999999999999999").is_err());
        assert!(Expression::parse(&"(".repeat(10_000)).is_err());
        assert!(Check::parse("a + b").is_err());
    }
}
