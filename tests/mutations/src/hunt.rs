//! Searches broken models for their fault with `parity bisect`, and counts how often it is found.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use burn::backend::Flex;
use clap::ValueEnum;
use model::{AlphaGenome, Arithmetic, Array, Batch, NoTaps, Request, Sequence};
use parity::bisect::{Case, Kind, Subject, search};
use parity::cli::{self, TapChoice};
use parity::recording::Recording;
use serde::Serialize;
use tempfile::TempDir;
use terminal::Device;
use tests::fixtures;

use crate::{Mutation, Tiny};

/// The ratio to the floor that passes: the default of `--floor-limit`.
const LIMIT: f64 = 1.25;

/// What a search said of one broken model.
#[derive(Clone, Debug, Serialize)]
pub struct Hunted {
    /// The mutation's name.
    pub name: String,
    /// The module it lies in.
    pub module: String,
    /// What a search should call it.
    pub kind: Option<Kind>,
    /// Whether it lies in several modules.
    pub several: bool,
    /// Whether the model gives other values than the sound one in this arithmetic.
    pub changes: bool,
    /// The module that was named.
    pub named: Option<String>,
    /// What the fault was called.
    pub called: Option<Kind>,
    /// What explained most, in words.
    pub why: Option<String>,
    /// The share that it explained.
    pub explained: Option<f64>,
    /// Seconds of the search.
    pub seconds: f64,
}

impl Hunted {
    /// Whether the named module is the one the fault lies in, or it holds or is a part of that.
    pub fn right_module(&self) -> bool {
        let within = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}/"));
        let named = self.named.as_deref();
        named.is_some_and(|named| within(named, &self.module) || within(&self.module, named))
    }

    /// Whether the right module was named with the right kind.
    pub fn right_kind(&self) -> bool {
        self.right_module() && self.called.is_some() && self.called == self.kind
    }
}

/// The recordings of one arithmetic that broken models are searched with.
pub struct Ground<'a> {
    tiny: &'a Tiny,
    arithmetic: Arithmetic,
    /// What the sound model gave, every module whole.
    full: Recording,
    /// What JAX gave, sampled.
    sampled: Recording,
    _folder: TempDir,
}

/// Faults drawn from the graph of the model's pass over a case, which each change an output of it in float32.
///
/// # Errors
/// Where the model cannot run.
pub fn draw(tiny: &Tiny, case: &str, seed: u64, count: usize) -> Result<Vec<Mutation>> {
    let arithmetic = Arithmetic::XlaCpuF32;
    let model = AlphaGenome::<Flex>::load(&tiny.path(), &Default::default(), arithmetic)?;
    let mut case = Recording::open(&fixtures::recording("tiny_cpu_f32"))?.case(case)?;
    let sequence = Sequence::from_indices(&case.sequence()?)?;
    let batch = Batch::new(vec![sequence], vec![case.entry().organism_index])?;
    let request = Request::everything();
    let pass = || -> Result<Vec<Vec<u32>>> {
        let outputs = model.run(&batch, &request, &mut NoTaps)?.into_values();
        let bits = |array: Array| {
            array
                .values
                .to_f32()
                .into_iter()
                .map(f32::to_bits)
                .collect()
        };
        Ok(outputs.map(bits).collect())
    };
    let sound = pass()?;
    let mut kept = Vec::new();
    for mutation in crate::draw::draw(&model.graph(&batch, &request)?, seed, 4 * count) {
        if kept.len() == count {
            break;
        }
        if mutation.during(pass)? != sound {
            kept.push(mutation);
        }
    }
    Ok(kept)
}

