//! Patterns over addresses, with captures, and templates of target names.

use std::{collections::BTreeMap, fmt};

/// What a capture stood for: the number of a repeated module, or a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Index {
    /// A number: captured by the kinds `int`, `index` and `instance`.
    Number(i64),
    /// A text: captured by the kinds `text`, `path` and a list of names.
    Text(String),
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Index::Number(number) => number.fmt(f),
            Index::Text(text) => text.fmt(f),
        }
    }
}

/// The captures of one match, by name.
pub type Captures = BTreeMap<String, Index>;

/// Writes captures as `layer=3, head=atac`.
pub fn describe(captures: &Captures) -> String {
    let pairs: Vec<String> = captures
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(", ")
}

/// What a capture may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One or more characters other than `/`.
    Text,
    /// One or more characters.
    Path,
    /// A decimal number without leading zeros.
    Integer,
    /// A decimal number that counts from 0 without gaps.
    Index,
    /// Haiku's counter of modules of one name: nothing for the first, `_1` for the second. Counts without gaps.
    Instance,
    /// One of these names.
    OneOf(Vec<String>),
}

impl Kind {
    /// The kind of that name in a spec.
    pub fn by_name(name: &str) -> Option<Kind> {
        Some(match name {
            "text" => Kind::Text,
            "path" => Kind::Path,
            "int" => Kind::Integer,
            "index" => Kind::Index,
            "instance" => Kind::Instance,
            _ => return None,
        })
    }

    /// Whether the captured numbers must run from 0 without gaps.
    pub fn counts(&self) -> bool {
        matches!(self, Kind::Index | Kind::Instance)
    }

    /// Spells a value the way the source does.
    fn spell(&self, value: &Index) -> String {
        match (self, value) {
            (Kind::Instance, Index::Number(0)) => String::new(),
            (Kind::Instance, Index::Number(number)) => format!("_{number}"),
            _ => value.to_string(),
        }
    }

    /// Every way to read the start of `input`, longest first: bytes taken, and the value.
    fn candidates(&self, input: &str) -> Vec<(usize, Index)> {
        let number_at = |start: usize| -> Option<(usize, Index)> {
            let digits = input
                .get(start..)?
                .bytes()
                .take_while(u8::is_ascii_digit)
                .count();
            let text = &input[start..start + digits];
            let canonical = digits == 1 || !text.starts_with('0');
            Some((
                start + digits,
                Index::Number(text.parse().ok().filter(|_| canonical)?),
            ))
        };
        match self {
            Kind::Text => lengths(input, |c| c != '/'),
            Kind::Path => lengths(input, |_| true),
            Kind::Integer | Kind::Index => number_at(0).into_iter().collect(),
            Kind::Instance => {
                let numbered = if input.starts_with('_') {
                    number_at(1)
                } else {
                    None
                };
                let numbered = numbered.filter(|(_, value)| *value > Index::Number(0));
                numbered
                    .into_iter()
                    .chain([(0, Index::Number(0))])
                    .collect()
            }
            Kind::OneOf(names) => {
                let mut found: Vec<_> = names
                    .iter()
                    .filter(|name| input.starts_with(name.as_str()))
                    .map(|name| (name.len(), Index::Text(name.clone())))
                    .collect();
                found.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
                found
            }
        }
    }
}

