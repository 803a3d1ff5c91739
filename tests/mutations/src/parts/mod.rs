//! Faults of one track or one window of positions, put into recorded outputs: what level 2 sees of them.
//!
//! A pair of recordings of two settings of JAX gives both a reference and a sound candidate with real noise. Faults are drawn by
//! a fixed seed: for every head [`TRACKS`] of one track and [`WINDOWS`] of one window.

mod output;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use parity::outputs::{Kind, head_of, kind_of};
use parity::recording::{DType, Recording};
use parity_stats::random::SplitMix64;
use serde::Serialize;

use output::{Fault, Output};

/// Faults of one track, for every head.
pub const TRACKS: usize = 12;
/// Faults of one window, for every head.
pub const WINDOWS: usize = 8;

/// Two recordings of one case.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// The dtype whose bounds count.
    pub dtype: DType,
    /// The reference.
    pub reference: &'static str,
    /// The sound candidate.
    pub candidate: &'static str,
    /// The case of both.
    pub case: &'static str,
}

const fn pair(
    dtype: DType,
    reference: &'static str,
    candidate: &'static str,
    case: &'static str,
) -> Pair {
    Pair {
        dtype,
        reference,
        candidate,
        case,
    }
}

const F32: DType = DType::Float32;
const BF16: DType = DType::Bfloat16;

/// Of the full model: both organisms in both dtypes, the longest that two settings of JAX have in common.
pub const FULL: [Pair; 4] = [
    pair(F32, "gpu_f32_highest", "cpu_f32_taps", "rand42_4096_human"),
    pair(F32, "gpu_f32_highest", "cpu_f32", "rand123_16384_mouse"),
    pair(
        BF16,
        "gpu_bf16_taps",
        "gpu_bf16_notune",
        "rand42_131072_human",
    ),
    pair(BF16, "gpu_bf16", "gpu_bf16_noexcess", "rand123_16384_mouse"),
];

/// Of the tiny model, among the fixtures.
pub const TINY: [Pair; 2] = [
    pair(F32, "tiny_cpu_f64", "tiny_cpu_f32", "rand42_4096_human"),
    pair(BF16, "tiny_cpu_bf16", "tiny_cpu_bf16", "rand42_4096_human"),
];

/// What is done to a track, or to all tracks of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Nothing is left.
    Zeroed,
    /// Times two.
    Doubled,
    /// Times a half.
    Halved,
    /// One position too far.
    Shifted,
    /// The last position first.
    Reversed,
    /// The track's mean everywhere.
    Levelled,
    /// The neighbouring track's or window's values.
    Copied,
    /// The same, and the neighbour has those of this one.
    Exchanged,
}

const EDITS: [Edit; 8] = [
    Edit::Zeroed,
    Edit::Doubled,
    Edit::Halved,
    Edit::Shifted,
    Edit::Reversed,
    Edit::Levelled,
    Edit::Copied,
    Edit::Exchanged,
];

/// A fault, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct PartFault {
    /// The dtype whose bounds count.
    pub dtype: DType,
    /// 0 human, 1 mouse.
    pub organism: usize,
    /// The head.
    pub head: String,
    /// The output.
    pub output: String,
    /// `track 5`, `positions 3 to 4`.
    pub place: String,
    /// What was done there.
    pub edit: Edit,
    /// Whether level 2 fails.
    pub caught: bool,
    /// Whether a check fails that takes all tracks and positions together.
    pub pooled: bool,
    /// How far the fault takes the track or window from the sound candidate.
    pub distance: f64,
    /// How far JAX takes the farthest track or window of this output from itself.
    pub jax: f64,
}

impl PartFault {
    /// Not seen, and no farther from the sound candidate than JAX is from JAX: nothing tells it from noise.
    pub fn is_noise(&self) -> bool {
        !self.caught && self.distance <= self.jax
    }

    /// Not seen, though it is farther than noise.
    pub fn is_missed(&self) -> bool {
        !self.caught && self.distance > self.jax
    }
}

/// Puts the faults into every head of every pair.
///
/// # Errors
/// Where a recording cannot be read, a sound candidate fails, or a head has no output to put faults into.
pub fn faults(recordings: &Path, pairs: &[Pair]) -> Result<Vec<PartFault>> {
    let mut all = Vec::new();
    for pair in pairs {
        let open = |name: &str| Recording::open(&recordings.join(name));
        let (reference, candidate) = (open(pair.reference)?, open(pair.candidate)?);
        let mut sides = [reference.case(pair.case)?, candidate.case(pair.case)?];
        let names = sides.each_ref().map(|side| {
            let names = side.entry().outputs.keys();
            names.cloned().collect::<BTreeSet<String>>()
        });
        let mut heads: BTreeMap<String, Vec<Output>> = BTreeMap::new();
        for name in names[0].intersection(&names[1]) {
            let Some(head) = head_of(name) else { continue };
            if matches!(
                kind_of(name).kind,
                Kind::SplicePositions | Kind::JunctionMask
            ) {
                continue;
            }
            let output = Output::read(name, *pair, &mut sides)?;
            heads.entry(head.into()).or_default().push(output);
        }
        let organism = sides[0].entry().organism_index;
        for (number, (head, outputs)) in heads.iter_mut().enumerate() {
            let mut random = SplitMix64::new((number + 100 * organism) as u64);
            for index in 0..TRACKS + WINDOWS {
                let drawn = draw(outputs, index < TRACKS, &mut random);
                let (output, fault) = drawn.with_context(|| format!("no fault for {head}"))?;
                all.push(outputs[output].judge(*pair, organism, head, fault)?);
            }
        }
    }
    Ok(all)
}

/// A fault of some output of a head.
fn draw(outputs: &[Output], of_track: bool, random: &mut SplitMix64) -> Option<(usize, Fault)> {
    (0..1000).find_map(|_| {
        let output = random.below(outputs.len());
        let edit = EDITS[random.below(EDITS.len())];
        let fault = outputs[output].edited(of_track, edit, random)?;
        Some((output, fault))
    })
}
