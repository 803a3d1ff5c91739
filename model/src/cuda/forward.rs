//! The whole forward pass as a list of steps (`model.AlphaGenome`), and its encoder.

use std::collections::BTreeSet;

use super::regions::{Encoded, Regions};
use super::steps::{Argument, Convolution, Fixed, Id, Place, Product, Source, Steps};
use super::weights::Weights;
use crate::config::Config;
use crate::precision::Roundings;
use crate::request::Embedding;

/// What a list of steps is made for.
pub(super) struct Forward<'a> {
    pub(super) config: &'a Config,
    pub(super) weights: &'a Weights,
    pub(super) steps: Steps,
    /// Sequences.
    pub(super) batch: usize,
    /// Base pairs of each.
    pub(super) length: usize,
    /// The organism of each.
    pub(super) organisms: Vec<usize>,
    /// Bytes of a stored value.
    pub(super) element: usize,
    pub(super) roundings: Roundings,
    /// Whether the sequence attention runs as one kernel.
    pub(super) fused_attention: bool,
    /// Names of the module outputs that are kept; of all, where this is nothing.
    pub(super) wanted: Option<BTreeSet<String>>,
    /// Module outputs to keep, by their Haiku path, with their shapes.
    pub(super) taps: Option<Vec<Tap>>,
    /// Embeddings that the request hands in.
    pub(super) given: Vec<(Embedding, Id)>,
    /// Where it runs.
    pub(super) regions: Regions,
}

/// A module's output that was kept.
#[derive(Clone, Debug)]
pub(super) struct Tap {
    pub(super) name: String,
    pub(super) id: Id,
    pub(super) shape: Vec<usize>,
}

/// Builds the arguments of a kernel.
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { vec![$($crate::cuda::steps::Argument::from($argument)),*] };
}
pub(super) use arguments;

impl Forward<'_> {
    /// A tensor of so many stored values.
    pub(super) fn stored(&mut self, values: usize) -> Id {
        self.steps.tensor(values * self.element)
    }

    /// The tensor of an embedding that a request hands in: it is written before the first pass, and lives through all.
    pub(super) fn given(&mut self, embedding: Embedding, values: usize) -> Id {
        let id = self.stored(values);
        self.steps.keep(id);
        self.given.push((embedding, id));
        id
    }

    /// Keeps a module's output if taps are wanted.
    pub(super) fn tap(&mut self, name: &str, id: Id, shape: &[usize]) {
        let wanted = self.wanted.as_ref();
        if let Some(taps) = &mut self.taps
            && wanted.is_none_or(|wanted| wanted.contains(name))
        {
            self.steps.keep(id);
            taps.push(Tap {
                name: name.to_owned(),
                id,
                shape: shape.to_vec(),
            });
        }
    }

    /// `gelu(norm(x))` of `rows` rows, and the first `kept` channels of `x` beside it.
    pub(super) fn norm_gelu(
        &mut self,
        x: Id,
        norm: &str,
        rows: usize,
        c: usize,
        kept: usize,
        gelu: i32,
    ) -> (Id, Option<Id>) {
        let [scale, offset] = self.weights.norm(norm);
        let y = self.stored(rows * c);
        let head = (kept > 0).then(|| self.stored(rows * kept));
        self.steps.each(
            "norm_gelu",
            rows * c / 8,
            arguments![
                x,
                y,
                head,
                scale,
                offset,
                rows as i64,
                c as i32,
                kept as i32,
                gelu
            ],
        );
        (y, head)
    }

    pub(super) fn convolve(
        &mut self,
        x: Id,
        path: &str,
        [b, s]: [usize; 2],
        io: [usize; 2],
        residual: Option<Id>,
    ) -> Id {
        let [inputs, outputs] = io;
        let convolution = Convolution {
            b,
            s,
            inputs,
            outputs,
            width: self.config.encoder.conv_width,
            bfloat16_operands: false,
        };
        let y = self.stored(b * s * outputs);
        let parameters = self.weights.convolution(path);
        self.steps
            .convolution(convolution, x, parameters, residual, y);
        y
    }

    /// `x[rows, k] · w` in the storage type.
    pub(super) fn linear(&mut self, x: Id, w: Fixed, rows: usize, k: usize, n: usize) -> Id {
        let y = self.stored(rows * n);
        self.steps
            .product(Product::dense(rows, k, n), x, w, y, None);
        y
    }

    /// The encoder: bases `[B, S]` to the trunk `[B, S / 128, C]` and the skips at 1, 2, ... 64 bp.
    pub(super) fn encode(&mut self, bases: Place, [batch, length]: [usize; 2]) -> Encoded {
        let channels = self.config.encoder.channels.clone();
        let width = self.config.encoder.stem_width;
        let rows = batch * length;
        let c = channels[0];
        let path = "sequence_encoder/dna_embedder";
        self.steps.enter(path);
        let padded = (4 * width).next_multiple_of(8);
        let windows = self.stored(rows * padded);
        self.steps.each(
            "base_windows",
            rows * padded / 8,
            arguments![
                bases,
                windows,
                rows as i64,
                length as i32,
                width as i32,
                padded as i32
            ],
        );
        let stem = self.stored(rows * c);
        let [w, b] = self.weights.stem();
        self.steps
            .product(Product::dense(rows, padded, c), windows, w, stem, Some(b));
        let block = format!("{path}/conv_block");
        let (y, _) = self.norm_gelu(stem, &format!("{block}/rms_batch_norm"), rows, c, 0, 1);
        let mut x = self.convolve(y, &block, [batch, length], [c, c], Some(stem));
        self.tap(path, x, &[batch, length, c]);
        let mut skips = vec![x];
        for (stage, pair) in channels.windows(2).enumerate() {
            let (c, wide, s) = (pair[0], pair[1], length >> (stage + 1));
            let rows = batch * s;
            let path = format!("sequence_encoder/downres_block_{stage}");
            self.steps.enter(path.clone());
            let (pooled, y) = (self.stored(rows * wide), self.stored(rows * c));
            let [scale, offset] = self
                .weights
                .norm(&format!("{path}/conv_block/rms_batch_norm"));
            self.steps.each(
                "pool_norm_gelu",
                rows * wide / 8,
                arguments![
                    x,
                    pooled,
                    y,
                    scale,
                    offset,
                    rows as i64,
                    c as i32,
                    wide as i32
                ],
            );
            let first = format!("{path}/conv_block");
            let first = self.convolve(y, &first, [batch, s], [c, wide], Some(pooled));
            let block = format!("{path}/conv_block_1");
            let (y, _) =
                self.norm_gelu(first, &format!("{block}/rms_batch_norm"), rows, wide, 0, 1);
            x = self.convolve(y, &block, [batch, s], [wide, wide], Some(first));
            self.tap(&path, x, &[batch, s, wide]);
            skips.push(x);
        }
        let (c, s) = (self.config.tower.channels, length / 128);
        let trunk = self.stored(batch * s * c);
        self.steps.enter("alphagenome");
        let embedding = self.weights.values("embed/embeddings");
        self.steps.each(
            "pool_organism",
            batch * s * c / 8,
            arguments![
                x,
                trunk,
                embedding,
                Source::Organisms,
                (batch * s) as i64,
                s as i32,
                c as i32
            ],
        );
        Encoded { trunk, skips }
    }

    /// Arguments of kernels that end with rows and channels.
    pub(super) fn extent(rows: usize, c: usize) -> [Argument; 2] {
        [Argument::Long(rows as i64), Argument::Int(c as i32)]
    }
}
