//! Junctions between splice sites (`heads.SpliceSitesJunctionHead`).

use burn::tensor::{Int, Tensor, TensorData};
use rayon::prelude::*;

use crate::array::{Array, Values};
use crate::config::{Config, Head};
use crate::layers::{Linear, TissueAffine};
use crate::metadata::Metadata;
use crate::operations::{Activation, Operations, Organisms};
use crate::parameters::Loader;
use crate::precision::{Rounding, Roundings};
use crate::rotary::{inverse_frequencies, rotation};

/// The kinds of splice site, in the order of the positions.
const KINDS: [&str; 4] = ["pos_donor", "pos_acceptor", "neg_donor", "neg_acceptor"];

/// `SpliceSitesJunctionHead`.
#[derive(Clone, Debug)]
pub struct JunctionHead<B: Operations> {
    /// A layer an organism.
    pub(crate) organisms: Vec<Sides<B>>,
    pub(crate) shape: JunctionShape,
    /// Sites chosen a kind.
    pub top_k: usize,
    /// The lowest probability of a site.
    pub threshold: f32,
}

/// What the counts need beside parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct JunctionShape {
    /// Tissues of the organism that has most: tracks a strand.
    pub tissues: usize,
    pub(crate) inverse_frequencies: Vec<f32>,
    pub(crate) operands: Rounding,
    pub(crate) roundings: Roundings,
}

/// The head's parameters in one organism, cut to the tissues that it has.
#[derive(Clone, Debug)]
pub(crate) struct Sides<B: Operations> {
    pub(crate) linear: Linear<B>,
    /// Of every kind of site.
    pub(crate) kinds: Vec<TissueAffine<B>>,
    pub(crate) tissues: usize,
}

/// Splice sites of a batch, `[B, 4, K]`: donors and acceptors of the positive, then of the negative strand.
///
/// Places are base pairs from the start of the sequence; a negative one stands for no site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpliceSitePositions {
    /// Sites a kind, `K`.
    pub count: usize,
    /// `B * 4 * K` places.
    pub places: Vec<i32>,
}

impl SpliceSitePositions {
    /// The places of one kind in one sequence.
    pub fn kind(&self, sequence: usize, kind: usize) -> &[i32] {
        &self.places[(sequence * KINDS.len() + kind) * self.count..][..self.count]
    }
}

impl<B: Operations> From<Tensor<B, 3, Int>> for SpliceSitePositions {
    /// Brings sites `[B, 4, K]` to the host.
    fn from(sites: Tensor<B, 3, Int>) -> Self {
        let count = sites.dims()[2];
        let places = match Array::from_ints(sites).values {
            Values::I32(places) => places,
            _ => Vec::new(),
        };
        Self { count, places }
    }
}

/// How many tissues the organisms of a batch have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tissues {
    /// By organism of the model.
    pub known: Vec<usize>,
    /// Tracks a strand.
    pub most: usize,
}

/// Which donors, acceptors and tissues a count stands for.
#[derive(Clone, Debug)]
pub struct JunctionMask {
    positions: SpliceSitePositions,
    /// Tissues of each sequence's organism.
    tissues: Vec<usize>,
    most_tissues: usize,
}

impl JunctionMask {
    /// The mask of sites and of the tissues that each sequence's organism has.
    pub(crate) fn new(
        positions: SpliceSitePositions,
        tissues: Vec<usize>,
        most_tissues: usize,
    ) -> Self {
        Self {
            positions,
            tissues,
            most_tissues,
        }
    }

    /// `[B, K, K, 2 * tissues]`.
    pub fn shape(&self) -> [usize; 4] {
        let count = self.positions.count;
        [self.tissues.len(), count, count, 2 * self.most_tissues]
    }

