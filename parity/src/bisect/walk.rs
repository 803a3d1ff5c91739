//! Goes through the modules in the order of the data, and runs each on what was recorded.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use model::{Array, Batch, Known, Stage, Values};
use parity_stats::random::SplitMix64;

use super::arrays::{distance, gather};
use super::floor::{LocalFloor, limit};
use super::recorded::Recorded;
use super::report::{Case, Input, Row};
use super::sites;
use super::subject::Subject;
use crate::recording::Recording;

/// The head that reads the splice sites.
pub(super) const JUNCTIONS: &str = "splice_sites_junction";

/// How a search is done.
pub struct Settings<'a> {
    /// The local floor.
    pub floor: LocalFloor,
    /// The largest ratio to it that passes, for many values.
    pub limit: f64,
    /// True where the recording was written by this program with the same arithmetic.
    pub same_program: bool,
    /// The command that shows a finding again.
    pub command: String,
    /// Told the module that is run.
    pub progress: &'a dyn Fn(&str),
    /// Told the seconds that the modules will take, one by one, when the ordinary pass is done.
    pub estimate: &'a dyn Fn(f64),
}

/// What a module alone gives on recorded input, by the names of its outputs.
pub(super) type Given = Vec<(String, Array)>;

/// Searches one case.
///
/// # Errors
/// Where the case cannot be read or does not fit the model.
pub fn walk(
    subject: &Subject,
    recording: &Recording,
    name: &str,
    settings: &Settings<'_>,
) -> Result<Case> {
    let started = Instant::now();
    let mut case = recording.case(name)?;
    let batch = Subject::batch(&case.sequence()?, case.entry().organism_index)?;
    (settings.progress)("an ordinary pass");
    let passing = Instant::now();
    let ours = subject.pass(&batch)?;
    let runs = if settings.same_program { 1.0 } else { 2.0 };
    (settings.estimate)(runs * passing.elapsed().as_secs_f64());
    let mut walk = Walk {
        subject,
        settings,
        batch,
        ours,
        known: Known::new(),
        noisy: Known::new(),
        sites: None,
        inputs: BTreeMap::new(),
        propagated: BTreeMap::new(),
        other_sites: false,
        notes: Vec::new(),
    };
    let (mut rows, mut culprit, mut also) = (Vec::new(), None, Vec::new());
    walk.take_sites(&mut case)?;
    for stage in subject.stages() {
        (settings.progress)(&stage.path);
        let recorded = walk.recorded(&mut case, stage)?;
        if let Some((row, given)) = walk.row(stage, &recorded)? {
            if row.fails() {
                match culprit {
                    None => {
                        let inner = walk.inner(&mut case, stage)?;
                        culprit = Some(walk.culprit(stage, (&recorded, &given, &inner), &row)?);
                    }
                    Some(_) => also.push(row.module.clone()),
                }
            }
            rows.push(row);
        }
        walk.hand_on(stage, &recorded);
        if stage.path.ends_with(JUNCTIONS)
            && let Some((row, found)) = sites::check(&walk)?
        {
            match (row.fails(), &culprit) {
                (true, None) => culprit = Some(found),
                (true, Some(_)) => also.push(row.output.clone()),
                (false, _) => {}
            }
            rows.push(row);
        }
    }
    Ok(Case {
        name: name.into(),
        rows,
        culprit,
        also,
        notes: walk.notes,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// A search under way.
pub(super) struct Walk<'a> {
    pub(super) subject: &'a Subject,
    pub(super) settings: &'a Settings<'a>,
    pub(super) batch: Batch,
    /// Outputs of an ordinary pass, whole.
    pub(super) ours: Known,
    /// Outputs as recorded, completed with ours.
    pub(super) known: Known,
    /// The same, each value moved by about one rounding, or by what ours are off where they stand in.
    pub(super) noisy: Known,
    /// The recorded splice sites, `[B, 4, K]`.
    pub(super) sites: Option<Vec<i32>>,
    /// By module: values recorded, values in all.
    inputs: BTreeMap<String, (usize, usize)>,
    propagated: BTreeMap<String, f64>,
    /// True where the model chooses other splice sites than were recorded.
    pub(super) other_sites: bool,
    pub(super) notes: Vec<String>,
}

impl Walk<'_> {
    /// The figures of a module, and what it gives on the recorded input.
    fn row(&mut self, stage: &Stage, recorded: &[Recorded]) -> Result<Option<(Row, Given)>> {
        if recorded.is_empty() {
            return Ok(None);
        }
        let local = self.subject.run(&stage.path, &self.batch, &self.known)?;
        // What repeats bit by bit has a floor that no response enters.
        let noisy = match self.settings.floor.roundings {
            0.0 => None,
            _ => Some(self.subject.run(&stage.path, &self.batch, &self.noisy)?),
        };
        let mut worst: Option<Row> = None;
        for recorded in recorded {
            let of = |run: &[(String, Array)]| {
                let array = run.iter().find(|(name, _)| *name == recorded.output);
                array.map(|(_, array)| gather(&array.values.to_f32(), &recorded.places))
            };
            let ours = self
                .ours
                .get(&recorded.output)
                .or(self.ours.get(&stage.path));
            let ours = ours.map(|array| gather(&array.values.to_f32(), &recorded.places));
            let (Some(local), Some(ours)) = (of(&local), ours) else {
                continue;
            };
            let response = noisy.as_ref().and_then(|noisy| of(noisy));
            let response = response.map_or(0.0, |noisy| distance(&local, &noisy));
            let reference = recorded.array.values.to_f64();
            // Junctions of other splice sites cannot be set beside each other.
            let propagated = match self.other_sites && recorded.name.starts_with(JUNCTIONS) {
                true => None,
                false => Some(distance(&reference, &ours)),
            };
            let error = distance(&reference, &local);
            let floor = self.settings.floor.value(response);
            let finite = reference.iter().filter(|x| x.is_finite()).count() as u64;
            let row = Row {
                module: stage.path.clone(),
                output: recorded.name.clone(),
                values: reference.len(),
                propagated,
                gain: propagated.and_then(|propagated| self.gain(stage, propagated)),
                local: Some(error),
                floor: Some(floor),
                ratio: Some(error / floor),
                limit: Some(limit(self.settings.limit, finite.max(1))),
                input: Some(self.input(stage)),
            };
            if worst.as_ref().is_none_or(|worst| row.ratio > worst.ratio) {
                worst = Some(row);
            }
        }
        if let Some(row) = &worst {
            self.propagated
                .insert(stage.path.clone(), row.propagated.unwrap_or(0.0));
        }
        Ok(worst.map(|row| (row, local)))
    }

    /// The error of the output over the largest one of what the module reads.
    fn gain(&self, stage: &Stage, propagated: f64) -> Option<f64> {
        let inputs = stage
            .inputs
            .iter()
            .filter_map(|input| self.propagated.get(input));
        let largest = inputs.copied().fold(0.0, f64::max);
        (largest > 0.0 && propagated.is_finite()).then(|| propagated / largest)
    }

    fn input(&self, stage: &Stage) -> Input {
        let (mut recorded, mut all, mut completed) = (0, 0, Vec::new());
        for input in &stage.inputs {
            let (here, of) = self.inputs.get(input).copied().unwrap_or((0, 1));
            recorded += here;
            all += of;
            if here < of {
                completed.push(input.clone());
            }
        }
        Input {
            recorded: if all == 0 {
                1.0
            } else {
                recorded as f64 / all as f64
            },
            completed,
        }
    }

    /// Makes a module's output known to those that read it: as recorded, and where it was not, as ours.
    fn hand_on(&mut self, stage: &Stage, recorded: &[Recorded]) {
        let Some(ours) = self.ours.get(&stage.path) else {
            return;
        };
        let mut values = ours.values.to_f32();
        let shape = ours.shape.clone();
        let mut known = vec![false; values.len()];
        // All outputs of a module that others read are the same value under several names.
        for recorded in recorded
            .iter()
            .filter(|recorded| recorded.array.full_shape == shape)
        {
            for (&place, value) in recorded.places.iter().zip(recorded.array.values.to_f64()) {
                values[place] = value as f32;
                known[place] = true;
            }
        }
        let count = known.iter().filter(|known| **known).count();
        self.inputs
            .insert(stage.path.clone(), (count, values.len()));
        let one = if self.settings.same_program {
            0.0
        } else {
            self.settings.floor.unit
        };
        let ours_off = self
            .propagated
            .get(&stage.path)
            .copied()
            .unwrap_or(0.0)
            .max(one);
        let mut random = SplitMix64::new(0x5eed);
        let noisy = values.iter().zip(&known).map(|(&value, &known)| {
            let size = if known { one } else { ours_off };
            let uniform = (random.next_bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
            (f64::from(value) * (1.0 + size * uniform)) as f32
        });
        let array = |values: Vec<f32>| Array {
            shape: shape.clone(),
            values: Values::F32(values),
        };
        self.noisy
            .insert(stage.path.clone(), array(noisy.collect()));
        self.known.insert(stage.path.clone(), array(values));
    }
}
