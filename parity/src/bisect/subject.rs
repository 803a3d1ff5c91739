//! The model that is searched.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::backend::Flex;
use model::{
    AlphaGenome, Arithmetic, Array, Batch, Config, Edit, Form, Known, Parts, Request, Sequence,
    Stage,
};

use crate::evidence::{self, Changes};
use crate::run::Modules;

/// A model and the folder that it was loaded from.
pub struct Subject {
    dir: PathBuf,
    model: AlphaGenome<Flex>,
    parts: Parts,
    stages: Vec<Stage>,
}

impl Subject {
    /// Loads the folder that `convert` wrote.
    ///
    /// # Errors
    /// Where it cannot be loaded.
    pub fn load(dir: &Path, arithmetic: Arithmetic) -> Result<Self> {
        let model = AlphaGenome::load(dir, &Default::default(), arithmetic)
            .with_context(|| format!("the model in {} cannot be loaded", dir.display()))?;
        Ok(Self {
            dir: dir.into(),
            stages: model.stages(),
            parts: Parts::open(dir)?,
            model,
        })
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How it computes.
    pub fn arithmetic(&self) -> Arithmetic {
        self.model.arithmetic()
    }

    /// Its configuration.
    pub(super) fn config(&self) -> &Config {
        self.model.config()
    }

    /// Its modules in the order of the data.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The sequence of a case as a batch.
    pub(super) fn batch(sequence: &[u8], organism: usize) -> Result<Batch> {
        Ok(Batch::new(
            vec![Sequence::from_indices(sequence)?],
            vec![organism],
        )?)
    }

    /// An ordinary pass: the outputs of all modules, by tap's path and output's name.
    pub(super) fn pass(&self, batch: &Batch) -> Result<Known> {
        let mut taps = Modules::of(&self.stages);
        let outputs = self.model.run(batch, &Request::everything(), &mut taps)?;
        let mut arrays = taps.arrays;
        arrays.extend(outputs);
        Ok(arrays)
    }

    /// One module alone.
    pub(super) fn run(
        &self,
        path: &str,
        batch: &Batch,
        known: &Known,
    ) -> Result<Vec<(String, Array)>> {
        Ok(self.model.run_stage(path, batch, known)?)
    }

    /// The same with other values in place of what it reads first.
    pub(super) fn run_on(
        &self,
        path: &str,
        batch: &Batch,
        known: &Known,
        read: &Array,
    ) -> Result<Vec<(String, Array)>> {
        Ok(self.model.run_stage_on(path, batch, known, read)?)
    }

    /// What a module reads first: the output of another one, before it is pooled, or a sum of several.
    pub(super) fn read(&self, path: &str, batch: &Batch, known: &Known) -> Result<Option<Array>> {
        Ok(self.model.stage_input(path, batch, known)?)
    }

    /// The splice sites that the model chooses.
    pub(super) fn sites(
        &self,
        batch: &Batch,
        known: &Known,
        threshold: Option<f32>,
    ) -> Result<Option<Array>> {
        Ok(self.model.choose_sites(batch, known, threshold)?)
    }

    /// One module, with its configuration or its weights changed.
    pub(super) fn changed(
        &self,
        stage: &Stage,
        form: impl Into<Form>,
        configure: &dyn Fn(&mut Config),
        edit: &Edit<'_>,
    ) -> AlphaGenome<Flex> {
        let (device, prefix) = (Default::default(), &stage.weights);
        self.parts
            .load(&device, form.into(), prefix, configure, edit)
    }

    /// What became of a module's weights since they were converted; nothing without a ledger.
    pub(super) fn changes(&self, stage: &Stage) -> Option<Changes> {
        let own = |name: &str| name.starts_with(&stage.weights);
        evidence::changes(&self.dir, &self.parts, own)
    }

    /// The first other weight that holds the very values of a weight, bit by bit.
    pub(super) fn twin(&self, name: &str, shape: &[usize], values: &[f32]) -> Option<String> {
        let others = self
            .parts
            .tensors(|other, its| other != name && its == shape);
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let own = bits(values);
        let twin = others
            .into_iter()
            .find(|(_, _, values)| bits(values) == own);
        twin.map(|(name, _, _)| name.to_owned())
    }
}
