//! The list of mutations, read from `mutations.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use model::graph::{Edit, edited};
use parity::bisect;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::Fault;

/// What sort of mistake a mutation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A kernel with inputs and outputs exchanged.
    Transpose,
    /// Channels, tracks or heads in other places.
    PermutedChannels,
    /// A sign turned.
    Sign,
    /// A factor too many, too few, or another one.
    Scale,
    /// An offset or a bias left out.
    Offset,
    /// One place too far.
    Shift,
    /// A number added before a root, of another size.
    Epsilon,
    /// Numbers of another type.
    Precision,
    /// A step left out.
    Dropped,
    /// Two things exchanged.
    Swapped,
    /// The right values in the wrong order.
    Order,
    /// One function in place of another.
    Function,
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Transpose => "transpose",
            Self::PermutedChannels => "permuted channels",
            Self::Sign => "sign",
            Self::Scale => "scale",
            Self::Offset => "offset",
            Self::Shift => "shift by one",
            Self::Epsilon => "epsilon",
            Self::Precision => "precision",
            Self::Dropped => "dropped",
            Self::Swapped => "swapped",
            Self::Order => "order",
            Self::Function => "other function",
        }
    }
}

/// A single fault.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// What is wrong, in a few words; no two have the same.
    pub name: String,
    /// The module it lies in, by Haiku's path; the first of them where it lies in several.
    pub module: String,
    /// What sort of mistake it is.
    pub kind: Kind,
    /// What a search should call it, where that is not what it calls others of its kind.
    likely: Option<bisect::Kind>,
    /// Whether it lies in several modules.
    #[serde(default)]
    pub several: bool,
    /// Changes of stored tensors.
    #[serde(default)]
    pub(crate) weights: Vec<Weights>,
    /// Changes of `config.json`.
    #[serde(default)]
    pub(crate) config: Vec<Setting>,
    /// Changes of `tracks.json`.
    #[serde(default)]
    pub(crate) tracks: Vec<Setting>,
    /// A mistake in the code of the module.
    pub(crate) fault: Option<Fault>,
    /// A change of the graph that was drawn.
    #[serde(skip)]
    drawn: Option<Edit>,
}

/// A change of one tensor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Weights {
    /// Its name, below the module.
    pub(crate) tensor: String,
    /// What is done to it.
    pub(crate) edit: crate::edit::Edit,
    /// The part of it that changes; nothing for all of it.
    pub(crate) only: Option<Part>,
}

/// Indices of an axis.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) axis: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// A change of one value in a JSON file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setting {
    /// Where it stands, as a JSON pointer (RFC 6901).
    pub(crate) pointer: String,
    /// What stands there then.
    pub(crate) value: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    likely: BTreeMap<Kind, bisect::Kind>,
    mutation: Vec<Mutation>,
}

static ALL: LazyLock<List> =
    LazyLock::new(|| toml::from_str(include_str!("../mutations.toml")).expect("the list is valid"));

impl Mutation {
    /// Every mutation there is, from the encoder to the heads.
    pub fn all() -> &'static [Self] {
        &ALL.mutation
    }

    /// A change of the graph in a module, and what a search should call it.
    pub(crate) fn of_graph(
        name: String,
        module: String,
        (kind, likely): (Kind, bisect::Kind),
        edit: Edit,
    ) -> Self {
        let (weights, config, tracks) = Default::default();
        Self {
            name,
            module,
            kind,
            likely: Some(likely),
            several: false,
            weights,
            config,
            tracks,
            fault: None,
            drawn: Some(edit),
        }
    }

    /// The mutation of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|mutation| mutation.name == name)
    }

    /// What `parity bisect` should call it; nothing where the list does not say.
    pub fn likely(&self) -> Option<bisect::Kind> {
        self.likely.or(ALL.likely.get(&self.kind).copied())
    }

    /// Runs `f` with the fault in the model on this thread, where it is one of code; else it just runs `f`.
    pub fn during<T>(&self, f: impl FnOnce() -> T) -> T {
        let code = self.fault.map(|fault| fault.edit(&self.module));
        match code.or(self.drawn.clone()) {
            None => f(),
            Some(edit) => edited(edit, f),
        }
    }

    /// Whether it is a mistake in code.
    pub fn is_code(&self) -> bool {
        self.fault.is_some()
    }

    /// The name that a conversion gives a tensor of the module.
    pub(crate) fn tensor(&self, name: &str) -> String {
        let module = self.module.strip_prefix("alphagenome/");
        format!("{}/{name}", module.unwrap_or(&self.module))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_differ_and_every_mutation_changes_something() {
        let names: BTreeSet<&str> = Mutation::all().iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names.len(), Mutation::all().len());
        assert!(names.len() >= 40);
        for mutation in Mutation::all() {
            let changes = mutation.weights.len() + mutation.config.len() + mutation.tracks.len();
            assert!(
                (changes > 0) != mutation.fault.is_some(),
                "{}",
                mutation.name
            );
            assert!(mutation.likely().is_some(), "{}", mutation.name);
            assert!(
                mutation.module.starts_with("alphagenome/"),
                "{}",
                mutation.name
            );
        }
    }
}
