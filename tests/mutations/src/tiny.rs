//! The tiny model, sound and broken.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use converter::checkpoint::{Checkpoint, OrbaxCheckpoint};
use converter::convert::{Request, convert};
use converter::parallel::Resources;
use converter::plan::Plan;
use converter::spec::{ALPHAGENOME, Spec};
use converter::tensor::Dtype as Kept;
use converter::{metadata, snapshot};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tempfile::TempDir;
use tests::fixtures::{self, Form};

use crate::edit::Tensor;
use crate::mutation::{Mutation, Setting};

const TENSORS: &str = "model.safetensors";

/// The sound tiny model, converted from its snapshot.
pub struct Tiny {
    folder: TempDir,
    tensors: BTreeMap<String, Tensor>,
}

impl Tiny {
    /// Converts the snapshot among the fixtures.
    ///
    /// # Errors
    /// Where it cannot be converted.
    pub fn convert() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let out = folder.path().join("tiny");
        let spec = Spec::parse(ALPHAGENOME, &[])?;
        let snapshot = snapshot::resolve(&Form::Ocdbt.path(), None)?;
        let checkpoint = OrbaxCheckpoint::open(&snapshot)?;
        let plan = Plan::new(&spec, Checkpoint::leaves(&checkpoint), Kept::F32)?;
        let tracks = metadata::read_dir(&fixtures::metadata())?;
        convert(&Request {
            checkpoint: &checkpoint,
            spec: &spec,
            plan: &plan,
            dtype: Kept::F32,
            tracks: Some(serde_json::to_vec(&tracks)?),
            repo: None,
            revision: None,
            out: out.clone(),
            force: false,
            max_shard: u64::MAX,
            resources: Resources {
                threads: 1,
                memory: 256 << 20,
            },
            progress: &|_| {},
        })?;
        let bytes = fs::read(out.join(TENSORS))?;
        let tensors = SafeTensors::deserialize(&bytes)?;
        let tensors = tensors.iter().map(|(name, view)| {
            let (words, _) = view.data().as_chunks::<4>();
            let tensor = Tensor {
                shape: view.shape().to_vec(),
                values: words.iter().map(|&word| f32::from_le_bytes(word)).collect(),
            };
            (name.to_owned(), tensor)
        });
        Ok(Self {
            tensors: tensors.collect(),
            folder,
        })
    }

    /// The folder of the sound model.
    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("tiny")
    }

    /// The folder of a broken model, removed when dropped; of the sound one where the fault is one of code, which
    /// [`Mutation::during`] puts there.
    ///
    /// # Errors
    /// Where the mutation does not fit the model, or the folder cannot be written.
    pub fn broken(&self, mutation: &Mutation) -> Result<TempDir> {
        let broken = || -> Result<TempDir> {
            let folder = tempfile::tempdir()?;
            let (from, to) = (self.path(), folder.path());
            fs::write(to.join(TENSORS), self.edited(mutation)?)?;
            rewrite(&from, to, "config.json", &mutation.config)?;
            rewrite(&from, to, "tracks.json", &mutation.tracks)?;
            Ok(folder)
        };
        broken().with_context(|| format!("the mutation `{}` cannot be made", mutation.name))
    }

    /// The tensors with a mutation's edits, as a safetensors file.
    fn edited(&self, mutation: &Mutation) -> Result<Vec<u8>> {
        let mut tensors = self.tensors.clone();
        for weights in &mutation.weights {
            let name = mutation.tensor(&weights.tensor);
            let tensor = tensors
                .get(&name)
                .with_context(|| format!("no tensor {name}"))?;
            let sound = |name: &str| self.tensors.get(name).cloned();
            let made = weights
                .edit
                .apply(tensor, weights.only, sound)
                .with_context(|| name.clone())?;
            tensors.insert(name, made);
        }
        let bytes: BTreeMap<&str, Vec<u8>> = tensors
            .iter()
            .map(|(name, tensor)| {
                let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes());
                (name.as_str(), bytes.collect())
            })
            .collect();
        let views = tensors
            .iter()
            .map(|(name, tensor)| {
                let data = &bytes[name.as_str()];
                Ok((
                    name.as_str(),
                    TensorView::new(Dtype::F32, tensor.shape.clone(), data)?,
                ))
            })
            .collect::<Result<HashMap<_, _>, safetensors::SafeTensorError>>()?;
        Ok(safetensors::serialize(views, None)?)
    }
}

/// Copies a JSON file with some of its values changed.
fn rewrite(from: &Path, to: &Path, name: &str, settings: &[Setting]) -> Result<()> {
    let mut document: Value = serde_json::from_slice(&fs::read(from.join(name))?)?;
    for setting in settings {
        match document.pointer_mut(&setting.pointer) {
            Some(value) if *value != setting.value => *value = setting.value.clone(),
            Some(_) => bail!("{name}{} is already {}", setting.pointer, setting.value),
            None => bail!("{name} has no {}", setting.pointer),
        }
    }
    fs::write(to.join(name), document.to_string())?;
    Ok(())
}
