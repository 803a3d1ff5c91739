//! Every track and every window by itself: a pooled figure hides one wrong track of hundreds.

use parity_stats::groups::{GroupComparison, GroupError, GroupStats, Grouping};
use parity_stats::{Stat, Values};

use crate::levels::{Bounds, Each};
use crate::result::{Check, OutputResult};
use crate::sample::{Layout, Pair};

/// Windows along the sequence.
const WINDOWS: usize = 32;

/// The comparison by track and by window of one output.
pub(super) struct Groups {
    /// By channel of the full array; junctions have the channels of both strands.
    tracks: Vec<GroupComparison>,
    windows: Option<GroupComparison>,
    layout: Layout,
}

impl Groups {
    /// Nothing compared yet.
    pub(super) fn new(layout: &Layout) -> Self {
        let shape = layout.shape();
        let (strands, windows) = match layout {
            Layout::Grid { .. } => {
                let axis = shape.get(1).copied().unwrap_or(1);
                let window = axis.div_ceil(WINDOWS).max(1);
                let windows = (shape.len() >= 3).then(|| Grouping::windows(&shape, 1, window));
                (1, windows.and_then(Result::ok))
            }
            Layout::Junctions(_) => (2, None),
        };
        Self {
            tracks: vec![GroupComparison::new(Grouping::tracks(&shape)); strands],
            windows: windows.map(GroupComparison::new),
            layout: layout.clone(),
        }
    }

    /// Values that are read at a time where an array comes in blocks of about `most`: whole rows.
    pub(super) fn block(&self, most: usize) -> usize {
        let channels = self.layout.shape().last().copied().unwrap_or(1).max(1);
        (most / channels).max(1) * channels
    }

    /// Takes in the next values of a grid.
    pub(super) fn push(&mut self, a: Values<'_>, b: Values<'_>) -> Result<(), GroupError> {
        let mut all = self.tracks.iter_mut().chain(&mut self.windows);
        all.try_for_each(|groups| groups.push(a, b))
    }

    /// All values of a pair.
    pub(super) fn of(pair: &Pair<'_>) -> Result<Self, GroupError> {
        let mut groups = Self::new(&pair.layout);
        let (a, b) = (pair.reference.view(), pair.candidate.view());
        let Layout::Junctions(blocks) = &pair.layout else {
            groups.push(a, b)?;
            return Ok(groups);
        };
        let mut first = 0;
        for block in blocks {
            let range = first..first + block.donors.len() * block.acceptors.len() * block.tissues;
            first = range.end;
            groups.tracks[block.strand].push(a.slice(range.clone()), b.slice(range))?;
        }
        Ok(groups)
    }

    /// By track that was kept.
    pub(super) fn tracks(&self) -> Vec<GroupStats> {
        let strands = self.tracks.iter();
        strands.flat_map(GroupComparison::finish).collect()
    }

    /// By window of the positions that were kept.
    pub(super) fn windows(&self) -> Vec<GroupStats> {
        let windows = self.windows.iter();
        windows.flat_map(GroupComparison::finish).collect()
    }

    /// The number of a track in the full array; junctions count the tissues of both strands.
    fn track(&self, local: usize) -> usize {
        let last = self.layout.shape().len().saturating_sub(1);
        match &self.layout {
            Layout::Grid { kept, .. } => kept.get(&last).map_or(local, |kept| kept[local]),
            Layout::Junctions(_) => local,
        }
    }

    /// The first and the last position of a window in the full array.
    pub(super) fn window(&self, group: usize) -> [usize; 2] {
        let length = self.layout.shape()[1];
        let window = length.div_ceil(WINDOWS).max(1);
        let ends = [group * window, ((group + 1) * window).min(length) - 1];
        ends.map(|local| match &self.layout {
            Layout::Grid { kept, .. } => kept.get(&1).map_or(local, |kept| kept[local]),
            Layout::Junctions(_) => local,
        })
    }

    /// Holds every track and window to the level's bounds.
    pub(super) fn judge(&self, output: &mut OutputResult, bounds: &Bounds) {
        let reference = &output.summary.reference;
        let (mean, std) = (reference.mean.value(), reference.std.value());
        let rms = mean.unwrap_or(0.0).hypot(std.unwrap_or(0.0));
        let distances = |parts: &[GroupComparison], each: Each| -> Vec<(u64, Stat)> {
            let parts = parts.iter();
            parts
                .flat_map(|part| part.distances(each.floor * rms))
                .collect()
        };
        if let Some(each) = bounds.tracks {
            let found = distances(&self.tracks, each);
            let name = |local| format!("track {}", self.track(local));
            output
                .checks
                .extend(worst("track_relative_l2", &found, each, &name));
        }
        if let (Some(each), Some(windows)) = (bounds.windows, &self.windows) {
            let found = distances(std::slice::from_ref(windows), each);
            let name = |group| {
                let [from, to] = self.window(group);
                format!("positions {from} to {to}")
            };
            output
                .checks
                .extend(worst("window_relative_l2", &found, each, &name));
        }
    }
}

