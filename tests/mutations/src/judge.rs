//! Holds models to JAX's recordings, by the noise floor and by the levels.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use model::Arithmetic;
use parity::commands::floor::measure;
use parity::compare::{CaseInfo, InMemory, Settings, compare_case};
use parity::floor::Floor;
use parity::levels::Thresholds;
use parity::order::depth;
use parity::recording::{Array, CaseReader, DType, Recording};
use parity::result::{CaseResult, OutputResult};
use parity::run::Candidate;
use serde::Serialize;
use terminal::Device;
use tests::fixtures;

use crate::mutation::Kind;
use crate::{Mutation, Tiny};

/// The ratio to the floor that is allowed beside chance: the default of `--floor-limit`.
const LIMIT: f64 = 1.25;

/// What was found about one model.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The mutation's name.
    pub name: String,
    /// The module it lies in; nothing for the sound model.
    pub module: Option<String>,
    /// Its kind.
    pub kind: Option<Kind>,
    /// Outputs and taps that differ from the sound model's, of all comparisons.
    pub changed: usize,
    /// By the noise floor.
    pub floor: FloorFinding,
    /// Whether level 1, 2, 3 and 4 of the default profile see it.
    pub levels: [bool; 4],
    /// Whether level 2 of the profile `strict` sees it.
    pub strict: bool,
}

/// What the noise floor says.
#[derive(Clone, Debug, Serialize)]
pub struct FloorFinding {
    /// Whether any comparison is beyond the limit.
    pub caught: bool,
    /// The comparisons that are.
    pub comparisons: Vec<String>,
    /// The largest share of its limit that an output reaches; nothing where a ratio is not finite.
    pub share_of_limit: Option<f64>,
    /// The ratio of that output.
    pub ratio: Option<f64>,
    /// Its limit.
    pub limit: Option<f64>,
    /// That output.
    pub worst: String,
    /// The first output or tap, in the order that the model computes them, that leaves the floor.
    pub first: Option<String>,
}

/// The recordings, the floor and the sound model's outputs.
pub struct Judge {
    human: [Recording; 2],
    floor: Floor,
    sound: Vec<Side>,
}

/// What a model gives for a case of a recording.
struct Side {
    /// Recording and case.
    name: String,
    info: CaseInfo,
    /// Sides that round to float32: one against float64.
    sides: u8,
    reference: CaseReader,
    outputs: InMemory,
}

impl Judge {
    /// Reads the recordings, measures JAX's float32 against its float64, and runs the sound model.
    ///
    /// # Errors
    /// Where a fixture cannot be read or the model cannot run.
    pub fn new(tiny: &Tiny) -> Result<Self> {
        let open = |name: &str| Recording::open(&fixtures::recording(name));
        let human = [open("tiny_cpu_f64")?, open("tiny_cpu_f32")?];
        let floor = measure(&human)?;
        let mut judge = Self {
            human,
            floor,
            sound: Vec::new(),
        };
        judge.sound = judge.sides(&tiny.path())?;
        Ok(judge)
    }

    /// The sound model: what passes it must pass for a reason, and what it does not pass says nothing of a fault.
    ///
    /// # Errors
    /// Where the model cannot run.
    pub fn sound(&self, tiny: &Tiny) -> Result<Finding> {
        let (finding, changed) = self.find(&tiny.path())?;
        ensure!(
            changed == 0,
            "the sound model gives other values when it runs again"
        );
        Ok(finding)
    }

    /// A broken model.
    ///
    /// # Errors
    /// Where the mutation cannot be made, the model cannot run, or nothing changed.
    pub fn broken(&self, tiny: &Tiny, mutation: &Mutation) -> Result<Finding> {
        let folder = tiny.broken(mutation)?;
        let found = mutation.during(|| self.find(folder.path()));
        let (finding, changed) = found.with_context(|| mutation.name.clone())?;
        ensure!(
            changed > 0,
            "`{}` changes no output: it is no fault",
            mutation.name
        );
        Ok(Finding {
            name: mutation.name.clone(),
            module: Some(mutation.module.clone()),
            kind: Some(mutation.kind),
            changed,
            ..finding
        })
    }

    fn find(&self, model: &Path) -> Result<(Finding, usize)> {
        let mut sides = self.sides(model)?;
        let pairs = sides.iter().zip(&self.sound);
        let changed = pairs
            .map(|(side, sound)| differing(&side.outputs, &sound.outputs))
            .sum();
        let mut levels = [false; 4];
        for (level, caught) in (1..).zip(&mut levels) {
            let cases = compare(&mut sides, level, "default", None)?;
            *caught = cases.iter().any(|(_, case)| !case.pass);
        }
        let with_floor = compare(&mut sides, 2, "default", Some(&self.floor))?;
        let strict = compare(&mut sides, 2, "strict", None)?;
        let finding = Finding {
            name: "none".into(),
            module: None,
            kind: None,
            changed,
            floor: self.floor_finding(&with_floor),
            levels,
            strict: strict.iter().any(|(_, case)| !case.pass),
        };
        Ok((finding, changed))
    }

