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

/// A pair of sites: where its intron lies, and the score of each tissue.
struct Junction {
    start: i64,
    end: i64,
    scores: Vec<f32>,
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

    /// Rows and their values `[rows, tissues]`: for each gene and tissue the junction within the gene that changes most,
    /// doubles left out, with the scores of all tissues.
    pub(crate) fn score(
        &self,
        reference: &Predictions,
        alternate: &Predictions,
        tissues: usize,
        variant: &Variant,
    ) -> Result<(Vec<Row>, Vec<f32>), Error> {
        if self.genes.is_empty() {
            return Ok(Default::default());
        }
        let own = junctions(reference, Allele::Reference, tissues)?;
        let other = junctions(alternate, Allele::Alternate, tissues)?;
        let (mut rows, mut values, mut touched) = (Vec::new(), Vec::new(), false);
        for strand in [Strand::Positive, Strand::Negative] {
            if !self.genes.iter().any(|gene| self.holds(gene, strand)) {
                continue;
            }
            let listed = self.listed(own, other, strand)?;
            let mut found = Vec::new();
            for gene in self.genes.iter().filter(|gene| self.holds(gene, strand)) {
                touched |= listed.iter().any(|junction| {
                    junction.start < gene.interval.end && junction.end > gene.interval.start
                });
                let within: Vec<_> = (0..listed.len())
                    .filter(|at| {
                        listed[*at].start > gene.interval.start
                            && listed[*at].end < gene.interval.end
                    })
                    .collect();
                if let Some(first) = within.first() {
                    found.push((
                        *first,
                        gene.interval.start,
                        gene,
                        strongest(&listed, &within, tissues),
                    ));
                }
            }
            found.sort_by_key(|(first, start, ..)| (*first, *start));
            for (_, _, gene, best) in found {
                for junction in best.into_iter().map(|at| &listed[at]) {
                    rows.push(Row {
                        gene: Some(gene.clone()),
                        junction: Some((junction.start, junction.end)),
                        polyadenylation: None,
                    });
                    values.extend_from_slice(&junction.scores);
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
            for junction in self.listed(own, other, strand)? {
                let known = (strand, junction.start, junction.end);
                if let Some(at) = wanted.iter().position(|wanted| *wanted == known) {
                    found[at] = Some(junction.scores);
                }
            }
        }
        Ok(found)
    }

    fn holds(&self, gene: &GeneRow, strand: Strand) -> bool {
        gene.strand() == strand && gene.interval.chromosome == self.interval.chromosome
    }

    /// Junctions of a strand in the order donor by donor.
    fn listed(
        &self,
        own: &Junctions,
        other: &Junctions,
        strand: Strand,
    ) -> Result<Vec<Junction>, Error> {
        let pairs = own.pairs(strand, self.interval.start, MOST_SITES);
        let listed = pairs.into_par_iter().map(|(d, a, start, end)| {
            let missing = |allele| Error::NotPredicted {
                output: OutputType::SpliceJunctions,
                allele,
                position: d.max(a),
            };
            let own = own.counts(d, a, strand);
            let own = own.ok_or_else(|| missing(Allele::Reference))?;
            let other = other.counts(d, a, strand);
            let other = other.ok_or_else(|| missing(Allele::Alternate))?;
            let change = |(own, other): (&f32, &f32)| {
                f16::from_f32((other + OFFSET).ln() - (own + OFFSET).ln())
                    .to_f32()
                    .abs()
            };
            Ok(Junction {
                start,
                end,
                scores: own.iter().zip(other).map(change).collect(),
            })
        });
        listed.collect()
    }
}

/// For each tissue the junction of `within` with the largest score, of equal ones the first; each only once.
fn strongest(listed: &[Junction], within: &[usize], tissues: usize) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::new();
    for tissue in 0..tissues {
        let mut most = within[0];
        for at in within {
            let (score, largest) = (listed[*at].scores[tissue], listed[most].scores[tissue]);
            if score > largest || (score.is_nan() && !largest.is_nan()) {
                most = *at;
            }
        }
        if !best.contains(&most) {
            best.push(most);
        }
    }
    best
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
