//! The tables and samples behind an output's figures.

use parity_stats::Values;
use parity_stats::groups::worst;
use parity_stats::quantile::{difference_quantiles, signal_deciles};

use super::groups::Groups;
use crate::outputs::Kind;
use crate::result::{OutputResult, Padding, PositionBin, ScatterPoint, TrackTable};
use crate::sample::{Layout, Pair, SplitMix};

/// A track's figures need as many positions; with fewer they say more about the sample than about the track.
pub const LEAST_POSITIONS: usize = 16;
/// Tracks and windows named as the worst.
const WORST: usize = 5;
/// Points of a scatter plot.
const POINTS: usize = 512;
/// Quantiles that are given.
const QUANTILES: [f64; 9] = [0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999];

/// Counts what is NaN by track, the last axis.
pub(super) struct NanTracks {
    count: Vec<u64>,
    values: u64,
}

impl NanTracks {
    pub(super) fn new(channels: usize) -> Self {
        Self {
            count: vec![0; channels],
            values: 0,
        }
    }

    /// Takes in the next values of the array.
    pub(super) fn push(&mut self, values: Values<'_>) {
        let channels = self.count.len().max(1) as u64;
        for value in values.to_f64() {
            if value.is_nan() {
                self.count[(self.values % channels) as usize] += 1;
            }
            self.values += 1;
        }
    }

    /// How much fills whole tracks, and how much stands elsewhere.
    pub(super) fn finish(self) -> Padding {
        let rows = self.values / self.count.len().max(1) as u64;
        let whole = |&c: &usize| rows > 0 && self.count[c] == rows;
        let channels: Vec<usize> = (0..self.count.len()).filter(whole).collect();
        let nan: u64 = self.count.iter().sum();
        Padding {
            tracks: channels.len(),
            elsewhere: nan - channels.len() as u64 * rows,
            channels,
        }
    }
}

/// How much NaN of the reference fills whole tracks, and how much stands elsewhere.
pub(super) fn padding(pair: &Pair<'_>, summary: &parity_stats::Summary) -> Padding {
    let mut nan = NanTracks::new(pair.layout.shape().last().copied().unwrap_or(0));
    if summary.non_finite.reference_nan > 0 && !nan.count.is_empty() {
        nan.push(pair.reference.view());
    }
    let mut padding = nan.finish();
    // Tracks by their number in the full array.
    if let Layout::Grid { full_shape, kept } = &pair.layout
        && let Some(kept) = kept.get(&(full_shape.len() - 1))
    {
        padding.channels.iter_mut().for_each(|c| *c = kept[*c]);
    }
    padding
}

/// Fills the tables of an output.
pub(super) fn fill(output: &mut OutputResult, pair: &Pair<'_>, groups: Option<&Groups>) {
    let (a, b) = (pair.reference.view(), pair.candidate.view());
    output.quantiles = difference_quantiles(a, b, &QUANTILES).ok();
    output.deciles = match output.summary.finite {
        0..10 => Vec::new(),
        _ => signal_deciles(a, b).unwrap_or_default(),
    };
    output.scatter = scatter(pair);
    if matches!(pair.layout, Layout::Junctions(_)) {
        output.notes.push(
            "junctions: no table per track; the channels of both strands are compared together"
                .into(),
        );
        return;
    }
    let Some(groups) = groups else { return };
    let shape = pair.layout.shape();
    let per_track = output.kind.has_tracks()
        || matches!(output.kind, Kind::Pair if output.head.is_some())
        || output.kind == Kind::Other && shape.len() == 3;
    if per_track {
        tracks(output, groups, &shape);
    }
    positions(output, groups);
}

fn tracks(output: &mut OutputResult, groups: &Groups, shape: &[usize]) {
    let rows: usize = shape.iter().rev().skip(1).product();
    if rows < LEAST_POSITIONS {
        output.notes.push(format!(
            "no table per track: {rows} positions were kept, and {LEAST_POSITIONS} are needed"
        ));
        return;
    }
    let mut tracks = groups.tracks();
    tracks.retain(|track| track.count > 0);
    output.tracks = Some(TrackTable {
        positions: rows,
        worst: worst(&tracks, WORST).iter().map(|g| g.group).collect(),
        tracks,
    });
}

fn positions(output: &mut OutputResult, groups: &Groups) {
    let windows = groups.windows();
    output.worst_positions = worst(&windows, WORST).iter().map(|g| g.group).collect();
    let windows = windows.into_iter().map(|stats| {
        let [from, to] = groups.window(stats.group);
        PositionBin { from, to, stats }
    });
    output.positions = windows.collect();
}

/// Finite pairs spread over the output, the same for the same shape.
fn scatter(pair: &Pair<'_>) -> Vec<ScatterPoint> {
    let (a, b) = (pair.reference.view(), pair.candidate.view());
    let n = a.len();
    let mut random = SplitMix(n as u64);
    let places = if n <= POINTS {
        (0..n).collect()
    } else {
        let mut places: Vec<usize> = (0..POINTS)
            .map(|_| (random.next() % n as u64) as usize)
            .collect();
        places.sort_unstable();
        places.dedup();
        places
    };
    places
        .into_iter()
        .filter_map(|i| Some((a.get(i)?, b.get(i)?)))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .map(|(x, y)| ScatterPoint(x, y))
        .collect()
}
