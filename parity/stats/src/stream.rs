//! Fixed chunks: what makes a result independent of threads and of how the input was cut.
//!
//! Element `i` always belongs to chunk `i / CHUNK`. Chunks are reduced in parallel and merged one
//! after another in order, so the same additions happen in the same order whatever the number of
//! threads and however the caller cuts the arrays into pushes.

use rayon::prelude::*;

use crate::values::{LengthMismatch, Values, same_length};

/// Pairs in a chunk: large enough to hide a task's cost, small enough to balance two cores.
pub(crate) const CHUNK: usize = 1 << 16;

/// Chunks whose partial results are held at once, which bounds memory.
const WAVE: usize = 256;

/// A reduction over pairs of values.
pub(crate) trait Pass: Sync {
    /// What one chunk reduces to.
    type Part: Send;

    /// Reduces at most [`CHUNK`] pairs, of which the first has the flat index `base`.
    fn reduce(&self, reference: Values<'_>, candidate: Values<'_>, base: u64) -> Self::Part;

    /// Takes in the next chunk's result.
    fn merge(&mut self, part: Self::Part);
}

/// Cuts pushes of any length into chunks for a [`Pass`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    reference: Vec<f64>,
    candidate: Vec<f64>,
    done: u64,
}

impl Stream {
    /// Feeds the next pairs to `pass`, keeping back what does not fill a chunk.
    pub(crate) fn push<P: Pass>(
        &mut self,
        pass: &mut P,
        reference: Values<'_>,
        candidate: Values<'_>,
    ) -> Result<(), LengthMismatch> {
        let len = same_length(reference, candidate)?;
        let mut start = 0;
        if !self.reference.is_empty() {
            start = (CHUNK - self.reference.len()).min(len);
            self.keep(reference.slice(0..start), candidate.slice(0..start));
            if self.reference.len() == CHUNK {
                self.flush(pass);
            }
        }
        let whole = (len - start) / CHUNK;
        for wave in (0..whole).step_by(WAVE) {
            let chunks = wave..(wave + WAVE).min(whole);
            let parts: Vec<P::Part> = chunks
                .clone()
                .into_par_iter()
                .map(|chunk| {
                    let from = start + chunk * CHUNK;
                    let base = self.done + ((chunk * CHUNK) as u64);
                    let range = from..from + CHUNK;
                    pass.reduce(reference.slice(range.clone()), candidate.slice(range), base)
                })
                .collect();
            parts.into_iter().for_each(|part| pass.merge(part));
        }
        self.done += (whole * CHUNK) as u64;
        let rest = start + whole * CHUNK..len;
        self.keep(reference.slice(rest.clone()), candidate.slice(rest));
        Ok(())
    }

    /// Feeds what was kept back: the last, shorter chunk.
    pub(crate) fn finish<P: Pass>(mut self, pass: &mut P) {
        if !self.reference.is_empty() {
            self.flush(pass);
        }
    }

    fn keep(&mut self, reference: Values<'_>, candidate: Values<'_>) {
        for (kept, values) in [
            (&mut self.reference, reference),
            (&mut self.candidate, candidate),
        ] {
            let from = kept.len();
            kept.resize(from + values.len(), 0.0);
            values.read(0, &mut kept[from..]);
        }
    }

    fn flush<P: Pass>(&mut self, pass: &mut P) {
        let part = pass.reduce(
            Values::F64(&self.reference),
            Values::F64(&self.candidate),
            self.done,
        );
        pass.merge(part);
        self.done += self.reference.len() as u64;
        self.reference.clear();
        self.candidate.clear();
    }
}
