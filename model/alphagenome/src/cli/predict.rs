//! `alphagenome predict`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use genome::alleles::{Bases, check_reference};
use genome::fasta::Fasta;
use genome::{Error, Interval, Variant};
use inference::predictor::described;
use inference::tables::TableArguments;
use model::sequence::{LENGTH_STEP, LONGEST, SequenceError};
use results::archive::is_paired;
use results::selection::TrackArguments;
use results::{Selection, Window};
use scorers::{Behaviour, OutputType};
use serde_json::json;
use terminal::{Progress, Speech, note};

use super::Outcome;
use super::arguments::{ModelArguments, behaviour, behaviour_text, length, region};
use crate::pages::{PageArguments, Pages};
use crate::predicted::{Files, Form, Run, Target, check_overlaps};
use crate::regions::{Names, Region, bed, check, windows};
use crate::variants::{RefMismatch, survey};

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome predict --fasta hg38.fa --region chr22:36,150,001-36,252,898 --outputs rna_seq --track ontology=UBERON:0001157 --out colon
  alphagenome predict --fasta hg38.fa --bed peaks.bed --outputs atac,dnase --length 16k --out peaks.npz
  alphagenome predict --fasta hg38.fa --variant 'chr22:36201698:A>C' --outputs atac,splice_sites --out both.parquet
  alphagenome predict --fasta hg38.fa --variant 'chr22:36201698:A>C' --outputs atac,dnase --out both.npz --html pages/
  alphagenome predict --sequences designs.fa --outputs cage --out designs.npz

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
    /// What to write: a .npz or .parquet file, or a folder of bigWig files
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// The format, whatever the name ends with
    #[arg(long, value_enum)]
    pub format: Option<Form>,
    /// Pages of variants.
    #[command(flatten)]
    pub pages: PageArguments,
    /// Replace an older output
    #[arg(long)]
    pub force: bool,
    /// Print a summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// What the model sees of a region or sequence where `--length` does not say.
const LENGTH: i64 = 1 << 17;

/// Runs the command.
///
/// # Errors
/// Where nothing could be done.
pub fn run(arguments: &PredictArguments) -> Result<Outcome> {
    let start = Instant::now();
    let target = Target::new(&arguments.out, arguments.format, arguments.force)?;
    let path = arguments.sequences.as_ref().or(arguments.fasta.as_ref());
    let genome = Fasta::open(path.context("--fasta is missing")?)?;
    let variants = arguments.vcf.is_some() || !arguments.variant.is_empty();
    if arguments.pages.html.is_some() && !variants {
        bail!("--html draws both alleles of variants: give --variant or --vcf");
    }
    arguments.pages.check(&arguments.out, arguments.force)?;
    let regions = match variants {
        true => arguments.check_region(&genome).map(|()| Vec::new())?,
        false => regions(arguments, &genome, target.form)?,
    };
    let count = match &arguments.vcf {
        Some(path) => survey(path, &genome, RefMismatch::Keep)?.items,
        None => arguments.check_variants(&genome)?,
    };
    let dir = &arguments.model.model;
    let (config, metadata) = model::load::describe(dir)?;
    let (_, channels) = described(dir, &config, metadata, arguments.model.organism)?;
    let mut selection = Selection::new(&channels, &arguments.tracks)?;
    let tiled = regions.iter().find(|(_, windows)| windows.len() > 1);
    if let Some((region, _)) = tiled {
        untiled(&mut selection, region, !arguments.tracks.outputs.is_empty())?;
    }
    let tables = TableArguments {
        gtf: arguments.gtf.clone(),
        ..TableArguments::default()
    };
    let (subjects, passes) = match variants {
        true => (count, count),
        false => {
            let windows = regions.iter().map(|(_, windows)| windows.len() as u64);
            (regions.len() as u64, windows.sum())
        }
    };
    let pages = Pages::open(&arguments.pages, target.pages(), [])?;
    let mut run = Run {
        tables: tables.open(&genome, arguments.model.organism)?,
        predictor: arguments.model.open()?,
        files: Files::create(&target, selection.clone(), variants, &genome)?,
        selection,
        genome,
        behaviour: arguments.behaviour,
        names: Names::default(),
        pages: pages.map(|pages| (pages, arguments.pages.html_window, arguments.described())),
        items: 0,
        failures: Vec::new(),
        progress: Progress::items("predicting", passes, 0),
    };
    for (region, windows) in regions {
        run.region(&region, &windows)?;
    }
    for variant in &arguments.variant {
        let named = || variant.to_string();
        run.variant(variant, None, &arguments.window(variant)?)
            .with_context(named)?;
    }
    if let Some(path) = &arguments.vcf {
        run.file(path, |variant| arguments.window(variant))?;
    }
    let (tracks, failed) = (run.selection.len(), run.failures.len());
    run.finish(&target)?;
    let what = if variants { "variants" } else { "regions" };
    let counts = (subjects, tracks, failed);
    report(arguments, &target, what, counts, start.elapsed())
}

impl PredictArguments {
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

    /// What the model sees for a variant, and what is kept of it.
    fn window(&self, variant: &Variant) -> Result<Window> {
        let length = self.length.unwrap_or(LENGTH);
        let Some(region) = self.region.first() else {
            let seen = variant.reference_interval().resize(length);
            let kept = seen.clone();
            return Ok(Window { seen, kept });
        };
        let seen = region.resize(length);
        if !variant.changes(&seen) {
            let variant = Box::new(variant.clone());
            let interval = Box::new(seen);
            return Err(scorers::Error::Outside { variant, interval }.into());
        }
        Ok(Window {
            seen,
            kept: region.clone(),
        })
    }

