//! Which forward passes a comparison needs: cases of one sequence, organism and arithmetic share one.

use anyhow::Result;
use inference::machine::nearest;
use model::Arithmetic;
use terminal::Device;

use super::arithmetic_for;
use crate::recording::Recording;

/// A case of a recording, both by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Index of the recording.
    pub recording: usize,
    /// Index of the case in its manifest.
    pub case: usize,
}

/// One forward pass, and the cases that it serves.
#[derive(Clone, Debug)]
pub struct Pass {
    /// How the model computes.
    pub arithmetic: Arithmetic,
    sequence: Vec<u8>,
    organism_index: usize,
    /// The cases, in the order of the recordings.
    pub jobs: Vec<Job>,
}

impl Pass {
    /// Base pairs of its sequence.
    #[must_use]
    pub fn sequence_length(&self) -> usize {
        self.sequence.len()
    }
}

/// The passes for the cases named in `only` (all where it is empty), those of one arithmetic together: a model is loaded for
/// one. `arithmetic` overrules what the recordings were made with.
///
/// # Errors
/// Where a sequence cannot be read, or the model has no arithmetic for a recording.
pub fn passes(
    recordings: &[Recording],
    device: Device,
    arithmetic: Option<Arithmetic>,
    only: &[String],
) -> Result<Vec<Pass>> {
    let mut passes: Vec<Pass> = Vec::new();
    let mut order: Vec<&'static str> = Vec::new();
    for (recording_index, recording) in recordings.iter().enumerate() {
        let arithmetic = match arithmetic {
            Some(named) => named,
            None => nearest(device, arithmetic_for(recording)?),
        };
        if !order.contains(&arithmetic.name()) {
            order.push(arithmetic.name());
        }
        for (case, entry) in recording.manifest.cases.iter().enumerate() {
            if !only.is_empty() && !only.contains(&entry.name) {
                continue;
            }
            let job = Job {
                recording: recording_index,
                case,
            };
            let sequence = recording.case(&entry.name)?.sequence()?;
            let shared = passes.iter_mut().find(|pass| {
                pass.arithmetic.name() == arithmetic.name()
                    && pass.organism_index == entry.organism_index
                    && pass.sequence == sequence
            });
            match shared {
                Some(pass) => pass.jobs.push(job),
                None => passes.push(Pass {
                    arithmetic,
                    sequence,
                    organism_index: entry.organism_index,
                    jobs: vec![job],
                }),
            }
        }
    }
    passes.sort_by_key(|pass| {
        order
            .iter()
            .position(|name| *name == pass.arithmetic.name())
    });
    Ok(passes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn recording(name: &str) -> Recording {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings");
        Recording::open(&root.join(name)).unwrap()
    }

    #[test]
    fn cases_of_one_sequence_organism_and_arithmetic_share_a_pass() {
        // Both hold rand42 for human; the suite holds it for mouse too.
        let both = [recording("tiny_cpu_f32"), recording("suite_tiny_cpu_f32")];
        let all = passes(&both, Device::Cpu, None, &[]).unwrap();
        let cases: usize = both.iter().map(|r| r.manifest.cases.len()).sum();
        assert_eq!(all.iter().map(|pass| pass.jobs.len()).sum::<usize>(), cases);
        assert_eq!(all.len(), cases - 1);
        let shared: Vec<_> = all.iter().filter(|pass| pass.jobs.len() == 2).collect();
        let names: Vec<_> = shared[0]
            .jobs
            .iter()
            .map(|job| both[job.recording].manifest.cases[job.case].name.as_str())
            .collect();
        assert_eq!((shared.len(), names), (1, vec!["rand42_4096_human"; 2]));
    }

    #[test]
    fn another_arithmetic_is_another_pass_and_comes_after() {
        let mut rounded = recording("tiny_cpu_f32");
        rounded.manifest.matmul_precision = Some("operands rounded to bfloat16".into());
        let plain = recording("tiny_cpu_f32");
        let three = [plain.clone(), rounded, plain];
        let only = ["rand42_4096_human".to_string()];
        let all = passes(&three, Device::Cpu, None, &only).unwrap();
        let jobs: Vec<Vec<usize>> = all
            .iter()
            .map(|pass| pass.jobs.iter().map(|job| job.recording).collect())
            .collect();
        assert_eq!(jobs, [vec![0, 2], vec![1]]);
        let one = passes(&three, Device::Cpu, Some(Arithmetic::XlaCpuF32), &only).unwrap();
        assert_eq!(one.len(), 1);
    }
}
