//! A module that is run again and again with changes.

use std::cell::RefCell;

use anyhow::Result;
use burn::backend::Flex;
use half::bf16;
use model::{AlphaGenome, Array, Batch, Edit, Known, Stage};

use super::arrays::gather;
use super::kind::{Kind, Trial};
use super::outputs::Outputs;
use super::subject::Subject;

/// A weight of a module.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl Key {
    /// What stands before the last segment of the name, and that segment.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.name.rsplit_once('/').unwrap_or(("", &self.name))
    }

    /// The share of values that bfloat16 holds exactly.
    pub(super) fn in_bfloat16(&self) -> f64 {
        let exact = self
            .values
            .iter()
            .filter(|&&x| bf16::from_f32(x).to_f32() == x)
            .count();
        exact as f64 / self.values.len().max(1) as f64
    }

    /// Whether all values are one number.
    pub(super) fn is_constant(&self) -> bool {
        self.values.windows(2).all(|pair| pair[0] == pair[1])
    }
}

/// A module with its input and its recorded output.
pub(super) struct Probe<'a> {
    pub(super) subject: &'a Subject,
    pub(super) stage: &'a Stage,
    pub(super) batch: &'a Batch,
    pub(super) known: &'a Known,
    /// Recorded outputs of modules inside this one, where they are whole.
    pub(super) inner: &'a [(String, Array)],
    /// The output that is held to the recording.
    pub(super) output: &'a str,
    pub(super) outputs: &'a Outputs<'a>,
    pub(super) progress: &'a dyn Fn(&str),
}

impl Probe<'_> {
    /// The module's weights.
    pub(super) fn keys(&self) -> Vec<Key> {
        let keys = RefCell::new(Vec::new());
        let note = |name: &str, shape: &[usize], values: &mut Vec<f32>| {
            keys.borrow_mut().push(Key {
                name: name.into(),
                shape: shape.to_vec(),
                values: values.clone(),
            });
        };
        self.subject
            .changed(self.stage, self.subject.arithmetic(), &|_| {}, &note);
        keys.into_inner()
    }

    /// Notes what a change of the module explains.
    pub(super) fn add(
        &self,
        trials: &mut Vec<Trial>,
        kind: Kind,
        what: String,
        ours: &[f64],
        fitted: usize,
    ) {
        let explained = Some(self.outputs.explained(ours, fitted));
        trials.push(Trial {
            kind,
            what,
            explained,
        });
    }

    /// The output with one weight changed, at the recorded places.
    pub(super) fn with(
        &self,
        key: &str,
        change: &dyn Fn(&[usize], &mut Vec<f32>),
    ) -> Result<Vec<f64>> {
        self.with_all(&|name, shape, values| {
            if name == key {
                change(shape, values);
            }
        })
    }

    /// The output with several weights changed.
    pub(super) fn with_all(&self, change: &Edit<'_>) -> Result<Vec<f64>> {
        let arithmetic = self.subject.arithmetic();
        let model = self
            .subject
            .changed(self.stage, arithmetic, &|_| {}, change);
        self.run(&model, self.known)
    }

    /// What a form of the module gives at the recorded places for `known` outputs of others.
    pub(super) fn run(&self, model: &AlphaGenome<Flex>, known: &Known) -> Result<Vec<f64>> {
        let given = model.run_stage(&self.stage.path, self.batch, known)?;
        let array = given.into_iter().find(|(name, _)| name == self.output);
        Ok(array.map_or(Vec::new(), |(_, array)| {
            gather(&array.values.to_f32(), self.outputs.places)
        }))
    }
}
