//! What the graph says of modules: their order, what each reads, and what it gives.

use std::collections::BTreeMap;

use super::{Graph, Kind, Operation, ValueId};
use crate::operations::Source;
use crate::stages::Stage;

/// Whether a path is that of a module, or of a part of it.
pub(super) fn within(path: &str, module: &str) -> bool {
    let rest = path.strip_prefix(module);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Graph {
    /// The modules in the order of the data, the heads last.
    ///
    /// A module that is a single operation within another one is a part of it.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        let mut heads = BTreeMap::<&str, Vec<(ValueId, &str, ValueId)>>::new();
        let mut names = BTreeMap::<ValueId, Vec<&str>>::new();
        for (name, value, kind) in &self.outputs {
            if matches!(kind, Kind::Mask(_) | Kind::Sites) {
                continue;
            }
            let made = self.made(*value);
            let node = self.node(made);
            match self.modules.iter().any(|(_, value)| *value == made) {
                true => names.entry(made).or_default().push(name),
                false => heads
                    .entry(&node.path)
                    .or_default()
                    .push((made, name, *value)),
            }
        }
        let modules: Vec<_> = self
            .modules
            .iter()
            .filter(|(path, _)| !heads.contains_key(path.as_str()) && !self.is_part(path))
            .collect();
        let known = modules.iter().map(|(path, value)| (*value, path.as_str()));
        let known: BTreeMap<ValueId, &str> = known.collect();
        let module = |(path, value): &&(String, ValueId)| {
            let names = names.remove(value).unwrap_or_default();
            let outputs = std::iter::once(path.as_str()).chain(names);
            Stage {
                outputs: outputs.map(Into::into).collect(),
                values: vec![*value],
                ..self.stage(path, &known, &[*value])
            }
        };
        let mut stages: Vec<Stage> = modules.iter().map(module).collect();
        for (path, mut outputs) in heads {
            outputs.sort();
            let made: Vec<ValueId> = outputs.iter().map(|(made, ..)| *made).collect();
            stages.push(Stage {
                outputs: outputs.iter().map(|(_, name, _)| (*name).into()).collect(),
                values: outputs.iter().map(|(.., value)| *value).collect(),
                ..self.stage(path, &known, &made)
            });
        }
        stages
    }

    fn stage(&self, path: &str, known: &BTreeMap<ValueId, &str>, values: &[ValueId]) -> Stage {
        let (inputs, reads_sequence) = self.reads(values, known);
        let read = self.read_by(path, values[0], known);
        let sum = read.map_or_else(Vec::new, |read| match known.get(&read) {
            Some(module) if *module != path => vec![(*module).to_owned()],
            _ => self.reads(&[read], known).0,
        });
        Stage {
            path: path.into(),
            weights: format!("{}/", path.trim_start_matches("alphagenome/")),
            outputs: Vec::new(),
            values: Vec::new(),
            inputs,
            reads_sequence,
            read,
            sum,
        }
    }

    /// A value before it is cast for the host.
    pub(crate) fn made(&self, mut value: ValueId) -> ValueId {
        loop {
            let node = &self.nodes[self.values[value].node];
            match node.operation {
                Operation::Cast(_) => value = node.inputs[0],
                _ => return value,
            }
        }
    }

    fn is_part(&self, path: &str) -> bool {
        let outer = |(other, _): &(String, ValueId)| other != path && within(path, other);
        let operations = self.nodes.iter().filter(|node| &*node.path == path);
        self.modules.iter().any(outer) && operations.count() == 1
    }

    /// The modules whose outputs `values` are made of, as they are read, and whether bases are read too.
    fn reads(&self, values: &[ValueId], known: &BTreeMap<ValueId, &str>) -> (Vec<String>, bool) {
        let (mut inputs, mut bases) = (Vec::new(), false);
        let mut seen = vec![false; self.values.len()];
        let above = |value: &ValueId| self.nodes[self.values[*value].node].inputs.iter().rev();
        let mut open: Vec<ValueId> = values.iter().rev().flat_map(above).copied().collect();
        while let Some(value) = open.pop() {
            if std::mem::replace(&mut seen[value], true) {
                continue;
            }
            let node = &self.nodes[self.values[value].node];
            match known.get(&value) {
                Some(path) => inputs.push((*path).to_owned()),
                None => open.extend(node.inputs.iter().rev()),
            }
            bases |= matches!(node.operation, Operation::Source(Source::Bases, _));
        }
        (inputs, bases)
    }

    /// What the module at `path` reads first: the output of another one, before it is pooled, or a sum of several. A module
    /// that only adds has its sum here.
    fn read_by(
        &self,
        path: &str,
        value: ValueId,
        known: &BTreeMap<ValueId, &str>,
    ) -> Option<ValueId> {
        let own = self.nodes.iter().filter(|node| &*node.path == path);
        let mut own = own.map(|node| &node.operation).peekable();
        if own.peek().is_some() && own.all(|operation| *operation == Operation::Add) {
            return Some(value);
        }
        let mut seen = vec![false; self.values.len()];
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            let node = &self.nodes[self.values[value].node];
            if std::mem::replace(&mut seen[value], true) {
                continue;
            }
            if within(&node.path, path) {
                open.extend(node.inputs.iter().rev());
            } else if !matches!(node.operation, Operation::Source(..)) {
                let pooled = node.inputs.first().filter(|read| {
                    matches!(node.operation, Operation::MaxPool | Operation::MeanPool(_))
                        && known.contains_key(read)
                });
                return Some(pooled.copied().unwrap_or(value));
            }
        }
        None
    }
}
