//! Where the network runs: blocks of the sequence at 1 bp, and what sequences of a batch do not share.
//!
//! Convolutions, pools and norms of the encoder and decoder are local, the tower is not. So a score that looks at some hundred
//! bases needs the decoder's last stages there alone, and an allele needs the encoder around the variant alone. Both give the
//! values of a whole pass: each stretch is computed with a margin as wide as the convolutions reach, and ends without one
//! only where the sequence does.

mod rows;

use std::ops::Range;

use crate::batch::Batch;
use crate::config::{Config, TRUNK_RESOLUTION};

pub use rows::Rows;

/// Base pairs of a block.
pub const BLOCK: usize = 16;

/// Blocks of each sequence of a batch for which the decoder's stages below [`BLOCK`] base pairs, `embeddings_1bp` and the heads
/// at 1 bp run. What they give has `B, rows, ...` in place of `B, S, ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    length: usize,
    /// Blocks a sequence.
    count: usize,
    /// `[B, count]`: which block of the sequence stands at each place.
    blocks: Vec<u32>,
    /// Of each sequence, the bases that are wanted.
    wanted: Vec<Vec<Range<usize>>>,
    /// Of each sequence, runs of its blocks with the place of the first.
    kept: Vec<Vec<(Range<usize>, usize)>>,
}

impl Windows {
    /// Windows around the bases `wanted` of each sequence of `length` base pairs, with `margin` base pairs on either side.
    /// Every sequence gets as many blocks as the one that needs most, `rounded` up.
    ///
    /// # Panics
    /// Where a run ends beyond the sequence, or the length is no multiple of a block.
    pub fn new(
        length: usize,
        wanted: Vec<Vec<Range<usize>>>,
        margin: usize,
        rounded: impl Fn(usize) -> usize,
    ) -> Self {
        assert_eq!(length % BLOCK, 0, "whole blocks");
        let all = length / BLOCK;
        let wanted: Vec<_> = wanted.into_iter().map(merged).collect();
        let widened = |run: &Range<usize>| {
            assert!(run.end <= length, "bases of the sequence");
            run.start.saturating_sub(margin) / BLOCK..(run.end + margin).div_ceil(BLOCK).min(all)
        };
        let runs = wanted
            .iter()
            .map(|runs| merged(runs.iter().map(widened).collect()));
        let runs: Vec<_> = runs.collect();
        let needed = |runs: &Vec<Range<usize>>| runs.iter().map(Range::len).sum::<usize>();
        let most = runs.iter().map(needed).max().unwrap_or(0);
        let count = rounded(most.max(1)).clamp(most.max(1), all);
        let mut blocks = Vec::with_capacity(runs.len() * count);
        let mut kept = Vec::with_capacity(runs.len());
        for runs in runs {
            let free = count - needed(&runs);
            let mut place = 0;
            let placed = runs.into_iter().map(|run| {
                // Convolutions see zeros beyond the last place, as they must where the sequence ends.
                place += if run.end == all { free } else { 0 };
                place += run.len();
                (run.clone(), place - run.len())
            });
            let placed: Vec<_> = placed.collect();
            let mut row = vec![0; count];
            for (run, place) in &placed {
                let numbers = run.clone().map(|block| block as u32);
                row[*place..*place + run.len()]
                    .iter_mut()
                    .zip(numbers)
                    .for_each(|(to, block)| *to = block);
            }
            blocks.extend(row);
            kept.push(placed);
        }
        Self {
            length,
            count,
            blocks,
            wanted,
            kept,
        }
    }

    /// The margin that a model's decoder needs: how far the convolutions from [`BLOCK`] base pairs down reach.
    pub fn margin(config: &Config) -> usize {
        let reach = config.encoder.conv_width / 2;
        // Each stage convolves before and after it doubles the resolution.
        let stages = std::iter::successors(Some(BLOCK), |coarse| Some(coarse / 2));
        stages
            .take_while(|coarse| *coarse > 1)
            .map(|coarse| reach * (coarse + coarse / 2))
            .sum()
    }

    /// Base pairs of a whole sequence.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Sequences.
    pub fn sequences(&self) -> usize {
        self.kept.len()
    }

    /// Rows of a sequence at 1 bp.
    pub fn rows(&self) -> usize {
        self.count * BLOCK
    }

    /// `[B, rows / BLOCK]`: which block of the sequence each one is.
    pub fn blocks(&self) -> &[u32] {
        &self.blocks
    }

    /// The row of a base that is wanted; nothing for others.
    pub fn row(&self, sequence: usize, position: usize) -> Option<usize> {
        let wanted = self.wanted.get(sequence)?;
        let at = wanted.partition_point(|run| run.end <= position);
        wanted.get(at).filter(|run| run.contains(&position))?;
        let block = position / BLOCK;
        let kept = &self.kept[sequence];
        let (run, place) = kept.get(kept.partition_point(|(run, _)| run.end <= block))?;
        Some((place + block - run.start) * BLOCK + position % BLOCK)
    }