    /// Runs a model on every case: the human one of both recordings, and the mouse one.
    fn sides(&self, model: &Path) -> Result<Vec<Side>> {
        let candidate = Candidate::load(model, Arithmetic::XlaCpuF32, Device::Cpu)?;
        let [exact, single] = &self.human;
        let mut sides = Vec::new();
        for entry in &single.manifest.cases {
            let recordings = [exact, single].into_iter();
            let holding =
                recordings.filter(|r| r.manifest.cases.iter().any(|c| c.name == entry.name));
            let holding: Vec<&Recording> = holding.collect();
            let open = |recording: &&Recording| recording.case(&entry.name);
            let mut cases = holding.iter().map(open).collect::<Result<Vec<_>, _>>()?;
            let (outputs, _) = candidate.run_cases(&mut cases.iter_mut().collect::<Vec<_>>())?;
            for ((recording, reference), outputs) in holding.iter().zip(cases).zip(outputs) {
                sides.push(Side {
                    name: format!("{} {}", recording.name(), entry.name),
                    info: CaseInfo {
                        name: entry.name.clone(),
                        sequence_length: entry.sequence_length,
                        organism_index: entry.organism_index,
                    },
                    sides: parity::floor::sides(recording.manifest.compute_dtype, DType::Float32),
                    reference,
                    outputs,
                });
            }
        }
        Ok(sides)
    }

    fn floor_finding(&self, cases: &[(String, CaseResult)]) -> FloorFinding {
        let all = || {
            cases
                .iter()
                .flat_map(|(side, case)| case.outputs.iter().map(move |o| (side, o)))
        };
        // What is not finite is worse than any number.
        let share = |output: &OutputResult| -> f64 {
            output.floor.as_ref().map_or(0.0, |floor| {
                floor
                    .ratio
                    .value()
                    .map_or(if floor.pass { 0.0 } else { f64::INFINITY }, |r| {
                        r / floor.limit
                    })
            })
        };
        let worst = all().max_by(|a, b| share(a.1).total_cmp(&share(b.1)));
        let first = all()
            .filter(|(_, output)| beyond(output))
            .min_by_key(|(_, output)| depth(output.name.trim_end_matches("@given")));
        let missing = cases
            .iter()
            .flat_map(|(_, case)| &case.not_compared)
            .find(|entry| entry.fails);
        let caught = |case: &CaseResult| {
            case.outputs.iter().any(beyond) || case.not_compared.iter().any(|entry| entry.fails)
        };
        let comparisons: Vec<String> = cases
            .iter()
            .filter(|(_, case)| caught(case))
            .map(|(side, _)| side.clone())
            .collect();
        let share = worst
            .map(|(_, output)| share(output))
            .filter(|share| share.is_finite());
        let floor = worst.and_then(|(_, output)| output.floor.as_ref());
        FloorFinding {
            caught: !comparisons.is_empty(),
            comparisons,
            share_of_limit: share,
            ratio: floor.and_then(|floor| floor.ratio.value()),
            limit: floor.map(|floor| floor.limit),
            worst: worst.map_or(String::new(), |(side, output)| {
                format!("{side} {}", output.name)
            }),
            first: first
                .map(|(_, output)| output.name.clone())
                .or(missing.map(|entry| entry.name.clone())),
        }
    }
}

/// Whether an output is beyond the floor. What has none must be equal: NaN and infinity in the same places, and the splice
/// sites but for ties.
fn beyond(output: &OutputResult) -> bool {
    let whole = |name: &str| name == "non_finite_mismatches" || !output.reference_dtype.is_float();
    let mut checks = output.checks.iter().filter(|check| whole(&check.name));
    output.floor.as_ref().is_some_and(|floor| !floor.pass) || checks.any(|check| !check.pass)
}

fn compare(
    sides: &mut [Side],
    level: u8,
    profile: &str,
    floor: Option<&Floor>,
) -> Result<Vec<(String, CaseResult)>> {
    let thresholds = Thresholds::profile(profile)?;
    let mut cases = Vec::new();
    for side in sides {
        let settings = Settings {
            level,
            dtype: DType::Float32,
            sides: side.sides,
            thresholds: thresholds.clone(),
            floor: floor.map(|floor| (floor.clone(), LIMIT)),
            known: None,
            tables: false,
            only: None,
        };
        let (reference, outputs) = (&mut side.reference, &mut side.outputs);
        let case = compare_case(&side.info, reference, outputs, &settings, &mut |_| {})?;
        cases.push((side.name.clone(), case));
    }
    Ok(cases)
}

/// Outputs that differ in any bit, in shape or in type, or are in one alone.
fn differing(a: &InMemory, b: &InMemory) -> usize {
    let names: std::collections::BTreeSet<&String> =
        a.arrays.keys().chain(b.arrays.keys()).collect();
    let same = |arrays: [&BTreeMap<String, Array>; 2], name: &String| match arrays
        .map(|all| all.get(name))
    {
        [Some(a), Some(b)] => {
            let bits = |array: &Array| -> Vec<u64> {
                array
                    .values
                    .view()
                    .to_f64()
                    .into_iter()
                    .map(f64::to_bits)
                    .collect()
            };
            a.full_shape == b.full_shape && a.dtype() == b.dtype() && bits(a) == bits(b)
        }
        _ => false,
    };
    names
        .into_iter()
        .filter(|name| !same([&a.arrays, &b.arrays], name))
        .count()
}
