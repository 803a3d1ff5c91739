//! Which leaf plays which part: matching addresses with the spec's patterns.

mod address;
mod foreign;
mod repetitions;

use std::collections::{BTreeMap, BTreeSet};

use super::{dimensions::Seen, violation::Violation};
use crate::{
    checkpoint::{Leaf, Other},
    spec::{
        Spec,
        pattern::{Captures, describe},
    },
    text::nearest,
};

use address::{address, expected};
use foreign::{first_key, foreign};
use repetitions::{counts, repetitions};

/// One application of a rule.
#[derive(Debug)]
pub(super) struct Unit {
    /// The block's number.
    pub block: usize,
    /// The rule's number in its block.
    pub rule: usize,
    /// The captures.
    pub captures: Captures,
    /// The leaves, in order; none if one is missing.
    pub sources: Vec<usize>,
}

/// A leaf in its part.
#[derive(Debug)]
pub(super) struct Part {
    pub leaf: usize,
    pub block: usize,
    pub rule: usize,
    pub source: usize,
    pub captures: Captures,
}

/// How a spec's patterns and a checkpoint's leaves meet.
#[derive(Debug, Default)]
pub(super) struct Matching {
    /// The addresses of the leaves; empty for those outside every collection.
    pub addresses: Vec<String>,
    /// Every leaf in its part.
    pub parts: Vec<Part>,
    /// The leaves that are left out on purpose.
    pub ignored: Vec<usize>,
    /// The captures of every repetition.
    pub seen: Seen,
    /// The rules' applications.
    pub units: Vec<Unit>,
    /// The tree is not the one that the spec is for, which has been said.
    pub foreign: bool,
}

impl Matching {
    pub(super) fn new(
        spec: &Spec,
        leaves: &[Leaf],
        others: &[Other],
        violations: &mut Vec<Violation>,
    ) -> Matching {
        let mut matching = Matching::default();
        let mut unused = Vec::new();
        let mut taken = BTreeSet::new();
        let mut outside: Vec<(String, Vec<&Leaf>)> = Vec::new();
        let mut found = Vec::new();
        for (number, leaf) in leaves.iter().enumerate() {
            let Some(address) = address(spec, &leaf.path) else {
                let under = first_key(leaf);
                match outside.iter_mut().find(|(key, _)| *key == under) {
                    Some((_, leaves)) => leaves.push(leaf),
                    None => outside.push((under, vec![leaf])),
                }
                matching.addresses.push(String::new());
                continue;
            };
            if !taken.insert(address.clone()) {
                found.push(Violation::SameAddress {
                    address: address.clone(),
                });
            }
            let parts = parts_of(spec, number, &address);
            let ignored = spec
                .ignore
                .iter()
                .find(|pattern| pattern.matches(&address).is_some());
            match (parts.len(), ignored) {
                (0, None) => unused.push(address.clone()),
                (0, Some(_)) => matching.ignored.push(number),
                (1, None) => {}
                (_, ignored) => {
                    let rule = |part: &Part| {
                        format!("`{}`", spec.blocks[part.block].rules[part.rule].label)
                    };
                    let ignored = ignored.map(|pattern| format!("`ignore` (`{}`)", pattern.text()));
                    let rules = parts.iter().map(rule).chain(ignored).collect();
                    found.push(Violation::LeafUsedTwice {
                        leaf: address.clone(),
                        rules,
                    });
                }
            }
            matching
                .seen
                .extend(parts.iter().map(|part| part.captures.clone()));
            matching.parts.extend(parts);
            matching.addresses.push(address);
        }
        if matching.parts.is_empty() && matching.ignored.is_empty() && !leaves.is_empty() {
            matching.foreign = true;
            violations.push(foreign(spec, leaves));
            return matching;
        }
        violations.extend(
            outside
                .iter()
                .map(|(under, leaves)| Violation::NoCollection {
                    leaf: leaves[0].name.clone(),
                    under: under.clone(),
                    leaves: leaves.len(),
                    expected: expected(spec),
                }),
        );
        violations.extend(found);
        let mut missing = matching.apply_rules(spec, leaves.len(), violations);
        for other in others {
            let Some(address) = address(spec, &other.path) else {
                continue;
            };
            if let Some(part) = parts_of(spec, usize::MAX, &address).first() {
                missing.retain(|(missing, _)| *missing != address);
                violations.push(Violation::Unreadable {
                    leaf: address,
                    what: other.what.clone(),
                    rule: spec.blocks[part.block].rules[part.rule].label.clone(),
                });
            }
        }
        matching.name_empty_collections(spec, &mut missing, violations);
        matching.complain(spec, unused, missing, violations);
        matching
    }

