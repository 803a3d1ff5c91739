//! `alphagenome score-interval`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use genome::Interval;
use genome::fasta::Fasta;
use inference::scoring::refuses;
use inference::tables::TableArguments;
use inference::{intervals, scorer_list};
use scorers::IntervalScorer;

use super::Outcome;
use super::arguments::{ModelArguments, OutputArguments, Report, check_length, length, region};
use crate::batches;
use crate::failures::Failure;
use crate::output::{Lines, Output};
use crate::regions::bed;
use crate::work::{Identity, Work};

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome score-interval --fasta hg38.fa --gtf gencode.v46.gtf.gz --region chr22:36,100,000-36,300,000 --length 256k --out genes.tsv
  alphagenome score-interval --fasta hg38.fa --gtf gencode.v46.gtf.gz --bed regions.bed --length 16k --scorers mine.toml --out genes.tsv

The recommended scorer, the mean of RNA_SEQ over the exons of each gene, takes the genes with a TSS within 100,000 bp of the centre \
and needs 200,001 bp at least.

Exit codes: as for `alphagenome score`, which also says how a run that was ended goes on.";

/// `alphagenome score-interval`.
#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("intervals").required(true).args(["region", "bed"])))]
pub struct IntervalArguments {
    /// An interval, its first and last base counted from 1, with a strand or without: chr1:40,002-56,385:- (may be given
    /// several times)
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub region: Vec<Interval>,
    /// A BED file of intervals, plain or compressed
    #[arg(long, value_name = "FILE")]
    pub bed: Option<PathBuf>,
    /// Base pairs around each interval's centre that the model sees [default: the interval, a multiple of 2,048]
    #[arg(long, value_name = "BP", value_parser = length)]
    pub length: Option<i64>,
    /// The genome: FASTA, plain or compressed with bgzip; its indexes are made where they are missing
    #[arg(long, value_name = "FILE")]
    pub fasta: PathBuf,
    /// Genes.
    #[command(flatten)]
    pub tables: TableArguments,
    /// Scorers, a TOML file [default: the one that the SDK recommends]
    #[arg(long, value_name = "FILE")]
    pub scorers: Option<PathBuf>,
    /// The model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// Where results go.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Runs the command.
///
/// # Errors
/// Where nothing could be done.
pub fn run(arguments: &IntervalArguments) -> Result<Outcome> {
    let start = Instant::now();
    let (path, force) = (&arguments.output.out, arguments.output.force);
    let output = Output::table(path, force, "intervals make")?;
    let mut intervals = match &arguments.bed {
        Some(path) => {
            let regions = bed(path)?.into_iter();
            regions.map(|region| region.interval).collect()
        }
        None => arguments.region.clone(),
    };
    for interval in &mut intervals {
        if let Some(length) = arguments.length {
            *interval = interval.resize(length);
            continue;
        }
        check_length(interval.width() as usize).with_context(|| {
            format!("{interval}: give --length, or an interval that the model takes")
        })?;
    }
    let scorers: Vec<IntervalScorer> = match &arguments.scorers {
        Some(path) => scorer_list::read(path)?,
        None => vec![IntervalScorer::RECOMMENDED],
    };
    let genome = Fasta::open(&arguments.fasta)?;
    let tables = arguments.tables.open(&genome, arguments.model.organism)?;
    let annotation = tables
        .annotation
        .context("interval scorers need genes: give --gtf")?;
    let predictor = arguments.model.open()?;
    let outputs: BTreeSet<_> = scorers.iter().map(|scorer| scorer.output).collect();
    for output in &outputs {
        if predictor.tracks(*output).is_none() {
            bail!("the model has no {output} for {}", predictor.organism());
        }
    }
    let names: Vec<_> = scorers.iter().map(ToString::to_string).collect();
    let list: Vec<_> = intervals.iter().map(ToString::to_string).collect();
    let mut settings =
        arguments
            .model
            .settings(&arguments.fasta, &arguments.tables, Identity::Place)?;
    settings.extend([
        ("scorers".into(), names.join("; ")),
        ("intervals".into(), list.join(" ")),
    ]);
    let mut work = Work::open(&output.partial(), &settings, arguments.output.force)?;
    let counts = ("scoring", intervals.len() as u64, arguments.output.batch);
    let waiting = intervals.iter().skip(work.done() as usize);
    batches::run(&mut work, counts, waiting, |interval, part, rows| {
        let scores = intervals::score(&predictor, (&genome, &annotation), &scorers, interval);
        match scores.and_then(|scores| results::scores::table(&scores)) {
            Ok(Some(table)) => Lines::of(&table, &part.columns)?.append(part, rows)?,
            Ok(None) => {}
            Err(error) if refuses(&error) => part.failures.push(Failure {
                subject: interval.to_string(),
                id: None,
                line: None,
                reason: terminal::message(&error),
            }),
            Err(error) => return Err(error.context(interval.to_string())),
        }
        Ok(())
    })?;
    let made = output.make(work.folder(), &[work.batches().clone()], "")?;
    work.remove()?;
    let report = Report {
        what: "intervals",
        out: &output.path,
        failures: Some(output.failures()),
        made,
        took: start.elapsed(),
        devices: &[],
    };
    report.print(arguments.output.json)
}
