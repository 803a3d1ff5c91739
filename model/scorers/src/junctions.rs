use std::collections::BTreeMap;
use std::ops::Range;

use genome::{Interval, Strand, Variant};
use half::f16;
use rayon::prelude::*;

use crate::genes::overlapping;
use crate::scores::{GeneRow, Row};
use crate::sites::gene_bodies;
use crate::{Allele, Behaviour, Error, Junctions, OutputType, Predictions, Setting};

/// Sites of a kind between which [`crate::Scorer::SpliceJunction`] looks at junctions: the first by position.
pub const MOST_SITES: usize = 256;
/// What is added to a count before its logarithm.
const OFFSET: f32 = 1e-7;

/// The protein-coding genes that overlap the variant.
#[derive(Clone, Debug)]
pub(crate) struct JunctionPlan {
    genes: Vec<GeneRow>,
    interval: Interval,
    pub(crate) bodies: Vec<Range<usize>>,
    behaviour: Behaviour,
}

/// A pair of sites, which donor and which acceptor, and where its intron lies.
#[derive(Clone, Copy, Debug)]
struct Pair {
    donor: usize,
    acceptor: usize,
    start: i64,
    end: i64,
}

/// A gene within which the junctions that change most are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JunctionGene {
    /// Its strand.
    pub strand: Strand,
    /// Its first base, before which no intron may start.
    pub start: i64,
    /// Its end, beyond which none may end.
    pub end: i64,
}

/// Junctions that a device has chosen: of every gene and tissue the one that changes most, and their counts.
#[derive(Clone, Debug, Default)]
pub struct Strongest {
    /// As in [`Junctions`].
    pub positions: [Vec<i32>; 4],
    /// By gene, for each tissue a donor and an acceptor; nothing where the gene has no junction.
    pub chosen: BTreeMap<JunctionGene, Option<Vec<[usize; 2]>>>,
    /// By strand, donor and acceptor: the counts of REF's and of ALT's tissues.
    pub counts: BTreeMap<(Strand, [usize; 2]), [Vec<f32>; 2]>,
}

impl JunctionPlan {
    pub(crate) fn new(interval: &Interval, variant: &Variant, setting: &Setting<'_>) -> Self {
        let genes = overlapping(setting.annotation, variant)
            .into_iter()
            .map(|gene| &setting.annotation.genes()[gene])
            .filter(|gene| gene.biotype == "protein_coding")
            .map(|gene| GeneRow::new(gene, interval))
            .collect();
        let bodies = gene_bodies(setting.annotation, interval, variant, setting.behaviour);
        Self {
            genes,
            interval: interval.clone(),
            bodies,
            behaviour: setting.behaviour,
        }
    }

    /// The genes in which junctions are looked for.
    pub(crate) fn genes(&self) -> impl Iterator<Item = JunctionGene> {
        let known = self.genes.iter();
        let known = known.filter(|gene| gene.interval.chromosome == self.interval.chromosome);
        known.map(|gene| JunctionGene {
            strand: gene.strand(),
            start: gene.interval.start,
            end: gene.interval.end,
        })
    }

    /// Rows and their values `[rows, tissues]`: for each gene and tissue the junction within the gene that changes most,
    /// doubles left out, with the scores of all tissues.
    pub(crate) fn score(
        &self,
        reference: &Predictions,
        alternate: &Predictions,
        tissues: usize,
        variant: &Variant,
    ) -> Result<Scored, Error> {
        if self.genes.is_empty() {
            return Ok(Default::default());
        }
        let own = junctions(reference, Allele::Reference, tissues)?;
        let other = junctions(alternate, Allele::Alternate, tissues)?;
        let scores = |strand, pair: &Pair| Self::scores((own, other), strand, pair);
        let choose = |gene: &JunctionGene, within: &[Pair]| {
            let scored = within.par_iter().map(|pair| scores(gene.strand, pair));
            let scored: Vec<_> = scored.collect::<Result<_, Error>>()?;
            Ok((0..tissues)
                .map(|tissue| strongest(&scored, tissue))
                .collect())
        };
        self.rows(&own.positions, choose, scores, variant)
    }

    /// The same of junctions that were chosen already.
    pub(crate) fn score_strongest(
        &self,
        strongest: &Strongest,
        variant: &Variant,
    ) -> Result<Scored, Error> {
        let missing = |position| Error::NotPredicted {
            output: OutputType::SpliceJunctions,
            allele: Allele::Reference,
            position,
        };
        let choose = |gene: &JunctionGene, within: &[Pair]| {
            let chosen = strongest.chosen.get(gene).and_then(Option::as_ref);
            let chosen = chosen.ok_or_else(|| missing(0))?;
            let place = |wanted: &[usize; 2]| {
                let found = within.binary_search_by_key(wanted, |pair| [pair.donor, pair.acceptor]);
                found.map_err(|_| missing(wanted[0]))
            };
            chosen.iter().map(place).collect()
        };
        let scores = |strand, pair: &Pair| {
            let counts = strongest.counts.get(&(strand, [pair.donor, pair.acceptor]));
            let [own, other] = counts.ok_or_else(|| missing(pair.donor))?;
            Ok(own.iter().zip(other).map(change).collect())
        };
        self.rows(&strongest.positions, choose, scores, variant)
    }

