//! Comparison by group: tracks (the last axis), windows of positions (another axis).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use crate::grouping::{GroupError, Grouping};
use crate::moments::Moments;
use crate::stat::{Reason, Stat};
use crate::values::{Values, same_length};

/// Columns of a tile times its rows: 64 KiB of float64 for each of the three arrays.
const TILE: usize = 8192;

/// The comparison within one group, over its finite pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupStats {
    /// Number of the group; its first coordinate is `group * window`.
    pub group: usize,
    /// Number of finite pairs.
    pub count: u64,
    /// Relative L2 distance.
    pub relative_l2: Stat,
    /// Pearson correlation.
    pub pearson: Stat,
    /// `1 - r`.
    pub one_minus_pearson: Stat,
    /// Mean difference.
    pub mean: Stat,
    /// Mean absolute difference.
    pub mad: Stat,
    /// Largest absolute difference.
    pub max: Stat,
}

/// Compares each group by itself. One pass; independent of the number of threads.
///
/// # Errors
/// [`GroupError`] where the grouping does not fit the arrays or the arrays each other.
///
/// ```
/// use parity_stats::{Values, groups::{Grouping, by_group}};
///
/// // Two positions of three tracks.
/// let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let b = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
/// let tracks = by_group(Values::F64(&a), Values::F64(&b), Grouping::tracks(&[1, 2, 3])).unwrap();
/// assert_eq!(tracks[1].max.value(), Some(0.0));
/// assert_eq!(tracks[2].max.value(), Some(1.0));
/// ```
pub fn by_group(
    reference: Values<'_>,
    candidate: Values<'_>,
    grouping: Grouping,
) -> Result<Vec<GroupStats>, GroupError> {
    Ok(statistics(&group_moments(reference, candidate, grouping)?))
}

fn statistics(moments: &[Moments]) -> Vec<GroupStats> {
    let groups = moments.iter().enumerate();
    groups
        .map(|(group, moments)| GroupStats::new(group, moments))
        .collect()
}

/// [`by_group`] for arrays that come in pieces.
#[derive(Clone, Debug)]
pub struct GroupComparison {
    grouping: Grouping,
    pub(crate) moments: Vec<Moments>,
    /// Values so far.
    at: usize,
}

impl GroupComparison {
    /// Nothing compared yet.
    #[must_use]
    pub fn new(grouping: Grouping) -> Self {
        Self {
            grouping,
            moments: vec![Moments::default(); grouping.count()],
            at: 0,
        }
    }

    /// Takes in the next values, whole rows of the grouping's stride: for tracks, all tracks of some positions.
    ///
    /// # Errors
    /// [`GroupError`] where they are no whole rows, or the two differ in length.
    pub fn push(&mut self, reference: Values<'_>, candidate: Values<'_>) -> Result<(), GroupError> {
        let Grouping {
            size,
            stride,
            window,
        } = self.grouping;
        let len = same_length(reference, candidate)?;
        if stride == 1 && window == 1 {
            self.grouping.check(len)?;
            if len > 0 {
                columns(reference, candidate, size, &mut self.moments);
            }
            return Ok(());
        }
        let row = size * stride;
        if row == 0 || len % stride != 0 {
            return self.grouping.check(len);
        }
        // To the end of the row that was begun, then whole rows, then what is left.
        let mut done = 0;
        while done < len {
            let inside = self.at % row;
            let piece = (row - inside).min(len - done);
            let range = done..done + piece;
            let (a, b) = (reference.slice(range.clone()), candidate.slice(range));
            runs(a, b, self.grouping, inside, &mut self.moments);
            self.at += piece;
            done += piece;
        }
        Ok(())
    }

    /// The comparison within each group.
    #[must_use]
    pub fn finish(&self) -> Vec<GroupStats> {
        statistics(&self.moments)
    }
}

/// The `n` groups farthest from the reference by relative L2 distance, farthest first (the lower
/// group first among equals). Groups without a defined distance are left out, but for those whose
/// reference is zero where the candidate is not: they come first.
#[must_use]
pub fn worst(groups: &[GroupStats], n: usize) -> Vec<GroupStats> {
    let badness = |group: &GroupStats| match group.relative_l2 {
        Stat::Defined(distance) => Some(distance),
        Stat::Undefined(Reason::ZeroNorm | Reason::NotFinite) => Some(f64::INFINITY),
        Stat::Undefined(_) => None,
    };
    let mut ranked: Vec<(f64, GroupStats)> = groups
        .iter()
        .filter_map(|group| badness(group).map(|b| (b, *group)))
        .collect();
    ranked.sort_by(|(x, _), (y, _)| y.total_cmp(x));
    ranked.into_iter().take(n).map(|(_, group)| group).collect()
}