    /// Applies every rule to every repetition of its block; returns addresses that are missing, with their rules.
    fn apply_rules(
        &mut self,
        spec: &Spec,
        leaves: usize,
        violations: &mut Vec<Violation>,
    ) -> Vec<(String, String)> {
        let mut by_place: BTreeMap<(usize, usize, usize, &Captures), usize> = BTreeMap::new();
        for part in &self.parts {
            by_place
                .entry((part.block, part.rule, part.source, &part.captures))
                .or_insert(part.leaf);
        }
        let counts = counts(spec, &self.seen, leaves, violations);
        let mut units = Vec::new();
        let mut missing = Vec::new();
        for (block_number, block) in spec.blocks.iter().enumerate() {
            let observed: BTreeSet<&Captures> = self
                .parts
                .iter()
                .filter(|part| part.block == block_number)
                .map(|part| &part.captures)
                .collect();
            let repetitions = repetitions(block, observed, &counts);
            if repetitions.is_empty() && !block.optional {
                let first = block.rules.first().and_then(|rule| rule.sources.first());
                let pattern =
                    first.map_or(String::new(), |source| source.pattern.text().to_owned());
                violations.push(Violation::MissingBlock {
                    block: block.name.clone(),
                    pattern,
                });
            }
            for (rule_number, rule) in block.rules.iter().enumerate() {
                for captures in &repetitions {
                    let found = rule.sources.iter().enumerate().map(|(source, expected)| {
                        let key = (block_number, rule_number, source, captures);
                        let leaf = by_place.get(&key).copied();
                        if leaf.is_none() {
                            missing.push((expected.pattern.render(captures), rule.label.clone()));
                        }
                        leaf
                    });
                    let found: Vec<Option<usize>> = found.collect();
                    let sources = found.into_iter().collect::<Option<Vec<_>>>();
                    units.push(Unit {
                        block: block_number,
                        rule: rule_number,
                        captures: captures.clone(),
                        sources: sources.unwrap_or_default(),
                    });
                }
            }
        }
        self.units = units;
        missing
    }

    fn complain(
        &self,
        spec: &Spec,
        unused: Vec<String>,
        missing: Vec<(String, String)>,
        violations: &mut Vec<Violation>,
    ) {
        let patterns: Vec<&str> = spec
            .blocks
            .iter()
            .flat_map(|block| &block.rules)
            .flat_map(|rule| &rule.sources)
            .map(|source| source.pattern.text())
            .collect();
        for leaf in &unused {
            let waited_for = missing.iter().map(|(address, _)| address.as_str());
            let near =
                nearest(leaf, waited_for).or_else(|| nearest(leaf, patterns.iter().copied()));
            violations.push(Violation::UnusedLeaf {
                leaf: leaf.clone(),
                nearest: near.map(str::to_owned),
            });
        }
        for (leaf, rule) in missing {
            let near = nearest(&leaf, unused.iter().map(String::as_str)).map(str::to_owned);
            violations.push(Violation::MissingLeaf {
                leaf,
                rule,
                nearest: near,
            });
        }
    }

    /// What messages call an application of a rule.
    pub(super) fn place(captures: &Captures) -> String {
        if captures.is_empty() {
            String::new()
        } else {
            format!(" at {}", describe(captures))
        }
    }
}

/// The parts that a leaf of this address can play.
fn parts_of(spec: &Spec, leaf: usize, address: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for (block, entry) in spec.blocks.iter().enumerate() {
        for (rule, entry) in entry.rules.iter().enumerate() {
            for (source, entry) in entry.sources.iter().enumerate() {
                if let Some(captures) = entry.pattern.matches(address) {
                    parts.push(Part {
                        leaf,
                        block,
                        rule,
                        source,
                        captures,
                    });
                }
            }
        }
    }
    parts
}
