//! Whether a converted folder holds what a checkpoint gives.

mod ledger;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use serde::Serialize;

use crate::{
    checkpoint::Checkpoint,
    convert::{CONFIG, to_json},
    job::{self, JobError, Piece, TooLarge},
    ledger::{Facts, JobDigests, Ledger},
    parallel::Resources,
    plan::{Plan, Target},
    safetensors_file::{Layout, Model, ModelError, Stored},
    spec::Spec,
    tensor::Dtype,
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
    /// JSON could not be made.
    #[error("JSON cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// What is compared with what.
pub struct Request<'a> {
    /// The converted folder.
    pub dir: &'a Path,
    /// Its ledger.
    pub ledger: &'a Ledger,
    /// The spec that the plan was made from.
    pub spec: &'a Spec,
    /// The plan.
    pub plan: &'a Plan,
    /// The type that the plan was made for.
    pub dtype: Dtype,
    /// The checkpoint.
    pub checkpoint: &'a dyn Checkpoint,
    /// Threads and memory.
    pub resources: Resources,
    /// Told the number of bytes that were compared since the last call; from several threads.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// Recomputes every tensor and compares it, byte by byte, with the one in the folder; compares `config.json` and all that the
/// ledger says of the checkpoint and the tensors, too.
///
/// # Errors
/// If the folder or the checkpoint cannot be read. Differences are no error.
pub fn verify(request: &Request<'_>) -> Result<Vec<Difference>, Error> {
    let Request {
        dir,
        plan,
        checkpoint,
        resources,
        progress,
        ..
    } = *request;
    job::check_memory(plan, resources.memory)?;
    let model = Model::open(dir)?;
    let needs: Vec<usize> = plan.jobs.iter().map(|job| job.peak).collect();
    let check = |number: usize,
                 buffer: &mut Vec<u8>|
     -> Result<(Vec<Difference>, JobDigests), Error> {
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
        for target in &job.targets {
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
        }
        Ok((differences, digests))
    };
    let (differences, digests): (Vec<_>, Vec<_>) =
        resources.run(&needs, check)?.into_iter().unzip();
    let mut differences = differences.concat();

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
    let expected = to_json(&plan.config)?;
    let problem = match std::fs::read(dir.join(CONFIG)) {
        Ok(config) if config == expected => None,
        Ok(_) => Some("differs from what this checkpoint gives".to_owned()),
        Err(error) => Some(format!("cannot be read: {error}")),
    };
    differences.extend(problem.map(|problem| Difference {
        name: CONFIG.to_owned(),
        problem,
    }));
    let recomputed = Ledger::new(Facts {
        spec: request.spec,
        plan,
        leaves: checkpoint.leaves(),
        layout: &Layout::new(&plan.targets, u64::MAX),
        digests: &digests,
        dtype: request.dtype,
        repo: request.ledger.source.repo.clone(),
        revision: request.ledger.source.revision.clone(),
        config: &expected,
        tracks: request.ledger.tracks.clone(),
    });
    differences.extend(ledger::compare(request.ledger, recomputed, &model));
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
