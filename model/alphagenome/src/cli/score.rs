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
use results::page::{LIST, Scene, Subject};
use results::scores;
use scorers::{Calibration, Table};

use super::Outcome;
use super::arguments::{OutputArguments, ScoringArguments, WindowArguments};
use crate::batches;
use crate::failures::Failure;
use crate::output::{self, Output, Summary};
use crate::pages::{PageArguments, Pages};
use crate::variants::{RefMismatch, survey};
use crate::work::{Part, Rows, Settings, Work, identity};

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome score --fasta hg38.fa --gtf gencode.v46.gtf.gz --vcf variants.vcf.gz --out scores.tsv.gz
  alphagenome score --fasta hg38.fa --vcf variants.vcf --out scored.vcf.gz --length 1M --device cuda
  alphagenome score --fasta hg38.fa --vcf variants.tsv --out scores.tsv --scorers mine.toml --ref-mismatch fail
  alphagenome score --fasta hg38.fa --gtf gencode.v46.gtf.gz --vcf variants.vcf --out scores.tsv --html pages/

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
    let output = Output::new(&arguments.output.out, arguments.output.force)?;
    arguments
        .pages
        .check(&arguments.output.out, arguments.output.force)?;
    let genome = Fasta::open(&arguments.scoring.fasta)?;
    let total = survey(&arguments.vcf, &genome, arguments.ref_mismatch)?;
    let mut settings = arguments.scoring.settings()?;
    settings.extend([
        ("vcf".into(), identity(&arguments.vcf)?),
        ("ref-mismatch".into(), arguments.ref_mismatch.name().into()),
        ("window".into(), arguments.window.to_string()),
    ]);
    arguments.pages.settings(&mut settings);
    let mut scored = Scored::open(
        &arguments.scoring,
        genome,
        output,
        settings,
        arguments.output.force,
    )?;
    scored.paged(&arguments.pages)?;
    scored.describe("REF unlike the genome", arguments.ref_mismatch.name());
    scored.open.scoring.check_reference = arguments.ref_mismatch == RefMismatch::Skip;
    let window = &arguments.window;
    let items = Variants::open(&arguments.vcf)?.map(|allele| {
        allele.map(|allele| {
            let interval = window.around(&allele.variant);
            (allele, interval)
        })
    });
    scored.run(total, items, &arguments.output, start, |_, _| Ok(()))
}

/// A run over variants: what is open for it, and where results go.
pub struct Scored {
    open: Open,
    output: Output,
    work: Work,
}

/// What variants are scored with.
struct Open {
    scoring: Scoring,
    calibration: Option<Calibration>,
    summary: Summary,
    is_vcf: bool,
    pages: Option<Pages>,
    /// Base pairs that a page shows.
    width: i64,
    /// What pages say that results depend on.
    settings: Vec<(String, String)>,
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
        let is_vcf = output.format.is_vcf();
        let format = if is_vcf { "vcf" } else { "table" };
        settings.extend([
            ("scorers".into(), names.join("; ")),
            ("format".into(), format.into()),
        ]);
        let work = Work::open(&output.path, &settings, force)?;
        if let (Some(calibration), Some(state)) = (&mut calibration, work.generator()) {
            calibration.resume(state)?;
        }
        let open = Open {
            summary: Summary::new(&scoring.scorers),
            scoring,
            calibration,
            is_vcf,
            pages: None,
            width: 0,
            settings: arguments.described(),
        };
        Ok(Self { open, output, work })
    }

    /// Pages are written too, where they are asked for.
    ///
    /// # Errors
    /// Where the work folder cannot be written.
    fn paged(&mut self, arguments: &PageArguments) -> Result<()> {
        let finished = self.work.parts()?.into_iter().flat_map(|part| part.pages);
        let folder = self.work.folder().join("pages");
        self.open.pages = Pages::open(arguments, folder, finished)?;
        self.open.width = arguments.html_window;
        Ok(())
    }

    /// What variants are scored with.
    pub fn scoring(&self) -> &Scoring {
        &self.open.scoring
    }

    /// Adds to what pages say that results depend on.
    pub fn describe(&mut self, name: &str, value: impl Into<String>) {
        self.open.settings.push((name.into(), value.into()));
    }

    /// Scores variants, each in its interval, and makes the output; `draw` gets finished batches, and what they depend on.
    ///
    /// # Errors
    /// Where the run cannot go on; finished batches are kept.
    pub fn run(
        mut self,
        total: u64,
        items: impl Iterator<Item = Result<(Allele, Interval), Error>>,
        arguments: &OutputArguments,
        start: Instant,
        draw: impl FnOnce(&Work, &[(String, String)]) -> Result<()>,
    ) -> Result<Outcome> {
        let open = &mut self.open;
        let counts = (total, arguments.batch);
        batches::run(&mut self.work, counts, items, |item, part, rows| {
            open.take(item, part, rows)?;
            part.generator = open.calibration.as_ref().map(Calibration::state);
            Ok(())
        })?;
        let header = open.summary.header(&open.scoring.genome);
        let made = self.output.make(&self.work, &header)?;
        draw(&self.work, &open.settings)?;
        if let Some(pages) = open.pages.take() {
            pages.finish(&open.settings, made.items)?;
        }
        self.work.remove()?;
        arguments.report("variants", &self.output, made, start.elapsed())
    }
}

impl Open {
    fn take(
        &mut self,
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
        let table = match self.score(&allele, &interval, part) {
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
        match (self.is_vcf, table) {
            (true, table) => {
                if part.columns.is_empty() {
                    part.columns = output::vcf_columns();
                }
                let record = self.summary.record(&allele, table.as_ref());
                rows.write_all(record.as_bytes())?;
            }
            (false, Some(table)) => output::append(&table, &mut part.columns, rows)?,
            (false, None) => {}
        }
        Ok(())
    }

    /// The table of a variant; nothing where no scorer has a row. Its page is written where there are pages.
    fn score(
        &mut self,
        allele: &Allele,
        interval: &Interval,
        part: &mut Part,
    ) -> Result<Option<Table>> {
        let (mut scores, predictions) = match self.pages {
            None => (self.scoring.score(interval, &allele.variant)?, None),
            Some(_) => {
                let both = self.scoring.score_and_predict(interval, &allele.variant)?;
                (both.0, Some(both.1))
            }
        };
        if let Some(calibration) = &mut self.calibration {
            scores
                .iter_mut()
                .try_for_each(|scores| calibration.apply(scores))?;
        }
        let table = scores::table(&scores)?;
        if let (Some(pages), Some(predictions)) = (&mut self.pages, &predictions) {
            let scene = Scene {
                genome: &self.scoring.genome,
                annotation: self.scoring.tables.annotation.as_ref(),
                tracks: &|output| self.scoring.predictor.tracks(output),
                wanted: &|_| None,
                scored: true,
                settings: &self.settings,
                width: self.width,
                home: LIST,
            };
            let subject = Subject {
                variant: &allele.variant,
                id: allele.id.as_deref(),
                interval,
                predictions,
                table: table.as_ref(),
            };
            let number = part.first + part.items;
            part.pages.extend(pages.add(&subject, &scene, number)?);
        }
        Ok(table)
    }
}
