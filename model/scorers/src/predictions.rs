use std::collections::BTreeMap;
use std::ops::Range;

use genome::Strand;

use crate::{Allele, Error, OutputType};

/// Predictions for one allele, on the positive strand (see [`crate::strands`]), in float32, without padding tracks.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    /// Outputs with a value for each bin and track.
    pub tracks: BTreeMap<OutputType, Track>,
    /// Contacts.
    pub contact_maps: Option<ContactMap>,
    /// Junctions.
    pub junctions: Option<Junctions>,
}

impl Predictions {
    /// The tracks of `wanted` alone, ascending, of its outputs; all of an output that it has no tracks for.
    ///
    /// # Panics
    /// Where an output has no such track.
    #[must_use]
    pub fn select(mut self, wanted: &BTreeMap<OutputType, Option<Vec<usize>>>) -> Self {
        for (output, kept) in wanted {
            let Some(kept) = kept else { continue };
            if let Some(track) = self.tracks.get_mut(output) {
                *track = track.select(track.tracks, kept);
            }
            if *output == OutputType::ContactMaps
                && let Some(map) = &mut self.contact_maps
            {
                map.rows = map.rows.select(map.tracks(), kept);
            }
            if *output == OutputType::SpliceJunctions
                && let Some(junctions) = &mut self.junctions
            {
                junctions.values = chosen(&junctions.values, junctions.tissues, kept);
                junctions.tissues = kept.len();
            }
        }
        self
    }

    /// Bytes of the values.
    pub fn bytes(&self) -> usize {
        let tracks = self.tracks.values().map(|track| track.values.len());
        let contacts = self.contact_maps.as_ref().map(|map| map.values().len());
        let junctions = self.junctions.as_ref().map(|found| found.values.len());
        size_of::<f32>() * tracks.chain(contacts).chain(junctions).sum::<usize>()
    }

    pub(crate) fn track(&self, output: OutputType, allele: Allele) -> Result<Rows<'_>, Error> {
        let track = self
            .tracks
            .get(&output)
            .ok_or(Error::NoOutput { output, allele })?;
        Ok(Rows {
            track,
            output,
            allele,
        })
    }
}

/// An output with a value for each bin and track, held for all of its bins or for some.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    tracks: usize,
    /// Bins that are held, ascending and apart from each other, with the row where each run starts.
    kept: Vec<(Range<usize>, usize)>,
    values: Vec<f32>,
}

impl Track {
    /// All bins: `values` is `[bins, tracks]`.
    pub fn new(tracks: usize, values: Vec<f32>) -> Self {
        let bins = values.len().checked_div(tracks).unwrap_or(0);
        Self::partial(tracks, std::iter::once(0..bins), values)
    }

    /// The bins of `kept` alone, in ascending order: `values` is `[kept bins, tracks]`.
    ///
    /// # Panics
    /// Where `kept` is out of order or does not have as many bins as `values` has rows.
    pub fn partial(
        tracks: usize,
        kept: impl IntoIterator<Item = Range<usize>>,
        values: Vec<f32>,
    ) -> Self {
        let mut row = 0;
        let mut last = 0;
        let kept: Vec<_> = kept
            .into_iter()
            .inspect(|run| {
                assert!(
                    last <= run.start && run.start <= run.end,
                    "bins in ascending order"
                );
                last = run.end;
            })
            .map(|run| {
                row += run.len();
                (run.clone(), row - run.len())
            })
            .collect();
        assert_eq!(row * tracks, values.len(), "one row of values a kept bin");
        Self {
            tracks,
            kept,
            values,
        }
    }

    /// How many tracks there are.
    pub fn tracks(&self) -> usize {
        self.tracks
    }

    /// `[bins, tracks]` of the bins that are held.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The same.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Of each `width` values those at `kept`.
    fn select(&self, width: usize, kept: &[usize]) -> Self {
        Self {
            tracks: self.tracks / width.max(1) * kept.len(),
            kept: self.kept.clone(),
            values: chosen(&self.values, width, kept),
        }
    }

    /// The values of a bin, one a track; `None` where it is not held.
    pub fn row(&self, bin: usize) -> Option<&[f32]> {
        let at = self.kept.partition_point(|(run, _)| run.end <= bin);
        let (run, row) = self.kept.get(at).filter(|(run, _)| run.contains(&bin))?;
        let from = (row + bin - run.start) * self.tracks;
        Some(&self.values[from..from + self.tracks])
    }
}

/// Of each `width` values those at `kept`.
fn chosen(values: &[f32], width: usize, kept: &[usize]) -> Vec<f32> {
    let rows = values.chunks_exact(width.max(1));
    let mut chosen = Vec::with_capacity(rows.len() * kept.len());
    for row in rows {
        chosen.extend(kept.iter().map(|at| row[*at]));
    }
    chosen
}

/// A track that knows what it is, for errors.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    track: &'a Track,
    output: OutputType,
    allele: Allele,
}

