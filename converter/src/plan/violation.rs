//! What is wrong between a spec and a checkpoint, all of it in one report.

use std::fmt;

use crate::tensor::Shape;

/// One disagreement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The spec itself is wrong.
    #[error("the spec is wrong: {0}")]
    Spec(String),
    /// A leaf that no rule reads.
    #[error("leaf `{leaf}` is neither used nor ignored{}", hint(.nearest))]
    UnusedLeaf {
        /// Its address.
        leaf: String,
        /// The address that a rule waits for and that looks alike.
        nearest: Option<String>,
    },
    /// A leaf that more than one rule reads.
    #[error("leaf `{leaf}` is used more than once: by {}", .rules.join(" and by "))]
    LeafUsedTwice {
        /// Its address.
        leaf: String,
        /// The rules.
        rules: Vec<String>,
    },
    /// Leaves outside every collection.
    #[error("{}", no_collection(.leaf, .under, *.leaves, .expected))]
    NoCollection {
        /// The name of the first in the checkpoint.
        leaf: String,
        /// The first key of all their paths.
        under: String,
        /// How many there are.
        leaves: usize,
        /// Where the collections are.
        expected: String,
    },
    /// A checkpoint none of whose leaves a rule reads.
    #[error(
        "no leaf is one that the spec reads: the tree has {leaves} leaves under {starts} (the first is {first}), but the spec \
         expects {expected}, with leaves such as `{such}`; give a spec for this tree with --spec (`convert spec` prints the \
         built-in one)"
    )]
    Foreign {
        /// How many leaves there are.
        leaves: usize,
        /// The first keys of the paths.
        starts: String,
        /// The path of the first leaf.
        first: String,
        /// Where the collections are.
        expected: String,
        /// The pattern of a leaf that a rule reads.
        such: String,
    },
    /// A collection without a leaf.
    #[error(
        "collection `{collection}` has no leaf, but rules need {missing} of it; the spec expects {expected}"
    )]
    NoLeaf {
        /// The collection.
        collection: String,
        /// How many leaves rules wait for.
        missing: usize,
        /// Where the collections are.
        expected: String,
    },
    /// A value that a rule reads and that is no array, or one of another type.
    #[error("leaf `{leaf}` is {what}, which cannot be converted, but `{rule}` needs it")]
    Unreadable {
        /// Its address.
        leaf: String,
        /// What it is.
        what: String,
        /// The rule.
        rule: String,
    },
    /// Two leaves with one address.
    #[error("two leaves have the address `{address}`")]
    SameAddress {
        /// The address.
        address: String,
    },
    /// A leaf that a rule waits for.
    #[error("leaf `{leaf}` is missing, which `{rule}` needs{}", hint(.nearest))]
    MissingLeaf {
        /// Its address.
        leaf: String,
        /// The rule.
        rule: String,
        /// The address of an unused leaf that looks alike.
        nearest: Option<String>,
    },
    /// A block that must be there and is not.
    #[error("block `{block}` is missing: no leaf matches `{pattern}`")]
    MissingBlock {
        /// Its name.
        block: String,
        /// The pattern of its first leaf.
        pattern: String,
    },
    /// Repetitions that do not count from zero without gaps.
    #[error("`{capture}` counts up to {largest}, but nothing has number {missing}")]
    Gap {
        /// The capture that counts.
        capture: String,
        /// The first number without a leaf.
        missing: i64,
        /// The largest number that has one.
        largest: i64,
    },
    /// A leaf of another shape than the rule expects.
    #[error("leaf `{leaf}` is {}, but the spec expects {expected}", Shape(.found))]
    WrongShape {
        /// The leaf's address.
        leaf: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: Vec<usize>,
    },
    /// A check that does not hold.
    #[error("a check does not hold: {text}")]
    Check {
        /// The check, and its sides' values.
        text: String,
    },
    /// A chain of transforms that does not fit.
    #[error("the transforms of `{rule}` do not fit: {reason}")]
    Transform {
        /// The rule.
        rule: String,
        /// Why.
        reason: String,
    },
    /// Two tensors of one name.
    #[error("tensor `{target}` is made more than once: by {}", .rules.join(" and by "))]
    DuplicateTarget {
        /// The name.
        target: String,
        /// The rules that make it.
        rules: Vec<String>,
    },
    /// A value of `config` that cannot be worked out.
    #[error("config value `{key}`: {reason}")]
    Config {
        /// Its key.
        key: String,
        /// Why.
        reason: String,
    },
}

fn no_collection(leaf: &str, under: &str, leaves: usize, expected: &str) -> String {
    match leaves {
        1 => format!("leaf `{leaf}` is in none of the spec's collections"),
        _ => format!(
            "{leaves} leaves under {under}, the first of them `{leaf}`, are in none of the spec's collections ({expected}); to \
             leave them out, make {under} a collection of the spec and `ignore` it"
        ),
    }
}

fn hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// All disagreements between a spec and a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Report {
    /// The spec's name.
    pub spec: String,
    /// At least one.
    pub violations: Vec<Violation>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = crate::text::counted(self.violations.len(), "place", "places");
        write!(
            f,
            "the checkpoint and the spec `{}` disagree in {count}:",
            self.spec
        )?;
        for violation in &self.violations {
            write!(f, "\n  - {violation}")?;
        }
        Ok(())
    }
}
