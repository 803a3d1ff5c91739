//! Values that are no messages: strings, numbers, booleans and enums.

use super::super::error::Fault;
use super::super::lexer::Token;
use super::{Reader, suggestion};

impl Reader<'_> {
    fn scalar(&mut self) -> Result<(), Fault> {
        if self.skip(':')? {
            return Ok(());
        }
        Err(self.expected("`:`"))
    }

    /// Reads a string; adjacent ones are joined.
    pub(in crate::metadata) fn string(&mut self) -> Result<String, Fault> {
        self.scalar()?;
        let start = self.offset;
        let mut bytes = Vec::new();
        while let Token::String(_) = self.token {
            if let Token::String(part) = self.advance()? {
                bytes.extend(part);
            }
            if !matches!(self.token, Token::String(_)) {
                return String::from_utf8(bytes).map_err(|_| {
                    self.fault_at(start, "the escapes of this string make invalid UTF-8")
                });
            }
        }
        Err(self.expected("a string"))
    }

    /// Reads a 64-bit integer: decimal, `0x` hexadecimal or `0` octal.
    pub(in crate::metadata) fn integer(&mut self) -> Result<i64, Fault> {
        self.scalar()?;
        self.signed_integer()
    }

    fn signed_integer(&mut self) -> Result<i64, Fault> {
        let negative = self.skip('-')?;
        let Token::Number(digits) = self.token else {
            return Err(self.expected("an integer"));
        };
        let (radix, body) = match digits
            .strip_prefix("0x")
            .or_else(|| digits.strip_prefix("0X"))
        {
            Some(hexadecimal) => (16, hexadecimal),
            None if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
            None => (10, digits),
        };
        if body.is_empty() || !body.chars().all(|c| c.is_digit(radix)) {
            return Err(self.fault(format!("`{digits}` is not an integer")));
        }
        let value = i128::from_str_radix(body, radix)
            .map(|magnitude| if negative { -magnitude } else { magnitude })
            .ok()
            .and_then(|value| i64::try_from(value).ok())
            .ok_or_else(|| self.fault(format!("`{digits}` does not fit a 64-bit integer")))?;
        self.advance()?;
        Ok(value)
    }

    /// Reads a 32-bit float: a number, optionally with an `f` behind, `inf` or `nan`.
    pub(in crate::metadata) fn float(&mut self) -> Result<f32, Fault> {
        self.scalar()?;
        let negative = self.skip('-')?;
        let magnitude = match self.token {
            Token::Identifier(word) => match word.to_ascii_lowercase().as_str() {
                "inf" | "infinity" => f64::INFINITY,
                "nan" => f64::NAN,
                _ => return Err(self.expected("a number")),
            },
            Token::Number(digits) => self.magnitude(digits)?,
            _ => return Err(self.expected("a number")),
        };
        // By way of a double, as protobuf itself reads a float.
        let value = (if negative { -magnitude } else { magnitude }) as f32;
        if magnitude.is_finite() && value.is_infinite() {
            return Err(self.fault(format!(
                "{} is beyond a 32-bit float",
                self.token.describe()
            )));
        }
        self.advance()?;
        Ok(value)
    }

    fn magnitude(&self, digits: &str) -> Result<f64, Fault> {
        let body = digits.strip_suffix(['f', 'F']).unwrap_or(digits);
        let decimal = body
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
        match body.parse::<f64>() {
            Ok(value) if decimal && value.is_finite() => Ok(value),
            Ok(_) if decimal => Err(self.fault(format!("`{digits}` is beyond a 64-bit float"))),
            _ => Err(self.fault(format!("`{digits}` is not a number"))),
        }
    }

    /// Reads a boolean.
    pub(in crate::metadata) fn boolean(&mut self) -> Result<bool, Fault> {
        self.scalar()?;
        let value = match self.token {
            Token::Identifier("true" | "True" | "t") | Token::Number("1") => true,
            Token::Identifier("false" | "False" | "f") | Token::Number("0") => false,
            _ => return Err(self.expected("true or false")),
        };
        self.advance()?;
        Ok(value)
    }

    /// Reads a value of an enum, by name or by number, and gives what `values` has beside it.
    pub(in crate::metadata) fn choice<T: Copy>(
        &mut self,
        enumeration: &str,
        values: &[(&str, i64, T)],
    ) -> Result<T, Fault> {
        self.scalar()?;
        let offset = self.offset;
        if let Token::Identifier(name) = self.token {
            let found = values
                .iter()
                .find(|(known, ..)| *known == name)
                .ok_or_else(|| {
                    let known = values.iter().map(|(known, ..)| *known);
                    self.fault(format!(
                        "unknown {enumeration} `{name}`{}",
                        suggestion(name, known)
                    ))
                })?;
            self.advance()?;
            return Ok(found.2);
        }
        if !matches!(self.token, Token::Number(_) | Token::Symbol('-')) {
            return Err(self.expected(&format!("a name of {enumeration}")));
        }
        let number = self.signed_integer()?;
        let found = values.iter().find(|(_, known, _)| *known == number);
        found
            .map(|found| found.2)
            .ok_or_else(|| self.fault_at(offset, format!("{enumeration} has no value {number}")))
    }
}