    /// The values, row-major.
    pub fn values(&self) -> Vec<bool> {
        let [_, count, _, tracks] = self.shape();
        let mut values = vec![false; self.shape().iter().product()];
        let rows = values.par_chunks_mut((count * tracks).max(1)).enumerate();
        rows.for_each(|(row, values)| {
            let (sequence, donor) = (row / count, row % count);
            let kinds: [&[i32]; 4] =
                std::array::from_fn(|kind| self.positions.kind(sequence, kind));
            for (acceptor, values) in values.chunks_mut(tracks).enumerate() {
                for (strand, values) in values.chunks_mut(self.most_tissues).enumerate() {
                    let both =
                        kinds[2 * strand][donor] >= 0 && kinds[2 * strand + 1][acceptor] >= 0;
                    values[..self.tissues[sequence]].fill(both);
                }
            }
        });
        values
    }
}

impl<B: Operations> JunctionHead<B> {
    /// Takes the head's parameters; the metadata says how many tissues an organism has.
    pub(crate) fn load(
        loader: &mut Loader<'_, B>,
        path: &str,
        config: &Config,
        head: &Head,
        metadata: Option<&Metadata>,
    ) -> Self {
        let (hidden, max_position, top_k, threshold) = match head {
            Head::SpliceSitesJunction {
                hidden,
                max_position,
                top_k,
                threshold,
                ..
            } => (*hidden, *max_position, *top_k, *threshold),
            _ => (0, 0, 0, 0.0),
        };
        let (count, tissues) = (config.num_organisms, head.tracks());
        let linear = format!("{path}/multi_organism_linear");
        let linears =
            loader.organism_linear(&linear, count, config.embedders.embeddings_1bp, hidden);
        let kinds = KINDS.map(|kind| {
            let key = format!("{path}/{kind}_logits/embeddings");
            let values = loader.values(&key, &[count, 2 * tissues * hidden]);
            (key, values)
        });
        let organism = |(index, linear): (usize, Linear<B>)| {
            let known = metadata.map_or(tissues, |metadata| {
                metadata.tracks(index, head.output_type()).len()
            });
            let kinds = kinds.each_ref().map(|values| {
                let (key, values) = values;
                let part = |which: usize| {
                    let values = values.as_ref();
                    let values = values.map(|values| {
                        values[(2 * index + which) * tissues * hidden..][..known * hidden].to_vec()
                    });
                    loader.tensor(&format!("{key}[{index}][{which}]"), values, [known, hidden])
                };
                TissueAffine {
                    scale: part(0),
                    offset: part(1),
                }
            });
            Sides {
                linear,
                kinds: kinds.into(),
                tissues: known,
            }
        };
        Self {
            organisms: linears.into_iter().enumerate().map(organism).collect(),
            shape: JunctionShape {
                tissues,
                inverse_frequencies: inverse_frequencies(
                    hidden / 2,
                    max_position,
                    [Rounding::None; 2],
                ),
                operands: loader.roundings().operands,
                roundings: loader.roundings().in_float32(),
            },
            top_k,
            threshold,
        }
    }

    /// How many tissues the organisms have.
    pub fn tissues(&self) -> Tissues {
        Tissues {
            known: self.organisms.iter().map(|sides| sides.tissues).collect(),
            most: self.shape.tissues,
        }
    }

    /// Counts `[B, K, K, 2 * tissues]` of donors with acceptors at `sites` `[B, 4, K]`, zero where there is no site.
    ///
    /// `x` is the embedding at 1 bp, `[B, S, C]`; where it has some positions alone, `rows` `[B, 4, K]` are those of the sites.
    pub fn forward(
        &self,
        x: Tensor<B, 3>,
        sites: Tensor<B, 3, Int>,
        rows: Option<Tensor<B, 3, Int>>,
        organisms: &Organisms<B>,
    ) -> Tensor<B, 4> {
        B::junction_counts(x, sites, rows, self, organisms)
    }

