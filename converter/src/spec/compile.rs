//! From the document to rules: types filled in, patterns and expressions parsed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    document::{self, Document, Length, Module, TensorEntry},
    expression::Expression,
    pattern::{Kind, Pattern, Template},
    rule::{Axis, Block, Rule, Source, Target, join_name},
    step::Step,
};
use crate::text::nearest;

/// Compiles a block; what is wrong goes to `problems`.
pub(super) fn compile_block(
    block: &document::Block,
    document: &Document,
    kinds: &BTreeMap<String, Kind>,
    options: &BTreeMap<String, bool>,
    problems: &mut Vec<String>,
) -> Block {
    let mut compiled = Block {
        name: block.name.clone(),
        optional: block.optional,
        captures: BTreeSet::new(),
        rules: Vec::new(),
    };
    let mut first = None;
    for module in &block.modules {
        let label = format!(
            "{}: {}",
            block.name,
            if module.at.is_empty() {
                "(root)"
            } else {
                &module.at
            }
        );
        let at = match Pattern::parse(&module.at, kinds) {
            Ok(at) => at,
            Err(reason) => {
                problems.push(format!("{label}: {reason}"));
                continue;
            }
        };
        let captures: BTreeSet<String> = at.captures().map(|(name, _)| name.to_owned()).collect();
        let expected = first.get_or_insert_with(|| captures.clone());
        if *expected != captures {
            problems.push(format!(
                "{label}: its captures are {{{}}}, but those of the block's first module are {{{}}}",
                join(&captures),
                join(expected)
            ));
        }
        let compiler = Compiler {
            document,
            kinds,
            options,
            module,
            at,
            label,
        };
        compiler.compile(&mut compiled.rules, problems);
    }
    compiled.captures = first.unwrap_or_default();
    compiled
}

fn join(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// What the entries of one module share.
struct Compiler<'a> {
    document: &'a Document,
    kinds: &'a BTreeMap<String, Kind>,
    options: &'a BTreeMap<String, bool>,
    module: &'a Module,
    at: Pattern,
    label: String,
}

