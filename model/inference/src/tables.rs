//! Genes, splice sites and polyadenylation sites: read, and held against the genome and the organism.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use genome::fasta::Fasta;
use genome::polya::PolyaSites;
use genome::splice_sites::SpliceSites;
use genome::{Annotation, chromosomes, gtf};
use scorers::Organism;
use terminal::{Speech, note};

/// The files.
#[derive(Args, Clone, Debug, Default)]
pub struct TableArguments {
    /// Genes: a GTF as GENCODE writes it, plain or compressed
    #[arg(long, value_name = "FILE")]
    pub gtf: Option<PathBuf>,
    /// DeepMind's table of intron starts, tab-separated [default: derived from the GTF]
    #[arg(long, value_name = "FILE", requires = "splice_ends")]
    pub splice_starts: Option<PathBuf>,
    /// DeepMind's table of intron ends
    #[arg(long, value_name = "FILE", requires = "splice_starts")]
    pub splice_ends: Option<PathBuf>,
    /// Polyadenylation sites, tab-separated with Start, End, pas_strand and gene_id
    #[arg(long, value_name = "FILE", requires = "gtf")]
    pub polya: Option<PathBuf>,
}

/// What scorers know beside the model.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Genes; nothing without a GTF.
    pub annotation: Option<Annotation>,
    /// Splice sites that are known.
    pub splice_sites: SpliceSites,
    /// Polyadenylation sites.
    pub polya: Option<PolyaSites>,
}

impl TableArguments {
    /// Reads the files.
    ///
    /// # Errors
    /// Where one cannot be read, has no chromosome of the genome, or belongs to another organism.
    pub fn open(&self, genome: &Fasta, organism: Organism) -> Result<Tables> {
        let annotation = match &self.gtf {
            None => None,
            Some(path) => {
                let annotation = gtf::read_cached(path)?;
                chromosomes::check(path, annotation.chromosomes(), genome.names())?;
                let genes = annotation.genes().iter().map(|gene| gene.id.as_str());
                check_organism(path, genes, organism)?;
                Some(annotation)
            }
        };
        let splice_sites = match (&self.splice_starts, &self.splice_ends, &annotation) {
            (Some(starts), Some(ends), _) => {
                let sites = SpliceSites::read(starts, ends)?;
                chromosomes::check(starts, sites.chromosomes(), genome.names())?;
                sites
            }
            (_, _, Some(annotation)) => {
                note(
                    Speech::Verbose,
                    "note: splice sites are the ends of the GTF's introns",
                );
                SpliceSites::from_annotation(annotation)
            }
            _ => SpliceSites::default(),
        };
        let polya = match (&self.polya, &annotation) {
            (Some(path), Some(annotation)) => {
                let sites = PolyaSites::read(path)?;
                check_organism(path, sites.genes(), organism)?;
                if !annotation
                    .genes()
                    .iter()
                    .any(|gene| !sites.of(&gene.id).is_empty())
                {
                    bail!(
                        "{}: none of its genes is in the GTF: is it the table of another organism?",
                        path.display()
                    );
                }
                Some(sites)
            }
            _ => None,
        };
        Ok(Tables {
            annotation,
            splice_sites,
            polya,
        })
    }
}

/// Fails where the first gene with an Ensembl identifier is another organism's.
fn check_organism<'a>(
    path: &Path,
    genes: impl IntoIterator<Item = &'a str>,
    organism: Organism,
) -> Result<()> {
    let of = |gene: &str| match gene {
        _ if gene.starts_with("ENSMUSG") => Some(Organism::Mouse),
        _ if gene.starts_with("ENSG") => Some(Organism::Human),
        _ => None,
    };
    let known = genes.into_iter().find_map(|gene| Some((gene, of(gene)?)));
    if let Some((gene, other)) = known.filter(|(_, other)| *other != organism) {
        bail!(
            "{}: gene {gene} is of {other}, and scores are asked for {organism}: give the table of that organism, or another \
             --organism",
            path.display()
        );
    }
    Ok(())
}
