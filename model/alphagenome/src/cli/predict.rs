//! `alphagenome predict`.

mod asked;
mod expected;
pub mod report;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use converter::digest;
use genome::fasta::Fasta;
use genome::{Interval, Variant};
use inference::tables::TableArguments;
use results::Kept;
use results::selection::TrackArguments;
use scorers::Behaviour;
use terminal::Progress;

use self::asked::{Asked, LENGTH};
use self::expected::Expected;
use self::report::Report;
use super::Outcome;
use super::arguments::{ModelArguments, behaviour, behaviour_text, length, region};
use crate::batches;
use crate::pages::{PageArguments, Pages};
use crate::predicted::{Counts, Drawn, Files, Form, Kind, Run, Target, keep};
use crate::shards::merging::PREDICTIONS;
use crate::shards::{self, Finished, Shard};
use crate::work::{Identity, Settings, Work};

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome predict --fasta hg38.fa --region chr22:36,150,001-36,252,898 --outputs rna_seq --track ontology=UBERON:0001157 --out colon
  alphagenome predict --fasta hg38.fa --bed peaks.bed --outputs atac,dnase --length 16k --out peaks.npz
  alphagenome predict --fasta hg38.fa --variant 'chr22:36201698:A>C' --outputs atac,splice_sites --out both.parquet
  alphagenome predict --fasta hg38.fa --variant 'chr22:36201698:A>C' --outputs atac,dnase --out both.npz --html pages/
  alphagenome predict --sequences designs.fa --outputs cage --out designs.npz
  alphagenome predict --fasta hg38.fa --bed peaks.bed --outputs atac --shard 3/16 --out shares/ # then: alphagenome merge shares/ -o peaks.npz

A region that is longer than --length is tiled: a quarter of each window is dropped at either end.

Exit codes: 0 done; 1 some variants are not predicted, and the failures table says why; 2 nothing could be done.";

