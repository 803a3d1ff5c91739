//! Takes the module outputs that a recording holds, at the places that it kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{Known, Stage, Taps};

use super::candidate::convert;
use crate::recording::Array;
use crate::sample::{at, choose};

/// The kept indices of arrays, by name and axis.
pub(super) type Kept = BTreeMap<String, BTreeMap<usize, Vec<usize>>>;

/// Takes the module outputs of recordings that share a forward pass.
pub(super) struct Listed {
    /// By recording: the arrays that it holds.
    wanted: Vec<Kept>,
    /// By recording: what came.
    pub(super) arrays: Vec<BTreeMap<String, Array>>,
}

impl Listed {
    pub(super) fn new(wanted: Vec<Kept>) -> Self {
        let arrays = vec![BTreeMap::new(); wanted.len()];
        Self { wanted, arrays }
    }
}

impl Taps for Listed {
    fn wants(&self, path: &str) -> bool {
        let name = format!("taps/{path}");
        self.wanted.iter().any(|kept| kept.contains_key(&name))
    }

    fn take(&mut self, path: &str, array: model::Array) {
        let name = format!("taps/{path}");
        let array = convert(array);
        for (wanted, arrays) in self.wanted.iter().zip(&mut self.arrays) {
            if let Some(kept) = wanted.get(&name) {
                arrays.insert(name.clone(), keep(Cow::Borrowed(&array), kept));
            }
        }
    }
}

/// Takes all module outputs for a new recording.
pub(super) struct All {
    /// About how many values of each are kept; 0 keeps everything, nothing takes none.
    budget: Option<usize>,
    pub(super) arrays: BTreeMap<String, Array>,
}

impl All {
    pub(super) fn new(budget: Option<usize>) -> Self {
        Self {
            budget,
            arrays: BTreeMap::new(),
        }
    }
}

impl Taps for All {
    fn wants(&self, _path: &str) -> bool {
        self.budget.is_some()
    }

    fn take(&mut self, path: &str, array: model::Array) {
        let array = convert(array);
        let kept = match self.budget {
            // The attention bias is small; its first axes are no positions.
            _ if path.contains("attention_bias") => BTreeMap::new(),
            None | Some(0) => BTreeMap::new(),
            Some(budget) => choose(&array.full_shape, budget, 0),
        };
        let name = format!("taps/{path}");
        self.arrays.insert(name, keep(Cow::Owned(array), &kept));
    }
}

/// Takes the whole outputs of modules.
pub(crate) struct Modules<'a> {
    stages: &'a [Stage],
    pub(crate) arrays: Known,
}

impl<'a> Modules<'a> {
    pub(crate) fn of(stages: &'a [Stage]) -> Self {
        let arrays = Known::new();
        Self { stages, arrays }
    }
}

impl Taps for Modules<'_> {
    fn wants(&self, path: &str) -> bool {
        self.stages.iter().any(|stage| stage.path == path)
    }

    fn take(&mut self, path: &str, array: model::Array) {
        self.arrays.insert(path.into(), array);
    }
}

/// The array at the kept indices, or whole where they do not fit its shape: the comparison then says so.
pub(super) fn keep(array: Cow<'_, Array>, kept: &BTreeMap<usize, Vec<usize>>) -> Array {
    let fits = kept.iter().all(|(&axis, indices)| {
        let length = array.full_shape.get(axis).copied().unwrap_or(0);
        indices.last().is_none_or(|&last| last < length)
    });
    if kept.is_empty() || !fits {
        return array.into_owned();
    }
    Array {
        values: at(&array, kept).into_owned(),
        full_shape: array.full_shape.clone(),
        kept: kept.clone(),
    }
}
