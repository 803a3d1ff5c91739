//! ALT on the positions of REF.
//!
//! The last base that both alleles have is `k`. An insertion's bases become one, their largest value, and what is pushed over
//! the end is missed there as zeros; a deletion's bases become zeros. 0.3.0 finds these places with NumPy slices, and a
//! variant left of the interval gives negative indices, which count from the end.

use std::ops::Range;

use genome::{Interval, Variant};

use crate::predictions::Rows;
use crate::{Behaviour, Error};

/// Where an aligned position takes its value from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This position of ALT.
    At(usize),
    /// The largest value of these positions of ALT.
    Largest(Range<usize>),
    /// Nothing: zero.
    Zero,
}

/// The alignment of a variant's ALT within an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alignment {
    /// Runs of ALT's positions in their new order; together they have the interval's length.
    pieces: Vec<Range<usize>>,
    /// Positions of ALT that stand for one.
    inserted: Range<usize>,
    /// Positions of ALT that a deletion zeroes before they are moved.
    zeroed: Range<usize>,
    /// Aligned positions that an insertion zeroes.
    cropped: Range<usize>,
    /// Width where positions are read from the right (strand `-`).
    mirrored: Option<usize>,
}

impl Alignment {
    /// The alignment as 0.3.0 makes it within `interval`, or the corrected one. Positions count in the frame of the
    /// interval's strand; scores are made without strand, splice sites for junctions with it.
    ///
    /// Corrected: only what the variant changes within the interval counts, so an indel outside of it moves nothing and one
    /// over an edge is aligned as far as it reaches in.
    pub fn new(
        variant: &Variant,
        interval: &Interval,
        behaviour: Behaviour,
    ) -> Result<Self, Error> {
        let width = interval.width() as usize;
        let fail = || Error::Alignment {
            variant: Box::new(variant.clone()),
            interval: Box::new(interval.clone()),
        };
        let mirrored = interval.negative_strand().then_some(width);
        let change = match behaviour {
            Behaviour::V0_3_0 => Some(variant.clone()),
            Behaviour::Corrected => variant.clip(interval),
        };
        let Some(change) = change.filter(|change| change.is_insertion() || change.is_deletion())
        else {
            return Ok(Self {
                mirrored,
                ..Self::identity(width)
            });
        };
        let shared = change.reference_length().min(change.alternate_length());
        let last = change.start() - interval.start + shared - 1;
        let length = (change.reference_length() - change.alternate_length()).unsigned_abs() as i64;
        let aligned = match behaviour {
            Behaviour::V0_3_0 => Self::sliced(width, last, length, change.is_insertion()),
            Behaviour::Corrected => Some(Self::clipped(width, last, length, change.is_insertion())),
        };
        aligned
            .map(|aligned| Self {
                mirrored,
                ..aligned
            })
            .ok_or_else(fail)
    }

    pub(crate) fn identity(width: usize) -> Self {
        let whole = 0..width;
        Self {
            pieces: vec![whole],
            inserted: 0..0,
            zeroed: 0..0,
            cropped: 0..0,
            mirrored: None,
        }
    }

    /// The slices of `IndelMask.from_variant`; `None` where their lengths do not add up to the interval's.
    fn sliced(width: usize, last: i64, length: i64, insertion: bool) -> Option<Self> {
        let slice = |from: Option<i64>, to: Option<i64>| python_slice(width, from, to);
        let tail = slice(Some(-length), None);
        let aligned = if insertion {
            let inserted = slice(Some(last + 1), Some(last + length + 1));
            Self {
                pieces: vec![
                    slice(None, Some(last + 1)),
                    slice(Some(last + length + 1), None),
                    inserted,
                ],
                inserted: slice(Some(last), Some(last + length + 1)),
                zeroed: 0..0,
                cropped: tail,
                mirrored: None,
            }
        } else {
            Self {
                pieces: vec![
                    slice(None, Some(last + 1)),
                    tail.clone(),
                    slice(Some(last + 1), Some(-length)),
                ],
                inserted: 0..0,
                zeroed: tail,
                cropped: 0..0,
                mirrored: None,
            }
        };
        (aligned
            .pieces
            .iter()
            .map(ExactSizeIterator::len)
            .sum::<usize>()
            == width)
            .then_some(aligned)
    }

