//! A mapping spec: which leaves become which tensors, stated in TOML and checked before any data is read.
//!
//! `docs/mapping.md` in the repository describes the format for the author of a spec.

mod compile;
pub mod document;
pub mod expression;
pub mod pattern;
pub mod rule;
pub mod step;

use std::collections::{BTreeMap, BTreeSet};

use compile::compile_block;
use document::{CaptureKind, Document, KeyText, Places, TracksTable};
use expression::Check;
use pattern::{Kind, Pattern};
use rule::Block;

use crate::{means::MEANS, text::nearest};

/// The version of the format that this program reads.
pub const FORMAT_VERSION: u32 = 1;

/// The spec of AlphaGenome, as it stands in `mapping/alphagenome.toml`.
pub const ALPHAGENOME: &str = include_str!("../../mapping/alphagenome.toml");

/// The spec of the package alphagenome-pytorch, as it stands in `mapping/alphagenome-pytorch.toml`.
pub const ALPHAGENOME_PYTORCH: &str = include_str!("../../mapping/alphagenome-pytorch.toml");

/// Why a text is no spec.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No TOML, or not of the spec's form.
    #[error("the spec cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// Another version of the format.
    #[error("the spec is of format version {found}; this program reads version {FORMAT_VERSION}")]
    Version {
        /// What it says.
        found: u32,
    },
    /// An option that the spec does not have.
    #[error("the spec has no option `{name}`{}; it has: {known}", hint(.nearest))]
    UnknownOption {
        /// What was asked for.
        name: String,
        /// The nearest that there is.
        nearest: Option<String>,
        /// All that there are.
        known: String,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or(String::new(), |name| format!(" (did you mean `{name}`?)"))
}

/// A spec whose patterns and expressions are parsed and whose options are set.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What it maps.
    pub name: String,
    /// The bytes of the file, for its digest.
    pub text: String,
    /// What every module path of the source starts with.
    pub source_root: String,
    /// The options' values.
    pub options: BTreeMap<String, bool>,
    /// Where each collection is.
    pub collections: BTreeMap<String, document::Places>,
    /// Lists of names.
    pub lists: BTreeMap<String, Vec<String>>,
    /// The blocks of modules.
    pub blocks: Vec<Block>,
    /// Statements about dimensions.
    pub checks: Vec<Check>,
    /// What is left out on purpose.
    pub ignore: Vec<Pattern>,
    /// The template of `config.json`.
    pub config: toml::Table,
    /// Where track metadata finds the heads' widths.
    pub tracks: Option<TracksTable>,
    /// What is wrong with the spec itself; a plan reports it with everything else.
    pub problems: Vec<String>,
}

impl Spec {
    /// Parses a spec, with `options` set to other values than it says.
    ///
    /// # Errors
    /// If the text is no spec at all. Mistakes inside patterns, expressions and transforms are kept in
    /// [`Spec::problems`], so that they are reported together with what is wrong with a checkpoint.
    pub fn parse(text: &str, options: &[(String, bool)]) -> Result<Spec, Error> {
        let mut document: Document = toml::from_str(text)?;
        if document.format_version != FORMAT_VERSION {
            return Err(Error::Version {
                found: document.format_version,
            });
        }
        let mut values = document.options.clone();
        for (name, value) in options {
            let Some(slot) = values.get_mut(name) else {
                let known: Vec<&str> = document.options.keys().map(String::as_str).collect();
                return Err(Error::UnknownOption {
                    nearest: nearest(name, known.iter().copied()).map(str::to_owned),
                    known: if known.is_empty() {
                        "none".to_owned()
                    } else {
                        known.join(", ")
                    },
                    name: name.clone(),
                });
            };
            *slot = *value;
        }

        if let Some(means) = document
            .tracks
            .as_ref()
            .and_then(|tracks| tracks.means.as_ref())
        {
            let place = Places::One(vec![KeyText::Name(MEANS.to_owned())]);
            document.collections.insert(means.collection.clone(), place);
        }

        let mut problems = Vec::new();
        let kinds = capture_kinds(&document, &mut problems);
        let ignore = collect(
            "ignore",
            document
                .ignore
                .iter()
                .map(|text| Pattern::parse(text, &kinds)),
            &mut problems,
        );
        let checks = collect(
            "checks",
            document.checks.iter().map(|text| Check::parse(text)),
            &mut problems,
        );
        let blocks = document
            .blocks
            .iter()
            .map(|block| compile_block(block, &document, &kinds, &values, &mut problems))
            .collect();
        unused_types(&document, &mut problems);

        Ok(Spec {
            name: document.name,
            text: text.to_owned(),
            source_root: document.source_root,
            options: values,
            collections: document.collections,
            lists: document.lists,
            blocks,
            checks,
            ignore,
            config: document.config,
            tracks: document.tracks,
            problems,
        })
    }

    /// The kinds of all captures that count from zero without gaps.
    pub fn counting_captures(&self) -> BTreeSet<&str> {
        let patterns = self
            .blocks
            .iter()
            .flat_map(|block| &block.rules)
            .flat_map(|rule| &rule.sources);
        let captures = patterns.flat_map(|source| source.pattern.captures());
        captures
            .filter(|(_, kind)| kind.counts())
            .map(|(name, _)| name)
            .collect()
    }
}

/// The values that could be made; reasons of the others go to `problems`.
fn collect<T>(
    what: &str,
    results: impl Iterator<Item = Result<T, String>>,
    problems: &mut Vec<String>,
) -> Vec<T> {
    let mut values = Vec::new();
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(reason) => problems.push(format!("{what}: {reason}")),
        }
    }
    values
}

fn capture_kinds(document: &Document, problems: &mut Vec<String>) -> BTreeMap<String, Kind> {
    let mut kinds = BTreeMap::new();
    for (name, kind) in &document.captures {
        let kind = match kind {
            CaptureKind::Names(names) => Kind::OneOf(names.clone()),
            CaptureKind::Word(word) => match Kind::by_name(word) {
                Some(kind) => kind,
                None => {
                    problems.push(format!(
                        "captures.{name}: unknown kind `{word}`: expected path, int, index, instance or a list of \
                         names"
                    ));
                    continue;
                }
            },
        };
        kinds.insert(name.clone(), kind);
    }
    kinds
}

fn unused_types(document: &Document, problems: &mut Vec<String>) {
    let used: BTreeSet<&str> = document
        .blocks
        .iter()
        .flat_map(|block| &block.modules)
        .filter_map(|module| module.kind.as_deref())
        .collect();
    for name in document
        .types
        .keys()
        .filter(|name| !used.contains(name.as_str()))
    {
        problems.push(format!("types.{name}: no module is of this type"));
    }
}
