//! One block in float32, everything else as it is: what the final outputs win.
//!
//! Two models run module by module on one set of values. Between modules everything stays as in the coarser arithmetic: sums
//! are rounded as there, and so is what a block in float32 hands on. Only what depends on the block is run again.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use burn::backend::Flex;
use model::precision::Rounding;
use model::{AlphaGenome, Array, Known, Stage, Values};

use super::measure::{Subject, is_compared};
use super::modules::{distance, group_of};
use super::{By, Switch};

/// The final outputs whose errors are told one by one.
const EMBEDDINGS: [&str; 3] = ["embeddings_1bp", "embeddings_128bp", "embeddings_pair"];
/// How many numbers of the first module's output the control leaves alone for each that it moves.
const STRIDE: usize = 1000;

/// Two models, and the values of the coarser one.
pub struct Mix<'a> {
    fine: &'a AlphaGenome<Flex>,
    coarse: &'a AlphaGenome<Flex>,
    subject: &'a Subject,
    reference: &'a Known,
    /// Of the coarser model; changed where a block is switched, and put back.
    known: Known,
    errors: BTreeMap<String, f64>,
}

/// What a change did to the final outputs.
struct Effect {
    wins: f64,
    embeddings: [Option<f64>; 3],
    most: Option<(String, f64)>,
}

impl<'a> Mix<'a> {
    /// Starts from the coarser model's values and the finer one's outputs.
    ///
    /// # Errors
    /// Where a head cannot be run.
    pub fn new(
        (fine, coarse): (&'a AlphaGenome<Flex>, &'a AlphaGenome<Flex>),
        subject: &'a Subject,
        reference: &'a Known,
        known: Known,
    ) -> Result<Self> {
        let mut mix = Self {
            fine,
            coarse,
            subject,
            reference,
            known,
            errors: BTreeMap::new(),
        };
        // A pass rounds outputs once more at its end, which modules do not: all outputs from modules.
        for stage in &subject.stages {
            if stage.path.starts_with("alphagenome/head/") {
                let given = coarse.run_stage(&stage.path, &subject.batch, &mix.known)?;
                mix.known.extend(given);
            }
        }
        let errors = mix
            .final_outputs()
            .map(|name| (name.clone(), mix.error(name)));
        mix.errors = errors.collect();
        Ok(mix)
    }

    /// The error of an embedding as it is.
    pub fn embeddings(&self) -> [Option<f64>; 3] {
        EMBEDDINGS.map(|name| self.errors.get(name).copied())
    }

    /// The blocks in the order of the data, each with its modules; if `only` holds any text, those that hold one of them in
    /// their name or a module's.
    pub fn groups(&self, by: By, only: &[String]) -> Vec<(String, Vec<String>)> {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for stage in &self.subject.stages {
            let group = group_of(&stage.path, by);
            match groups.iter_mut().find(|(name, _)| *name == group) {
                Some((_, modules)) => modules.push(stage.path.clone()),
                None => groups.push((group, vec![stage.path.clone()])),
            }
        }
        groups.retain(|(group, modules)| {
            let held = |text: &String| {
                group.contains(text) || modules.iter().any(|path| path.contains(text))
            };
            only.is_empty() || only.iter().any(held)
        });
        groups
    }

    /// Runs a block in float32; `times` are every module's milliseconds in float32 and as it is.
    ///
    /// # Errors
    /// Where a module cannot be run.
    pub fn switch(
        &mut self,
        (block, modules): (String, Vec<String>),
        by: By,
        times: [&BTreeMap<String, f64>; 2],
    ) -> Result<Switch> {
        let effect = self.rerun(&modules, BTreeMap::new())?;
        // Heads that run together on a GPU have a time together.
        let sum = |times: &BTreeMap<String, f64>| {
            let ours = times.iter().filter(|(path, _)| group_of(path, by) == block);
            ours.map(|(_, time)| time).sum::<f64>()
        };
        let [float32_milliseconds, milliseconds] = times.map(sum);
        Ok(Switch {
            block,
            modules,
            wins: effect.wins,
            embeddings: effect.embeddings,
            most: effect.most,
            float32_milliseconds,
            milliseconds,
        })
    }

