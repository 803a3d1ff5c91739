//! Polyadenylation sites by gene.

use std::collections::HashMap;
use std::path::Path;

use crate::tables::{number, read};
use crate::{Error, Strand};

/// A polyadenylation site, counted from zero, `end` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// First base.
    pub start: i64,
    /// One after the last base.
    pub end: i64,
    /// The strand that it is used on.
    pub strand: Strand,
}

/// Polyadenylation sites of each gene, in the order of their file: scores depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolyaSites {
    by_gene: HashMap<String, Vec<Site>>,
}

impl PolyaSites {
    /// Reads a tab-separated table with `Start`, `End`, `pas_strand` and `gene_id`; the version of `gene_id` is dropped.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut sites = Self::default();
        read(
            path,
            ["Start", "End", "pas_strand", "gene_id"],
            |[start, end, strand, gene]| {
                let (start, end) = (number("Start", start)?, number("End", end)?);
                let strand = Strand::parse(strand).ok_or_else(|| {
                    format!("pas_strand is {strand:?}, and may be '+', '-' or '.'")
                })?;
                let site = Site { start, end, strand };
                sites
                    .by_gene
                    .entry(without_version(gene).to_owned())
                    .or_default()
                    .push(site);
                Ok(())
            },
        )?;
        Ok(sites)
    }

    /// Identifiers of the genes that have sites, without their version, in no order.
    pub fn genes(&self) -> impl Iterator<Item = &str> {
        self.by_gene.keys().map(String::as_str)
    }

    /// The sites of a gene, whatever the version of its identifier, in the file's order.
    pub fn of(&self, gene_id: &str) -> &[Site] {
        self.by_gene
            .get(without_version(gene_id))
            .map_or(&[], Vec::as_slice)
    }
}

/// A gene's identifier up to the first dot.
pub fn without_version(gene_id: &str) -> &str {
    gene_id.split_once('.').map_or(gene_id, |(id, _)| id)
}