    /// The same for sites and their rows on the host: what no site needs is not computed.
    pub(crate) fn between(
        &self,
        x: Tensor<B, 3>,
        sites: (&SpliceSitePositions, &SpliceSitePositions),
        organisms: &[usize],
    ) -> Tensor<B, 4> {
        let counts = organisms.iter().enumerate().map(|(sequence, &organism)| {
            let [_, length, channels] = x.dims();
            let x = x.clone().narrow(0, sequence, 1).reshape([length, channels]);
            let organism = &self.organisms[organism];
            let (count, tracks) = (sites.0.count, 2 * self.shape.tissues);
            // Burn's CPU backend makes `zeros` of bytes, which come to the host by a copy only; `full` of floats.
            let zeros = Tensor::full([count, count, tracks], 0.0, &x.device());
            let counts = [0, 1].into_iter().fold(zeros, |counts, strand| {
                self.strand(counts, strand, &x, (sites, sequence), organism)
            });
            counts.unsqueeze::<4>()
        });
        let mut counts: Vec<Tensor<B, 4>> = counts.collect();
        if counts.len() == 1 {
            counts.remove(0)
        } else {
            Tensor::cat(counts, 0)
        }
    }

    /// Writes the counts of one strand, the first or the second, into those of one sequence, `[K, K, 2 * tissues]`.
    fn strand(
        &self,
        counts: Tensor<B, 3>,
        strand: usize,
        x: &Tensor<B, 2>,
        ((positions, rows), sequence): ((&SpliceSitePositions, &SpliceSitePositions), usize),
        organism: &Sides<B>,
    ) -> Tensor<B, 3> {
        let (shape, device) = (&self.shape, x.device());
        let kind = 2 * strand;
        let sides = [kind, kind + 1].map(|kind| {
            let places = positions.kind(sequence, kind);
            let used = places
                .iter()
                .rposition(|&place| place >= 0)
                .map_or(0, |last| last + 1);
            (&places[..used], &rows.kind(sequence, kind)[..used])
        });
        if sides.iter().any(|(side, _)| side.is_empty()) || organism.tissues == 0 {
            return counts;
        }
        let [donors, acceptors] = sides.map(|(side, rows)| {
            let index = rows.iter().map(|&row| row.max(0)).collect::<Vec<_>>();
            let index =
                Tensor::<B, 1, Int>::from_data(TensorData::new(index, [side.len()]), &device);
            let chosen = x.clone().select(0, index).unsqueeze::<3>();
            let hidden = B::project(
                chosen,
                &organism.linear,
                Activation::Identity,
                shape.roundings,
            );
            let channels = hidden.dims()[2];
            let angles = side.iter().map(|&place| place as f32);
            (
                hidden.reshape([side.len(), channels]),
                rotation::<B>(angles, &shape.inverse_frequencies, Rounding::None, &device),
            )
        });
        let sides = sides.map(|(side, _)| side);
        let [count, partners] = sides.map(<[i32]>::len);
        let first = strand * shape.tissues;
        let donors = (donors.0, &organism.kinds[kind], &donors.1);
        let acceptors = (acceptors.0, &organism.kinds[kind + 1], &acceptors.1);
        let Some(present) = holes(sides) else {
            return B::fill_junctions(counts, first, donors, acceptors, shape.operands);
        };
        let present = TensorData::new(present, [count, partners, 1]);
        let y =
            B::junctions(donors, acceptors, shape.operands) * Tensor::from_data(present, &device);
        counts.slice_assign([0..count, 0..partners, first..first + organism.tissues], y)
    }
}

/// One where both sites exist and zero elsewhere; nothing if all exist.
fn holes(sides: [&[i32]; 2]) -> Option<Vec<f32>> {
    let [donors, acceptors] = sides;
    if sides
        .iter()
        .all(|side| side.iter().all(|&place| place >= 0))
    {
        return None;
    }
    let present = |&donor: &i32| {
        acceptors
            .iter()
            .map(move |&acceptor| f32::from(donor >= 0 && acceptor >= 0))
    };
    Some(donors.iter().flat_map(present).collect())
}