    /// How much a change that means nothing seems to win: some numbers of the first module's output, one rounding farther.
    ///
    /// # Errors
    /// Where a module cannot be run.
    pub fn noise(&mut self) -> Result<f64> {
        let first = self.subject.stages.first().context("a model has modules")?;
        let mut array = self.known[&first.path].clone();
        let mut values = array.values.to_f32();
        let step = match self.coarse.arithmetic().is_bfloat16() {
            true => 0.5f32.powi(7),
            false => 0.5f32.powi(10),
        };
        for value in values.iter_mut().step_by(STRIDE) {
            *value += *value * step;
        }
        self.rounding().numbers(&mut values);
        array.values = Values::F32(values);
        let moved = BTreeMap::from([(first.path.clone(), array)]);
        Ok(self.rerun(&[], moved)?.wins.abs())
    }

    /// The paths of modules, and of those that read them.
    fn dependent(&self, modules: &[String]) -> BTreeSet<String> {
        let mut changed: BTreeSet<String> = modules.iter().cloned().collect();
        for stage in &self.subject.stages {
            if stage.inputs.iter().any(|input| changed.contains(input)) {
                changed.insert(stage.path.clone());
            }
        }
        changed
    }

    /// Runs what depends on the block, or on values that were `moved`, and puts everything back.
    fn rerun(&mut self, modules: &[String], moved: Known) -> Result<Effect> {
        let sources: Vec<String> = modules.iter().chain(moved.keys()).cloned().collect();
        let changed = self.dependent(&sources);
        let mut before = Known::new();
        for (path, array) in moved {
            before.extend(
                self.known
                    .insert(path.clone(), array)
                    .map(|old| (path, old)),
            );
        }
        let stages: Vec<&Stage> = self.subject.stages.iter().collect();
        for stage in stages {
            if !changed.contains(&stage.path) || before.contains_key(&stage.path) {
                continue;
            }
            let (path, batch) = (&stage.path, &self.subject.batch);
            let given = match modules.contains(path) {
                false => self.coarse.run_stage(path, batch, &self.known)?,
                true => {
                    let sums = self.coarse.arithmetic();
                    let given = self
                        .fine
                        .run_stage_between(path, batch, &self.known, sums)?;
                    let rounded = given
                        .into_iter()
                        .map(|(name, array)| self.handed_on(name, array));
                    rounded.collect()
                }
            };
            for (name, array) in given {
                before.extend(
                    self.known
                        .insert(name.clone(), array)
                        .map(|old| (name, old)),
                );
            }
        }
        let effect = self.effect();
        self.known.extend(before);
        Ok(effect)
    }

    fn effect(&self) -> Effect {
        let (mut logs, mut most) = (Vec::new(), None::<(String, f64)>);
        for (name, &before) in self.errors.iter().filter(|(_, error)| **error > 0.0) {
            let ratio = self.error(name) / before;
            // An error of nothing: as good as can be told.
            logs.push(ratio.max(f64::from(f32::EPSILON)).ln());
            if most.as_ref().is_none_or(|(_, won)| 1.0 - ratio > *won) {
                most = Some((name.clone(), 1.0 - ratio));
            }
        }
        let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
        Effect {
            wins: 1.0 - mean.exp(),
            embeddings: EMBEDDINGS.map(|name| self.errors.get(name).map(|_| self.error(name))),
            most,
        }
    }

    fn error(&self, name: &str) -> f64 {
        distance(&self.reference[name], &self.known[name]).unwrap_or(f64::INFINITY)
    }

    /// What a user sees of a pass: embeddings and the heads' outputs.
    fn final_outputs(&self) -> impl Iterator<Item = &'a String> + use<'a> {
        let (reference, outputs) = (self.reference, &self.subject.stages);
        let names = outputs.iter().flat_map(|stage| &stage.outputs);
        names.filter(|name| {
            !name.starts_with("alphagenome/") && is_compared(name) && reference.contains_key(*name)
        })
    }

    /// What is rounded between modules.
    fn rounding(&self) -> Rounding {
        self.coarse.arithmetic().roundings().values
    }

    /// What a block in float32 hands to the others: rounded as they hand theirs on, but for outputs of heads, which end there.
    fn handed_on(&self, name: String, mut array: Array) -> (String, Array) {
        let inner = name.starts_with("alphagenome/") || EMBEDDINGS.contains(&name.as_str());
        if let (true, Values::F32(values)) = (inner, &mut array.values) {
            self.rounding().numbers(values);
        }
        (name, array)
    }
}
