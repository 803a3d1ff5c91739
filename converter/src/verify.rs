//! Whether a converted folder holds what a checkpoint gives.

use std::{collections::BTreeSet, fmt, path::Path};

use serde::Serialize;

use crate::{
    checkpoint::Checkpoint,
    convert::{CONFIG, to_json},
    digest,
    job::{self, JobError, TooLarge},
    ledger::Ledger,
    parallel::Resources,
    plan::Plan,
    publish::MARK,
    safetensors_file::{Model, ModelError, Stored},
    tensor::{Tensor, TensorType},
};

/// One disagreement between a folder and what a checkpoint gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The tensor or file.
    pub name: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.problem)
    }
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder could not be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The checkpoint could not be read.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A job needs too much memory.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// Bytes that are compared at a time.
const BLOCK: usize = 1 << 20;

/// Recomputes every tensor and compares it, byte by byte, with the one in `dir`; compares `config.json` and the ledger's
/// digests too.
///
/// # Errors
/// If the folder or the checkpoint cannot be read. Differences are no error.
pub fn verify(
    dir: &Path,
    ledger: &Ledger,
    plan: &Plan,
    checkpoint: &dyn Checkpoint,
    resources: Resources,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Difference>, Error> {
    job::check_memory(plan, resources.memory)?;
    let model = Model::open(dir)?;
    let needs: Vec<usize> = plan.jobs.iter().map(|job| job.peak).collect();
    let check = |number: usize| -> Result<Vec<Difference>, Error> {
        let job = &plan.jobs[number];
        let (tensors, digests) = job::run(job, checkpoint)?;
        let mut differences = Vec::new();
        for ((&target, tensor), digest) in job.targets.iter().zip(&tensors).zip(&digests.written) {
            let name = &plan.targets[target].name;
            let mut problem = |problem: String| {
                differences.push(Difference {
                    name: name.clone(),
                    problem,
                })
            };
            match model.tensors.get(name) {
                None => problem("is missing".to_owned()),
                Some(stored) => {
                    if let Some(reason) = compare(&model, stored, tensor)? {
                        problem(reason);
                    }
                }
            }
            match ledger.tensors.get(name) {
                None => problem(format!("is missing in {MARK}")),
                Some(entry) if entry.digest != *digest => {
                    problem(format!("has another digest in {MARK}"))
                }
                Some(entry) => {
                    let same = entry
                        .sources
                        .iter()
                        .map(|leaf| &leaf.digest)
                        .eq(&digests.read);
                    if !same {
                        problem(format!("was made of other values, says {MARK}"));
                    }
                }
            }
            progress(tensor.data.len() as u64);
        }
        Ok(differences)
    };
    let mut differences = resources.run(&needs, check)?.concat();

    let planned: BTreeSet<&str> = plan
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    for name in model
        .tensors
        .keys()
        .filter(|name| !planned.contains(name.as_str()))
    {
        differences.push(Difference {
            name: name.clone(),
            problem: "is not made from this checkpoint".to_owned(),
        });
    }
    let config = std::fs::read(dir.join(CONFIG));
    let expected = to_json(&plan.config).unwrap_or_default();
    let same = config.as_ref().is_ok_and(|found| *found == expected);
    if !same || ledger.output.config_digest != digest::of(&expected) {
        let problem = match config {
            Ok(_) => "differs from what this checkpoint gives".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        differences.push(Difference {
            name: CONFIG.to_owned(),
            problem,
        });
    }
    differences.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(differences)
}

/// How a stored tensor differs from what it should be.
fn compare(model: &Model, stored: &Stored, tensor: &Tensor) -> Result<Option<String>, ModelError> {
    let TensorType { shape, dtype } = &tensor.kind;
    if stored.kind != tensor.kind {
        return Ok(Some(format!("is {}, not {}", stored.kind, tensor.kind)));
    }
    let mut found = vec![0; BLOCK.min(tensor.data.len())];
    let (mut differing, mut first) = (0usize, None);
    for (block, expected) in tensor.data.chunks(BLOCK).enumerate() {
        let found = &mut found[..expected.len()];
        model.read(stored, (block * BLOCK) as u64, found)?;
        if found != expected {
            let size = dtype.size();
            for (at, (a, b)) in found.chunks(size).zip(expected.chunks(size)).enumerate() {
                if a != b {
                    differing += 1;
                    first.get_or_insert(block * BLOCK / size + at);
                }
            }
        }
    }
    let values: usize = shape.iter().product();
    Ok(first.map(|first| {
        format!("{differing} of {values} values differ, the first at element {first}")
    }))
}
