//! One output of two recordings, and what becomes of it with a fault.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use half::{bf16, f16};
use parity::compare::{CaseInfo, InMemory, Settings, compare_case};
use parity::levels::Thresholds;
use parity::outputs::{Kind, kind_of};
use parity::recording::{Array, CaseReader, DType, Values};
use parity::result::{Farthest, OutputResult};
use parity_stats::random::SplitMix64;

use super::{Edit, Pair, PartFault};

const POSITIONS: &str = "splice_sites_junction/splice_site_positions";
/// Windows of the positions that were kept, as level 2 has them.
const PARTS: usize = 32;

/// One output of both sides.
pub(super) struct Output {
    name: String,
    info: CaseInfo,
    reference: InMemory,
    candidate: InMemory,
    /// Tracks that hold finite values that are not all equal.
    alive: Vec<usize>,
    sound: OutputResult,
}

/// The array with a fault.
pub(super) struct Fault {
    array: Array,
    edit: Edit,
    place: String,
    of_track: bool,
}

impl Output {
    pub(super) fn read(name: &str, pair: Pair, sides: &mut [CaseReader; 2]) -> Result<Self> {
        let entry = sides[0].entry().clone();
        let info = CaseInfo {
            name: entry.name,
            sequence_length: entry.sequence_length,
            organism_index: entry.organism_index,
        };
        let junctions = kind_of(name).kind == Kind::Junctions;
        let [reference, candidate] = sides;
        let side = |side: &mut CaseReader| -> Result<InMemory> {
            let mut arrays = BTreeMap::from([(name.to_owned(), side.array(name)?)]);
            if junctions {
                arrays.insert(POSITIONS.into(), side.array(POSITIONS)?);
            }
            Ok(InMemory {
                name: info.name.clone(),
                arrays,
            })
        };
        let mut a = side(reference)?;
        // Few of the junctions that two recordings kept are at equal positions: a model is given the reference's.
        let mut b = side(if junctions { reference } else { candidate })?;
        let sound = compare(name, &info, pair.dtype, &mut a, &mut b)?;
        ensure!(
            sound.pass,
            "{name} of the sound candidate fails: {:?}",
            sound.checks
        );
        let array = &b.arrays[name];
        let channels = array.shape().last().copied().unwrap_or(1);
        let values = array.values.to_f64();
        let of = |track: usize| values[track..].iter().step_by(channels);
        let varies = |&track: &usize| {
            of(track).all(|x| x.is_finite()) && of(track).any(|&x| x != values[track])
        };
        Ok(Self {
            name: name.into(),
            alive: (0..channels).filter(varies).collect(),
            info,
            reference: a,
            candidate: b,
            sound,
        })
    }

