//! `alphagenome tracks`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use results::selection::{Selection, TrackArguments};
use scorers::Organism;
use serde_json::json;

use super::Outcome;
use super::arguments::organism;
use inference::predictor::described;

/// What `--help` ends with.
pub const EXAMPLES: &str = "\
Examples:
  alphagenome tracks
  alphagenome tracks --organism mouse --outputs rna_seq,cage --track strand=+
  alphagenome tracks --track ontology=UBERON:0001114 --track ontology=EFO:0002067 --json

`track` is the track's place among those of its output.";

/// `alphagenome tracks`.
#[derive(Args, Clone, Debug)]
pub struct TracksArguments {
    /// The folder that `convert` wrote
    #[arg(long, value_name = "DIR", default_value = "alphagenome-model")]
    pub model: PathBuf,
    /// The organism: human or mouse
    #[arg(long, value_parser = organism, default_value = "human")]
    pub organism: Organism,
    /// Which of them.
    #[command(flatten)]
    pub tracks: TrackArguments,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// Where the folder is no conversion with tracks, or no track is left.
pub fn run(arguments: &TracksArguments) -> Result<Outcome> {
    let (config, metadata) = model::load::describe(&arguments.model)?;
    let (_, channels) = described(&arguments.model, &config, metadata, arguments.organism)?;
    let selection = Selection::new(&channels, &arguments.tracks)?;
    match arguments.json {
        true => {
            let document = json!({
                "organism": arguments.organism.name(),
                "tracks": selection.json(),
            });
            terminal::print(&format!("{document:#}\n"))?;
        }
        false => {
            let mut out = terminal::stdout();
            selection.write(&[], &mut out)?;
            out.flush()?;
        }
    }
    Ok(Outcome::Done)
}
