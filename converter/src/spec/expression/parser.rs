//! Reads expressions: tokens, then recursive descent.

use std::fmt;

use super::{Expression, Operator};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
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

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Result<Parser<'a>, String> {
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

    pub(super) fn next(&mut self) -> Option<Token> {
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

    pub(super) fn end(&mut self) -> Result<(), String> {
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

    pub(super) fn sum(&mut self) -> Result<Expression, String> {
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
