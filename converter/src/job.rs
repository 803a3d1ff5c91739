//! Running one job of a plan: read its leaves, digest them, transform them.

use crate::{
    checkpoint::{Checkpoint, ReadError},
    digest,
    ledger::JobDigests,
    plan::{Job, Plan},
    tensor::Tensor,
};

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A leaf could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A leaf's bytes do not fit into memory.
    #[error("there is no memory for {bytes} bytes of leaf `{leaf}`")]
    Memory {
        /// The leaf's name.
        leaf: String,
        /// Its size.
        bytes: usize,
    },
    /// The transforms refused what the plan had checked: a defect of this program.
    #[error("`{label}` cannot be transformed: {reason}")]
    Transform {
        /// The job.
        label: String,
        /// Why.
        reason: String,
    },
}

/// A leaf whose tensors need more memory than there is.
#[derive(Debug, thiserror::Error)]
#[error("`{label}` needs {needed} of memory, more than the {limit} that --memory allows")]
pub struct TooLarge {
    /// The job.
    pub label: String,
    /// What it needs.
    pub needed: String,
    /// What there is.
    pub limit: String,
}

/// Checks that every job fits into `memory` bytes.
///
/// # Errors
/// Names the first that does not.
pub fn check_memory(plan: &Plan, memory: usize) -> Result<(), TooLarge> {
    match plan.jobs.iter().find(|job| job.peak > memory) {
        None => Ok(()),
        Some(job) => Err(TooLarge {
            label: job.label.clone(),
            needed: crate::text::bytes(job.peak as u64),
            limit: crate::text::bytes(memory as u64),
        }),
    }
}

/// Runs a job; gives its tensors in the order of its targets.
///
/// # Errors
/// See [`JobError`].
pub fn run(job: &Job, checkpoint: &dyn Checkpoint) -> Result<(Vec<Tensor>, JobDigests), JobError> {
    let mut tensors = Vec::with_capacity(job.sources.len());
    let mut read = Vec::with_capacity(job.sources.len());
    for &number in &job.sources {
        let leaf = &checkpoint.leaves()[number];
        let bytes = leaf.kind.bytes();
        let mut data = Vec::new();
        if data.try_reserve_exact(bytes).is_err() {
            return Err(JobError::Memory {
                leaf: leaf.name.clone(),
                bytes,
            });
        }
        data.resize(bytes, 0);
        checkpoint.read_into(number, &mut data)?;
        read.push(digest::of(&data));
        tensors.push(Tensor {
            kind: leaf.kind.clone(),
            data,
        });
    }
    for step in &job.chain {
        let applied = step.apply(tensors);
        tensors = applied.map_err(|reason| JobError::Transform {
            label: job.label.clone(),
            reason,
        })?;
    }
    // Bytes that stayed as they were keep their digest.
    let written = if job.chain.iter().all(|step| step.keeps_bytes()) {
        read.clone()
    } else {
        tensors
            .iter()
            .map(|tensor| digest::of(&tensor.data))
            .collect()
    };
    Ok((tensors, JobDigests { read, written }))
}