/// The check of the worst of all groups, which decides.
fn worst(
    check: &str,
    groups: &[(u64, Stat)],
    each: Each,
    name: &dyn Fn(usize) -> String,
) -> Option<Check> {
    // A distance that is not defined is that from a reference of zeros: only zeros are as good.
    let size = |distance: Stat| distance.value().unwrap_or(f64::INFINITY);
    let filled = || {
        let groups = groups.iter().enumerate();
        groups.filter(|(_, (count, _))| *count > 0)
    };
    let (group, (count, distance)) =
        filled().max_by(|(_, (_, a)), (_, (_, b))| size(*a).total_cmp(&size(*b)))?;
    let beyond = filled().filter(|(_, (_, distance))| size(*distance) > each.relative_l2);
    let others = match beyond.count().saturating_sub(1) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let note = format!("{}{others}; {count} values", name(group));
    Some(Check::at_most(check, *distance, each.relative_l2).with_note(note))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use super::Groups;
    use crate::compare::{Settings, compare_pair};
    use crate::levels::Thresholds;
    use crate::recording::{DType, Values};
    use crate::result::Check;
    use crate::sample::{JunctionBlock, Layout, Pair};

    const TRACKS: usize = 100;
    const POSITIONS: usize = 640;

    fn reference() -> Vec<f32> {
        let value = |i: usize| 1e-4 * (1.0 + (i * 7919 % 1013) as f32 / 1013.0);
        (0..POSITIONS * TRACKS).map(value).collect()
    }

    /// The checks of level 2 that fail, with their notes.
    fn failing(dtype: DType, change: impl Fn(usize, usize, &mut f32)) -> Vec<Check> {
        let a = reference();
        let mut b = a.clone();
        for (i, value) in b.iter_mut().enumerate() {
            change(i / TRACKS, i % TRACKS, value);
        }
        let pair = Pair {
            reference: Cow::Owned(Values::F32(a)),
            candidate: Cow::Owned(Values::F32(b)),
            layout: Layout::Grid {
                full_shape: vec![1, 2 * POSITIONS, TRACKS],
                kept: BTreeMap::from([(1, (0..POSITIONS).map(|i| 2 * i).collect())]),
            },
        };
        let settings = Settings {
            level: 2,
            sides: 1,
            padding: None,
            dtype,
            thresholds: Thresholds::profile("default").unwrap(),
            floor: None,
            tables: false,
            only: None,
        };
        let full = vec![1, 2 * POSITIONS, TRACKS];
        let dtypes = (DType::Float32, DType::Float32);
        let output = compare_pair("rna_seq/predictions_1bp", &pair, full, dtypes, &settings);
        let mut checks = output.checks;
        checks.retain(|check| !check.pass);
        checks
    }

    #[test]
    fn one_wrong_track_of_a_hundred_fails_and_is_named() {
        for dtype in [DType::Float32, DType::Bfloat16] {
            for factor in [0.0, 0.5, 2.0] {
                let failed = failing(dtype, |_, track, value| {
                    *value *= if track == 42 { factor } else { 1.0 }
                });
                let by_track = failed.iter().find(|c| c.name == "track_relative_l2");
                let note = by_track.and_then(|check| check.note.as_deref());
                assert_eq!(note, Some("track 42; 640 values"), "{dtype:?} {factor}");
            }
        }
    }

    #[test]
    fn one_wrong_window_fails_and_is_named_by_its_positions() {
        let failed = failing(DType::Bfloat16, |position, _, value| {
            *value *= if (20..40).contains(&position) {
                0.0
            } else {
                1.0
            }
        });
        let by_window = failed.iter().find(|c| c.name == "window_relative_l2");
        let note = by_window.and_then(|check| check.note.as_deref());
        assert_eq!(note, Some("positions 40 to 78; 2000 values"));
    }

    #[test]
    fn the_noise_of_jax_fails_nothing() {
        let sign = |i: usize| if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        for (dtype, noise) in [(DType::Float32, 1e-3), (DType::Bfloat16, 2.8e-2)] {
            let failed = failing(dtype, |position, track, value| {
                *value *= 1.0 + noise * sign(position + track);
            });
            let own = |check: &&Check| check.name.ends_with("_relative_l2");
            assert_eq!(failed.iter().filter(own).count(), 0, "{failed:?}");
        }
    }

    #[test]
    fn tissues_of_junctions_are_told_apart_by_strand() {
        let block = |strand| JunctionBlock {
            batch: 0,
            strand,
            donors: vec![1, 2],
            acceptors: vec![3],
            tissues: 3,
        };
        let a: Vec<f32> = (1..=12).map(|i| i as f32).collect();
        let mut b = a.clone();
        // The second pair of the negative strand, tissue 1.
        b[10] = 0.0;
        let pair = Pair {
            reference: Cow::Owned(Values::F32(a)),
            candidate: Cow::Owned(Values::F32(b)),
            layout: Layout::Junctions(vec![block(0), block(1)]),
        };
        let groups = Groups::of(&pair).unwrap();
        let parts = groups.tracks.iter().flat_map(|part| part.distances(0.0));
        let wrong: Vec<_> = parts
            .enumerate()
            .filter(|(_, (_, distance))| distance.value() != Some(0.0))
            .map(|(track, (count, _))| (track, count))
            .collect();
        assert_eq!(wrong, [(4, 2)]);
    }
}