/// `alphagenome predict`.
#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["region", "bed", "sequences", "variant", "vcf"])))]
pub struct PredictArguments {
    /// A region, its first and last base counted from 1, with a strand or without: chr1:40,002-56,385:- (may be given several
    /// times); with variants, the bases whose predictions are written
    #[arg(long, value_name = "REGION", value_parser = region, conflicts_with_all = ["bed", "sequences"])]
    pub region: Vec<Interval>,
    /// A BED file of regions, plain or compressed; names and strands are taken from its fourth and sixth column
    #[arg(long, value_name = "FILE", conflicts_with = "sequences")]
    pub bed: Option<PathBuf>,
    /// Sequences instead of a genome: FASTA, plain or compressed with bgzip
    #[arg(long, value_name = "FILE", conflicts_with = "fasta")]
    pub sequences: Option<PathBuf>,
    /// A variant, both alleles of which are predicted, as 'chr1:12345:A>C' in quotes (may be given several times)
    #[arg(long, value_name = "VARIANT", conflicts_with_all = ["vcf", "bed", "sequences"])]
    pub variant: Vec<Variant>,
    /// Variants: VCF or tab-separated, plain or compressed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bed", "sequences"])]
    pub vcf: Option<PathBuf>,
    /// The genome: FASTA, plain or compressed with bgzip; its indexes are made where they are missing
    #[arg(long, value_name = "FILE", required_unless_present = "sequences")]
    pub fasta: Option<PathBuf>,
    /// Base pairs that the model sees at once, around a region's centre: a multiple of 2,048 [default: 128k; of a sequence, its
    /// own length]
    #[arg(long, value_name = "BP", value_parser = length)]
    pub length: Option<i64>,
    /// Which outputs and tracks.
    #[command(flatten)]
    pub tracks: TrackArguments,
    /// Genes, a GTF: of a variant's junctions, splice sites are sought in the genes that overlap it, as 0.3.0 does
    #[arg(long, value_name = "FILE")]
    pub gtf: Option<PathBuf>,
    /// Whose behaviour: that of alphagenome_research 0.3.0 (0.3.0), or with its slips mended (corrected)
    #[arg(long = "as", value_name = "VERSION", value_parser = behaviour, default_value = "0.3.0")]
    pub behaviour: Behaviour,
    /// The model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// What to write: a .npz or .parquet file, or a folder of bigWig files; for --shard the folder of all shares
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// The format, whatever the name ends with
    #[arg(long, value_enum)]
    pub format: Option<Form>,
    /// Predict one of N shares that cost the same, such as 3/16, of which `alphagenome merge` makes the output in any format
    #[arg(long, value_name = "I/N", conflicts_with_all = ["format", "html"])]
    pub shard: Option<Shard>,
    /// Predict nothing: print how many windows there are, and the disk that their values take
    #[arg(long)]
    pub dry_run: bool,
    /// Pages of variants.
    #[command(flatten)]
    pub pages: PageArguments,
    /// Replace an older output, and what shares with other settings left
    #[arg(long)]
    pub force: bool,
    /// Print a summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// Where nothing could be done.
pub fn run(arguments: &PredictArguments) -> Result<Outcome> {
    match arguments.shard {
        _ if arguments.dry_run => arguments.expect(),
        Some(shard) => arguments.share(shard),
        None => arguments.whole(),
    }
}

impl PredictArguments {
    /// Predicts all and writes it.
    fn whole(&self) -> Result<Outcome> {
        let start = Instant::now();
        let target = Target::new(&self.out, self.format, self.force)?;
        let genome = self.genome()?;
        if self.pages.html.is_some() && self.kind() != Kind::Variants {
            bail!("--html draws both alleles of variants: give --variant or --vcf");
        }
        self.pages.check(&self.out, self.force)?;
        let asked = Asked::new(self, &genome, Some(target.form))?;
        let pages = Pages::open(&self.pages, target.pages(), [])?;
        let pages = pages.map(|pages| (pages, self.pages.html_window, self.described()));
        let mut run = self.open(genome, &asked, pages)?;
        let mut files = Files::create(&target, &asked.header)?;
        let progress = Progress::items("predicting", asked.passes.items, 0);
        let (mut subjects, mut failures) = (0, Vec::new());
        for item in asked.items()? {
            match run.predict(item?)? {
                Ok((passed, window, predictions)) => {
                    let kept = Kept::all(&asked.header.selection, &window, &predictions);
                    files.take(&passed, kept)?;
                    subjects += u64::from(passed.last);
                }
                Err(failure) => failures.push(failure),
            }
            progress.add(1);
        }
        let failed = failures.len() as u64;
        let counts = Counts {
            subjects: subjects + failed,
            tracks: asked.header.selection.len(),
            failures: failed,
        };
        files.publish(&failures, &target)?;
        if let Some((pages, _, settings)) = run.pages {
            pages.finish(&settings, run.items)?;
        }
        drop(progress);
        let report = Report::of(&target, asked.header.kind, counts, start.elapsed());
        report.print(self.json)
    }

    /// Says what predicting all, or a share, takes.
    fn expect(&self) -> Result<Outcome> {
        let asked = Asked::new(self, &self.genome()?, None)?;
        let range = match self.shard {
            Some(shard) => asked.share(shard)?,
            None => 0..asked.passes.items,
        };
        terminal::print(&Expected::new(&asked, range)?.text(self.json))?;
        Ok(Outcome::Done)
    }