    /// Fails where variants have a region that is no window's.
    fn check_region(&self, genome: &Fasta) -> Result<()> {
        let [region] = &self.region[..] else {
            match self.region.is_empty() {
                true => return Ok(()),
                false => bail!("--region: both alleles of a variant are predicted in one region"),
            }
        };
        let region = Region::new(region.clone());
        let length = self.length.unwrap_or(LENGTH);
        if region.interval.width() > length {
            bail!(
                "{}: is longer than --length, {length} bp, and variants are not tiled",
                region.name
            );
        }
        check(&region, length, genome)
    }

    /// How many variants were named. Says where the genome has another REF.
    fn check_variants(&self, genome: &Fasta) -> Result<u64> {
        for variant in &self.variant {
            match check_reference(genome, variant) {
                Ok(()) => {}
                Err(error @ Error::Reference { .. }) => {
                    note(
                        Speech::Normal,
                        &format!("note: {error}; it is predicted as written"),
                    );
                }
                Err(error) => return Err(error.into()),
            }
            self.window(variant)?;
        }
        Ok(self.variant.len() as u64)
    }
}

/// The regions that were asked for, with their windows.
fn regions(
    arguments: &PredictArguments,
    genome: &Fasta,
    form: Form,
) -> Result<Vec<(Region, Vec<Window>)>> {
    let regions = match (&arguments.bed, &arguments.sequences) {
        (Some(path), _) => bed(path)?,
        (_, None) => arguments.region.iter().cloned().map(Region::new).collect(),
        (_, Some(path)) => {
            let mut names = BTreeSet::new();
            if let Some(name) = genome.names().iter().find(|name| !names.insert(*name)) {
                bail!("{}: two sequences are called {name}", path.display());
            }
            let whole = |name: &String| {
                check_letters(path, genome, name)?;
                let interval = Interval::new(name, 0, genome.length(name)?, Default::default())?;
                let name = name.clone();
                Ok(Region { name, interval })
            };
            genome.names().iter().map(whole).collect::<Result<_>>()?
        }
    };
    if form == Form::Bigwig {
        check_overlaps(&regions)?;
    }
    let windowed = regions.into_iter().map(|region| {
        let own = (region.interval.width() as usize).next_multiple_of(LENGTH_STEP);
        let default = match &arguments.sequences {
            Some(_) => own.min(LONGEST) as i64,
            None => LENGTH,
        };
        let length = arguments.length.unwrap_or(default);
        check(&region, length, genome)?;
        let windows = windows(&region.interval, length);
        Ok((region, windows))
    });
    windowed.collect()
}

/// Fails where a letter of a sequence is no base.
fn check_letters(path: &Path, genome: &Fasta, name: &str) -> Result<()> {
    let length = genome.length(name)?;
    for start in (0..length).step_by(LONGEST) {
        let end = length.min(start + LONGEST as i64);
        let bases = genome.bases(&Interval::new(name, start, end, Default::default())?)?;
        // Its length is not the model's yet.
        if let Err(SequenceError::Letter { position, letter }) =
            model::Sequence::parse(&String::from_utf8_lossy(&bases))
        {
            bail!(
                "{}: sequence {name}: `{}` at base {} (from 1) is no base: expected A, C, G, T, N or another IUPAC letter",
                path.display(),
                letter.escape_default(),
                start as usize + position + 1
            );
        }
    }
    Ok(())
}

/// Leaves out what has no place in one window alone.
fn untiled(selection: &mut Selection, region: &Region, named: bool) -> Result<()> {
    let paired = selection.0.keys().filter(|output| is_paired(**output));
    let paired: Vec<_> = paired.copied().map(OutputType::name).collect();
    if paired.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{}: a pair of places that are farther apart than a window is in none, and {} is longer than --length",
        paired.join(" and "),
        region.name
    );
    selection.0.retain(|output, _| !is_paired(*output));
    if named || selection.is_empty() {
        bail!("{text}; leave these outputs out, or take a region that one window holds");
    }
    note(Speech::Normal, &format!("note: left out: {text}"));
    Ok(())
}

fn report(
    arguments: &PredictArguments,
    target: &Target,
    what: &str,
    (count, tracks, failed): (u64, usize, usize),
    took: Duration,
) -> Result<Outcome> {
    let [failures, pairs] = target.extras();
    if let Some(path) = &failures {
        let line = format!(
            "note: {failed} of {count} {what} have no predictions: {}",
            path.display()
        );
        note(Speech::Normal, &line);
    }
    if let Some(path) = &pairs {
        let line = format!("note: contacts and junctions are in {}", path.display());
        note(Speech::Normal, &line);
    }
    let seconds = took.as_secs_f64();
    let text = match arguments.json {
        true => {
            let document = json!({
                "out": target.path,
                what: count,
                "tracks": tracks,
                "contacts_and_junctions": pairs,
                "failures": failed,
                "failures_table": failures,
                "seconds": seconds,
            });
            format!("{document:#}\n")
        }
        false => format!(
            "{count} {what}, {tracks} tracks, in {seconds:.1} s: {}\n",
            target.path.display()
        ),
    };
    terminal::print(&text)?;
    Ok(match failed {
        0 => Outcome::Done,
        _ => Outcome::SomeFailed,
    })
}
