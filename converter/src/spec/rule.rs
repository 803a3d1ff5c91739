//! The rules of a spec: what one tensor entry says, with its module's type filled in.

use std::collections::BTreeSet;

use super::{
    expression::Expression,
    pattern::{Pattern, Template},
    step::Step,
};

/// One axis of an expected shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Axis {
    /// Any number of axes of length one: `1...`.
    Ones,
    /// A length.
    Length(Expression),
}

/// A leaf that a rule reads.
#[derive(Clone, Debug)]
pub struct Source {
    /// Pattern of its address, `collection:module/name`.
    pub pattern: Pattern,
    /// Its expected shape.
    pub shape: Vec<Axis>,
}

/// The name of a tensor that a rule writes.
#[derive(Clone, Debug)]
pub enum Target {
    /// A template filled in with the captures.
    Template(Template),
    /// The path that the source's module matched, spelt as in the source, and a name.
    Like {
        /// Pattern of the module's path behind the source's root.
        module: Pattern,
        /// What stands before it.
        prefix: String,
        /// Template of the name behind it.
        name: Template,
        /// What stands between the parts of the name.
        separator: String,
    },
}

/// From leaves to tensors, once for every repetition of its block.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What messages call it.
    pub label: String,
    /// The leaves.
    pub sources: Vec<Source>,
    /// The tensors.
    pub targets: Vec<Target>,
    /// What happens in between; `None` if the spec's transforms are wrong.
    pub chain: Option<Vec<Step>>,
}

/// Modules that stand or fall together.
#[derive(Clone, Debug)]
pub struct Block {
    /// What messages call it.
    pub name: String,
    /// Whether a checkpoint may do without it.
    pub optional: bool,
    /// The names of its captures.
    pub captures: BTreeSet<String>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// Joins parts of a name with `separator`, leaving out empty ones.
pub fn join_name(parts: &[&str], separator: &str) -> String {
    let parts = parts
        .iter()
        .map(|part| part.trim_matches('/'))
        .filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(separator)
}
