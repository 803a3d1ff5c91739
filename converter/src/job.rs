//! Running one job of a plan: read its leaves, digest them, transform them.

use crate::{
    checkpoint::{Checkpoint, ReadError},
    digest::{self, Digest},
    ledger::JobDigests,
    plan::{Job, Plan},
    tensor::Tensor,
    transform::{Transform, before_permutation, only_permutation, permute},
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

/// Bytes that are digested and handed on at a time: few enough to stay in the cache in between.
const BLOCK: usize = 1 << 20;

/// A stretch of a tensor's bytes.
pub struct Piece<'a> {
    /// The tensor's number in [`Plan::targets`].
    pub target: usize,
    /// The offset of the first byte in the tensor.
    pub offset: usize,
    /// The bytes.
    pub data: &'a [u8],
}

/// Runs a job, and hands its tensors on to `sink`, each from front to back. `buffer` is used for reading, so that the next
/// job need not ask the system for memory.
///
/// # Errors
/// See [`JobError`], and what `sink` says.
pub fn run<E: From<JobError>>(
    job: &Job,
    checkpoint: &dyn Checkpoint,
    buffer: &mut Vec<u8>,
    mut sink: impl FnMut(Piece<'_>) -> Result<(), E>,
) -> Result<JobDigests, E> {
    if let ([source], [target]) = (job.sources.as_slice(), job.targets.as_slice()) {
        if job.chain.iter().all(Transform::keeps_bytes) {
            read(checkpoint, *source, buffer)?;
            let digest = hand_on(*target, buffer, &mut sink)?;
            let (read, written) = (vec![digest.clone()], vec![digest]);
            return Ok(JobDigests { read, written });
        }
        if let Some(axes) = only_permutation(&job.chain) {
            read(checkpoint, *source, buffer)?;
            let kind = before_permutation(&job.chain, &checkpoint.leaves()[*source].kind);
            let kind = kind.map_err(|reason| JobError::Transform {
                label: job.label.clone(),
                reason,
            })?;
            let mut handed = Handed::new(*target, &mut sink);
            permute(buffer, &kind, axes, &mut |piece| handed.add(piece))?;
            let (read, written) = (vec![digest::of(buffer)], vec![handed.digest.finish()]);
            return Ok(JobDigests { read, written });
        }
    }
    let mut tensors = Vec::with_capacity(job.sources.len());
    let mut digests = JobDigests {
        read: Vec::new(),
        written: Vec::new(),
    };
    for &source in &job.sources {
        let mut data = Vec::new();
        read(checkpoint, source, &mut data)?;
        digests.read.push(digest::of(&data));
        tensors.push(Tensor {
            kind: checkpoint.leaves()[source].kind.clone(),
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
    for (&target, tensor) in job.targets.iter().zip(&tensors) {
        digests
            .written
            .push(hand_on(target, &tensor.data, &mut sink)?);
    }
    Ok(digests)
}

/// Reads a leaf into the whole of `data`.
fn read(checkpoint: &dyn Checkpoint, source: usize, data: &mut Vec<u8>) -> Result<(), JobError> {
    let leaf = &checkpoint.leaves()[source];
    let bytes = leaf.kind.bytes();
    let more = bytes.saturating_sub(data.len());
    if data.try_reserve_exact(more).is_err() {
        return Err(JobError::Memory {
            leaf: leaf.name.clone(),
            bytes,
        });
    }
    data.resize(bytes, 0);
    Ok(checkpoint.read_into(source, data)?)
}

/// Digests a tensor's bytes and hands them on.
fn hand_on<E>(
    target: usize,
    data: &[u8],
    sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
) -> Result<String, E> {
    let mut handed = Handed::new(target, sink);
    data.chunks(BLOCK).try_for_each(|data| handed.add(data))?;
    Ok(handed.digest.finish())
}

/// A tensor on its way to a sink.
struct Handed<'a, S> {
    target: usize,
    offset: usize,
    digest: Digest,
    sink: &'a mut S,
}

impl<'a, S> Handed<'a, S> {
    fn new(target: usize, sink: &'a mut S) -> Self {
        Handed {
            target,
            offset: 0,
            digest: Digest::default(),
            sink,
        }
    }

    /// Digests the next bytes and hands them on.
    fn add<E>(&mut self, data: &[u8]) -> Result<(), E>
    where
        S: FnMut(Piece<'_>) -> Result<(), E>,
    {
        self.digest.update(data);
        (self.sink)(Piece {
            target: self.target,
            offset: self.offset,
            data,
        })?;
        self.offset += data.len();
        Ok(())
    }
}
