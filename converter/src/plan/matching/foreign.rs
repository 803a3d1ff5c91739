//! Trees that are not the one that a spec is for, in one sentence instead of a line a leaf.

use orbax::display_path;

use super::{Matching, address::expected};
use crate::{checkpoint::Leaf, plan::Violation, spec::Spec};

/// The first key of a leaf's path.
pub(super) fn first_key(leaf: &Leaf) -> String {
    display_path(&leaf.path[..leaf.path.len().min(1)])
}

/// What a tree starts with of which no rule reads anything, and what the spec expects.
pub(super) fn foreign(spec: &Spec, leaves: &[Leaf]) -> Violation {
    /// First keys that are named.
    const NAMED: usize = 4;
    let mut starts: Vec<String> = leaves.iter().map(first_key).collect();
    starts.sort();
    starts.dedup();
    let more = starts.len().saturating_sub(NAMED);
    starts.truncate(NAMED);
    let mut starts = starts.join(", ");
    if more > 0 {
        starts.push_str(&format!(" and {more} more"));
    }
    let rules = spec.blocks.iter().flat_map(|block| &block.rules);
    let such = rules.flat_map(|rule| &rule.sources).next();
    Violation::Foreign {
        leaves: leaves.len(),
        starts,
        first: display_path(&leaves[0].path),
        expected: expected(spec),
        such: such.map_or(String::new(), |source| source.pattern.text().to_owned()),
    }
}

impl Matching {
    /// Says once that a whole collection is not there, instead of what lacks in each module.
    pub(super) fn name_empty_collections(
        &self,
        spec: &Spec,
        missing: &mut Vec<(String, String)>,
        violations: &mut Vec<Violation>,
    ) {
        for collection in spec.collections.keys() {
            let of = |address: &str| {
                let rest = address.strip_prefix(collection.as_str());
                rest.is_some_and(|rest| rest.starts_with(':'))
            };
            let lacking = missing.iter().filter(|(address, _)| of(address)).count();
            if lacking < 2 || self.addresses.iter().any(|address| of(address)) {
                continue;
            }
            missing.retain(|(address, _)| !of(address));
            violations.retain(|violation| {
                !matches!(violation, Violation::MissingBlock { pattern, .. } if of(pattern))
            });
            violations.push(Violation::NoLeaf {
                collection: collection.clone(),
                missing: lacking,
                expected: expected(spec),
            });
        }
    }
}