impl<'a> Rows<'a> {
    pub(crate) fn row(&self, position: usize) -> Result<&'a [f32], Error> {
        let Self { output, allele, .. } = *self;
        self.track.row(position).ok_or(Error::NotPredicted {
            output,
            allele,
            position,
        })
    }

    pub(crate) fn tracks(&self) -> usize {
        self.track.tracks
    }

    /// Fails where there are not as many tracks as the table of tracks has.
    pub(crate) fn check(&self, expected: usize) -> Result<(), Error> {
        let (output, found) = (self.output, self.tracks());
        if found == expected {
            Ok(())
        } else {
            Err(Error::Shape {
                output,
                what: "the number of tracks",
                found,
                expected,
            })
        }
    }
}

/// Contacts: all rows of the map, or some.
#[derive(Clone, Debug, PartialEq)]
pub struct ContactMap {
    bins: usize,
    rows: Track,
}

impl ContactMap {
    /// The whole map: `values` is `[bins, bins, tracks]`.
    pub fn new(bins: usize, tracks: usize, values: Vec<f32>) -> Self {
        Self::partial(bins, tracks, std::iter::once(0..bins), values)
    }

    /// The rows of `kept` alone: `values` is `[kept rows, bins, tracks]`.
    ///
    /// # Panics
    /// Where `kept` is out of order or does not have as many rows as `values`.
    pub fn partial(
        bins: usize,
        tracks: usize,
        kept: impl IntoIterator<Item = Range<usize>>,
        values: Vec<f32>,
    ) -> Self {
        Self {
            bins,
            rows: Track::partial(bins * tracks, kept, values),
        }
    }

    /// How many bins the map has on a side.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// How many tracks there are.
    pub fn tracks(&self) -> usize {
        self.rows.tracks.checked_div(self.bins).unwrap_or(0)
    }

    /// `[rows, bins, tracks]` of the rows that are held.
    pub fn values(&self) -> &[f32] {
        self.rows.values()
    }

    /// The same.
    pub fn into_values(self) -> Vec<f32> {
        self.rows.into_values()
    }

    /// `[bins, tracks]` of a row; `None` where it is not held.
    pub fn row(&self, row: usize) -> Option<&[f32]> {
        self.rows.row(row)
    }
}

/// Counts of junctions between chosen splice sites.
#[derive(Clone, Debug, PartialEq)]
pub struct Junctions {
    /// Donors of `+`, acceptors of `+`, donors of `-`, acceptors of `-`: positions in the interval, `-1` where there is none;
    /// such places stand last. All four have the same length.
    pub positions: [Vec<i32>; 4],
    /// Tracks of either strand.
    pub tissues: usize,
    /// `[donors, acceptors, 2 * tissues]`, those of `+` first, for as many donors and acceptors as `sites` says.
    pub values: Vec<f32>,
    /// How many donors and acceptors `values` has.
    pub sites: usize,
}

impl Junctions {
    /// The junctions of an interval that starts at base `start`, `+` before `-` and donor by donor, as the SDK lists them: strand,
    /// first base of the intron, one after its last, and the tissues' counts.
    pub fn listed(&self, start: i64) -> impl Iterator<Item = (Strand, i64, i64, &[f32])> {
        let strands = [Strand::Positive, Strand::Negative].into_iter();
        strands.flat_map(move |strand| {
            let pairs = pairs(&self.positions, strand, start, self.sites).into_iter();
            pairs.filter_map(move |(donor, acceptor, from, to)| {
                Some((strand, from, to, self.counts(donor, acceptor, strand)?))
            })
        })
    }

    /// The tissues' counts of a pair of sites on a strand; `None` where it is not held.
    pub(crate) fn counts(&self, donor: usize, acceptor: usize, strand: Strand) -> Option<&[f32]> {
        if donor >= self.sites || acceptor >= self.sites {
            return None;
        }
        let strand = usize::from(strand == Strand::Negative);
        let from = ((donor * self.sites + acceptor) * 2 + strand) * self.tissues;
        self.values.get(from..from + self.tissues)
    }
}

/// Pairs of the first `most` donors and acceptors of a strand with an intron between them: which they are, and where it lies.
pub(crate) fn pairs(
    positions: &[Vec<i32>; 4],
    strand: Strand,
    start: i64,
    most: usize,
) -> Vec<(usize, usize, i64, i64)> {
    let first = 2 * usize::from(strand == Strand::Negative);
    let sites = |kind: usize| {
        let places = positions[kind].iter().take(most).enumerate();
        let there = places.filter(|(_, place)| **place >= 0);
        there.map(move |(at, place)| (at, i64::from(*place) + start))
    };
    let mut pairs = Vec::new();
    for (donor, from) in sites(first) {
        for (acceptor, to) in sites(first + 1) {
            let (from, to) = match strand {
                Strand::Negative => (to + 1, from),
                _ => (from + 1, to),
            };
            if 0 < from && from < to {
                pairs.push((donor, acceptor, from, to));
            }
        }
    }
    pairs
}
