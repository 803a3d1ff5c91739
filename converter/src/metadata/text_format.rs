//! A reader of protobuf's text format, led by the messages that are expected.
//!
//! There is no tree in between: a message's reader names its fields and takes each value as it comes. So memory stays at
//! what the messages themselves need, every error knows its line, and recursion goes as deep as the messages are declared,
//! however deep the text nests.

mod scalar;

use super::error::Fault;
use super::lexer::{Lexer, Token};

/// A field that a message may have.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// Whether it may come more than once.
    pub(super) repeated: bool,
    /// The `oneof` that it belongs to: only one of its fields may be given.
    pub(super) oneof: Option<&'static str>,
}

impl Field {
    /// A field that may come once.
    pub(super) const fn singular(name: &'static str) -> Self {
        Self {
            name,
            repeated: false,
            oneof: None,
        }
    }

    /// A field that may come any number of times, or as a list.
    pub(super) const fn repeated(name: &'static str) -> Self {
        Self {
            name,
            repeated: true,
            oneof: None,
        }
    }

    /// One of the fields of a `oneof`.
    pub(super) const fn of(oneof: &'static str, name: &'static str) -> Self {
        Self {
            name,
            repeated: false,
            oneof: Some(oneof),
        }
    }
}

/// Reads values from a text.
pub(super) struct Reader<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first token.
    pub(super) fn new(text: &'a str) -> Result<Self, Fault> {
        let mut lexer = Lexer::new(text);
        let (token, offset) = lexer.next()?;
        Ok(Self {
            lexer,
            token,
            offset,
        })
    }

    /// Byte offset of the next token, to report a problem there later.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// A problem at a byte offset.
    pub(super) fn fault_at(&self, offset: usize, problem: impl Into<String>) -> Fault {
        Fault::new(self.lexer.position(offset), problem)
    }

    fn fault(&self, problem: impl Into<String>) -> Fault {
        self.fault_at(self.offset, problem)
    }

    fn expected(&self, what: &str) -> Fault {
        self.fault(format!("expected {what}, found {}", self.token.describe()))
    }

    fn advance(&mut self) -> Result<Token<'a>, Fault> {
        let (token, offset) = self.lexer.next()?;
        self.offset = offset;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn skip(&mut self, symbol: char) -> Result<bool, Fault> {
        let found = self.token == Token::Symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Reads the whole text as one message.
    pub(super) fn document(
        &mut self,
        message: &str,
        fields: &[Field],
        read: &mut dyn FnMut(&mut Self, &'static str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.fields(message, fields, None, read)
    }

    /// Reads a message in braces or angle brackets, with an optional colon before.
    pub(super) fn message(
        &mut self,
        message: &str,
        fields: &[Field],
        read: &mut dyn FnMut(&mut Self, &'static str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.skip(':')?;
        let close = match self.token {
            Token::Symbol('{') => '}',
            Token::Symbol('<') => '>',
            _ => return Err(self.expected(&format!("`{{` of a {message}"))),
        };
        let open = self.offset;
        self.advance()?;
        self.fields(message, fields, Some((close, open)), read)
    }

    /// Reads one value of a repeated field, or a list of them in square brackets.
    pub(super) fn each(
        &mut self,
        read: &mut dyn FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.skip(':')?;
        if !self.skip('[')? {
            return read(self);
        }
        if self.skip(']')? {
            return Ok(());
        }
        loop {
            read(self)?;
            if self.skip(']')? {
                return Ok(());
            }
            if !self.skip(',')? {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    /// Reads fields up to `close` or the end of the text. `open` is where the message starts.
    fn fields(
        &mut self,
        message: &str,
        fields: &[Field],
        close: Option<(char, usize)>,
        read: &mut dyn FnMut(&mut Self, &'static str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut seen: Vec<&Field> = Vec::new();
        loop {
            match (&self.token, close) {
                (Token::End, None) => return Ok(()),
                (Token::End, Some((symbol, open))) => {
                    return Err(self.fault_at(
                        open,
                        format!(
                            "this {message} is never closed: the file ends before its `{symbol}`"
                        ),
                    ));
                }
                (Token::Symbol(symbol), Some((wanted, _))) if *symbol == wanted => {
                    self.advance()?;
                    return Ok(());
                }
                _ => {}
            }
            let field = self.field_name(message, fields)?;
            if let Some(earlier) = seen.iter().find(|earlier| conflict(earlier, field)) {
                let problem = if earlier.name == field.name {
                    format!("`{}` is given twice in one {message}", field.name)
                } else {
                    format!(
                        "`{}` and `{}` exclude each other in a {message}",
                        earlier.name, field.name
                    )
                };
                return Err(self.fault(problem));
            }
            seen.retain(|earlier| earlier.name != field.name);
            seen.push(field);
            self.advance()?;
            read(self, field.name)?;
            if !self.skip(',')? {
                self.skip(';')?;
            }
        }
    }

    fn field_name<'f>(&self, message: &str, fields: &'f [Field]) -> Result<&'f Field, Fault> {
        let Token::Identifier(name) = self.token else {
            return Err(self.expected(&format!("a field of {message}")));
        };
        fields
            .iter()
            .find(|field| field.name == name)
            .ok_or_else(|| {
                let known = fields.iter().map(|field| field.name);
                self.fault(format!(
                    "unknown field `{name}` in {message}{}",
                    suggestion(name, known)
                ))
            })
    }
}

/// Whether `field` may not come after `earlier`.
fn conflict(earlier: &Field, field: &Field) -> bool {
    let same = earlier.name == field.name && !field.repeated;
    same || (field.oneof.is_some() && earlier.oneof == field.oneof)
}

/// `; did you mean ...?` with the nearest known name, or the list of them when none is near.
fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let nearest = known
        .clone()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((similarity, candidate)) if similarity > 0.7 => {
            format!("; did you mean `{candidate}`?")
        }
        _ => format!("; known are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests;