impl<'a> Ground<'a> {
    /// Records the sound model.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    pub fn new(tiny: &'a Tiny, arithmetic: Arithmetic) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let name = match arithmetic.is_bfloat16() {
            true => "tiny_cpu_bf16",
            false => "tiny_cpu_f32",
        };
        let sampled = fixtures::recording(name);
        let out = folder.path().join("full");
        let named = cli::Arithmetic::from_str(arithmetic.name(), false);
        parity::commands::run(cli::Cli {
            loudness: Default::default(),
            command: cli::Command::Record(cli::Record {
                model: tiny.path(),
                out: out.clone(),
                shard: None,
                like: Some(sampled.clone()),
                sequences: None,
                organism: 0,
                arithmetic: named.map_err(|error| anyhow!(error))?,
                device: Device::Cpu,
                taps: Some(TapChoice::Full),
                budget: 0,
            }),
        })?;
        Ok(Self {
            tiny,
            arithmetic,
            full: Recording::open(&out)?,
            sampled: Recording::open(&sampled)?,
            _folder: folder,
        })
    }

    /// The recordings by the words that name them.
    pub fn recordings(&self) -> [(&'static str, &Recording); 2] {
        [
            ("full taps", &self.full),
            ("JAX's sampled taps", &self.sampled),
        ]
    }

    /// Searches the model in `dir` with the case of a recording.
    fn search(&self, dir: &Path, recording: &Recording, case: &str) -> Result<Case> {
        let subject = Subject::load(dir, self.arithmetic)?;
        let report = search(
            &subject,
            recording,
            &[case.to_owned()],
            LIMIT,
            &|_, _| {},
            &|_, _| {},
        )?;
        let case = report.cases.into_iter().next();
        case.context("a search of one case has one case")
    }

    /// Searches the sound model: nobody may be blamed.
    ///
    /// # Errors
    /// Where a module is named.
    pub fn sound(&self, case: &str) -> Result<()> {
        for (words, recording) in self.recordings() {
            let found = self.search(&self.tiny.path(), recording, case)?;
            if let Some(culprit) = found.culprit {
                anyhow::bail!("{words}: the sound model is blamed for {}", culprit.module);
            }
        }
        Ok(())
    }

    /// Searches a broken model.
    ///
    /// # Errors
    /// Where it cannot be made or searched.
    pub fn broken(&self, mutation: &Mutation, recording: &Recording, case: &str) -> Result<Hunted> {
        let folder = self.tiny.broken(mutation)?;
        let started = Instant::now();
        let found = mutation.during(|| self.search(folder.path(), recording, case));
        let found = found.with_context(|| mutation.name.clone())?;
        let seconds = started.elapsed().as_secs_f64();
        let changes =
            found.culprit.is_some() || found.rows.iter().any(|row| row.propagated != Some(0.0));
        let culprit = found.culprit;
        let best = culprit.as_ref().and_then(|culprit| culprit.trials.first());
        Ok(Hunted {
            name: mutation.name.clone(),
            module: mutation.module.clone(),
            kind: mutation.likely(),
            several: mutation.several,
            changes,
            why: best.map(|trial| trial.what.clone()),
            explained: best.and_then(|trial| trial.explained),
            named: culprit.as_ref().map(|culprit| culprit.module.clone()),
            called: culprit.as_ref().and_then(|culprit| culprit.kind),
            seconds,
        })
    }

    /// Searches many broken models on `threads` threads, and gives what was found in their order.
    ///
    /// # Errors
    /// Where one cannot be made or searched.
    pub fn all(
        &self,
        mutations: &[&Mutation],
        (recording, case): (&Recording, &str),
        threads: usize,
    ) -> Result<Vec<Hunted>> {
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(mutation) = mutations.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let hunted = self.broken(mutation, recording, case);
                        if let Ok(mut found) = found.lock() {
                            found.push(hunted.map(|hunted| (mutation.name.as_str(), hunted)));
                        }
                    }
                });
            }
        });
        let found = found
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let found = found.into_iter().collect::<Result<Vec<_>>>()?;
        ensure!(found.len() == mutations.len(), "a search ended early");
        let of = |mutation: &&Mutation| {
            let mut all = found.iter();
            all.find(|(name, _)| *name == mutation.name)
                .map(|(_, hunted)| hunted.clone())
        };
        Ok(mutations.iter().filter_map(of).collect())
    }
}
