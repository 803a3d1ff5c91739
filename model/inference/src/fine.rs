//! Which bases of each sequence a pass computes at 1 bp.

use std::collections::BTreeSet;
use std::ops::Range;

use model::Windows;
use model::regions::BLOCK;
use scorers::OutputType;
use scorers::alignment::merged;

use crate::predictor::Places;

/// Of every eight bases, how many are wanted at most where windows are worth their while.
const WORTH: usize = 7;

/// The rows that the sequences of a pass have at 1 bp.
#[derive(Clone, Debug)]
pub struct Fine {
    length: usize,
    /// Nothing where each base has its row.
    windows: Option<Windows>,
}

impl Fine {
    /// All of sequences of `length` base pairs.
    pub fn whole(length: usize) -> Self {
        Self {
            length,
            windows: None,
        }
    }

    /// The bases `wanted` of each sequence of `length` base pairs, and what lies within `margin` of them. Where passes are
    /// `planned`, few different numbers of rows are used.
    pub fn new(
        length: usize,
        wanted: Vec<Vec<Range<usize>>>,
        margin: usize,
        planned: bool,
    ) -> Self {
        let all = length / BLOCK;
        let rounded = |count| {
            if planned {
                rounded(count).min(all)
            } else {
                count
            }
        };
        let windows = Windows::new(length, wanted, margin, rounded);
        Self {
            length,
            windows: Some(windows).filter(|windows| 8 * windows.rows() <= WORTH * length),
        }
    }

    /// What a request says.
    pub fn windows(&self) -> Option<&Windows> {
        self.windows.as_ref()
    }

    /// Rows of a sequence.
    pub fn rows(&self) -> usize {
        self.windows.as_ref().map_or(self.length, Windows::rows)
    }

    /// The row of a base, where those of all sequences are counted on; nothing where it was not wanted.
    pub fn row(&self, sequence: usize, base: usize) -> Option<usize> {
        let row = match &self.windows {
            None => Some(base).filter(|base| *base < self.length),
            Some(windows) => windows.row(sequence, base),
        };
        row.map(|row| sequence * self.rows() + row)
    }

    /// The rows of runs of bases in a sequence, counted in that alone; nothing where one was not wanted.
    pub fn runs(&self, sequence: usize, bases: &[Range<usize>]) -> Option<Vec<Range<usize>>> {
        match &self.windows {
            None => Some(bases.to_vec()),
            Some(windows) => windows.rows_of(sequence, bases),
        }
    }
}

/// The bases that are read of some outputs at 1 bp, of sequences of `length` base pairs.
pub fn bases(outputs: &BTreeSet<OutputType>, places: &Places, length: usize) -> Vec<Range<usize>> {
    let fine = outputs.iter().filter(|output| output.resolution() == 1);
    let read = fine.flat_map(|output| match places.get(output) {
        Some(runs) => runs.clone(),
        None => std::iter::once(0..length).collect(),
    });
    let within = read.map(|run| run.start.min(length)..run.end.min(length));
    merged(within.collect())
}

/// The next quarter of an octave.
fn rounded(count: usize) -> usize {
    let octave = count.max(4).next_power_of_two() / 2;
    count.next_multiple_of((octave / 4).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_rows_come_in_quarters_of_an_octave() {
        let found: Vec<_> = [1, 5, 9, 16, 17, 33, 39, 64, 65, 1000].map(rounded).into();
        assert_eq!(found, [1, 5, 10, 16, 20, 40, 40, 64, 80, 1024]);
    }

    #[test]
    fn nearly_all_is_all() {
        let of = |end| Fine::new(4096, vec![vec![0..end]; 2], 90, false);
        assert_eq!((of(4000).rows(), of(4000).row(1, 5)), (4096, Some(4101)));
        assert_eq!((of(1000).rows(), of(1000).row(1, 5)), (1104, Some(1109)));
        assert_eq!(of(1000).row(1, 1000), None, "a margin is not right");
    }
}
