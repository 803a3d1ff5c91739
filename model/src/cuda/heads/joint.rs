//! Genome tracks and splice sites: the heads on one embedding, some positions at a time.

use std::collections::BTreeSet;

use super::columns::{Columns, columns, joint_weights, runs};
use super::{Kind, Output, Outputs, chunk};
use crate::config::Head;
use crate::cuda::forward::{Forward, arguments};
use crate::cuda::steps::{Argument, Fixed, Id, Place, Product};

/// Heads that one launch serves.
const SEGMENTS: usize = 8;
/// Positions of a block of that launch.
const ROWS: usize = 16;
/// Fields of a segment.
const FIELDS: usize = 9;

/// What becomes of a head's logits: the numbers of `enum Kind` in `kernels/heads.cu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Tracks,
    SquashedTracks,
    Usage,
    Classes,
}

/// A head of a launch.
struct Segment {
    columns: Columns,
    made: Made,
    bias: Fixed,
    scale: Option<Fixed>,
    factor: Option<Fixed>,
    /// Scaled predictions, or logits.
    first: Id,
    /// Predictions.
    second: Option<Id>,
    exact: Option<Id>,
}

impl Forward<'_> {
    /// The outputs of `heads` on the embedding `[B, positions, channels]` of a resolution; the probabilities of the classes
    /// of splice sites in float32, `[classes, B * positions]`, where that head is one of them.
    pub(super) fn joint(
        &mut self,
        resolution: u32,
        embedding: Id,
        [positions, channels]: [usize; 2],
        heads: &BTreeSet<String>,
        outputs: &mut Outputs,
    ) -> Option<Id> {
        let columns = columns(self.config, resolution);
        let all = columns.last().map_or(0, Columns::end);
        let mut probabilities = None;
        self.steps.enter(format!("head/resolution_{resolution}"));
        for run in runs(columns, heads, SEGMENTS) {
            let mut segments = Vec::with_capacity(run.len());
            for part in run {
                let segment = self.segment(part, positions, resolution, outputs);
                probabilities = probabilities.or(segment.exact);
                segments.push(segment);
            }
            let weights = self.weights.stored(&joint_weights(resolution));
            let shape = [positions, channels, all];
            self.run_of_heads(embedding, weights, shape, &segments);
        }
        probabilities
    }

    /// A head's parameters, and its outputs.
    fn segment(
        &mut self,
        columns: Columns,
        positions: usize,
        resolution: u32,
        outputs: &mut Outputs,
    ) -> Segment {
        let (path, name) = (&columns.path, &columns.head);
        let shape = [self.batch, positions, columns.count];
        let values = shape.iter().product::<usize>();
        let bias = self
            .weights
            .values(&format!("{path}/multi_organism_linear/b"));
        let first = self.stored(values);
        let mut give = |output: String, id: Id, kind: Kind| {
            let output_of = Output::stored(id, &shape);
            outputs.insert(format!("{name}/{output}"), Output { kind, ..output_of });
        };
        let (made, mut scale, mut factor, mut exact) = match self.config.heads.get(name) {
            Some(Head::GenomeTracks { squashing, .. }) => {
                let made = match squashing {
                    true => Made::SquashedTracks,
                    false => Made::Tracks,
                };
                (made, None, None, None)
            }
            Some(Head::SpliceSitesClassification { .. }) => (Made::Classes, None, None, None),
            _ => (Made::Usage, None, None, None),
        };
        let second;
        if matches!(made, Made::Tracks | Made::SquashedTracks) {
            scale = Some(self.weights.values(&format!("{path}/learnt_scale")));
            factor = self.weights.find(&format!("{path}/factor"));
            second = factor.map(|_| self.steps.tensor(values * self.element));
            let output = |kind: &str| format!("{kind}_{resolution}bp");
            give(output("scaled_predictions"), first, Kind::Stored);
            if let Some(second) = second {
                give(output("predictions"), second, Kind::Stored);
            }
        } else {
            let kind = match made {
                Made::Classes => Kind::Stored,
                _ => Kind::Half,
            };
            exact = (made == Made::Classes).then(|| self.steps.tensor(values * 4));
            let made = self.steps.tensor(values * self.element);
            second = Some(made);
            give("logits".to_owned(), first, Kind::Stored);
            give("predictions".to_owned(), made, kind);
        }
        Segment {
            columns,
            made,
            bias,
            scale,
            factor,
            first,
            second,
            exact,
        }
    }

    /// The products of neighbouring heads, some positions at a time, and what is made of them.
    fn run_of_heads(
        &mut self,
        embedding: Id,
        weights: Fixed,
        [positions, channels, all]: [usize; 3],
        segments: &[Segment],
    ) {
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
            return;
        };
        let begin = first.columns.first;
        let columns = last.columns.end() - begin;
        let chunk = chunk(positions, columns);
        for sequence in 0..self.batch {
            let organism = self.organisms[sequence];
            let w = weights + ((organism * channels * all + begin) * self.element) as u64;
            for start in (0..positions).step_by(chunk) {
                let count = chunk.min(positions - start);
                let row = sequence * positions + start;
                let x = self.steps.tensor(count * columns * 4);
                let product = Product {
                    row: [channels, all, columns],
                    float32_result: true,
                    ..Product::dense(count, channels, columns)
                };
                let from = Place::Tensor(embedding, (row * channels * self.element) as u64);
                self.steps.product(product, from, w, x, None);
                let mut arguments = arguments![x, Argument::Struct(SEGMENTS * FIELDS)];
                for index in 0..SEGMENTS {
                    match segments.get(index) {
                        Some(segment) => {
                            arguments.extend(self.fields(segment, organism, row, begin));
                        }
                        // No column is that far.
                        None => arguments.extend([Argument::Long(i64::MAX); FIELDS]),
                    }
                }
                arguments.extend(arguments![
                    count as i64,
                    columns as i32,
                    (self.batch * positions) as i64,
                    row as i64,
                    i32::from(self.roundings.usage_is_half),
                    ROWS as i32
                ]);
                let grid = [
                    (columns / 8).div_ceil(32) as u32,
                    count.div_ceil(ROWS) as u32,
                    1,
                ];
                self.steps
                    .launch("head_outputs", grid, [32, 8, 1], 0, arguments);
            }
        }
    }

    /// The fields of `struct Segment` for rows from `row` on.
    fn fields(
        &self,
        segment: &Segment,
        organism: usize,
        row: usize,
        begin: usize,
    ) -> [Argument; FIELDS] {
        let count = segment.columns.count;
        let parameters = (organism * count * 4) as u64;
        let to = |id: Id| Place::Tensor(id, (row * count * self.element) as u64);
        let of = |fixed: Fixed| Place::from(fixed + parameters);
        [
            of(segment.bias).into(),
            segment.scale.map_or(Place::Nowhere, of).into(),
            segment.factor.map_or(Place::Nowhere, of).into(),
            to(segment.first).into(),
            segment.second.map_or(Place::Nowhere, to).into(),
            segment.exact.into(),
            Argument::Long((segment.columns.first - begin) as i64),
            Argument::Long(count as i64),
            Argument::Long(segment.made as i64),
        ]
    }
}
