//! Genes with their transcripts and exons.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Interval, Strand};

/// Genes, transcripts and exons in the order of their file, which is the order of rows in every table of scores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    genes: Vec<Gene>,
    transcripts: Vec<Transcript>,
    gene_by_id: HashMap<String, usize>,
}

/// A row `gene` of a GTF. Bases are counted from zero, `end` is exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Gene {
    /// Identifier with its version, as in the file.
    pub id: String,
    /// Symbol; empty where the file has none.
    pub name: String,
    /// Biotype, such as `protein_coding`.
    pub biotype: String,
    /// The whole gene.
    pub interval: Interval,
}

/// A row `transcript` of a GTF with the rows `exon` that name it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Transcript {
    /// Identifier.
    pub id: String,
    /// The gene: index into [`Annotation::genes`].
    pub gene: usize,
    /// The whole transcript.
    pub interval: Interval,
    /// `[start, end)` of each exon, in the file's order.
    pub exons: Vec<(i64, i64)>,
}

impl Transcript {
    /// Where transcription starts, as `alphagenome.data.gene_annotation.extract_tss` says: the first base on `+`, and the
    /// base *after* the last one on `-`.
    pub fn tss(&self) -> i64 {
        if self.interval.strand == Strand::Negative {
            self.interval.end
        } else {
            self.interval.start
        }
    }

    /// `[start, end)` of the introns between exons sorted by position; touching exons have none between them.
    pub fn introns(&self) -> Vec<(i64, i64)> {
        let mut exons = self.exons.clone();
        exons.sort_unstable();
        exons
            .windows(2)
            .map(|pair| (pair[0].1, pair[1].0))
            .filter(|(start, end)| start < end)
            .collect()
    }
}

impl Annotation {
    /// An annotation of these rows. A transcript's `gene` must be an index into `genes`.
    pub fn new(genes: Vec<Gene>, transcripts: Vec<Transcript>) -> Self {
        let mut gene_by_id = HashMap::with_capacity(genes.len());
        for (index, gene) in genes.iter().enumerate() {
            gene_by_id.entry(gene.id.clone()).or_insert(index);
        }
        Self {
            genes,
            transcripts,
            gene_by_id,
        }
    }

    /// All genes.
    pub fn genes(&self) -> &[Gene] {
        &self.genes
    }

    /// All transcripts.
    pub fn transcripts(&self) -> &[Transcript] {
        &self.transcripts
    }

    /// Names of the chromosomes that have genes, each as often as it has.
    pub fn chromosomes(&self) -> impl Iterator<Item = &str> {
        self.genes
            .iter()
            .map(|gene| gene.interval.chromosome.as_str())
    }

    /// Index of the gene with this identifier.
    pub fn gene(&self, id: &str) -> Option<usize> {
        self.gene_by_id.get(id).copied()
    }
}
