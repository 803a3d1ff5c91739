//! A mapping spec as it stands in its TOML file.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of this format: 1.
    pub format_version: u32,
    /// What the spec maps.
    pub name: String,
    /// What every module path of the source starts with; taken off the names of targets.
    #[serde(default)]
    pub source_root: String,
    /// What every target's name starts with.
    #[serde(default)]
    pub target_root: String,
    /// What stands between the parts of a target's name.
    #[serde(default = "slash")]
    pub separator: String,
    /// The leading keys of each collection's leaves: `params = [0]`, or `params = [[0], ["params"]]`.
    pub collections: BTreeMap<String, Places>,
    /// Options and whether they are on by default.
    #[serde(default)]
    pub options: BTreeMap<String, bool>,
    /// Kinds of captures by name.
    #[serde(default)]
    pub captures: BTreeMap<String, CaptureKind>,
    /// Lists of names for `take`.
    #[serde(default)]
    pub lists: BTreeMap<String, Vec<String>>,
    /// Module types: sets of tensors that several modules share.
    #[serde(default)]
    pub types: BTreeMap<String, ModuleType>,
    /// The modules, in groups that stand or fall together.
    #[serde(default)]
    pub blocks: Vec<Block>,
    /// Statements about dimensions.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Patterns of leaves that are left out on purpose.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// The template of `config.json`.
    #[serde(default)]
    pub config: toml::Table,
    /// Where track metadata finds the heads' widths in `config`.
    pub tracks: Option<TracksTable>,
}

/// Where a collection's leaves are: the keys that their paths start with.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Places {
    /// In one place.
    One(Vec<KeyText>),
    /// In one place or another.
    OneOf(Vec<Vec<KeyText>>),
}

impl Places {
    /// All places.
    pub fn all(&self) -> &[Vec<KeyText>] {
        match self {
            Places::One(place) => std::slice::from_ref(place),
            Places::OneOf(places) => places,
        }
    }
}

/// A key of a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum KeyText {
    /// An index into a sequence.
    Index(usize),
    /// A name in a dictionary.
    Name(String),
}

/// A capture's kind: a word, or the list of names it may stand for.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum CaptureKind {
    /// `text`, `path`, `int`, `index` or `instance`.
    Word(String),
    /// One of these names.
    Names(Vec<String>),
}

/// A set of tensors that modules share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleType {
    /// Names of dimensions that a module gives under `with`.
    #[serde(default)]
    pub dimensions: Vec<String>,
    /// The tensors.
    pub tensors: Vec<TensorEntry>,
}

/// Modules that stand or fall together, as often as their captures say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// What messages call it.
    pub name: String,
    /// Whether a checkpoint may do without it.
    #[serde(default)]
    pub optional: bool,
    /// Its modules.
    pub modules: Vec<Module>,
}

/// A module: its place, and either a type or tensors of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Pattern of its path behind `source_root`.
    pub at: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The type's dimensions.
    #[serde(default)]
    pub with: BTreeMap<String, Length>,
    /// Template of the prefix of its targets; by default what `at` matched.
    pub target: Option<String>,
    /// Its tensors, if it has no type.
    #[serde(default)]
    pub tensors: Vec<TensorEntry>,
}

/// One step from leaves to tensors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorEntry {
    /// `collection:name`, or `collection:submodule/name`.
    pub source: Option<String>,
    /// Several of them, in the order that the transforms want.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The expected shape; of each source, if there are several.
    pub shape: Option<Vec<Length>>,
    /// The expected shapes of several sources.
    #[serde(default)]
    pub shapes: Vec<Vec<Length>>,
    /// Template of the target's name behind the module's; by default the source's.
    pub target: Option<String>,
    /// Several of them, in the order in which the transforms give them.
    #[serde(default)]
    pub targets: Vec<String>,
    /// The chain; nothing is `keep`.
    #[serde(default)]
    pub transforms: Vec<toml::Table>,
    /// Only if this option is on.
    pub when: Option<String>,
    /// Only if this option is off.
    pub unless: Option<String>,
}

/// A length: a number or an expression.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Length {
    /// A number.
    Number(i64),
    /// An expression, or `1...` for any number of axes of length one.
    Expression(String),
}

/// Where track metadata finds the heads' widths.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracksTable {
    /// The key of `config` under which the heads stand.
    pub heads: String,
    /// A head's key for the type of its output.
    pub output_type: String,
    /// A head's keys for its width, the first that it has.
    pub width: Vec<String>,
    /// If the spec reads the tracks' means: as which leaves.
    pub means: Option<MeansTable>,
}

/// As which leaves a spec reads the means of each head's tracks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeansTable {
    /// Their collection.
    pub collection: String,
    /// The key of `config` for the number of organisms, which is that of their rows.
    pub organisms: String,
}

fn slash() -> String {
    "/".to_owned()
}