    /// Predicts what is not finished of a share, and keeps it.
    fn share(&self, shard: Shard) -> Result<Outcome> {
        let start = Instant::now();
        shards::check_folder(&self.out)?;
        let genome = self.genome()?;
        let asked = Asked::new(self, &genome, None)?;
        let range = asked.share(shard)?;
        let header = serde_json::to_string(&asked.header)?;
        let settings = self.settings(&header)?;
        let mut work = shards::open(shard, &self.out, settings, self.force)?;
        let before = work.done();
        let left = work.left(range.end - range.start)?;
        if Finished::resume(&work, shard, &range)?.is_none() {
            if left > 0
                && let Err(error) = self.rest(genome, &asked, &mut work, &range)
            {
                return Err(work.ended(error));
            }
            let seal = Finished {
                seconds: start.elapsed().as_secs_f64(),
                header,
                ..Finished::new(&work, shard, &range, (asked.passes.items, before))?
            };
            seal.write(&work)?;
        }
        let tracks = asked.header.selection.len();
        let mut counts = Counts {
            tracks,
            ..Counts::default()
        };
        for part in work.batches().parts()? {
            counts.add(&part?);
        }
        let report = Report {
            kind: asked.header.kind,
            counts,
            out: work.folder(),
            extras: [None, None],
            took: start.elapsed(),
        };
        report.print(self.json)
    }

    /// Predicts what is not finished of the passes of a share, each a batch.
    fn rest(
        &self,
        genome: Fasta,
        asked: &Asked<'_>,
        work: &mut Work,
        range: &Range<u64>,
    ) -> Result<()> {
        let mut run = self.open(genome, asked, None)?;
        let (total, done) = (range.end - range.start, work.done());
        let items = asked.items()?.skip((range.start + done) as usize);
        let items = items.take((total - done) as usize);
        let counts = ("predicting", total, 1);
        batches::run(work, counts, items, |item, part, rows| {
            match run.predict(item?)? {
                Ok((passed, window, predictions)) => {
                    let kept = Kept::all(&asked.header.selection, &window, &predictions);
                    keep(passed, kept, (part, rows))?;
                }
                Err(failure) => part.failures.push(failure),
            }
            Ok(())
        })
    }

    fn open(&self, genome: Fasta, asked: &Asked<'_>, pages: Option<Drawn>) -> Result<Run> {
        Ok(Run {
            tables: self.tables().open(&genome, self.model.organism)?,
            predictor: self.model.open()?,
            selection: asked.header.selection.clone(),
            genome,
            behaviour: self.behaviour,
            pages,
            items: 0,
        })
    }

    fn bases(&self) -> Result<&Path> {
        let path = self.sequences.as_deref().or(self.fasta.as_deref());
        path.context("--fasta is missing")
    }

    fn genome(&self) -> Result<Fasta> {
        Ok(Fasta::open(self.bases()?)?)
    }

    fn tables(&self) -> TableArguments {
        TableArguments {
            gtf: self.gtf.clone(),
            ..TableArguments::default()
        }
    }

    /// What a share depends on.
    fn settings(&self, header: &str) -> Result<Settings> {
        let identity = Identity::Content;
        let model = &self.model;
        let mut settings = model.settings(self.bases()?, &self.tables(), identity)?;
        let length = match (self.length, &self.sequences) {
            (None, Some(_)) => "of each sequence".into(),
            (length, _) => length.unwrap_or(LENGTH).to_string(),
        };
        let regions: Vec<_> = self.region.iter().map(ToString::to_string).collect();
        let variants: Vec<_> = self.variant.iter().map(ToString::to_string).collect();
        settings.extend([
            ("as".into(), format!("{:?}", self.behaviour)),
            ("format".into(), PREDICTIONS.into()),
            ("length".into(), length),
            ("tracks".into(), digest::of(header.as_bytes())),
            ("region".into(), regions.join(" ")),
            ("variant".into(), variants.join(" ")),
        ]);
        for (name, path) in [("bed", &self.bed), ("vcf", &self.vcf)] {
            if let Some(path) = path {
                settings.insert(name.into(), identity.of(path)?);
            }
        }
        Ok(settings)
    }

    /// What predictions depend on, for a reader.
    fn described(&self) -> Vec<(String, String)> {
        let path = |path: &Option<PathBuf>| match path {
            Some(path) => path.display().to_string(),
            None => "none".into(),
        };
        let mut rows = self.model.described();
        rows.extend([
            ("genome".into(), path(&self.fasta)),
            ("genes".into(), path(&self.gtf)),
            ("behaviour".into(), behaviour_text(self.behaviour).into()),
        ]);
        rows
    }
}
