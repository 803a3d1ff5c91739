//! Embeddings that stay on the device from one pass to the next: stitched, aligned, and read by heads there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ::cuda::Span;
use ::cuda::module::Argument;

use super::heads::Kind;
use super::prepare::empty;
use super::{CudaAlphaGenome, CudaError, CudaOutputs};
use crate::array::Array;
use crate::batch::Batch;
use crate::plan::{ForwardError, Plan, shape};
use crate::request::{Embedding, Request};
use crate::rows::spans;

/// An embedding on the device, `[B, ..., C]`, until the pass that made it runs again.
#[derive(Clone)]
pub struct Resident {
    span: Span,
    shape: Vec<usize>,
}

/// An embedding that a pass reads: rows of another one, and rows that the host gives.
pub struct Taken<'a> {
    /// Where the rows come from.
    pub from: &'a Resident,
    /// Which rows, from the first of the new one to its last.
    pub rows: Vec<Range<usize>>,
    /// Rows that are replaced after that, `[C]` each.
    pub replaced: Vec<(usize, Vec<f32>)>,
}

impl CudaAlphaGenome {
    /// The embeddings of the pass that ran last: those that it was asked to hand out, and those that it was given.
    ///
    /// # Errors
    /// When the device fails.
    pub fn resident(&self) -> Result<BTreeMap<Embedding, Resident>, CudaError> {
        let Some((key, pass)) = &self.pass else {
            return Ok(BTreeMap::new());
        };
        let made = Embedding::ALL.into_iter().filter_map(|embedding| {
            let output = pass.outputs.get(embedding.name())?;
            Some((embedding, output.id, output.shape.clone()))
        });
        let given = pass.given.iter().filter_map(|&(embedding, id)| {
            let shape = &key.request.given.get(&embedding)?.shape;
            Some((embedding, id, shape.clone()))
        });
        let all = made.chain(given).map(|(embedding, id, shape)| {
            let values: usize = shape.iter().product();
            let span = pass.tensor(id, (values * self.weights.element()) as u64)?;
            Ok((embedding, Resident { span, shape }))
        });
        all.collect()
    }

    /// Brings rows of an embedding to the host, `[rows, C]`; those of all sequences are counted on.
    ///
    /// # Errors
    /// When a row lies beyond the embedding, or the device fails.
    pub fn resident_rows(
        &self,
        embedding: &Resident,
        rows: &[Range<usize>],
    ) -> Result<Array, CudaError> {
        let flat = [1, embedding.rows(), embedding.channels()];
        let (shape, spans) = spans(&flat, rows).ok_or_else(|| CudaError::Rows {
            name: "an embedding".into(),
            shape: embedding.shape.clone(),
        })?;
        let part = self.gathered(&embedding.span, &spans, self.weights.element())?;
        self.fetch(&part, shape[1..].to_vec(), Kind::Stored)
    }