    /// The candidate with a fault; nothing where it would change nothing.
    pub(super) fn edited(
        &self,
        of_track: bool,
        edit: Edit,
        random: &mut SplitMix64,
    ) -> Option<Fault> {
        let array = &self.candidate.arrays[&self.name];
        let shape = array.shape();
        let (length, channels) = (shape[1], shape[shape.len() - 1]);
        let inner: usize = shape[2..shape.len() - 1].iter().product();
        let window = length.div_ceil(PARTS);
        let chosen = random.below(self.alive.len().max(1));
        let from = window * random.below(length.div_ceil(window));
        let (track, next) = (
            *self.alive.get(chosen)?,
            self.alive[(chosen + 1) % self.alive.len()],
        );
        let (range, tracks) = match of_track {
            true => (0..length, vec![track]),
            false => (from..(from + window).min(length), self.alive.clone()),
        };
        let sound = array.values.to_f64();
        let mut values = sound.clone();
        let at = |position: usize, column: usize, track: usize| {
            (position * inner + column) * channels + track
        };
        for &track in &tracks {
            for column in 0..inner {
                let all = (0..length).map(|position| sound[at(position, column, track)]);
                let mean = all.sum::<f64>() / length as f64;
                for position in range.clone() {
                    let here = at(position, column, track);
                    // The neighbour: another track, or the window after this one.
                    let there = match of_track {
                        true => at(position, column, next),
                        false => at((position + window) % length, column, track),
                    };
                    values[here] = match edit {
                        Edit::Zeroed => 0.0,
                        Edit::Doubled => 2.0 * sound[here],
                        Edit::Halved => 0.5 * sound[here],
                        Edit::Shifted => sound[at((position + length - 1) % length, column, track)],
                        Edit::Reversed => {
                            sound[at(range.start + range.end - 1 - position, column, track)]
                        }
                        Edit::Levelled => mean,
                        Edit::Copied | Edit::Exchanged => sound[there],
                    };
                    if edit == Edit::Exchanged {
                        values[there] = sound[here];
                    }
                }
            }
        }
        let values = like(&array.values, &values)?;
        // NaN is no change.
        let mut changed = values.to_f64().into_iter().zip(&sound);
        if !changed.any(|(new, old)| new.to_bits() != old.to_bits()) {
            return None;
        }
        let full = |local: usize| array.full_index(1, local);
        let place = match of_track {
            true => format!("track {track}"),
            false => format!("positions {} to {}", full(range.start), full(range.end - 1)),
        };
        Some(Fault {
            array: Array {
                values,
                ..array.clone()
            },
            edit,
            place,
            of_track,
        })
    }

    pub(super) fn judge(
        &mut self,
        pair: Pair,
        organism: usize,
        head: &str,
        fault: Fault,
    ) -> Result<PartFault> {
        let mut faulty = self.candidate.clone();
        faulty.arrays.insert(self.name.clone(), fault.array);
        let (name, info) = (&self.name, &self.info);
        let found = compare(name, info, pair.dtype, &mut self.reference, &mut faulty)?;
        let moved = compare(name, info, pair.dtype, &mut self.candidate, &mut faulty)?;
        let farthest = |output: &OutputResult| {
            let farthest: Option<&Farthest> = match fault.of_track {
                true => output.farthest_track.as_ref(),
                false => output.farthest_window.as_ref(),
            };
            farthest.map_or(0.0, |farthest| {
                farthest.distance.value().unwrap_or(f64::INFINITY)
            })
        };
        let failing = found.checks.iter().filter(|check| !check.pass);
        Ok(PartFault {
            dtype: pair.dtype,
            organism,
            head: head.into(),
            output: self.name.clone(),
            place: fault.place,
            edit: fault.edit,
            caught: !found.pass,
            pooled: failing.filter(|check| check.farthest.is_none()).count() > 0,
            distance: farthest(&moved),
            jax: farthest(&self.sound),
        })
    }
}

fn compare(
    name: &str,
    info: &CaseInfo,
    dtype: DType,
    reference: &mut InMemory,
    candidate: &mut InMemory,
) -> Result<OutputResult> {
    let settings = Settings {
        level: 2,
        dtype,
        sides: 2,
        thresholds: Thresholds::profile("default")?,
        floor: None,
        known: None,
        tables: true,
        only: Some(name.into()),
    };
    let case = compare_case(info, reference, candidate, &settings, &mut |_| {})?;
    let mut outputs = case.outputs.into_iter();
    outputs
        .find(|output| output.name == name)
        .context("it cannot be compared")
}

/// Values in the type of others; nothing for integers.
fn like(of: &Values, values: &[f64]) -> Option<Values> {
    let values = values.iter();
    Some(match of {
        Values::F64(_) => Values::F64(values.copied().collect()),
        Values::F32(_) => Values::F32(values.map(|&x| x as f32).collect()),
        Values::F16(_) => Values::F16(values.map(|&x| f16::from_f64(x)).collect()),
        Values::Bf16(_) => Values::Bf16(values.map(|&x| bf16::from_f64(x).to_bits()).collect()),
        _ => return None,
    })
}
