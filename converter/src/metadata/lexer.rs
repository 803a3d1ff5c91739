//! Tokens of the protobuf text format.
//!
//! Follows the [language specification](https://protobuf.dev/reference/protobuf/textformat-spec/): identifiers, numbers,
//! quoted strings with escapes, symbols, and `#` comments to the end of the line.

use super::error::{Fault, Position};

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A field name, an enum value, `true`, `inf`...
    Identifier(&'a str),
    /// The characters of a number, without its sign; not yet checked.
    Number(&'a str),
    /// One quoted string, escapes resolved. Bytes, because an escape may make any byte.
    String(Vec<u8>),
    /// A single character with a meaning of its own.
    Symbol(char),
    /// The end of the text.
    End,
}

impl Token<'_> {
    /// The token as an error message names it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Identifier(name) => format!("`{name}`"),
            Self::Number(digits) => format!("`{digits}`"),
            Self::String(_) => "a string".to_owned(),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end of the file".to_owned(),
        }
    }
}

/// Cuts a text into tokens.
pub(super) struct Lexer<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    /// Line and column of a byte offset.
    pub(super) fn position(&self, offset: usize) -> Position {
        Position::of(self.text, offset)
    }

    /// The next token and the byte offset at which it starts.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize), Fault> {
        self.skip_blanks();
        let start = self.offset;
        let Some(first) = self.rest().chars().next() else {
            return Ok((Token::End, start));
        };
        let token = match first {
            'a'..='z' | 'A'..='Z' | '_' => Token::Identifier(self.take_while(is_word)),
            '0'..='9' | '.' => Token::Number(self.number()),
            '"' | '\'' => Token::String(self.quoted(first)?),
            '{' | '}' | '<' | '>' | '[' | ']' | ':' | ',' | ';' | '-' | '/' => {
                self.offset += 1;
                Token::Symbol(first)
            }
            other => {
                return Err(self.fault(start, format!("unexpected character {other:?}")));
            }
        };
        Ok((token, start))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn fault(&self, offset: usize, problem: String) -> Fault {
        Fault::new(self.position(offset), problem)
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}'));
            if !self.rest().starts_with('#') {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.offset += length;
        &rest[..length]
    }

    /// Everything that looks like part of the number, so that `12abc` is one bad number and not two tokens. A sign belongs
    /// to it only behind a decimal exponent.
    fn number(&mut self) -> &'a str {
        let rest = self.rest();
        let hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
        let mut previous = ' ';
        let length = rest
            .find(|c: char| {
                let exponent_sign =
                    matches!(c, '+' | '-') && matches!(previous, 'e' | 'E') && !hexadecimal;
                previous = c;
                !(is_word(c) || c == '.' || exponent_sign)
            })
            .unwrap_or(rest.len());
        self.offset += length;
        &rest[..length]
    }

    fn quoted(&mut self, quote: char) -> Result<Vec<u8>, Fault> {
        let start = self.offset;
        self.offset += 1;
        let mut bytes = Vec::new();
        loop {
            let at = self.offset;
            let Some(c) = self.rest().chars().next() else {
                return Err(self.fault(start, "this string is never closed".to_owned()));
            };
            self.offset += c.len_utf8();
            match c {
                _ if c == quote => return Ok(bytes),
                '\n' => {
                    return Err(
                        self.fault(start, "this string is not closed on its line".to_owned())
                    );
                }
                '\0' => {
                    return Err(
                        self.fault(at, "a string may not hold a raw NUL; write \\0".to_owned())
                    );
                }
                '\\' => self.escape(at, &mut bytes)?,
                _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    /// Reads what follows a backslash at offset `start`.
    fn escape(&mut self, start: usize, bytes: &mut Vec<u8>) -> Result<(), Fault> {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else {
            return Err(self.fault(start, "the file ends within an escape".to_owned()));
        };
        self.offset += c.len_utf8();
        let byte = match c {
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 0x0b,
            '\\' | '\'' | '"' | '?' => c as u8,
            '0'..='7' => {
                self.offset -= 1;
                let value = self.digits(8, 3);
                u8::try_from(value)
                    .map_err(|_| self.fault(start, "an octal escape goes to \\377".to_owned()))?
            }
            'x' | 'X' => match self.digit_run(16, 2) {
                0 => {
                    return Err(
                        self.fault(start, "\\x needs one or two hexadecimal digits".to_owned())
                    );
                }
                _ => self.digits(16, 2) as u8,
            },
            'u' | 'U' => {
                let wanted = if c == 'u' { 4 } else { 8 };
                if self.digit_run(16, wanted) != wanted {
                    return Err(
                        self.fault(start, format!("\\{c} needs {wanted} hexadecimal digits"))
                    );
                }
                let code = self.digits(16, wanted);
                let character = char::from_u32(code).ok_or_else(|| {
                    self.fault(start, format!("U+{code:04X} is not a Unicode character"))
                })?;
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            other => return Err(self.fault(start, format!("unknown escape \\{other}"))),
        };
        bytes.push(byte);
        Ok(())
    }

    /// How many digits of `radix` come next, at most `limit`.
    fn digit_run(&self, radix: u32, limit: usize) -> usize {
        self.rest()
            .chars()
            .take(limit)
            .take_while(|c| c.is_digit(radix))
            .count()
    }

    /// Consumes up to `limit` digits; eight hexadecimal digits fill a `u32` exactly.
    fn digits(&mut self, radix: u32, limit: usize) -> u32 {
        let length = self.digit_run(radix, limit);
        let digits = &self.rest()[..length];
        self.offset += length;
        digits
            .chars()
            .filter_map(|c| c.to_digit(radix))
            .fold(0, |value, digit| value * radix + digit)
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        loop {
            match lexer.next()?.0 {
                Token::End => return Ok(tokens),
                token => tokens.push(token),
            }
        }
    }

    fn string(text: &str) -> Result<Vec<u8>, Fault> {
        match tokens(text)?.as_slice() {
            [Token::String(bytes)] => Ok(bytes.clone()),
            other => panic!("not one string: {other:?}"),
        }
    }

    #[test]
    fn cuts_identifiers_numbers_symbols_and_comments() {
        let found = tokens("a_1: -1.5e-3 # note } \"\n<0x1F>, inf;[07]").unwrap();
        let expected = [
            Token::Identifier("a_1"),
            Token::Symbol(':'),
            Token::Symbol('-'),
            Token::Number("1.5e-3"),
            Token::Symbol('<'),
            Token::Number("0x1F"),
            Token::Symbol('>'),
            Token::Symbol(','),
            Token::Identifier("inf"),
            Token::Symbol(';'),
            Token::Symbol('['),
            Token::Number("07"),
            Token::Symbol(']'),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn resolves_every_escape() {
        assert_eq!(
            string(r#""\a\b\f\n\r\t\v\\\'\"\?""#).unwrap(),
            b"\x07\x08\x0c\n\r\t\x0b\\'\"?"
        );
        assert_eq!(string(r#"'\101\60\7z\x41\X4z'"#).unwrap(), b"A0\x07zA\x04z");
        assert_eq!(string(r#""\u00e9\U0001F9EC""#).unwrap(), "é🧬".as_bytes());
        assert_eq!(
            string("'Peyer\\'s \"patch\"'").unwrap(),
            b"Peyer's \"patch\""
        );
    }

    #[test]
    fn refuses_bad_escapes_and_open_strings() {
        for (text, problem) in [
            (r#""\q""#, "unknown escape"),
            (r#""\400""#, "\\377"),
            (r#""\xg""#, "hexadecimal"),
            (r#""\u12""#, "4 hexadecimal"),
            (r#""\ud800""#, "not a Unicode"),
            (r#""\UFFFFFFFF""#, "not a Unicode"),
            ("\"open", "never closed"),
            ("\"open\n\"", "not closed on its line"),
            ("\"open\\", "ends within an escape"),
            ("\"\0\"", "NUL"),
            ("é", "unexpected character"),
        ] {
            let fault = tokens(text).expect_err(text);
            assert!(fault.problem.contains(problem), "{text}: {}", fault.problem);
        }
    }
}
