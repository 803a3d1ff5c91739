//! Whether a converted folder holds what a checkpoint gives.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use serde::Serialize;

use crate::{
    checkpoint::Checkpoint,
    convert::{CONFIG, to_json},
    digest,
    job::{self, JobError, Piece, TooLarge},
    ledger::Ledger,
    parallel::Resources,
    plan::{Plan, Target},
    publish::MARK,
    safetensors_file::{Model, ModelError, Stored},
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
    let check = |number: usize, buffer: &mut Vec<u8>| -> Result<Vec<Difference>, Error> {
        let job = &plan.jobs[number];
        let mut comparisons: BTreeMap<usize, Comparison> = BTreeMap::new();
        let digests = job::run(job, checkpoint, buffer, |piece| {
            let target = &plan.targets[piece.target];
            if let Some(stored) = model
                .tensors
                .get(&target.name)
                .filter(|stored| stored.kind == target.kind)
            {
                let comparison = comparisons.entry(piece.target).or_default();
                comparison.add(&model, stored, &piece)?;
            }
            progress(piece.data.len() as u64);
            Ok::<_, Error>(())
        })?;
        let mut differences = Vec::new();
        for (target, digest) in job.targets.iter().zip(&digests.written) {
            let Target { name, kind } = &plan.targets[*target];
            let mut problem = |problem: String| {
                differences.push(Difference {
                    name: name.clone(),
                    problem,
                })
            };
            match model.tensors.get(name) {
                None => problem("is missing".to_owned()),
                Some(stored) if stored.kind != *kind => {
                    problem(format!("is {}, not {kind}", stored.kind))
                }
                Some(_) => {
                    if let Some(Comparison {
                        differing,
                        first: Some(first),
                    }) = comparisons.get(target)
                    {
                        let values = kind.bytes() / kind.dtype.size();
                        problem(format!(
                            "{differing} of {values} values differ, the first at element {first}"
                        ));
                    }
                }
            }
            match ledger.tensors.get(name) {
                None => problem(format!("is missing in {MARK}")),
                Some(entry) if entry.digest != *digest => {
                    problem(format!("has another digest in {MARK}"))
                }
                Some(entry)
                    if !entry
                        .sources
                        .iter()
                        .map(|leaf| &leaf.digest)
                        .eq(&digests.read) =>
                {
                    problem(format!("was made of other values, says {MARK}"));
                }
                Some(_) => {}
            }
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

/// What is known of the difference between a stored tensor and what it should be.
#[derive(Default)]
struct Comparison {
    differing: usize,
    first: Option<usize>,
}

impl Comparison {
    /// Compares a stretch.
    fn add(&mut self, model: &Model, stored: &Stored, piece: &Piece<'_>) -> Result<(), ModelError> {
        let mut found = vec![0; piece.data.len()];
        model.read(stored, piece.offset as u64, &mut found)?;
        if found != piece.data {
            let size = stored.kind.dtype.size();
            for (at, (a, b)) in found.chunks(size).zip(piece.data.chunks(size)).enumerate() {
                if a != b {
                    self.differing += 1;
                    self.first.get_or_insert(piece.offset / size + at);
                }
            }
        }
        Ok(())
    }
}
