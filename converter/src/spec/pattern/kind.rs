//! What captures may stand for.

use std::{collections::BTreeMap, fmt};

/// What a capture stood for: the number of a repeated module, or a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Index {
    /// A number: captured by the kinds `int`, `index` and `instance`.
    Number(i64),
    /// A text: captured by the kind `path` and a list of names.
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
    pub(super) fn spell(&self, value: &Index) -> String {
        match (self, value) {
            (Kind::Instance, Index::Number(0)) => String::new(),
            (Kind::Instance, Index::Number(number)) => format!("_{number}"),
            _ => value.to_string(),
        }
    }

    /// Every way to read the start of `input`, longest first: bytes taken, and the value.
    pub(super) fn candidates(&self, input: &str) -> Vec<(usize, Index)> {
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
            Kind::Path => prefixes(input),
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

/// The prefixes of `input`, longest first.
fn prefixes(input: &str) -> Vec<(usize, Index)> {
    let ends = input.char_indices().map(|(at, c)| at + c.len_utf8());
    let prefix = |end| (end, Index::Text(input[..end].to_owned()));
    ends.rev().map(prefix).collect()
}