    /// Rows of the pairs that `choose` gives for a gene: for each tissue one of the pairs within it.
    fn rows(
        &self,
        positions: &[Vec<i32>; 4],
        choose: impl Fn(&JunctionGene, &[Pair]) -> Result<Vec<usize>, Error>,
        scores: impl Fn(Strand, &Pair) -> Result<Vec<f32>, Error>,
        variant: &Variant,
    ) -> Result<Scored, Error> {
        let (mut rows, mut values, mut touched) = (Vec::new(), Vec::new(), false);
        for strand in [Strand::Positive, Strand::Negative] {
            if !self.genes.iter().any(|gene| self.holds(gene, strand)) {
                continue;
            }
            let listed = pairs(positions, strand, self.interval.start, MOST_SITES);
            let mut found = Vec::new();
            for gene in self.genes.iter().filter(|gene| self.holds(gene, strand)) {
                let (from, to) = (gene.interval.start, gene.interval.end);
                touched |= listed.iter().any(|pair| pair.start < to && pair.end > from);
                let inside = |pair: &Pair| pair.start > from && pair.end < to;
                let within: Vec<_> = listed.iter().copied().filter(inside).collect();
                let Some(first) = listed.iter().position(inside) else {
                    continue;
                };
                let key = JunctionGene {
                    strand,
                    start: from,
                    end: to,
                };
                let mut best: Vec<usize> = Vec::new();
                for place in choose(&key, &within)? {
                    if !best.contains(&place) {
                        best.push(place);
                    }
                }
                let best: Vec<_> = best.into_iter().map(|at| within[at]).collect();
                found.push((first, from, gene, best));
            }
            found.sort_by_key(|(first, start, ..)| (*first, *start));
            for (_, _, gene, best) in found {
                for pair in best {
                    rows.push(Row {
                        gene: Some(gene.clone()),
                        junction: Some((pair.start, pair.end)),
                        polyadenylation: None,
                    });
                    values.extend(scores(strand, &pair)?);
                }
            }
        }
        if rows.is_empty() && touched && self.behaviour == Behaviour::V0_3_0 {
            return Err(Error::NoJunction(Box::new(variant.clone())));
        }
        Ok((rows, values))
    }

    /// Scores of the junctions `wanted`, strand, start and end of each: `None` where its sites are not looked at.
    pub(crate) fn of(
        &self,
        reference: &Predictions,
        alternate: &Predictions,
        tissues: usize,
        wanted: &[(Strand, i64, i64)],
    ) -> Result<Vec<Option<Vec<f32>>>, Error> {
        let own = junctions(reference, Allele::Reference, tissues)?;
        let other = junctions(alternate, Allele::Alternate, tissues)?;
        let mut found = vec![None; wanted.len()];
        for strand in [Strand::Positive, Strand::Negative] {
            if !wanted.iter().any(|(of, ..)| *of == strand) {
                continue;
            }
            for pair in pairs(&own.positions, strand, self.interval.start, MOST_SITES) {
                let known = (strand, pair.start, pair.end);
                if let Some(at) = wanted.iter().position(|wanted| *wanted == known) {
                    found[at] = Some(Self::scores((own, other), strand, &pair)?);
                }
            }
        }
        Ok(found)
    }

    fn holds(&self, gene: &GeneRow, strand: Strand) -> bool {
        gene.strand() == strand && gene.interval.chromosome == self.interval.chromosome
    }

    /// The scores of a pair's tissues.
    fn scores(
        (own, other): (&Junctions, &Junctions),
        strand: Strand,
        pair: &Pair,
    ) -> Result<Vec<f32>, Error> {
        let of = |junctions: &'_ Junctions, allele| {
            let counts = junctions.counts(pair.donor, pair.acceptor, strand);
            let counts = counts.map(<[f32]>::to_vec);
            counts.ok_or(Error::NotPredicted {
                output: OutputType::SpliceJunctions,
                allele,
                position: pair.donor.max(pair.acceptor),
            })
        };
        let (own, other) = (of(own, Allele::Reference)?, of(other, Allele::Alternate)?);
        Ok(own.iter().zip(&other).map(change).collect())
    }
}

/// Rows of scores, and the scores.
type Scored = (Vec<Row>, Vec<f32>);

/// How a count changes: in float16, as DeepMind's code keeps it.
fn change((own, other): (&f32, &f32)) -> f32 {
    f16::from_f32((other + OFFSET).ln() - (own + OFFSET).ln())
        .to_f32()
        .abs()
}

/// Pairs of the first `most` sites of a strand with an intron between them, in the order of donors, then of acceptors.
fn pairs(positions: &[Vec<i32>; 4], strand: Strand, start: i64, most: usize) -> Vec<Pair> {
    let pairs = crate::predictions::pairs(positions, strand, start, most).into_iter();
    let pairs = pairs.map(|(donor, acceptor, start, end)| Pair {
        donor,
        acceptor,
        start,
        end,
    });
    pairs.collect()
}

/// Where a tissue's score is largest, of equal ones the first.
fn strongest(scored: &[Vec<f32>], tissue: usize) -> usize {
    let mut most = 0;
    for (at, scores) in scored.iter().enumerate() {
        let (score, largest) = (scores[tissue], scored[most][tissue]);
        if score > largest || (score.is_nan() && !largest.is_nan()) {
            most = at;
        }
    }
    most
}

fn junctions(
    predictions: &Predictions,
    allele: Allele,
    expected: usize,
) -> Result<&Junctions, Error> {
    let output = OutputType::SpliceJunctions;
    let junctions = predictions
        .junctions
        .as_ref()
        .ok_or(Error::NoOutput { output, allele })?;
    if junctions.tissues != expected {
        return Err(Error::Shape {
            output,
            what: "the number of tissues",
            found: junctions.tissues,
            expected,
        });
    }
    let (found, expected) = (
        junctions.values.len(),
        junctions.sites * junctions.sites * 2 * expected,
    );
    if found != expected {
        return Err(Error::Shape {
            output,
            what: "the number of values",
            found,
            expected,
        });
    }
    Ok(junctions)
}
