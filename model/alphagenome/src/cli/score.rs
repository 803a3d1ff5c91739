//! `alphagenome score`, and what other commands that score variants share with it.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use genome::fasta::Fasta;
use genome::variants::{Allele, Variants};
use genome::{Error, Interval};
use inference::scoring::{Scoring, refuses};
use scorers::{Calibration, Table};

use super::Outcome;
use super::arguments::{OutputArguments, ScoringArguments, WindowArguments};
use crate::batches;
use crate::failures::Failure;
use crate::output::{self, Output, Summary};
use crate::variants::{RefMismatch, survey};
use crate::work::{Part, Rows, Settings, Work, identity};

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome score --fasta hg38.fa --gtf gencode.v46.gtf.gz --vcf variants.vcf.gz --out scores.tsv.gz
  alphagenome score --fasta hg38.fa --vcf variants.vcf --out scored.vcf.gz --length 1M --device cuda --dtype bf16
  alphagenome score --fasta hg38.fa --vcf variants.tsv --out scores.tsv --scorers mine.toml --ref-mismatch fail

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
}

/// Runs the command.
///
/// # Errors
/// Where nothing could be done.
pub fn run(arguments: &ScoreArguments) -> Result<Outcome> {
    let start = Instant::now();
    let output = Output::new(&arguments.output.out, arguments.output.force)?;
    let genome = Fasta::open(&arguments.scoring.fasta)?;
    let total = survey(&arguments.vcf, &genome, arguments.ref_mismatch)?;
    let mut settings = arguments.scoring.settings()?;
    settings.extend([
        ("vcf".into(), identity(&arguments.vcf)?),
        ("ref-mismatch".into(), arguments.ref_mismatch.name().into()),
        ("window".into(), arguments.window.to_string()),
    ]);
    let mut scored = Scored::open(
        &arguments.scoring,
        genome,
        output,
        settings,
        arguments.output.force,
    )?;
    scored.scoring.check_reference = arguments.ref_mismatch == RefMismatch::Skip;
    let window = &arguments.window;
    let items = Variants::open(&arguments.vcf)?.map(|allele| {
        allele.map(|allele| {
            let interval = window.around(&allele.variant);
            (allele, interval)
        })
    });
    scored.run(total, items, &arguments.output, start)
}

/// Everything that is open to score variants.
pub struct Scored {
    scoring: Scoring,
    calibration: Option<Calibration>,
    output: Output,
    summary: Summary,
    work: Work,
}

impl Scored {
    /// Opens the tables, the model and the work folder. `settings` are those of [`ScoringArguments::settings`] and the
    /// command's own.
    ///
    /// # Errors
    /// Where one cannot be opened or does not fit the others.
    pub fn open(
        arguments: &ScoringArguments,
        genome: Fasta,
        output: Output,
        mut settings: Settings,
        force: bool,
    ) -> Result<Self> {
        let scoring = arguments.open(genome)?;
        let calibration = arguments.quantiles.as_deref();
        let mut calibration = calibration
            .map(|path| scoring.calibration(path))
            .transpose()?;
        let names: Vec<_> = scoring.scorers.iter().map(ToString::to_string).collect();
        let format = if output.format.is_vcf() {
            "vcf"
        } else {
            "table"
        };
        settings.extend([
            ("scorers".into(), names.join("; ")),
            ("format".into(), format.into()),
        ]);
        let work = Work::open(&output.path, &settings, force)?;
        if let (Some(calibration), Some(state)) = (&mut calibration, work.generator()) {
            calibration.resume(state)?;
        }
        Ok(Self {
            summary: Summary::new(&scoring.scorers),
            scoring,
            calibration,
            output,
            work,
        })
    }

    /// Scores variants, each in its interval, and makes the output.
    ///
    /// # Errors
    /// Where the run cannot go on; finished batches are kept.
    pub fn run(
        mut self,
        total: u64,
        items: impl Iterator<Item = Result<(Allele, Interval), Error>>,
        arguments: &OutputArguments,
        start: Instant,
    ) -> Result<Outcome> {
        let Self {
            scoring,
            calibration,
            output,
            summary,
            work,
        } = &mut self;
        let summary = output.format.is_vcf().then_some(&*summary);
        batches::run(work, (total, arguments.batch), items, |item, part, rows| {
            take(scoring, calibration.as_mut(), summary, item, part, rows)?;
            part.generator = calibration.as_ref().map(Calibration::state);
            Ok(())
        })?;
        let header = self.summary.header(&self.scoring.genome);
        let made = self.output.make(self.work, &header)?;
        arguments.report("variants", &self.output, made, start.elapsed())
    }
}

fn take(
    scoring: &Scoring,
    calibration: Option<&mut Calibration>,
    summary: Option<&Summary>,
    item: Result<(Allele, Interval), Error>,
    part: &mut Part,
    rows: &mut Rows,
) -> Result<()> {
    let (allele, interval) = match item {
        Ok(item) => item,
        Err(Error::Line { line, reason, .. }) => {
            part.failures.push(Failure {
                subject: String::new(),
                id: None,
                line: Some(line),
                reason,
            });
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let table = match table(scoring, calibration, &allele, &interval) {
        Ok(table) => table,
        Err(error) if refuses(&error) => {
            part.failures.push(Failure {
                subject: allele.variant.to_string(),
                id: allele.id.clone(),
                line: (allele.line > 0).then_some(allele.line),
                reason: terminal::message(&error),
            });
            None
        }
        Err(error) => return Err(error.context(allele.variant.to_string())),
    };
    match (summary, table) {
        (Some(summary), table) => {
            if part.columns.is_empty() {
                part.columns = output::vcf_columns();
            }
            rows.write_all(summary.record(&allele, table.as_ref()).as_bytes())?;
        }
        (None, Some(table)) => output::append(&table, &mut part.columns, rows)?,
        (None, None) => {}
    }
    Ok(())
}

/// The table of a variant; nothing where no scorer has a row.
fn table(
    scoring: &Scoring,
    calibration: Option<&mut Calibration>,
    allele: &Allele,
    interval: &Interval,
) -> Result<Option<Table>> {
    let mut scores = scoring.score(interval, &allele.variant)?;
    if let Some(calibration) = calibration {
        scores
            .iter_mut()
            .try_for_each(|scores| calibration.apply(scores))?;
    }
    output::table(&scores)
}