    /// The rows of runs of bases; nothing where one is not wanted. A run may part in two where rows do not follow each other.
    pub fn rows_of(&self, sequence: usize, runs: &[Range<usize>]) -> Option<Vec<Range<usize>>> {
        let rows = runs.iter().map(|run| {
            // A wanted run lies within one of blocks.
            let first = self.row(sequence, run.start)?;
            let last = self.row(sequence, run.end - 1)?;
            (last - first == run.end - 1 - run.start).then_some(first..last + 1)
        });
        rows.collect()
    }

    /// Which rows of `B * S / resolution` each of `B * rows / resolution` is, for resolutions up to [`BLOCK`].
    pub fn indices(&self, resolution: usize) -> Vec<i32> {
        let (each, whole) = (BLOCK / resolution, self.length / resolution);
        let blocks = self.blocks.chunks_exact(self.count).enumerate();
        let rows = blocks.flat_map(|(sequence, blocks)| {
            let first = sequence * whole;
            blocks.iter().flat_map(move |block| {
                let from = first + *block as usize * each;
                (from..from + each).map(|row| row as i32)
            })
        });
        rows.collect()
    }

    /// The same without what differs from one request to the next of the same shape.
    pub(crate) fn shape(&self) -> Self {
        Self {
            blocks: Vec::new(),
            wanted: Vec::new(),
            kept: Vec::new(),
            ..self.clone()
        }
    }
}

/// A stretch of the sequences outside of which all of a batch equal the first one. The encoder runs on the first sequence, and on
/// `window` of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Base pairs that are encoded for each sequence, on whole positions of the trunk.
    pub window: Range<usize>,
    /// Those whose activations may differ from the first sequence's, likewise: only these are taken from the window.
    pub changed: Range<usize>,
}

impl Patch {
    /// The patch around bases that differ, in sequences of `length` base pairs, at least `width` base pairs wide.
    pub fn new(config: &Config, length: usize, differ: Range<usize>, width: usize) -> Self {
        let reach = Self::reach(config);
        let whole = |run: Range<usize>| {
            let start = run.start / TRUNK_RESOLUTION * TRUNK_RESOLUTION;
            start..run.end.next_multiple_of(TRUNK_RESOLUTION).min(length)
        };
        let widened = |run: &Range<usize>| whole(run.start.saturating_sub(reach)..run.end + reach);
        let changed = widened(&differ);
        let mut window = widened(&changed);
        let width = width.next_multiple_of(TRUNK_RESOLUTION).min(length);
        if window.len() < width {
            window.end = (window.start + width).min(length);
            window.start = window.end - width;
        }
        Self { window, changed }
    }

    /// The patch of a batch, at least `width` base pairs wide; nothing where its sequences are the same.
    pub fn between(config: &Config, batch: &Batch, width: usize) -> Option<Self> {
        let differ = differing(batch)?;
        Some(Self::new(config, batch.length(), differ, width))
    }

    /// Whether all that differs between the sequences of a batch changes nothing outside, and the window reaches as far as what
    /// it changes sees.
    pub(crate) fn holds(&self, config: &Config, batch: &Batch) -> bool {
        let within = |inner: &Range<usize>, outer: &Range<usize>| {
            inner.is_empty() || (outer.start <= inner.start && inner.end <= outer.end)
        };
        let seen = Self::new(config, batch.length(), self.changed.clone(), 0).changed;
        let changed = Self::between(config, batch, 0).map_or(0..0, |least| least.changed);
        within(&changed, &self.changed) && (self.changed.is_empty() || within(&seen, &self.window))
    }

    /// The same wherever it lies: what the steps of a pass depend on.
    pub(crate) fn shape(&self) -> Self {
        Self {
            window: 0..self.window.len(),
            changed: 0..0,
        }
    }

    /// How far the encoder's convolutions reach, in base pairs.
    fn reach(config: &Config) -> usize {
        let (stem, reach) = (config.encoder.stem_width / 2, config.encoder.conv_width / 2);
        let stages = (1..config.encoder.channels.len()).map(|stage| 2 * (reach << stage));
        // A pool joins two positions, so what differs grows by one position at most on the way to each stage.
        stem + reach + stages.sum::<usize>() + (1 << config.encoder.channels.len())
    }
}

/// From the first to the last base that some sequence has otherwise than the first one.
fn differing(batch: &Batch) -> Option<Range<usize>> {
    let [first, others @ ..] = batch.sequences() else {
        return None;
    };
    let runs = others.iter().filter_map(|other| {
        let mut pairs = first.indices().iter().zip(other.indices());
        let start = pairs.position(|(a, b)| a != b)?;
        let mut pairs = first.indices().iter().zip(other.indices());
        Some(start..pairs.rposition(|(a, b)| a != b)? + 1)
    });
    runs.reduce(|all, run| all.start.min(run.start)..all.end.max(run.end))
}

/// Ascending runs apart from each other that hold the same places.
fn merged(mut runs: Vec<Range<usize>>) -> Vec<Range<usize>> {
    runs.retain(|run| !run.is_empty());
    runs.sort_unstable_by_key(|run| (run.start, run.end));
    let mut out: Vec<Range<usize>> = Vec::with_capacity(runs.len());
    for run in runs {
        match out.last_mut() {
            Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
            _ => out.push(run),
        }
    }
    out
}
