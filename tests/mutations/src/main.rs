//! `mutate`: breaks the tiny model in every way of the list and says what sees it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use mutations::regions::Regions;
use mutations::scores::{FAULTS, Scorers};
use mutations::table::Findings;
use mutations::{Judge, Mutation, Tiny, parts};

/// Breaks the tiny model in single ways, and single tracks and windows of the full model's outputs, and asks whether parity sees each.
///
/// ALPHAGENOME_RECORDINGS names the folder of the full model's recordings.
///
/// Exit codes: 0 all caught (by the noise floor; single tracks and windows by level 2), 1 one is not, 2 could not run.
#[derive(Parser)]
#[command(name = "mutate")]
struct Arguments {
    /// Only mutations whose name or module holds this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Print JSON instead of the page
    #[arg(long)]
    json: bool,
    /// Also write the page to this file; needs the recordings of the full model
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    page: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mutate: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let recordings = std::env::var_os("ALPHAGENOME_RECORDINGS").filter(|value| !value.is_empty());
    if recordings.is_none() && arguments.page.is_some() {
        bail!("ALPHAGENOME_RECORDINGS is not set: --page needs the recordings of the full model");
    }
    let parts = match &recordings {
        Some(recordings) => parts::faults(Path::new(recordings), &parts::FULL)?,
        None => Vec::new(),
    };
    let tiny = Tiny::convert().context("the tiny model")?;
    let judge = Judge::new(&tiny)?;
    let sound = judge.sound(&tiny)?;
    let only = arguments.only.as_deref().unwrap_or("");
    let wanted =
        |mutation: &&Mutation| mutation.name.contains(only) || mutation.module.contains(only);
    let mut broken = Vec::new();
    for mutation in Mutation::all().iter().filter(wanted) {
        let finding = judge.broken(&tiny, mutation)?;
        eprintln!(
            "mutate: {}: {}",
            finding.name,
            if finding.floor.caught {
                "caught"
            } else {
                "MISSED"
            }
        );
        broken.push(finding);
    }
    let mut scorers = Scorers::open(&tiny)?;
    let mut scores = Vec::new();
    for fault in FAULTS.iter().filter(|fault| fault.name.contains(only)) {
        scores.push(scorers.seen(fault).context(fault.name)?);
    }
    let on_regions = Regions::open(&tiny)?;
    let mut regions = Vec::new();
    for fault in on_regions.faults()? {
        if fault.name.contains(only) {
            regions.push(on_regions.seen(&fault)?);
        }
    }
    let findings = Findings {
        parts,
        scores,
        regions,
        ..Findings::new(sound, broken)
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        print!("{}", findings.page());
    }
    if let Some(path) = &arguments.page {
        std::fs::write(path, findings.page()).with_context(|| path.display().to_string())?;
    }
    let faults = findings.faults();
    faults.iter().for_each(|fault| eprintln!("mutate: {fault}"));
    Ok(ExitCode::from(u8::from(!faults.is_empty())))
}
