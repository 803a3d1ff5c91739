//! The values of one track for both alleles, ALT at the positions of REF, as many as can be told apart in a drawing.

use std::ops::Range;

use genome::{Interval, Variant};
use scorers::alignment::{Alignment, Source};
use scorers::{Behaviour, Error, OutputType, Predictions};

use super::view::View;

/// Parts that a drawing has at most.
pub const COLUMNS: usize = 720;

/// Both alleles' predictions of a variant.
pub struct Both<'a> {
    interval: Interval,
    predictions: &'a [Predictions; 2],
    /// For an indel.
    alignment: Option<Alignment>,
    /// The variant's row of the contact map.
    row: usize,
}

/// What a drawing shows of a track: a value for each run of bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Base pairs a bin.
    pub resolution: usize,
    /// First base of each run, and the base after the last run.
    pub edges: Vec<i64>,
    /// REF's largest value.
    pub reference: Vec<f32>,
    /// ALT's largest value.
    pub alternate: Vec<f32>,
    /// The difference that is largest in size.
    pub difference: Vec<f32>,
    /// The largest of all in size, and the first base of its bin.
    pub extreme: (f32, i64),
}

impl<'a> Both<'a> {
    /// Fails where an indel cannot be aligned.
    pub fn new(
        predictions: &'a [Predictions; 2],
        interval: &Interval,
        variant: &Variant,
    ) -> Result<Self, Error> {
        let interval = interval.as_unstranded();
        let indel = variant.is_insertion() || variant.is_deletion();
        let aligned = || Alignment::new(variant, &interval, Behaviour::Corrected);
        Ok(Self {
            alignment: indel.then(aligned).transpose()?,
            row: ((variant.start() - interval.start).max(0) / 2048) as usize,
            interval,
            predictions,
        })
    }

    /// The track, of those that are `wanted` or all, whose alleles differ most in the view, the first of equal ones; nothing where
    /// the output has no profile.
    pub fn most_different(
        &self,
        output: OutputType,
        wanted: Option<&[usize]>,
        view: &View,
    ) -> Option<usize> {
        let count = match output {
            OutputType::ContactMaps => {
                let map = self.predictions[0].contact_maps.as_ref()?;
                map.row(self.row).map(|_| map.tracks())?
            }
            _ => self.predictions[0].tracks.get(&output)?.tracks(),
        };
        let most = |track| (self.profile(output, track, view).extreme.0.abs(), track);
        let wanted = wanted.map_or_else(|| (0..count).collect(), <[usize]>::to_vec);
        let all = wanted.into_iter().map(most);
        let most = all.max_by(|(a, first), (b, second)| a.total_cmp(b).then(second.cmp(first)));
        most.map(|(_, track)| track)
    }

    /// What is drawn of a track.
    pub fn profile(&self, output: OutputType, track: usize, view: &View) -> Profile {
        let resolution = output.resolution();
        let bin = |base: i64| (base - self.interval.start) as usize;
        let bins = bin(view.bases.start) / resolution..bin(view.bases.end).div_ceil(resolution);
        let cells = bins.len().min(COLUMNS);
        let edge = |cell: usize| bins.start + cell * bins.len() / cells;
        let base = |bin: usize| self.interval.start + (bin * resolution) as i64;
        let mut profile = Profile {
            resolution,
            edges: (0..=cells).map(|cell| base(edge(cell))).collect(),
            reference: Vec::with_capacity(cells),
            alternate: Vec::with_capacity(cells),
            difference: Vec::with_capacity(cells),
            extreme: (0.0, view.bases.start),
        };
        for cell in 0..cells {
            let mut most = [f32::NAN; 2];
            let mut difference = f32::NAN;
            for at in edge(cell)..edge(cell + 1) {
                let pair = [
                    self.value(0, output, track, at),
                    self.aligned(output, track, at),
                ];
                for (most, value) in most.iter_mut().zip(pair) {
                    *most = most.max(value);
                }
                let change = pair[1] - pair[0];
                if difference.is_nan() || change.abs() > difference.abs() {
                    difference = change;
                }
                if change.abs() > profile.extreme.0.abs() {
                    profile.extreme = (change, base(at));
                }
            }
            profile.reference.push(most[0]);
            profile.alternate.push(most[1]);
            profile.difference.push(difference);
        }
        profile
    }

    /// An allele's value of a bin; NaN where it was not predicted.
    fn value(&self, allele: usize, output: OutputType, track: usize, bin: usize) -> f32 {
        let predictions = &self.predictions[allele];
        let value = match (output, &predictions.contact_maps) {
            (OutputType::ContactMaps, Some(map)) => map
                .row(self.row)
                .and_then(|row| row.get(bin * map.tracks() + track)),
            _ => predictions
                .tracks
                .get(&output)
                .and_then(|values| values.row(bin)?.get(track)),
        };
        value.copied().unwrap_or(f32::NAN)
    }

    /// ALT's value of REF's bin: the mean over the bin's bases where an indel moves them. Contacts stay where they are.
    fn aligned(&self, output: OutputType, track: usize, bin: usize) -> f32 {
        let Some(alignment) = self
            .alignment
            .as_ref()
            .filter(|_| output != OutputType::ContactMaps)
        else {
            return self.value(1, output, track, bin);
        };
        let resolution = output.resolution();
        let at = |base: usize| self.value(1, output, track, base / resolution);
        let bases = bin * resolution..(bin + 1) * resolution;
        let largest = |bases: Range<usize>| bases.map(at).fold(f32::NAN, f32::max);
        let sum: f64 = bases
            .map(|base| match alignment.source(base) {
                Source::At(base) => f64::from(at(base)),
                Source::Largest(bases) => f64::from(largest(bases)),
                Source::Zero => 0.0,
            })
            .sum();
        (sum / resolution as f64) as f32
    }
}
