//! Takes the module outputs that a recording holds, at the places that it kept.

use std::collections::BTreeMap;

use model::Taps;

use super::candidate::convert;
use crate::recording::Array;
use crate::sample::{at, choose};

/// Which module outputs are wanted, and at which places.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// Those of a recording, by tap name, with the kept indices.
    Listed(BTreeMap<String, BTreeMap<usize, Vec<usize>>>),
    /// All, sampled to about this many values; 0 keeps everything.
    All(usize),
    /// None.
    None,
}

/// Collects module outputs.
pub(super) struct Collected {
    wanted: Wanted,
    pub(super) arrays: BTreeMap<String, Array>,
}

impl Collected {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            arrays: BTreeMap::new(),
        }
    }
}

impl Taps for Collected {
    fn wants(&self, path: &str) -> bool {
        match &self.wanted {
            Wanted::Listed(listed) => listed.contains_key(&format!("taps/{path}")),
            Wanted::All(_) => true,
            Wanted::None => false,
        }
    }

    fn take(&mut self, path: &str, array: model::Array) {
        let name = format!("taps/{path}");
        let array = convert(array);
        let kept = match &self.wanted {
            Wanted::Listed(listed) => listed.get(&name).cloned().unwrap_or_default(),
            Wanted::All(0) | Wanted::None => BTreeMap::new(),
            // The attention bias is small; its first axes are no positions.
            Wanted::All(_) if path.contains("attention_bias") => BTreeMap::new(),
            Wanted::All(budget) => choose(&array.full_shape, *budget, 0),
        };
        self.arrays.insert(name, keep(array, &kept));
    }
}

/// The array at the kept indices, or whole where they do not fit its shape: the comparison then says so.
pub(super) fn keep(array: Array, kept: &BTreeMap<usize, Vec<usize>>) -> Array {
    let fits = kept.iter().all(|(&axis, indices)| {
        let length = array.full_shape.get(axis).copied().unwrap_or(0);
        indices.last().is_none_or(|&last| last < length)
    });
    if kept.is_empty() || !fits {
        return array;
    }
    Array {
        values: at(&array, kept).into_owned(),
        full_shape: array.full_shape.clone(),
        kept: kept.clone(),
    }
}