    /// Runs heads on embeddings that are put together on the device.
    ///
    /// # Errors
    /// [`CudaError`] when the request or the batch does not fit the model, heads read an embedding that is not among `given`,
    /// a row lies beyond one, or the device fails.
    pub fn forward_on(
        &mut self,
        batch: &Batch,
        request: &Request,
        given: &BTreeMap<Embedding, Taken<'_>>,
    ) -> Result<CudaOutputs<'_>, CudaError> {
        let names: BTreeSet<_> = given.keys().copied().collect();
        let plan = Plan::on(&names, &self.config, batch, request)?;
        if let Some(missing) = plan.computed.first() {
            return Err(ForwardError::NoEmbedding(missing.name()).into());
        }
        let shapes = names
            .iter()
            .map(|its| (*its, shape(*its, &self.config, (batch, request))));
        let request = Request {
            given: shapes.map(|(its, shape)| (its, empty(shape))).collect(),
            ..request.clone()
        };
        self.prepare_planned(batch, &request, &plan, &BTreeSet::new())?;
        let targets = self.resident()?;
        for (embedding, taken) in given {
            // One that nothing reads has no place.
            let Some(target) = targets.get(embedding) else {
                continue;
            };
            let row = (target.channels() * self.weights.element()) as u64;
            let at = |span: &Span, from: usize, count: usize| {
                span.slice(from as u64 * row, count as u64 * row)
            };
            let count: usize = taken.rows.iter().map(Range::len).sum();
            if count != target.rows() {
                return Err(CudaError::Forward(ForwardError::Embedding {
                    name: embedding.name(),
                    found: format!("{count} rows"),
                    expected: target.shape.clone(),
                }));
            }
            self.take(taken, target)?;
            for (to, values) in &taken.replaced {
                self.write_stored(values.clone(), &at(&target.span, *to, 1)?)?;
            }
        }
        self.run()?;
        Ok(CudaOutputs { model: self })
    }

    /// Puts the rows of an embedding together from those of another one.
    fn take(&self, taken: &Taken<'_>, target: &Resident) -> Result<(), CudaError> {
        let channels = target.channels();
        let row = (channels * self.weights.element()) as u64;
        if let [run] = taken.rows.as_slice() {
            let source = taken
                .from
                .span
                .slice(run.start as u64 * row, run.len() as u64 * row)?;
            return Ok(self.device.copy(&source, &target.span)?);
        }
        let rows = taken.rows.iter().cloned().flatten();
        let rows: Vec<i32> = rows.map(|row| row as i32).collect();
        if let Some(beyond) = taken.rows.iter().find(|run| run.end > taken.from.rows()) {
            return Err(CudaError::Rows {
                name: format!("an embedding, {beyond:?}"),
                shape: taken.from.shape.clone(),
            });
        }
        let map = self.scratch(4 * rows.len() as u64)?;
        self.device.write(&rows, &map)?;
        let given = [
            Argument::from(&taken.from.span),
            Argument::Pointer(None),
            Argument::from(&target.span),
            Argument::from(&map),
            Argument::Pointer(None),
            Argument::from(rows.len() as i64),
            Argument::from(1i32),
            Argument::from(0i32),
            Argument::from(1i32),
            Argument::from(1i32),
            Argument::from(channels as i32),
        ];
        let blocks = (rows.len() * channels / 8).div_ceil(256).clamp(1, 132 * 64);
        let grid = [blocks as u32, 1, 1];
        self.kernels.launch("take_rows", grid, [256, 1, 1], &given)
    }

    /// Memory for what is made of outputs, until it is asked for again: work on the device goes on in order, and what it gives has
    /// come to the host before the next is enqueued.
    pub(super) fn scratch(&self, bytes: u64) -> Result<Span, CudaError> {
        let mut scratch = self.scratch.borrow_mut();
        if scratch.as_ref().is_none_or(|span| span.bytes() < bytes) {
            *scratch = None;
            *scratch = Some(self.device.allocate(bytes.next_power_of_two())?);
        }
        match scratch.as_ref() {
            Some(span) => Ok(span.slice(0, bytes)?),
            None => Ok(self.device.allocate(bytes)?),
        }
    }

    /// Values at some places of a tensor, one place after another, still on the device.
    pub(super) fn gathered(
        &self,
        from: &Span,
        spans: &[Range<usize>],
        element: usize,
    ) -> Result<Span, CudaError> {
        let bytes = |values: usize| (values * element) as u64;
        let all = spans.iter().map(Range::len).sum();
        let part = self.scratch(bytes(all))?;
        let mut at = 0;
        for span in spans {
            let source = from.slice(bytes(span.start), bytes(span.len()))?;
            self.device
                .copy(&source, &part.slice(bytes(at), source.bytes())?)?;
            at += span.len();
        }
        Ok(part)
    }
}

impl Resident {
    fn channels(&self) -> usize {
        self.shape.last().copied().unwrap_or(0)
    }

    /// Vectors of channels.
    fn rows(&self) -> usize {
        self.shape.iter().rev().skip(1).product()
    }
}