impl Compiler<'_> {
    fn compile(&self, rules: &mut Vec<Rule>, problems: &mut Vec<String>) {
        let mut arguments = BTreeMap::new();
        let entries = match self.entries(&mut arguments) {
            Ok(entries) => entries,
            Err(reason) => return problems.push(format!("{}: {reason}", self.label)),
        };
        for entry in entries {
            match self.is_active(entry) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(reason) => problems.push(format!("{}: {reason}", self.label)),
            }
            match self.rule(entry, &arguments, problems) {
                Ok(rule) => rules.push(rule),
                Err(reason) => problems.push(format!("{}: {reason}", self.label)),
            }
        }
    }

    fn entries(
        &self,
        arguments: &mut BTreeMap<String, Expression>,
    ) -> Result<&[TensorEntry], String> {
        for (name, length) in &self.module.with {
            arguments.insert(name.clone(), length.expression()?);
        }
        let Some(kind) = &self.module.kind else {
            return match self.module.with.keys().next() {
                Some(name) => Err(format!("`with.{name}` needs a `type` that takes it")),
                None => Ok(&self.module.tensors),
            };
        };
        if !self.module.tensors.is_empty() {
            return Err("a module has either a `type` or `tensors`".to_owned());
        }
        let Some(found) = self.document.types.get(kind) else {
            let near = nearest(kind, self.document.types.keys().map(String::as_str));
            return Err(format!("unknown type `{kind}`{}", did_you_mean(near)));
        };
        let given: BTreeSet<&String> = self.module.with.keys().collect();
        let wanted: BTreeSet<&String> = found.dimensions.iter().collect();
        if let Some(name) = wanted.difference(&given).next() {
            return Err(format!("type `{kind}` needs `with.{name}`"));
        }
        if let Some(name) = given.difference(&wanted).next() {
            return Err(format!("type `{kind}` has no dimension `{name}`"));
        }
        Ok(&found.tensors)
    }

    fn is_active(&self, entry: &TensorEntry) -> Result<bool, String> {
        let value = |option: &Option<String>, default: bool| match option {
            None => Ok(default),
            Some(name) => self.options.get(name).copied().ok_or_else(|| {
                format!(
                    "unknown option `{name}`{}",
                    did_you_mean(nearest(name, self.options.keys().map(String::as_str)))
                )
            }),
        };
        Ok(value(&entry.when, true)? && !value(&entry.unless, false)?)
    }

    fn rule(
        &self,
        entry: &TensorEntry,
        arguments: &BTreeMap<String, Expression>,
        problems: &mut Vec<String>,
    ) -> Result<Rule, String> {
        let replace = |name: &str| arguments.get(name).cloned();
        let names: Vec<&str> = entry
            .source
            .iter()
            .chain(&entry.sources)
            .map(String::as_str)
            .collect();
        let shapes: Vec<&Vec<Length>> = match (&entry.shape, entry.shapes.as_slice()) {
            (Some(shape), []) => vec![shape; names.len()],
            (None, shapes) if shapes.len() == names.len() => shapes.iter().collect(),
            _ => {
                return Err(format!(
                    "`{}` needs `shape`, or `shapes` with one for each source",
                    names.join("`, `")
                ));
            }
        };
        if names.is_empty() || (entry.source.is_some() && !entry.sources.is_empty()) {
            return Err("a tensor needs either `source` or `sources`".to_owned());
        }
        let sources = names
            .iter()
            .zip(shapes)
            .map(|(name, shape)| self.source(name, shape, &replace));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        let label = format!("{} ({})", self.label, names.join(", "));

        let targets: Vec<String> = match (&entry.target, entry.targets.as_slice(), names.as_slice())
        {
            (Some(target), [], _) => vec![target.clone()],
            (None, [], [name]) => vec![
                name.split_once(':')
                    .map_or(*name, |(_, name)| name)
                    .to_owned(),
            ],
            (None, targets @ [_, ..], _) => targets.to_vec(),
            _ => {
                return Err(format!(
                    "`{}` needs either `target` or `targets`",
                    names.join("`, `")
                ));
            }
        };
        let targets = targets
            .iter()
            .map(|target| self.target(target))
            .collect::<Result<Vec<_>, _>>()?;

        let steps: Result<Vec<Step>, String> = entry.transforms.iter().map(Step::parse).collect();
        let chain = match steps {
            Ok(steps) => Some(steps.iter().map(|step| step.substitute(&replace)).collect()),
            Err(reason) => {
                problems.push(format!("{label}: {reason}"));
                None
            }
        };
        Ok(Rule {
            label,
            sources,
            targets,
            chain,
        })
    }

    fn source(
        &self,
        name: &str,
        shape: &[Length],
        replace: &impl Fn(&str) -> Option<Expression>,
    ) -> Result<Source, String> {
        let Some((collection, name)) = name.split_once(':') else {
            return Err(format!(
                "source `{name}` needs a collection: `params:{name}`"
            ));
        };
        if !self.document.collections.contains_key(collection) {
            let near = nearest(
                collection,
                self.document.collections.keys().map(String::as_str),
            );
            return Err(format!(
                "unknown collection `{collection}`{}",
                did_you_mean(near)
            ));
        }
        // As they are: a key may start or end with a slash.
        let parts = [&self.document.source_root, &self.module.at, name];
        let path = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/");
        let pattern = Pattern::parse(&format!("{collection}:{path}"), self.kinds)?;
        let axis = |length: &Length| match length {
            Length::Expression(text) if text == "1..." => Ok(Axis::Ones),
            length => Ok(Axis::Length(length.expression()?.substitute(replace))),
        };
        let shape: Vec<Axis> = shape.iter().map(axis).collect::<Result<_, String>>()?;
        if shape.iter().filter(|axis| **axis == Axis::Ones).count() > 1 {
            return Err("a shape has at most one `1...`".to_owned());
        }
        Ok(Source { pattern, shape })
    }

    fn target(&self, name: &str) -> Result<Target, String> {
        let Document {
            target_root: root,
            separator,
            ..
        } = self.document;
        match &self.module.target {
            Some(module) => {
                let name = join_name(&[root, module, name], separator);
                Ok(Target::Template(Template::parse(&name)?))
            }
            None => Ok(Target::Like {
                module: self.at.clone(),
                prefix: root.clone(),
                name: Template::parse(name)?,
                separator: separator.clone(),
            }),
        }
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}
