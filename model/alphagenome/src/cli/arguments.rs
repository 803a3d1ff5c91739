//! Arguments that several commands have, and what they open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use genome::fasta::Fasta;
use genome::{Interval, Variant};
use inference::predictor::Predictor;
use inference::tables::TableArguments;
use model::sequence::{LENGTH_STEP, LONGEST};
use parity::cli::base_pairs;
use scorers::{Behaviour, Organism};
use serde_json::json;
use terminal::{Speech, note};

use super::Outcome;
use super::computing::Computing;
use crate::output::Made;
use crate::setup::Setup;
use crate::shards::{Device, Shard};
use crate::work::{Identity, Settings};

/// The model, and where and how it runs.
#[derive(Args, Clone, Debug)]
pub struct ModelArguments {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// Where and how it runs.
    #[command(flatten)]
    pub computing: Computing,
    /// The organism: human or mouse
    #[arg(long, value_parser = organism, default_value = "human")]
    pub organism: Organism,
}

impl ModelArguments {
    /// What predictions depend on.
    ///
    /// # Errors
    /// Where a file, or the model, is not there.
    pub fn settings(
        &self,
        fasta: &Path,
        tables: &TableArguments,
        identity: Identity,
    ) -> Result<Settings> {
        model::load::check(&self.model)?;
        let mut settings = Settings::from([
            ("version".into(), env!("CARGO_PKG_VERSION").into()),
            (
                "arithmetic".into(),
                self.computing.arithmetic().name().into(),
            ),
            ("device".into(), self.computing.device.kind().into()),
            ("organism".into(), self.organism.name().into()),
            ("model".into(), identity.of_model(&self.model)?),
        ]);
        let files = [
            ("fasta", Some(fasta)),
            ("gtf", tables.gtf.as_deref()),
            ("splice-starts", tables.splice_starts.as_deref()),
            ("splice-ends", tables.splice_ends.as_deref()),
            ("polya", tables.polya.as_deref()),
        ];
        for (name, path) in files {
            if let Some(path) = path {
                settings.insert(name.into(), identity.of(path)?);
            }
        }
        Ok(settings)
    }

    /// What it is, for a reader.
    pub fn described(&self) -> Vec<(String, String)> {
        let arithmetic = format!(
            "{} on {}",
            self.computing.arithmetic().name(),
            self.computing.device.kind()
        );
        let rows = [
            (
                "program",
                format!("alphagenome {}", env!("CARGO_PKG_VERSION")),
            ),
            ("model", self.model.display().to_string()),
            ("arithmetic", arithmetic),
            ("organism", self.organism.name().into()),
        ];
        rows.map(|(name, value)| (name.into(), value)).into()
    }

    /// Loads the model.
    ///
    /// # Errors
    /// As [`Predictor::open`].
    pub fn open(&self) -> Result<Predictor> {
        Predictor::open(
            &self.model,
            self.computing.arithmetic(),
            self.computing.only()?,
            self.organism,
        )
    }
}

/// Which bases the model sees.
#[derive(Args, Clone, Debug)]
pub struct WindowArguments {
    /// Base pairs around each variant: a multiple of 2,048, such as 16k, 128k, 512k or 1M
    #[arg(long, value_name = "BP", value_parser = length, default_value = "128k")]
    pub length: i64,
    /// One window for all instead, its first and last base counted from 1: chr1:40,002-56,385, or with a strand
    /// chr1:40,002-56,385:-
    #[arg(long, value_name = "REGION", value_parser = window, conflicts_with = "length")]
    pub region: Option<Interval>,
}

impl WindowArguments {
    /// Base pairs that the model sees.
    #[must_use]
    pub fn length(&self) -> i64 {
        self.region.as_ref().map_or(self.length, Interval::width)
    }

    /// The window of a variant: the one that was named, or `--length` base pairs around REF's centre.
    pub fn around(&self, variant: &Variant) -> Interval {
        match &self.region {
            Some(region) => region.clone(),
            None => variant.reference_interval().resize(self.length),
        }
    }
}

impl std::fmt::Display for WindowArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.region {
            Some(region) => region.fmt(f),
            None => self.length.fmt(f),
        }
    }
}

