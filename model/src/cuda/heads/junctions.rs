//! Splice junctions: the best sites, their embeddings, and the products of all donors with all acceptors.

use super::{Kind, Output, Outputs};
use crate::config::Head;
use crate::cuda::forward::{Forward, arguments};
use crate::cuda::steps::{Argument, Fixed, Id, Place, Product, Source};
use crate::request::Request;

/// Tissues whose counts are written at a time.
const TISSUES: usize = 64;
/// Tissues whose sites are made at a time: with these, they stay in the cache of a large GPU until they are multiplied, and
/// their products fill it once.
const PART: usize = 16;
/// Positions of a block of the kernels that choose sites.
const POSITIONS: usize = 4096;
/// Haiku's names of the kinds of site.
const KINDS: [&str; 4] = ["pos_donor", "pos_acceptor", "neg_donor", "neg_acceptor"];

impl Forward<'_> {
    pub(super) fn junctions(
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
        let (batch, length) = (self.batch, self.regions.rows.unwrap_or(self.length));
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
                    self.best_positions(probabilities, sites, sequence, k, threshold);
                }
                _ => {
                    let given = Fixed::from(Source::SpliceSites) + (sequence * 4 * k * 4) as u64;
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
            // Windows were refused where sites are chosen.
            let stand = match self.regions.rows {
                Some(_) => {
                    Place::Fixed(Fixed::from(Source::SiteRows) + (sequence * 4 * k * 4) as u64)
                }
                None => sites,
            };
            self.steps.each(
                "gather_rows",
                4 * k * c / 8,
                arguments![from, stand, rows, (4 * k) as i32, length as i64, c as i32],
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
                    for start in (0..live).step_by(PART) {
                        let part = PART.min(live - start);
                        let operands = self.steps.tensor(2 * part * k * hidden * 2);
                        let tissues = [0, 1].map(|end| {
                            let name =
                                format!("{path}/{}_logits/embeddings", KINDS[2 * strand + end]);
                            let at = organism * 2 * most + first + start;
                            self.weights.values(&name) + (at * hidden * 4) as u64
                        });
                        let of = |id: Id, width: usize| {
                            Place::Tensor(id, (2 * strand * k * width * 4) as u64)
                        };
                        self.steps.each(
                            "site_operands",
                            2 * part.div_ceil(4) * k.div_ceil(4) * hidden / 8,
                            arguments![
                                of(x, hidden),
                                bias,
                                tissues[0],
                                tissues[1],
                                of(tables[0], half),
                                of(tables[1], half),
                                operands,
                                k as i32,
                                part as i32,
                                most as i32,
                                hidden as i32
                            ],
                        );
                        let product = Product {
                            row: [hidden, hidden, k],
                            transposed: true,
                            batch: part,
                            stride: [k * hidden, k * hidden, k * k],
                            bfloat16_operands: true,
                            float32_result: true,
                            ..Product::dense(k, hidden, k)
                        };
                        let acceptors = Place::Tensor(operands, (part * k * hidden * 2) as u64);
                        let to = Place::Tensor(counts, (start * k * k * 4) as u64);
                        self.steps.product(product, operands, acceptors, to, None);
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

    /// The `k` best positions of every kind of site of a sequence: `[4, k]` to `sites`.
    fn best_positions(
        &mut self,
        probabilities: Id,
        sites: Place,
        sequence: usize,
        k: usize,
        threshold: f32,
    ) {
        let length = self.length;
        let blocks = length.div_ceil(POSITIONS);
        let state = 4 * 256 + 2 * blocks;
        let states = self.steps.tensor(4 * state * 4);
        let range = arguments![
            (self.batch * length) as i64,
            (sequence * length) as i64,
            length as i32,
            k as i32,
            state as i32
        ];
        self.steps.each(
            "zero_integers",
            4 * state,
            arguments![states, (4 * state) as i32],
        );
        let mut launch = |kernel: &'static str, places: Vec<Argument>, last: Argument| {
            let arguments = places
                .into_iter()
                .chain(range.iter().copied())
                .chain([last]);
            let grid = [blocks as u32, 4, 1];
            self.steps
                .launch(kernel, grid, [256, 1, 1], 0, arguments.collect());
        };
        let read = arguments![probabilities, states];
        for digit in 0..4 {
            launch("digit_histogram", read.clone(), Argument::Int(digit));
        }
        launch("count_best", read, threshold.into());
        let write = arguments![probabilities, states, sites];
        launch("place_best", write, threshold.into());
    }
}
