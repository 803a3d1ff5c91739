//! The heads as steps: float32 products of an embedding, and one rounding when an output is written.

pub(super) mod columns;
mod joint;
mod junctions;

use std::collections::{BTreeMap, BTreeSet};

use super::forward::{Forward, arguments};
use super::steps::{Id, Place, Product};
use crate::config::Head;
use crate::plan::Plan;
use crate::request::{Embedding, Request};

/// Tiles of a product that run at a time on a large GPU, four times: logits of as many positions at a time are made.
const TILES: usize = 528;
/// Positions and channels of such a tile.
const TILE: [usize; 2] = [128, 256];

/// How many positions' logits of so many channels are made at a time.
fn chunk(positions: usize, columns: usize) -> usize {
    let chunk = (TILES / columns.div_ceil(TILE[1])).max(1) * TILE[0];
    chunk.min(positions)
}

/// How the values of an output are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In the storage type.
    Stored,
    /// In the storage type, float16 values in a float32 pass.
    Half,
    /// int32.
    Integer,
}

/// An output of the pass.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) id: Id,
    pub(super) shape: Vec<usize>,
    pub(super) kind: Kind,
}

/// Outputs by name.
pub(super) type Outputs = BTreeMap<String, Output>;

impl Output {
    pub(super) fn stored(id: Id, shape: &[usize]) -> Self {
        Self {
            id,
            shape: shape.to_vec(),
            kind: Kind::Stored,
        }
    }
}

impl Forward<'_> {
    /// The pass: what the plan says is needed, and all outputs that are asked for.
    pub(super) fn build(&mut self, plan: &Plan, request: &Request) -> Outputs {
        let mut outputs = Outputs::new();
        if !plan.read.is_empty() {
            self.modules(plan, request, &mut outputs);
        }
        for output in outputs.values() {
            self.steps.keep(output.id);
        }
        self.steps.finish();
        outputs
    }

    fn modules(&mut self, plan: &Plan, request: &Request, outputs: &mut Outputs) {
        let (batch, length) = (self.batch, self.length);
        let embedders = self.config.embedders.clone();
        let heads = &plan.heads;
        let given = |forward: &mut Self, embedding, values: usize| {
            let given = request.given.contains_key(&embedding);
            given.then(|| forward.given(embedding, batch * values))
        };
        let (p, bins) = (self.positions(), length / 128);
        let of_pair = embedders.embeddings_pair;
        let pair = given(self, Embedding::Pair, p * p * of_pair);
        let (c, fine) = (embedders.embeddings_128bp, embedders.embeddings_1bp);
        let coarse = given(self, Embedding::Bins, bins * c);
        let rows = self.regions.rows.unwrap_or(length);
        let one_base_pair = given(self, Embedding::OneBasePair, rows * fine);
        let tower = (!plan.computed.is_empty()).then(|| {
            let (trunk, skips) = self.encoder();
            (self.tower(trunk), skips)
        });
        if plan.read.contains(&Embedding::Pair)
            && let Some(pair) = pair.or_else(|| {
                let ((_, pair), _) = tower.as_ref()?;
                Some(self.output_pair(*pair))
            })
        {
            for (name, id, tracks) in self.contact_maps(pair, p * p, heads) {
                let output = Output::stored(id, &[batch, p, p, tracks]);
                outputs.insert(format!("{name}/predictions"), output);
            }
            if plan.embeddings.contains(&Embedding::Pair) {
                let output = Output::stored(pair, &[batch, p, p, of_pair]);
                outputs.insert(Embedding::Pair.name().into(), output);
            }
        }
        let coarse = coarse.or_else(|| {
            let ((trunk, _), _) = tower.as_ref().filter(|_| plan.trunk())?;
            let io = [self.config.tower.channels, c];
            Some(self.output_embedder("output_embedder", *trunk, bins, io, None))
        });
        if let Some(coarse) = coarse {
            if plan.resolutions.contains(&128) {
                self.joint(128, coarse, [bins, c], heads, outputs);
            }
            if plan.embeddings.contains(&Embedding::Bins) {
                let output = Output::stored(coarse, &[batch, bins, c]);
                outputs.insert(Embedding::Bins.name().into(), output);
            }
        }
        let c = fine;
        let x = one_base_pair.or_else(|| {
            let ((trunk, _), skips) = tower.filter(|_| plan.decoder())?;
            let x = self.decoder(trunk, skips);
            let io = [self.config.encoder.channels[0], c];
            let skip = Some((coarse?, 128));
            Some(self.output_embedder("output_embedder_1", x, rows, io, skip))
        });
        let Some(x) = x.filter(|_| plan.read.contains(&Embedding::OneBasePair)) else {
            return;
        };
        if plan.resolutions.contains(&1) {
            // Junctions need the probabilities that their sites are chosen from.
            let mut needed = heads.clone();
            if plan.chooses_positions {
                let chooses = |head: &Head| matches!(head, Head::SpliceSitesClassification { .. });
                let choosing = self.config.heads.iter().filter(|(_, head)| chooses(head));
                needed.extend(choosing.map(|(name, _)| name.clone()));
            }
            let probabilities = self.joint(1, x, [rows, c], &needed, outputs);
            outputs.retain(|name, _| {
                name.split_once('/')
                    .is_none_or(|(head, _)| heads.contains(head))
            });
            for (name, head) in &self.config.heads {
                if matches!(head, Head::SpliceSitesJunction { .. }) && heads.contains(name) {
                    self.junctions(name, x, probabilities, request, outputs);
                }
            }
        }
        if plan.embeddings.contains(&Embedding::OneBasePair) {
            let output = Output::stored(x, &[batch, rows, c]);
            outputs.insert(Embedding::OneBasePair.name().into(), output);
        }
    }

    fn contact_maps(
        &mut self,
        embedding: Id,
        positions: usize,
        heads: &BTreeSet<String>,
    ) -> Vec<(String, Id, usize)> {
        let mut contacts = Vec::new();
        let channels = self.config.embedders.embeddings_pair;
        for (name, head) in &self.config.heads {
            let Head::ContactMaps { tracks, .. } = head else {
                continue;
            };
            if !heads.contains(name) {
                continue;
            }
            let tracks = *tracks;
            let y = self.stored(self.batch * positions * tracks);
            let path = format!("head/{name}");
            let padded = tracks.next_multiple_of(8);
            let chunk = chunk(positions, padded);
            self.steps.enter(path.as_str());
            let linear = format!("{path}/multi_organism_linear");
            for sequence in 0..self.batch {
                let organism = self.organisms[sequence];
                let w = self.weights.stored(&format!("{linear}/w"));
                let w = w + (organism * channels * padded * self.element) as u64;
                let bias = self.weights.values(&format!("{linear}/b"));
                let bias = bias + (organism * tracks * 4) as u64;
                for first in (0..positions).step_by(chunk) {
                    let count = chunk.min(positions - first);
                    let x = self.steps.tensor(count * padded * 4);
                    let product = Product {
                        float32_result: true,
                        ..Product::dense(count, channels, padded)
                    };
                    let row = sequence * positions + first;
                    let from = Place::Tensor(embedding, (row * channels * self.element) as u64);
                    self.steps.product(product, from, w, x, None);
                    let at = (row * tracks * self.element) as u64;
                    self.steps.each(
                        "biased",
                        count * tracks,
                        arguments![
                            x,
                            bias,
                            Place::Tensor(y, at),
                            count as i64,
                            tracks as i32,
                            padded as i32
                        ],
                    );
                }
            }
            contacts.push((name.clone(), y, tracks));
        }
        contacts
    }
}