/// The prefixes of `input` whose characters are all `allowed`, longest first.
fn lengths(input: &str, allowed: impl Fn(char) -> bool) -> Vec<(usize, Index)> {
    let mut ends: Vec<usize> = input
        .char_indices()
        .take_while(|(_, c)| allowed(*c))
        .map(|(at, c)| at + c.len_utf8())
        .collect();
    ends.reverse();
    ends.into_iter()
        .map(|end| (end, Index::Text(input[..end].to_owned())))
        .collect()
}

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
                Piece::Literal(literal) => Part::Literal(literal.to_owned()),
                Piece::Capture(inside) => {
                    let (name, kind) = match inside.split_once(':') {
                        Some((name, kind)) => (name, Kind::by_name(kind)),
                        None => (inside, kinds.get(inside).cloned()),
                    };
                    let Some(kind) = kind else {
                        return Err(format!(
                            "capture {{{inside}}} has no kind: declare it under [captures] or write one of text, path, \
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

/// The name of a target: literal text with captures, which print as plain values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Says which brace is wrong.
    pub fn parse(text: &str) -> Result<Template, String> {
        pieces(text)?;
        Ok(Template(text.to_owned()))
    }

    /// Fills in the captures.
    ///
    /// # Errors
    /// Names the capture that has no value.
    pub fn render(&self, captures: &Captures) -> Result<String, String> {
        let mut out = String::new();
        for piece in pieces(&self.0)? {
            match piece {
                Piece::Literal(literal) => out.push_str(literal),
                Piece::Capture(name) => match captures.get(name) {
                    Some(value) => out.push_str(&value.to_string()),
                    None => {
                        return Err(format!(
                            "target `{}` uses {{{name}}}, which its source does not capture",
                            self.0
                        ));
                    }
                },
            }
        }
        Ok(out)
    }
}

enum Piece<'a> {
    Literal(&'a str),
    Capture(&'a str),
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let open = rest.find('{').unwrap_or(rest.len());
        if rest[..open].contains('}') {
            return Err(format!("`{text}` closes a brace that it never opened"));
        }
        if open > 0 {
            pieces.push(Piece::Literal(&rest[..open]));
        }
        if open == rest.len() {
            break;
        }
        let Some(length) = rest[open..].find('}') else {
            return Err(format!("`{text}` opens a brace that it never closes"));
        };
        let inside = &rest[open + 1..open + length];
        let name = inside.split(':').next().unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!(
                "`{text}` has a capture without a proper name: {{{inside}}}"
            ));
        }
        pieces.push(Piece::Capture(inside));
        rest = &rest[open + length + 1..];
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> BTreeMap<String, Kind> {
        BTreeMap::from([
            ("layer".to_owned(), Kind::Instance),
            ("stage".to_owned(), Kind::Index),
            (
                "head".to_owned(),
                Kind::OneOf(vec!["chip".to_owned(), "chip_tf".to_owned()]),
            ),
        ])
    }

    fn matched(pattern: &str, input: &str) -> Option<String> {
        Pattern::parse(pattern, &kinds())
            .unwrap()
            .matches(input)
            .map(|captures| describe(&captures))
    }

    #[test]
    fn instances_count_as_haiku_does() {
        assert_eq!(matched("p:mha{layer}/w", "p:mha/w").unwrap(), "layer=0");
        assert_eq!(matched("p:mha{layer}/w", "p:mha_12/w").unwrap(), "layer=12");
        assert_eq!(matched("p:mha{layer}/w", "p:mha_0/w"), None);
        assert_eq!(matched("p:mha{layer}/w", "p:mha_01/w"), None);
        assert_eq!(matched("p:mha{layer}/w", "p:mha_x/w"), None);
    }

    #[test]
    fn one_of_prefers_the_longer_name() {
        assert_eq!(matched("{head}/w", "chip_tf/w").unwrap(), "head=chip_tf");
        assert_eq!(
            matched("{head}{layer}/w", "chip_2/w").unwrap(),
            "head=chip, layer=2"
        );
        assert_eq!(matched("{head}/w", "chip_x/w"), None);
    }

    #[test]
    fn text_stays_in_its_segment_and_path_does_not() {
        assert_eq!(matched("p:{a:text}/w", "p:x/y/w"), None);
        assert_eq!(matched("p:{a:path}/w", "p:x/y/w").unwrap(), "a=x/y");
        assert_eq!(matched("{a:int}-{a:int}", "3-3").unwrap(), "a=3");
        assert_eq!(matched("{a:int}-{a:int}", "3-4"), None);
    }

    #[test]
    fn a_pattern_renders_what_it_matched() {
        let pattern = Pattern::parse("p:a{layer}/b_{stage}/w", &kinds()).unwrap();
        for input in ["p:a/b_0/w", "p:a_7/b_10/w"] {
            assert_eq!(pattern.render(&pattern.matches(input).unwrap()), input);
        }
    }

    #[test]
    fn bad_braces_and_kinds_are_refused() {
        for bad in ["a{", "a}", "{}", "{x y}", "{unknown}", "{x:nope}"] {
            assert!(Pattern::parse(bad, &kinds()).is_err(), "{bad}");
        }
    }
}
