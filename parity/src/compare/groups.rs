//! The comparison by track and by window of positions.

use parity_stats::Values;
use parity_stats::effective::effective_of_groups;
use parity_stats::groups::{GroupComparison, GroupError, GroupStats, Grouping};

use crate::sample::{JunctionBlock, Layout, Pair};

/// Windows along the sequence.
const WINDOWS: usize = 32;

/// The comparison by track and by window of one output.
pub(super) struct Groups {
    /// By channel of the full array; junctions have the channels of both strands.
    pub(super) tracks: Vec<GroupComparison>,
    /// Along the positions; of junctions along the donors of each strand.
    pub(super) windows: Vec<GroupComparison>,
    layout: Layout,
}

impl Groups {
    /// Nothing compared yet.
    pub(super) fn new(layout: &Layout) -> Self {
        let shape = layout.shape();
        let (strands, windows) = match layout {
            Layout::Grid { .. } if shape.len() >= 3 => (1, vec![windows(&shape)]),
            Layout::Grid { .. } => (1, Vec::new()),
            Layout::Junctions(blocks) => {
                let shape = |block: &JunctionBlock| {
                    let [donors, acceptors] = [&block.donors, &block.acceptors].map(Vec::len);
                    [1, donors, acceptors, block.tissues]
                };
                (
                    2,
                    blocks.iter().map(|block| windows(&shape(block))).collect(),
                )
            }
        };
        Self {
            tracks: vec![GroupComparison::new(Grouping::tracks(&shape)); strands],
            windows: windows.into_iter().map(GroupComparison::new).collect(),
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
        for (block, windows) in blocks.iter().zip(&mut groups.windows) {
            let range = first..first + block.donors.len() * block.acceptors.len() * block.tissues;
            first = range.end;
            let (a, b) = (a.slice(range.clone()), b.slice(range));
            groups.tracks[block.strand].push(a, b)?;
            windows.push(a, b)?;
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

    /// How many independent values the differences of a grid are worth.
    pub(super) fn effective(&self) -> Option<f64> {
        let ([tracks], [windows]) = (self.tracks.as_slice(), self.windows.as_slice()) else {
            return None;
        };
        effective_of_groups(windows, tracks).value()
    }

    /// The number of a track in the full array; junctions count the tissues of both strands.
    pub(super) fn track(&self, local: usize) -> usize {
        let last = self.layout.shape().len().saturating_sub(1);
        match &self.layout {
            Layout::Grid { kept, .. } => kept.get(&last).map_or(local, |kept| kept[local]),
            Layout::Junctions(_) => local,
        }
    }

    /// The first and the last position of a window in the full array; of junctions the first and the last donor, in base pairs.
    pub(super) fn window(&self, group: usize) -> [usize; 2] {
        let ends = |length: usize, group: usize| {
            let window = length.div_ceil(WINDOWS).max(1);
            [group * window, ((group + 1) * window).min(length) - 1]
        };
        let blocks = match &self.layout {
            Layout::Grid { kept, .. } => {
                let place = |local| kept.get(&1).map_or(local, |kept| kept[local]);
                return ends(self.layout.shape()[1], group).map(place);
            }
            Layout::Junctions(blocks) => blocks,
        };
        let mut local = group;
        for (block, windows) in blocks.iter().zip(&self.windows) {
            let count = windows.count();
            if local < count {
                return ends(block.donors.len(), local).map(|donor| block.donors[donor]);
            }
            local -= count;
        }
        [0; 2]
    }
}

/// Windows along the second axis of an array of `shape`.
fn windows(shape: &[usize]) -> Grouping {
    Grouping {
        size: shape[1],
        stride: shape[2..].iter().product(),
        window: shape[1].div_ceil(WINDOWS).max(1),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::recording::Values;

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
            .filter(|(_, found)| found.distance.value() != Some(0.0))
            .map(|(track, found)| (track, found.count))
            .collect();
        assert_eq!(wrong, [(4, 2)]);
        // By donor: the second one of the negative strand.
        let parts = groups.windows.iter().flat_map(|part| part.distances(0.0));
        let wrong = parts
            .enumerate()
            .find(|(_, found)| found.distance.value() != Some(0.0));
        let (window, found) = wrong.unwrap();
        assert_eq!((groups.window(window), found.count), ([2, 2], 3));
    }
}