/// What variants are scored with.
#[derive(Args, Clone, Debug)]
pub struct ScoringArguments {
    /// The genome: FASTA, plain or compressed with bgzip; its indexes are made where they are missing
    #[arg(long, value_name = "FILE")]
    pub fasta: PathBuf,
    /// Genes and sites.
    #[command(flatten)]
    pub tables: TableArguments,
    /// Scorers, a TOML file [default: those that the SDK recommends]
    #[arg(long, value_name = "FILE")]
    pub scorers: Option<PathBuf>,
    /// DeepMind's calibration file: adds quantiles
    #[arg(long, value_name = "FILE")]
    pub quantiles: Option<PathBuf>,
    /// Do not stitch the embeddings of indels
    #[arg(long)]
    pub no_stitching: bool,
    /// Whose behaviour: that of alphagenome_research 0.3.0 (0.3.0), or with its slips mended (corrected)
    #[arg(long = "as", value_name = "VERSION", value_parser = behaviour, default_value = "0.3.0")]
    pub behaviour: Behaviour,
    /// Models on each device: one computes while another's results are made; on the CPU they share their parameters
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub workers: u8,
    /// The model.
    #[command(flatten)]
    pub model: ModelArguments,
}

impl ScoringArguments {
    /// Opens everything but the model itself.
    ///
    /// # Errors
    /// Where something cannot be opened or does not fit the rest.
    pub fn open(&self, genome: Fasta) -> Result<Setup> {
        let (model, organism) = (&self.model, self.model.organism);
        let tables = self.tables.open(&genome, organism)?;
        let scorers = self.scorers.as_deref();
        let (channels, scorers) = Setup::choose(&model.model, organism, scorers, &tables)?;
        Ok(Setup {
            dir: model.model.clone(),
            arithmetic: model.computing.arithmetic(),
            organism,
            genome: genome.into(),
            tables: tables.into(),
            channels: channels.into(),
            scorers,
            behaviour: self.behaviour,
            stitching: !self.no_stitching,
            check_reference: false,
            whole: false,
            workers: self.workers.into(),
        })
    }

    /// What scores depend on, but for what a command adds.
    ///
    /// # Errors
    /// Where a file is not there.
    pub fn settings(&self, identity: Identity) -> Result<Settings> {
        let mut settings = self.model.settings(&self.fasta, &self.tables, identity)?;
        settings.insert("as".into(), format!("{:?}", self.behaviour));
        settings.insert("stitching".into(), (!self.no_stitching).to_string());
        if let Some(path) = &self.quantiles {
            settings.insert("quantiles".into(), identity.of(path)?);
        }
        Ok(settings)
    }
}

impl ScoringArguments {
    /// What results depend on, for a reader.
    pub fn described(&self) -> Vec<(String, String)> {
        let (model, tables) = (&self.model, &self.tables);
        let file = |path: &Option<PathBuf>, none: &str| {
            path.as_ref()
                .map_or_else(|| none.to_owned(), |path| path.display().to_string())
        };
        let splice_sites = match (&tables.splice_starts, &tables.splice_ends) {
            (Some(starts), Some(ends)) => format!("{}, {}", starts.display(), ends.display()),
            _ => "the ends of the genes' introns".into(),
        };
        let stitching = if self.no_stitching { "no" } else { "yes" };
        let rows = [
            ("genome", self.fasta.display().to_string()),
            ("genes", file(&tables.gtf, "none")),
            ("splice sites", splice_sites),
            ("polyadenylation sites", file(&tables.polya, "none")),
            (
                "scorers",
                file(&self.scorers, "those that the SDK recommends"),
            ),
            ("quantiles", file(&self.quantiles, "none")),
            ("behaviour", behaviour_text(self.behaviour).into()),
            ("indels are stitched", stitching.into()),
        ];
        let rows = rows.map(|(name, value)| (name.into(), value));
        model.described().into_iter().chain(rows).collect()
    }
}

/// Whose behaviour it is, for a reader.
pub(super) fn behaviour_text(behaviour: Behaviour) -> &'static str {
    match behaviour {
        Behaviour::V0_3_0 => "as alphagenome_research 0.3.0",
        Behaviour::Corrected => "corrected: 0.3.0 with its slips mended",
    }
}

