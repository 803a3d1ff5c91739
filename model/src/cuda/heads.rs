//! The heads as steps: float32 products of an embedding, and one rounding when an output is written.

use std::collections::{BTreeMap, BTreeSet};

use super::forward::{Forward, arguments};
use super::steps::{Id, Place, Product};
use crate::config::Head;
use crate::plan::Plan;
use crate::request::{Embedding, Request};

/// Tiles of a product that run at a time on a large GPU, twice: logits of as many positions at a time are made.
const TILES: usize = 264;
/// Positions and channels of such a tile.
const TILE: [usize; 2] = [128, 256];
/// Tissues whose junctions are computed at a time.
const TISSUES: usize = 64;

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

/// A head's product: rows of an embedding of one sequence, and what to do with its logits.
struct Logits<'a> {
    embedding: Id,
    channels: usize,
    /// Positions of a sequence.
    positions: usize,
    path: &'a str,
    tracks: usize,
}

impl Forward<'_> {
    /// The pass: what the plan says is needed, and all outputs that are asked for.
    pub(super) fn build(&mut self, bases: u64, plan: &Plan, request: &Request) -> Outputs {
        let mut outputs = Outputs::new();
        if plan.trunk || plan.pair {
            self.modules(bases, plan, request, &mut outputs);
        }
        for output in outputs.values() {
            self.steps.keep(output.id);
        }
        self.steps.finish();
        outputs
    }

    fn modules(&mut self, bases: u64, plan: &Plan, request: &Request, outputs: &mut Outputs) {
        let (batch, length) = (self.batch, self.length);
        let embedders = self.config.embedders.clone();
        let heads = &plan.heads;
        let (trunk, skips) = self.encoder(bases);
        let (trunk, pair) = self.tower(trunk);
        if plan.pair {
            let pair = self.output_pair(pair);
            let p = length / 128 / self.config.pair.pool;
            for (name, id, tracks) in self.contact_maps(pair, p * p, heads) {
                let output = Output::stored(id, &[batch, p, p, tracks]);
                outputs.insert(format!("{name}/predictions"), output);
            }
            if plan.embeddings.contains(&Embedding::Pair) {
                let output = Output::stored(pair, &[batch, p, p, embedders.embeddings_pair]);
                outputs.insert(Embedding::Pair.name().into(), output);
            }
        }
        if !plan.trunk {
            return;
        }
        let (c, bins) = (embedders.embeddings_128bp, length / 128);
        let io = [self.config.tower.channels, c];
        let coarse = self.output_embedder("output_embedder", trunk, bins, io, None);
        if plan.resolutions.contains(&128) {
            self.tracks(128, coarse, [bins, c], heads, outputs);
        }
        if plan.embeddings.contains(&Embedding::Bins) {
            let output = Output::stored(coarse, &[batch, bins, c]);
            outputs.insert(Embedding::Bins.name().into(), output);
        }
        if !plan.decoder {
            return;
        }
        let x = self.decoder(trunk, skips);
        let c = embedders.embeddings_1bp;
        let io = [self.config.encoder.channels[0], c];
        let skip = Some((coarse, 128));
        let x = self.output_embedder("output_embedder_1", x, length, io, skip);
        if plan.resolutions.contains(&1) {
            self.tracks(1, x, [length, c], heads, outputs);
            self.splice_sites(x, plan, request, outputs);
        }
        if plan.embeddings.contains(&Embedding::OneBasePair) {
            let output = Output::stored(x, &[batch, length, c]);
            outputs.insert(Embedding::OneBasePair.name().into(), output);
        }
    }

    /// Float32 logits without bias, some positions at a time: `use_logits(self, logits, bias, sequence, first, count)`.
    fn logits(
        &mut self,
        logits: &Logits<'_>,
        mut use_logits: impl FnMut(&mut Self, Id, u64, usize, usize, usize),
    ) {
        let Logits {
            embedding,
            channels,
            positions,
            path,
            tracks,
        } = *logits;
        let padded = tracks.next_multiple_of(8);
        let chunk = (TILES / padded.div_ceil(TILE[1])).max(1) * TILE[0];
        let chunk = chunk.min(positions);
        self.steps.enter(path);
        let linear = format!("{path}/multi_organism_linear");
        for sequence in 0..self.batch {
            let organism = self.organisms[sequence];
            let w = self.weights.stored(&format!("{linear}/w"));
            let w = w + (organism * channels * padded * self.element) as u64;
            let bias = self.weights.values(&format!("{linear}/b")) + (organism * tracks * 4) as u64;
            for first in (0..positions).step_by(chunk) {
                let count = chunk.min(positions - first);
                let x = self.steps.tensor(count * padded * 4);
                let product = Product {
                    float32_result: true,
                    ..Product::dense(count, channels, padded)
                };
                let at = (sequence * positions + first) * channels * self.element;
                let from = Place::Tensor(embedding, at as u64);
                self.steps.product(product, from, w, x, None);
                use_logits(self, x, bias, sequence, first, count);
            }
        }
    }

    fn tracks(
        &mut self,
        resolution: u32,
        embedding: Id,
        [positions, channels]: [usize; 2],
        heads: &BTreeSet<String>,
        outputs: &mut Outputs,
    ) {
        for (name, head) in &self.config.heads {
            let Head::GenomeTracks {
                tracks,
                resolutions,
                squashing,
                ..
            } = head
            else {
                continue;
            };
            if !heads.contains(name) || !resolutions.contains(&resolution) {
                continue;
            }
            let (tracks, squashing) = (*tracks, i32::from(*squashing));
            let path = format!("head/{name}/resolution_{resolution}");
            let scale = self.weights.values(&format!("{path}/learnt_scale"));
            let factor = self.weights.find(&format!("{path}/factor"));
            let values = self.batch * positions * tracks;
            let scaled = self.stored(values);
            let unscaled = factor.map(|_| self.stored(values));
            let logits = Logits {
                embedding,
                channels,
                positions,
                path: &path,
                tracks,
            };
            self.logits(&logits, |this, x, bias, sequence, first, count| {
                let organism = (this.organisms[sequence] * tracks * 4) as u64;
                let at = ((sequence * positions + first) * tracks * this.element) as u64;
                let to = |id: Id| Place::Tensor(id, at);
                this.steps.each(
                    "tracks",
                    count * tracks / 4,
                    arguments![
                        x,
                        bias,
                        scale + organism,
                        factor.map_or(0, |factor| factor + organism),
                        to(scaled),
                        unscaled.map_or(Place::Nowhere, to),
                        count as i64,
                        tracks as i32,
                        tracks.next_multiple_of(8) as i32,
                        squashing
                    ],
                );
            });
            let shape = [self.batch, positions, tracks];
            let scaled = Output::stored(scaled, &shape);
            outputs.insert(format!("{name}/scaled_predictions_{resolution}bp"), scaled);
            if let Some(unscaled) = unscaled {
                let unscaled = Output::stored(unscaled, &shape);
                outputs.insert(format!("{name}/predictions_{resolution}bp"), unscaled);
            }
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
            let logits = Logits {
                embedding,
                channels,
                positions,
                path: &path,
                tracks,
            };
            self.logits(&logits, |this, x, bias, sequence, first, count| {
                let at = ((sequence * positions + first) * tracks * this.element) as u64;
                let padded = tracks.next_multiple_of(8) as i32;
                this.steps.each(
                    "biased",
                    count * tracks,
                    arguments![
                        x,
                        bias,
                        Place::Tensor(y, at),
                        count as i64,
                        tracks as i32,
                        padded
                    ],
                );
            });
            contacts.push((name.clone(), y, tracks));
        }
        contacts
    }

    fn splice_sites(
        &mut self,
        embedding: Id,
        plan: &Plan,
        request: &Request,
        outputs: &mut Outputs,
    ) {
        let heads = &plan.heads;
        let (batch, positions) = (self.batch, self.length);
        let channels = self.config.embedders.embeddings_1bp;
        let mut probabilities = None;
        for (name, head) in &self.config.heads {
            let (tracks, classes) = match head {
                Head::SpliceSitesClassification { tracks, .. }
                    if heads.contains(name) || plan.chooses_positions =>
                {
                    (*tracks, true)
                }
                Head::SpliceSitesUsage { tracks, .. } if heads.contains(name) => (*tracks, false),
                _ => continue,
            };
            let values = batch * positions * tracks;
            let (raw, made) = (self.stored(values), self.stored(values));
            let exact = classes.then(|| self.steps.tensor(values * 4));
            let path = format!("head/{name}");
            let logits = Logits {
                embedding,
                channels,
                positions,
                path: &path,
                tracks,
            };
            self.logits(&logits, |this, x, bias, sequence, first, count| {
                let row = sequence * positions + first;
                let at = (row * tracks * this.element) as u64;
                let to = [raw, made].map(|id| Place::Tensor(id, at));
                let padded = tracks.next_multiple_of(8) as i32;
                match exact {
                    Some(exact) => this.steps.each(
                        "splice_classes",
                        count,
                        arguments![
                            x,
                            bias,
                            to[0],
                            to[1],
                            exact,
                            count as i64,
                            (batch * positions) as i64,
                            row as i64,
                            tracks as i32,
                            padded
                        ],
                    ),
                    None => this.steps.each(
                        "splice_usage",
                        count * tracks,
                        arguments![
                            x,
                            bias,
                            to[0],
                            to[1],
                            count as i64,
                            tracks as i32,
                            padded,
                            i32::from(!this.excess)
                        ],
                    ),
                }
            });
            probabilities = probabilities.or(exact);
            if heads.contains(name) {
                let shape = [batch, positions, tracks];
                outputs.insert(format!("{name}/logits"), Output::stored(raw, &shape));
                let kind = if classes { Kind::Stored } else { Kind::Half };
                let output = Output {
                    kind,
                    ..Output::stored(made, &shape)
                };
                outputs.insert(format!("{name}/predictions"), output);
            }
        }
        for (name, head) in &self.config.heads {
            if let Head::SpliceSitesJunction { .. } = head
                && heads.contains(name)
            {
                self.junctions(name, embedding, probabilities, request, outputs);
            }
        }
    }

    fn junctions(
        &mut self,
        name: &str,
        embedding: Id,
        probabilities: Option<Id>,
        request: &Request,
        outputs: &mut Outputs,
    ) {
        let Some(Head::SpliceSitesJunction {
            tissues,
            hidden,
            top_k,
            threshold,
            ..
        }) = self.config.heads.get(name)
        else {
            return;
        };
        let (most, hidden, threshold) = (*tissues, *hidden, *threshold);
        let k = request
            .splice_site_positions
            .as_ref()
            .map_or(*top_k, |given| given.count);
        let (batch, length) = (self.batch, self.length);
        let path = format!("head/{name}");
        self.steps.enter(path.clone());
        let chosen = self.steps.tensor(batch * 4 * k * 4);
        let tracks = 2 * most;
        let out = self.stored(batch * k * k * tracks);
        let frequencies = self.weights.values(&format!("{path}/frequencies"));
        for sequence in 0..batch {
            let organism = self.organisms[sequence];
            let sites = Place::Tensor(chosen, (sequence * 4 * k * 4) as u64);
            match probabilities {
                Some(probabilities) if request.splice_site_positions.is_none() => {
                    self.steps.launch(
                        "best_positions",
                        [4, 1, 1],
                        [1024, 1, 1],
                        0,
                        arguments![
                            probabilities,
                            sites,
                            (batch * length) as i64,
                            (sequence * length) as i64,
                            length as i32,
                            k as i32,
                            threshold
                        ],
                    );
                }
                _ => {
                    let given = self.given_positions + (sequence * 4 * k * 4) as u64;
                    self.steps.each(
                        "copy_integers",
                        4 * k,
                        arguments![given, sites, (4 * k) as i32],
                    );
                }
            }
            let c = self.config.embedders.embeddings_1bp;
            let rows = self.stored(4 * k * c);
            let from = Place::Tensor(embedding, (sequence * length * c * self.element) as u64);
            self.steps.each(
                "gather_rows",
                4 * k * c / 8,
                arguments![from, sites, rows, (4 * k) as i32, length as i64, c as i32],
            );
            let padded = hidden.next_multiple_of(8);
            let x = self.steps.tensor(4 * k * padded * 4);
            let linear = format!("{path}/multi_organism_linear");
            let w = self.weights.stored(&format!("{linear}/w"));
            let w = w + (organism * c * padded * self.element) as u64;
            let bias = self.weights.values(&format!("{linear}/b")) + (organism * hidden * 4) as u64;
            let product = Product {
                float32_result: true,
                ..Product::dense(4 * k, c, padded)
            };
            self.steps.product(product, rows, w, x, None);
            let half = hidden / 2;
            let tables = [(); 2].map(|()| self.steps.tensor(4 * k * half * 4));
            self.steps.each(
                "site_tables",
                4 * k * half,
                arguments![
                    sites,
                    frequencies,
                    tables[0],
                    tables[1],
                    (4 * k) as i32,
                    half as i32
                ],
            );
            let known = self.weights.tissues(organism, most);
            for strand in 0..2 {
                for first in (0..most).step_by(TISSUES) {
                    let count = TISSUES.min(most - first);
                    let live = known.saturating_sub(first).min(count);
                    let counts = self.steps.tensor(count * k * k * 4);
                    if live > 0 {
                        let operands = [0, 1].map(|end| {
                            let kind = 2 * strand + end;
                            self.site_operands(
                                &path,
                                kind,
                                organism,
                                first,
                                live,
                                [x, tables[0], tables[1]],
                                bias,
                                [k, hidden, most],
                            )
                        });
                        let product = Product {
                            transposed: true,
                            batch: live,
                            stride: [k * hidden, k * hidden, k * k],
                            bfloat16_operands: true,
                            float32_result: true,
                            ..Product::dense(k, hidden, k)
                        };
                        let product = Product {
                            row: [hidden, hidden, k],
                            ..product
                        };
                        self.steps
                            .product(product, operands[0], operands[1], counts, None);
                    }
                    let at =
                        |kind: usize| Place::Tensor(chosen, ((sequence * 4 + kind) * k * 4) as u64);
                    let to = (sequence * k * k * tracks * self.element) as u64;
                    self.steps.launch(
                        "junction_counts",
                        [k.div_ceil(32) as u32, k as u32, count.div_ceil(64) as u32],
                        [32, 8, 1],
                        0,
                        arguments![
                            counts,
                            at(2 * strand),
                            at(2 * strand + 1),
                            Place::Tensor(out, to),
                            k as i32,
                            count as i32,
                            live as i32,
                            tracks as i32,
                            (strand * most + first) as i32
                        ],
                    );
                }
            }
        }
        outputs.insert(
            format!("{name}/predictions"),
            Output::stored(out, &[batch, k, k, tracks]),
        );
        let positions = Output {
            id: chosen,
            shape: vec![batch, 4, k],
            kind: Kind::Integer,
        };
        outputs.insert(format!("{name}/splice_site_positions"), positions);
    }

    /// Operands `[count, k, hidden]` of one kind of site in tissues from `first` on.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the operands of one kernel"
    )]
    fn site_operands(
        &mut self,
        path: &str,
        kind: usize,
        organism: usize,
        first: usize,
        count: usize,
        [x, cosines, sines]: [Id; 3],
        bias: u64,
        [k, hidden, most]: [usize; 3],
    ) -> Id {
        const KINDS: [&str; 4] = ["pos_donor", "pos_acceptor", "neg_donor", "neg_acceptor"];
        let name = format!("{path}/{}_logits/embeddings", KINDS[kind]);
        let tissues = self.weights.values(&name) + (organism * 2 * most * hidden * 4) as u64;
        let scale = tissues + (first * hidden * 4) as u64;
        let offset = scale + (most * hidden * 4) as u64;
        let part = |id: Id, width: usize| Place::Tensor(id, (kind * k * width * 4) as u64);
        let out = self.steps.tensor(count * k * hidden * 2);
        self.steps.each(
            "site_operands",
            count * k * hidden / 8,
            arguments![
                part(x, hidden),
                bias,
                scale,
                offset,
                part(cosines, hidden / 2),
                part(sines, hidden / 2),
                out,
                k as i32,
                count as i32,
                hidden as i32
            ],
        );
        out
    }
}
