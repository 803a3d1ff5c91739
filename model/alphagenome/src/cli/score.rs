//! `alphagenome score`, and what other commands that score variants share with it.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use genome::fasta::Fasta;
use genome::variants::Variants;

use super::Outcome;
use super::arguments::{OutputArguments, ScoringArguments, ShardArguments, WindowArguments};
use super::over_variants::{Over, Share};
use crate::output::Output;
use crate::pages::{PageArguments, Pages};
use crate::variants::{RefMismatch, bare, survey};

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome score --fasta hg38.fa --gtf gencode.v46.gtf.gz --vcf variants.vcf.gz --out scores.tsv.gz
  alphagenome score --fasta hg38.fa --vcf variants.vcf --out scored.vcf.gz --length 1M --device cuda
  alphagenome score --fasta hg38.fa --vcf variants.tsv --out scores.tsv --scorers mine.toml --ref-mismatch fail
  alphagenome score --fasta hg38.fa --gtf gencode.v46.gtf.gz --vcf variants.vcf --out scores.tsv --html pages/
  alphagenome score --fasta hg38.fa --vcf gnomad.vcf.gz --out scores.parquet --device cuda:all
  alphagenome score --fasta hg38.fa --vcf gnomad.vcf.gz --shard 3/16 --out shares/ && alphagenome merge shares/ -o scores.parquet

Exit codes: 0 all variants are scored; 1 some are not, and OUT.failures.tsv says why; 2 nothing could be done. A run that was \
ended goes on after its last finished batch when it is started again.";

/// `alphagenome score`.
#[derive(Args, Clone, Debug)]
pub struct ScoreArguments {
    /// The variants: VCF or tab-separated, plain or compressed; records of several ALT alleles are split
    #[arg(long, value_name = "FILE")]
    pub vcf: PathBuf,
    /// What becomes of a variant whose REF is not what the genome has
    #[arg(long, value_enum, default_value_t = RefMismatch::Keep)]
    pub ref_mismatch: RefMismatch,
    /// Which bases the model sees.
    #[command(flatten)]
    pub window: WindowArguments,
    /// With what.
    #[command(flatten)]
    pub scoring: ScoringArguments,
    /// Where results go.
    #[command(flatten)]
    pub output: OutputArguments,
    /// Which share of it.
    #[command(flatten)]
    pub sharing: ShardArguments,
    /// Pages.
    #[command(flatten)]
    pub pages: PageArguments,
}

/// Runs the command.
///
/// # Errors
/// Where nothing could be done.
pub fn run(arguments: &ScoreArguments) -> Result<Outcome> {
    let start = Instant::now();
    let (out, force) = (&arguments.output.out, arguments.output.force);
    let over = Over::new(
        &arguments.scoring,
        &arguments.output,
        &arguments.sharing,
        start,
        || Output::new(out, force),
    )?;
    arguments.pages.check(out, force)?;
    let genome = Fasta::open(&arguments.scoring.fasta)?;
    let counted = survey(&arguments.vcf, &genome, arguments.ref_mismatch)?;
    let share = Share::of(arguments.sharing.shard, counted, bare(&arguments.vcf)?)?;
    let window = &arguments.window;
    if arguments.sharing.dry_run {
        return over.expect(&share, window.length());
    }
    let mut settings = over.settings()?;
    settings.extend([
        ("vcf".into(), over.identity().of(&arguments.vcf)?),
        ("ref-mismatch".into(), arguments.ref_mismatch.name().into()),
        ("window".into(), window.to_string()),
    ]);
    arguments.pages.settings(&mut settings);
    let (mut scored, work) = over.open(genome, settings)?;
    let finished = work.batches().parts()?;
    let finished: Vec<_> = finished
        .map(|part| part.map(|part| part.pages))
        .collect::<Result<_>>()?;
    let folder = work.folder().join("pages");
    let pages = match Pages::open(&arguments.pages, folder, finished.into_iter().flatten()) {
        Err(error) => return Err(work.ended(error)),
        Ok(pages) => pages,
    };
    scored.pages = pages.map(|pages| (pages, arguments.pages.html_window));
    scored.setup.whole = scored.pages.is_some();
    scored.describe("REF unlike the genome", arguments.ref_mismatch.name());
    scored.setup.check_reference = arguments.ref_mismatch == RefMismatch::Skip;
    let items = Variants::open(&arguments.vcf)?.map(|allele| {
        allele.map(|allele| {
            let interval = window.around(&allele.variant);
            (allele, interval)
        })
    });
    over.run(scored, work, &share, items, |_, _| Ok(()))
}
