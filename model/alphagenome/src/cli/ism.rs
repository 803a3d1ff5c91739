//! `alphagenome ism`.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use genome::fasta::Fasta;
use genome::variants::Allele;
use genome::{Interval, Variant};
use scorers::ism;

use super::Outcome;
use super::arguments::{
    Holds, OutputArguments, ScoringArguments, ShardArguments, length, region, window,
};
use super::over_variants::{Over, Share};
use crate::mutagenesis::PictureArguments;
use crate::output::Output;
use crate::shards;
use crate::variants::Counted;
use results::page::view::region as region_text;

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome ism --fasta hg38.fa --gtf gencode.v46.gtf.gz --region chr22:36,201,690-36,201,710 --out ism.tsv
  alphagenome ism --fasta hg38.fa --region chr22:36,201,690-36,201,710 --window 16k --scorers mine.toml --out ism.tsv.gz
  alphagenome ism --fasta hg38.fa --gtf gencode.v46.gtf.gz --region chr22:36,201,690-36,201,710 --out ism.tsv --html ism.html

Exit codes: as for `alphagenome score`, which also says how a run that was ended goes on.";

/// `alphagenome ism`.
#[derive(Args, Clone, Debug)]
pub struct IsmArguments {
    /// The bases to change, first and last counted from 1: chr1:42,301-42,308
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub region: Interval,
    /// What the model sees: base pairs around the region's centre, a multiple of 2,048; or a region that holds it
    #[arg(long, value_name = "BP|REGION", value_parser = Window::parse, default_value = "128k")]
    pub window: Window,
    /// A variant that the REF bases are taken with, as 'chr1:12345:A>C' in quotes; variants are scored against the genome all the same
    #[arg(long, value_name = "VARIANT")]
    pub background: Option<Variant>,
    /// With what.
    #[command(flatten)]
    pub scoring: ScoringArguments,
    /// Where results go.
    #[command(flatten)]
    pub output: OutputArguments,
    /// Which share of it.
    #[command(flatten)]
    pub sharing: ShardArguments,
    /// The picture.
    #[command(flatten)]
    pub picture: PictureArguments,
}

/// What the model sees.
#[derive(Clone, Debug)]
pub enum Window {
    /// So many base pairs around the region's centre.
    Around(i64),
    /// These bases.
    At(Interval),
}

impl Window {
    fn parse(text: &str) -> Result<Self> {
        if text.contains(':') {
            return window(text).map(Self::At);
        }
        length(text).map(Self::Around)
    }

    fn of(&self, region: &Interval) -> Interval {
        match self {
            Self::Around(length) => region.resize(*length),
            Self::At(interval) => interval.clone(),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Where nothing could be done.
pub fn run(arguments: &IsmArguments) -> Result<Outcome> {
    let start = Instant::now();
    let (path, force) = (&arguments.output.out, arguments.output.force);
    let over = Over::new(
        &arguments.scoring,
        &arguments.output,
        &arguments.sharing,
        start,
        || Output::table(path, force, "saturation mutagenesis makes"),
    )?;
    if arguments.sharing.format == Holds::Vcf {
        bail!("--format vcf: saturation mutagenesis makes a table");
    }
    arguments.picture.check(force)?;
    let interval = arguments.window.of(&arguments.region);
    let genome = Fasta::open(&arguments.scoring.fasta)?;
    let (bases, background) = (
        arguments.region.as_unstranded(),
        arguments.background.as_ref(),
    );
    let variants = ism::variants(
        &genome,
        &interval,
        &bases,
        background,
        arguments.scoring.behaviour,
    );
    let variants = variants.context("--region")?;
    let items = variants.len() as u64;
    let cost = variants.iter().map(shards::cost).sum();
    let bare = variants
        .iter()
        .cloned()
        .map(|variant| anyhow::Ok(Some(variant)));
    let share = Share::of(arguments.sharing.shard, Counted { items, cost }, bare)?;
    if arguments.sharing.dry_run {
        return over.expect(&share, interval.width());
    }
    let mut settings = over.settings()?;
    settings.insert("region".into(), bases.to_string());
    settings.insert("window".into(), interval.to_string());
    settings.insert(
        "background".into(),
        background.map(ToString::to_string).unwrap_or_default(),
    );
    let (mut scored, work) = over.open(genome, settings)?;
    arguments.picture.check_names(&scored.setup)?;
    scored.describe("interval", region_text(&interval));
    scored.describe(
        "background",
        background.map_or("none".into(), ToString::to_string),
    );
    let items = variants.iter().map(|variant| {
        let allele = Allele {
            id: None,
            line: 0,
            index: 0,
            variant: variant.clone(),
        };
        Ok((allele, interval.clone()))
    });
    over.run(scored, work, &share, items, |work, made| {
        arguments.picture.draw(work, &bases, &variants, made)
    })
}