    /// The same for places within the interval, cut where they leave it.
    fn clipped(width: usize, last: i64, length: i64, insertion: bool) -> Self {
        let at = |position: i64| position.clamp(0, width as i64) as usize;
        let (after, beyond) = (at(last + 1), at(last + 1 + length));
        if insertion {
            let missing = width - beyond.min(width);
            let kept = after + missing;
            Self {
                pieces: vec![0..after, beyond..width, after..after + (width - kept)],
                inserted: at(last)..beyond,
                zeroed: 0..0,
                cropped: kept..width,
                mirrored: None,
            }
        } else {
            let zeros = beyond - after;
            Self {
                pieces: vec![0..after, width - zeros..width, after..width - zeros],
                inserted: 0..0,
                zeroed: width - zeros..width,
                cropped: 0..0,
                mirrored: None,
            }
        }
    }

    /// Whether every position takes its own value.
    pub(crate) fn moves_nothing(&self) -> bool {
        let indel = [&self.inserted, &self.zeroed, &self.cropped];
        self.pieces.len() == 1 && indel.into_iter().all(Range::is_empty)
    }

    /// Where aligned position `at` takes its value from.
    pub fn source(&self, at: usize) -> Source {
        let turn = |position: usize| self.mirrored.map_or(position, |width| width - 1 - position);
        let at = turn(at);
        if self.cropped.contains(&at) {
            return Source::Zero;
        }
        let mut rest = at;
        for piece in &self.pieces {
            if rest >= piece.len() {
                rest -= piece.len();
                continue;
            }
            let from = piece.start + rest;
            return if self.zeroed.contains(&from) {
                Source::Zero
            } else if self.inserted.contains(&from) {
                let range = self.inserted.clone();
                Source::Largest(self.mirrored.map_or(range.clone(), |width| {
                    width - range.end..width - range.start
                }))
            } else {
                Source::At(turn(from))
            };
        }
        Source::Zero
    }

    /// Puts the aligned values of position `at` `into` a row of `tracks`; `row` gives ALT's at its positions.
    ///
    /// # Errors
    /// Those of `row`.
    pub fn gather<'a>(
        &self,
        at: usize,
        row: impl Fn(usize) -> Result<&'a [f32], Error>,
        into: &mut Vec<f32>,
        tracks: usize,
    ) -> Result<(), Error> {
        into.clear();
        match self.source(at) {
            Source::Zero => into.resize(tracks, 0.0),
            Source::At(position) => into.extend_from_slice(row(position)?),
            Source::Largest(positions) => {
                into.resize(tracks, f32::NEG_INFINITY);
                for position in positions {
                    for (largest, value) in into.iter_mut().zip(row(position)?) {
                        // NaN wins, as in jax.numpy.max.
                        if *value > *largest || value.is_nan() {
                            *largest = *value;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Calls `take` with a track and its values of REF and of aligned ALT, for every position of `mask` and every track.
    pub(crate) fn each<'m>(
        &self,
        mask: impl IntoIterator<Item = &'m Range<usize>>,
        reference: Rows<'_>,
        alternate: Rows<'_>,
        mut take: impl FnMut(usize, f64, f64),
    ) -> Result<(), Error> {
        let mut aligned = Vec::with_capacity(alternate.tracks());
        for at in mask.into_iter().cloned().flatten() {
            let own = reference.row(at)?;
            self.gather(
                at,
                |position| alternate.row(position),
                &mut aligned,
                alternate.tracks(),
            )?;
            for (track, (own, other)) in own.iter().zip(&aligned).enumerate() {
                take(track, f64::from(*own), f64::from(*other));
            }
        }
        Ok(())
    }

    /// ALT's positions that the aligned positions `wanted` read, as ascending runs.
    pub fn reads(&self, wanted: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        for at in wanted.iter().cloned().flatten() {
            match self.source(at) {
                Source::At(position) => push(&mut runs, position..position + 1),
                Source::Largest(positions) => push(&mut runs, positions),
                Source::Zero => {}
            }
        }
        merged(runs)
    }
}

fn push(runs: &mut Vec<Range<usize>>, run: Range<usize>) {
    match runs.last_mut() {
        Some(last) if last.end == run.start => last.end = run.end,
        Some(last) if *last == run => {}
        _ => runs.push(run),
    }
}

/// Ascending runs without overlap that hold the same positions.
pub fn merged(mut runs: Vec<Range<usize>>) -> Vec<Range<usize>> {
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

/// `x[from:to]` of an array of `length` in Python.
fn python_slice(length: usize, from: Option<i64>, to: Option<i64>) -> Range<usize> {
    let length = length as i64;
    let place = |at: i64| {
        if at < 0 {
            (at + length).max(0)
        } else {
            at.min(length)
        }
    };
    let (from, to) = (from.map_or(0, place), to.map_or(length, place));
    from as usize..to.max(from) as usize
}
