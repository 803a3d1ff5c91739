//! `alphagenome merge`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use terminal::{Speech, note};

use super::arguments::Report;
use super::{Outcome, predict};
use crate::output::Output;
use crate::predicted::{self, Form, Target};
use crate::shards::Device;
use crate::shards::merging::Shares;
use crate::shards::quality;
use crate::work::make_folder;

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome merge shares/ -o scores.parquet
  alphagenome merge shares/ -o scored.vcf.gz     # of shares with --format vcf
  alphagenome merge shares/ -o peaks.npz         # of shares of predictions; or .parquet, or a folder for bigWig files

The output has the bytes of a run without --shard. Shares stay; they may be removed then.

Exit codes: 0 all variants have scores, or predictions; 1 some have none, and the table of failures says why; 2 a share is missing, changed or made from \
something else, or the file cannot be written.";

/// `alphagenome merge`.
#[derive(Args, Clone, Debug)]
pub struct MergeArguments {
    /// The folder of the shares
    #[arg(value_name = "DIR")]
    pub shares: PathBuf,
    /// The file to write: .tsv, .tsv.gz or .parquet, or .vcf and .vcf.gz of shares with --format vcf; of predictions .npz, .parquet,
    /// or a folder of bigWig files
    #[arg(long, short, visible_alias = "output", value_name = "FILE")]
    pub out: PathBuf,
    /// Of predictions: the format, whatever the name ends with
    #[arg(long, value_enum)]
    pub format: Option<Form>,
    /// Of scores: write what MultiQC shows of the run into this folder, a line a share, and versions
    #[arg(long, value_name = "DIR")]
    pub multiqc: Option<PathBuf>,
    /// Replace an older output
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
pub fn run(arguments: &MergeArguments) -> Result<Outcome> {
    let start = Instant::now();
    let shares = Shares::open(&arguments.shares)?;
    if shares.are_predictions() {
        return predictions(arguments, &shares, start);
    }
    if arguments.format.is_some() {
        bail!("--format: these shares hold scores, the format of which is what the name ends with");
    }
    let output = Output::new(&arguments.out, arguments.force)?;
    if let Some(folder) = &arguments.multiqc {
        make_folder("--multiqc", folder)?;
    }
    let made = shares.make(&output)?;
    if let Some(folder) = &arguments.multiqc {
        quality::write(folder, shares.finished())?;
    }
    let devices: Vec<_> = shares
        .finished()
        .flat_map(|share| share.devices.clone())
        .collect();
    for Device { name, failure, .. } in &devices {
        if let Some(failure) = failure {
            let text = format!("note: {name} failed, and others did its work: {failure}");
            note(Speech::Normal, &text);
        }
    }
    let report = Report {
        what: "variants",
        out: &output.path,
        failures: Some(output.failures()),
        made,
        took: start.elapsed(),
        devices: &devices,
    };
    report.print(arguments.json)
}

/// Makes the files of shares of predictions.
fn predictions(arguments: &MergeArguments, shares: &Shares, start: Instant) -> Result<Outcome> {
    if arguments.multiqc.is_some() {
        bail!("--multiqc: these shares hold predictions, and its table is one of scores");
    }
    let target = Target::new(&arguments.out, arguments.format, arguments.force)?;
    let (kind, counts) = predicted::merge(shares, &target)?;
    let report = predict::report::Report::of(&target, kind, counts, start.elapsed());
    report.print(arguments.json)
}
