//! Splice sites that are known: from DeepMind's tables, or from the introns of an annotation.

use std::collections::HashMap;
use std::path::Path;

use crate::tables::{number, read};
use crate::{Annotation, Error, Interval, Strand};

/// Known donors and acceptors by chromosome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpliceSites {
    /// By chromosome: positions from zero of donors and acceptors of `+`, then of `-`, each sorted and without doubles.
    sites: HashMap<String, [Vec<i64>; 4]>,
}

impl SpliceSites {
    /// Reads tables as DeepMind gives them, tab-separated: `starts` with `Chromosome`, `Strand` and `Start`, an intron's first
    /// base from zero; `ends` with `Chromosome`, `Strand` and `End`, its last base from one. Other columns (tissues) are not
    /// used.
    pub fn read(starts: &Path, ends: &Path) -> Result<Self, Error> {
        let mut sites = Self::default();
        let strand_of = |text: &str| match Strand::parse(text) {
            Some(strand @ (Strand::Positive | Strand::Negative)) => Ok(strand),
            _ => Err(format!("Strand is {text:?}, and may be '+' or '-'")),
        };
        read(
            starts,
            ["Chromosome", "Strand", "Start"],
            |[chromosome, strand, start]| {
                sites.add_start(chromosome, strand_of(strand)?, number("Start", start)?);
                Ok(())
            },
        )?;
        read(
            ends,
            ["Chromosome", "Strand", "End"],
            |[chromosome, strand, end]| {
                sites.add_end(chromosome, strand_of(strand)?, number("End", end)?);
                Ok(())
            },
        )?;
        Ok(sites.sorted())
    }

    /// Names of the chromosomes that have sites.
    pub fn chromosomes(&self) -> impl Iterator<Item = &str> {
        self.sites.keys().map(String::as_str)
    }

    /// The ends of all introns of `annotation`.
    pub fn from_annotation(annotation: &Annotation) -> Self {
        let mut sites = Self::default();
        for transcript in annotation.transcripts() {
            let Interval {
                chromosome, strand, ..
            } = &transcript.interval;
            if *strand == Strand::Unstranded {
                continue;
            }
            for (start, end) in transcript.introns() {
                sites.add_start(chromosome, *strand, start);
                sites.add_end(chromosome, *strand, end);
            }
        }
        sites.sorted()
    }

    /// The base before the intron is the donor of `+` and the acceptor of `-`.
    fn add_start(&mut self, chromosome: &str, strand: Strand, start: i64) {
        self.of(chromosome)[if strand == Strand::Positive { 0 } else { 3 }].push(start - 1);
    }

    /// The base after the intron is the acceptor of `+` and the donor of `-`.
    fn add_end(&mut self, chromosome: &str, strand: Strand, end: i64) {
        self.of(chromosome)[if strand == Strand::Positive { 1 } else { 2 }].push(end);
    }

    fn of(&mut self, chromosome: &str) -> &mut [Vec<i64>; 4] {
        if !self.sites.contains_key(chromosome) {
            self.sites.insert(chromosome.to_owned(), Default::default());
        }
        self.sites.get_mut(chromosome).expect("it was put there")
    }

    fn sorted(mut self) -> Self {
        for positions in self.sites.values_mut().flatten() {
            positions.sort_unstable();
            positions.dedup();
        }
        self
    }

    /// The sites in `interval`, relative to its start, in the frame that the model reads: on `-`, strands are swapped and
    /// positions count from the end. Donors and acceptors of `+`, then of `-`.
    pub fn within(&self, interval: &Interval) -> [Vec<usize>; 4] {
        let Some(sites) = self.sites.get(&interval.chromosome) else {
            return Default::default();
        };
        let take = |positions: &Vec<i64>| -> Vec<usize> {
            let from = positions.partition_point(|at| *at < interval.start);
            let to = positions.partition_point(|at| *at < interval.end);
            let inside = positions[from..to].iter();
            if interval.negative_strand() {
                inside
                    .rev()
                    .map(|at| (interval.end - 1 - at) as usize)
                    .collect()
            } else {
                inside.map(|at| (at - interval.start) as usize).collect()
            }
        };
        let [first, second, third, fourth] = if interval.negative_strand() {
            [2, 3, 0, 1]
        } else {
            [0, 1, 2, 3]
        };
        [
            take(&sites[first]),
            take(&sites[second]),
            take(&sites[third]),
            take(&sites[fourth]),
        ]
    }
}