impl GroupStats {
    fn new(group: usize, moments: &Moments) -> Self {
        let some = |x: f64| {
            if moments.count == 0 {
                Stat::Undefined(Reason::Empty)
            } else {
                Stat::of(x)
            }
        };
        let (pearson, one_minus_pearson) = moments.pearson();
        Self {
            group,
            count: moments.count,
            relative_l2: moments.relative_l2(),
            pearson,
            one_minus_pearson,
            mean: some(moments.mean_d),
            mad: Stat::mean(moments.abs_d, moments.count),
            max: some(moments.max_abs_d()),
        }
    }
}

/// The moments of each group.
pub(crate) fn group_moments(
    reference: Values<'_>,
    candidate: Values<'_>,
    grouping: Grouping,
) -> Result<Vec<Moments>, GroupError> {
    grouping.check(same_length(reference, candidate)?)?;
    let mut comparison = GroupComparison::new(grouping);
    comparison.push(reference, candidate)?;
    Ok(comparison.moments)
}

/// Columns of rows of `width`: tiles of rows are turned so that a column lies in one piece.
fn columns(reference: Values<'_>, candidate: Values<'_>, width: usize, total: &mut [Moments]) {
    let rows = reference.len() / width;
    let tile_rows = (TILE / width).clamp(8, 512);
    let part_rows = tile_rows * 64;
    let parts: Vec<usize> = (0..rows).step_by(part_rows).collect();
    for wave in parts.chunks(16) {
        let partial: Vec<Vec<Moments>> = wave
            .par_iter()
            .map(|&first| {
                let mut moments = vec![Moments::default(); width];
                let end = (first + part_rows).min(rows);
                for row in (first..end).step_by(tile_rows) {
                    let range = row * width..(row + tile_rows).min(end) * width;
                    tile(
                        reference.slice(range.clone()),
                        candidate.slice(range),
                        &mut moments,
                    );
                }
                moments
            })
            .collect();
        for part in partial {
            total
                .iter_mut()
                .zip(&part)
                .for_each(|(total, part)| total.merge(part));
        }
    }
}

fn tile(reference: Values<'_>, candidate: Values<'_>, moments: &mut [Moments]) {
    let width = moments.len();
    let (a, b) = (reference.to_f64(), candidate.to_f64());
    let mut column = Column::default();
    for (c, moments) in moments.iter_mut().enumerate() {
        column.clear();
        for (a, b) in a.iter().zip(&b).skip(c).step_by(width) {
            column.push(*a, *b);
        }
        moments.merge(&column.moments());
    }
}

/// Runs of neighbours that fall into one group, of a piece that begins at `inside` of a row and ends in it.
fn runs(
    reference: Values<'_>,
    candidate: Values<'_>,
    grouping: Grouping,
    inside: usize,
    total: &mut [Moments],
) {
    let Grouping {
        size,
        stride,
        window,
    } = grouping;
    let end = inside + reference.len();
    total
        .par_iter_mut()
        .enumerate()
        .for_each_init(Column::default, |column, (group, total)| {
            let first = (group * window * stride).clamp(inside, end);
            let last = (((group + 1) * window).min(size) * stride).clamp(inside, end);
            for block in (first..last).step_by(512) {
                let range = block - inside..(block + 512).min(last) - inside;
                let (a, b) = (reference.slice(range.clone()), candidate.slice(range));
                column.clear();
                a.to_f64()
                    .into_iter()
                    .zip(b.to_f64())
                    .for_each(|(a, b)| column.push(a, b));
                total.merge(&column.moments());
            }
        });
}

/// The finite pairs of one piece of a group.
#[derive(Default)]
struct Column {
    a: Vec<f64>,
    b: Vec<f64>,
    d: Vec<f64>,
}

impl Column {
    fn clear(&mut self) {
        self.a.clear();
        self.b.clear();
        self.d.clear();
    }

    fn push(&mut self, a: f64, b: f64) {
        if a.is_finite() && b.is_finite() {
            self.a.push(a);
            self.b.push(b);
            self.d.push(b - a);
        }
    }

    fn moments(&self) -> Moments {
        Moments::of_block(&self.a, &self.b, &self.d)
    }
}
