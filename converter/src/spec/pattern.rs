//! Patterns over addresses, with captures, and templates of target names.

mod kind;

use std::collections::BTreeMap;

pub use kind::{Captures, Index, Kind, describe};

use super::expression::Expression;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Capture { name: String, kind: Kind },
}

/// A pattern over addresses: literal text with captures such as `{layer}` or `{rest:path}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

impl Pattern {
    /// Parses a pattern; a capture without a kind of its own takes the one that `kinds` gives its name.
    ///
    /// # Errors
    /// Says which brace or capture is wrong.
    pub fn parse(text: &str, kinds: &BTreeMap<String, Kind>) -> Result<Pattern, String> {
        let mut parts = Vec::new();
        for piece in pieces(text)? {
            parts.push(match piece {
                Piece::Literal(literal) => Part::Literal(literal),
                Piece::Capture(inside) => {
                    let name = inside.split(':').next().unwrap_or_default();
                    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                        return Err(format!("`{text}` has a capture without a proper name: {{{inside}}}"));
                    }
                    let (name, kind) = match inside.split_once(':') {
                        Some((name, kind)) => (name, Kind::by_name(kind)),
                        None => (inside, kinds.get(inside).cloned()),
                    };
                    let Some(kind) = kind else {
                        return Err(format!(
                            "capture {{{inside}}} has no kind: declare it under [captures] or write one of path, \
                             int, index, instance behind a colon"
                        ));
                    };
                    Part::Capture { name: name.to_owned(), kind }
                }
            });
        }
        Ok(Pattern {
            text: text.to_owned(),
            parts,
        })
    }

    /// The captures if the whole of `input` matches.
    pub fn matches(&self, input: &str) -> Option<Captures> {
        let mut captures = Captures::new();
        match_parts(&self.parts, input, &mut captures).then_some(captures)
    }

    /// The address that these captures stand for; a capture that is absent stays in braces.
    pub fn render(&self, captures: &Captures) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => out.push_str(literal),
                Part::Capture { name, kind } => match captures.get(name) {
                    Some(value) => out.push_str(&kind.spell(value)),
                    None => out.push_str(&format!("{{{name}}}")),
                },
            }
        }
        out
    }

    /// The captures' names and kinds, in order of appearance.
    pub fn captures(&self) -> impl Iterator<Item = (&str, &Kind)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Capture { name, kind } => Some((name.as_str(), kind)),
        })
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn match_parts(parts: &[Part], input: &str, captures: &mut Captures) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return input.is_empty();
    };
    match first {
        Part::Literal(literal) => input
            .strip_prefix(literal.as_str())
            .is_some_and(|input| match_parts(rest, input, captures)),
        Part::Capture { name, kind } => {
            let bound = captures.get(name).cloned();
            for (length, value) in kind.candidates(input) {
                if bound.as_ref().is_some_and(|bound| *bound != value) {
                    continue;
                }
                captures.insert(name.clone(), value);
                if match_parts(rest, &input[length..], captures) {
                    return true;
                }
                if bound.is_none() {
                    captures.remove(name);
                }
            }
            false
        }
    }
}

/// The name of a target: literal text with captures, which print as plain values, and with arithmetic on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Result<String, Expression>>,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Says which brace or expression is wrong.
    pub fn parse(text: &str) -> Result<Template, String> {
        let part = |piece| match piece {
            Piece::Literal(literal) => Ok(Ok(literal)),
            Piece::Capture(inside) => Expression::parse(inside)
                .map(Err)
                .map_err(|reason| format!("target `{text}`: {reason}")),
        };
        Ok(Template {
            text: text.to_owned(),
            parts: pieces(text)?
                .into_iter()
                .map(part)
                .collect::<Result<_, String>>()?,
        })
    }

    /// Fills in the captures; `evaluate` works out what is more than a capture's name.
    ///
    /// # Errors
    /// Names the capture that has no value, or passes on what `evaluate` says.
    pub fn render(
        &self,
        captures: &Captures,
        evaluate: &impl Fn(&Expression) -> Result<i64, String>,
    ) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Ok(literal) => out.push_str(literal),
                Err(Expression::Name { name, index }) if index.is_empty() => {
                    let value = captures.get(name).ok_or_else(|| {
                        format!(
                            "target `{}` uses {{{name}}}, which its source does not capture",
                            self.text
                        )
                    })?;
                    out.push_str(&value.to_string());
                }
                Err(expression) => {
                    let value = evaluate(expression)
                        .map_err(|reason| format!("target `{}`: {reason}", self.text))?;
                    out.push_str(&value.to_string());
                }
            }
        }
        Ok(out)
    }
}

enum Piece<'a> {
    Literal(String),
    Capture(&'a str),
}

/// Takes a text apart at its captures. A brace that stands twice is a brace of the text itself.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        literal.push_str(&rest[..brace]);
        rest = &rest[brace..];
        if let Some(after) = ["{{", "}}"]
            .iter()
            .find_map(|twice| rest.strip_prefix(twice))
        {
            literal.push_str(&rest[..1]);
            rest = after;
            continue;
        }
        let Some(capture) = rest.strip_prefix('{') else {
            return Err(format!(
                "`{text}` closes a brace that it never opened; a brace of a key stands twice, `}}}}`"
            ));
        };
        let Some((inside, after)) = capture.split_once('}') else {
            return Err(format!(
                "`{text}` opens a brace that it never closes; a brace of a key stands twice, `{{{{`"
            ));
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Capture(inside));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests;
