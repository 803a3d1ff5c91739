//! Rows of arrays: outputs that are wanted in part, and embeddings that are put together from others.

use std::ops::Range;

use crate::array::{Array, Values};

/// Rows in this order, as runs of those that stand together.
pub fn runs(rows: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
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

impl Array {
    /// The rows of the second axis, `[B, rows, ...]`; nothing where one lies beyond it.
    pub fn rows(&self, rows: &[Range<usize>]) -> Option<Self> {
        let (shape, spans) = spans(&self.shape, rows)?;
        Some(self.picked(shape, &spans))
    }

    /// Rows of channels, `[rows, C]`, where those of all sequences are counted on; nothing where one lies beyond the last.
    pub fn channel_rows(&self, rows: &[Range<usize>]) -> Option<Self> {
        let channels = *self.shape.last()?;
        let (shape, spans) = spans(&[1, self.values.len() / channels, channels], rows)?;
        Some(self.picked(shape[1..].to_vec(), &spans))
    }

    fn picked(&self, shape: Vec<usize>, spans: &[Range<usize>]) -> Self {
        Self {
            shape,
            values: of_each_type!(&self.values, |values| pick(values, spans)),
        }
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
