//! Rows of arrays: outputs that are wanted in part, and embeddings that are put together from others.

use std::ops::Range;

use crate::array::{Array, Values};

/// Rows that move together, each a vector of channels: those of all sequences are counted on, as they lie in `[B, ..., C]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The first one of the source.
    pub from: usize,
    /// The first one of the target.
    pub to: usize,
    /// How many.
    pub count: usize,
}

impl Move {
    /// The moves that fill a target from its first row on: row `i` is the source's row `sources[i]`.
    pub fn filling(sources: impl IntoIterator<Item = usize>) -> Vec<Self> {
        let mut moves: Vec<Self> = Vec::new();
        for (to, from) in sources.into_iter().enumerate() {
            match moves.last_mut() {
                Some(last) if last.from + last.count == from => last.count += 1,
                _ => moves.push(Self { from, to, count: 1 }),
            }
        }
        moves
    }
}

/// Calls `$take` with the values, of whatever type, and puts its result into the same type again.
macro_rules! of_each_type {
    ($values:expr, $take:expr) => {
        match $values {
            Values::F32(values) => Values::F32($take(values)),
            Values::F16(values) => Values::F16($take(values)),
            Values::Bf16(values) => Values::Bf16($take(values)),
            Values::I32(values) => Values::I32($take(values)),
            Values::Bool(values) => Values::Bool($take(values)),
        }
    };
}

impl Values {
    /// The values at some places, one place after another.
    ///
    /// # Panics
    /// Where a place lies beyond them.
    pub fn pick(&self, spans: &[Range<usize>]) -> Self {
        of_each_type!(self, |values| pick(values, spans))
    }
}

impl Array {
    /// The rows of the second axis, `[B, rows, ...]`; nothing where one lies beyond it.
    pub fn rows(&self, rows: &[Range<usize>]) -> Option<Self> {
        let (shape, spans) = spans(&self.shape, rows)?;
        Some(Self {
            shape,
            values: self.values.pick(&spans),
        })
    }
}

/// The shape of some rows of the second axis, and where they lie among all values; nothing where one lies beyond the axis.
pub(crate) fn spans(
    shape: &[usize],
    rows: &[Range<usize>],
) -> Option<(Vec<usize>, Vec<Range<usize>>)> {
    let [batch, all, rest @ ..] = shape else {
        return None;
    };
    if rows.iter().any(|run| run.start > run.end || run.end > *all) {
        return None;
    }
    let row: usize = rest.iter().product();
    let spans = (0..*batch).flat_map(|sequence| {
        let place = move |at: usize| (sequence * all + at) * row;
        rows.iter().map(move |run| place(run.start)..place(run.end))
    });
    let count = rows.iter().map(Range::len).sum();
    Some(([&[*batch, count], rest].concat(), spans.collect()))
}

fn pick<T: Copy>(values: &[T], spans: &[Range<usize>]) -> Vec<T> {
    let mut picked = Vec::with_capacity(spans.iter().map(Range::len).sum());
    for span in spans {
        picked.extend_from_slice(&values[span.clone()]);
    }
    picked
}