/// A share of a run.
#[derive(Args, Clone, Debug)]
pub struct ShardArguments {
    /// Score one of N shares that cost the same, such as 3/16. --out is the folder of all of them, of which `alphagenome merge` makes
    /// the output
    #[arg(long, value_name = "I/N", conflicts_with = "html")]
    pub shard: Option<Shard>,
    /// What shares hold: rows of a table, or records of a VCF
    #[arg(long, value_enum, default_value_t = Holds::Table, requires = "shard")]
    pub format: Holds,
    /// Score nothing: print how many variants there are, and the memory and time that they are expected to take
    #[arg(long)]
    pub dry_run: bool,
}

/// What shares hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Holds {
    /// Rows, for .tsv, .tsv.gz and .parquet
    Table,
    /// Records, for .vcf and .vcf.gz: much less
    Vcf,
}

/// Where results go.
#[derive(Args, Clone, Debug)]
pub struct OutputArguments {
    /// The table to write: .tsv, .tsv.gz or .parquet; for variants also .vcf or .vcf.gz with INFO fields; for --shard a folder
    #[arg(long, visible_alias = "output", value_name = "FILE")]
    pub out: PathBuf,
    /// Replace an older output, and what an unfinished run with other settings left
    #[arg(long)]
    pub force: bool,
    /// How many make a batch, which is kept when the run is ended; it is closed earlier after some seconds
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..))]
    pub batch: u64,
    /// Print a summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// What a run has made.
pub struct Report<'a> {
    /// What was scored.
    pub what: &'static str,
    /// Where results are.
    pub out: &'a Path,
    /// The table of what has no scores; nothing where there is none yet.
    pub failures: Option<PathBuf>,
    /// How much.
    pub made: Made,
    /// How long it took.
    pub took: Duration,
    /// What did it.
    pub devices: &'a [Device],
}

impl Report<'_> {
    /// Says it.
    ///
    /// # Errors
    /// Where stdout cannot be written.
    pub fn print(self, json: bool) -> Result<Outcome> {
        let Self { what, made, .. } = self;
        let failures = self.failures.filter(|_| made.failures > 0);
        if made.failures > 0 {
            let place = match &failures {
                Some(path) => path.display().to_string(),
                None => "the merged output's table of failures says why".into(),
            };
            let (failed, all) = (made.failures, made.items);
            let line = format!("note: {failed} of {all} {what} have no scores: {place}");
            note(Speech::Normal, &line);
        }
        let seconds = self.took.as_secs_f64();
        let text = match json {
            true => {
                let document = json!({
                    "out": self.out,
                    what: made.items,
                    "rows": made.rows,
                    "failures": made.failures,
                    "failures_table": failures,
                    "seconds": seconds,
                    "devices": self.devices,
                });
                format!("{document:#}\n")
            }
            false => format!(
                "{} {what}, {} rows, in {seconds:.1} s: {}\n",
                made.items,
                made.rows,
                self.out.display()
            ),
        };
        terminal::print(&text)?;
        Ok(match made.failures {
            0 => Outcome::Done,
            _ => Outcome::SomeFailed,
        })
    }
}

pub(super) fn behaviour(name: &str) -> Result<Behaviour, String> {
    Behaviour::parse(name).ok_or_else(|| "expected 0.3.0 or corrected".into())
}

pub(super) fn organism(text: &str) -> Result<Organism, String> {
    match text.to_ascii_lowercase().as_str() {
        "human" | "homo_sapiens" => Ok(Organism::Human),
        "mouse" | "mus_musculus" => Ok(Organism::Mouse),
        _ => Err("expected human or mouse".into()),
    }
}

pub(super) fn length(text: &str) -> Result<i64> {
    check_length(base_pairs(text).map_err(anyhow::Error::msg)?)
}

/// Fails where the model does not take so many base pairs.
pub(super) fn check_length(length: usize) -> Result<i64> {
    if length == 0 || length > LONGEST || !length.is_multiple_of(LENGTH_STEP) {
        bail!("{length} bp: expected a multiple of 2,048 bp up to 1,048,576 bp");
    }
    Ok(length as i64)
}

/// A region as samtools writes it, which may begin before the chromosome does.
pub(super) fn region(text: &str) -> Result<Interval> {
    let plain: Interval = text.replace(',', "").parse()?;
    Ok(Interval::new(
        plain.chromosome,
        plain.start - 1,
        plain.end,
        plain.strand,
    )?)
}

/// The same, of a length that the model takes.
pub(super) fn window(text: &str) -> Result<Interval> {
    let region = region(text)?;
    check_length(region.width() as usize)?;
    Ok(region)
}
