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

/// Counts what is NaN in the reference, and zero on either side, by track, the last axis.
pub(super) struct OddTracks {
    count: Vec<Odd>,
    values: u64,
}

#[derive(Clone, Copy, Default)]
struct Odd {
    nan: u64,
    zero: u64,
    candidate_zero: u64,
}

impl OddTracks {
    pub(super) fn new(channels: usize) -> Self {
        Self {
            count: vec![Odd::default(); channels],
            values: 0,
        }
    }

    /// Takes in the next values of both arrays.
    pub(super) fn push(&mut self, reference: Values<'_>, candidate: Values<'_>) {
        let channels = self.count.len().max(1) as u64;
        for (a, b) in reference.to_f64().into_iter().zip(candidate.to_f64()) {
            let track = &mut self.count[(self.values % channels) as usize];
            track.nan += u64::from(a.is_nan());
            track.zero += u64::from(a == 0.0);
            track.candidate_zero += u64::from(b == 0.0);
            self.values += 1;
        }
    }

    /// How much fills whole tracks, and how much stands elsewhere.
    pub(super) fn finish(self) -> Padding {
        let rows = self.values / self.count.len().max(1) as u64;
        let whole = |count: u64| rows > 0 && count == rows;
        let of = |is: &dyn Fn(&Odd) -> bool| -> Vec<usize> {
            let tracks = self.count.iter().enumerate();
            tracks
                .filter(|(_, odd)| is(odd))
                .map(|(track, _)| track)
                .collect()
        };
        let channels = of(&|odd| whole(odd.nan));
        let nan: u64 = self.count.iter().map(|odd| odd.nan).sum();
        Padding {
            tracks: channels.len(),
            elsewhere: nan - channels.len() as u64 * rows,
            channels,
            zeroed: of(&|odd| whole(odd.candidate_zero) && !whole(odd.zero)),
        }
    }
}

/// How much NaN of the reference fills whole tracks, how much stands elsewhere, and which tracks are zero in the candidate alone.
pub(super) fn padding(pair: &Pair<'_>, summary: &parity_stats::Summary) -> Padding {
    let channels = pair.layout.shape().last().copied().unwrap_or(0);
    let mut odd = OddTracks::new(channels);
    // A track of zeros has one in the first row.
    let first = || {
        let row = pair.candidate.view().slice(0..channels);
        row.to_f64().contains(&0.0)
    };
    let rows = channels > 0 && pair.candidate.view().len() >= channels;
    if rows && (summary.non_finite.reference_nan > 0 || first()) {
        odd.push(pair.reference.view(), pair.candidate.view());
    }
    let mut padding = odd.finish();
    // Tracks by their number in the full array.
    if let Layout::Grid { full_shape, kept } = &pair.layout
        && let Some(kept) = kept.get(&(full_shape.len() - 1))
    {
        let tracks = padding.channels.iter_mut().chain(&mut padding.zeroed);
        tracks.for_each(|c| *c = kept[*c]);
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
