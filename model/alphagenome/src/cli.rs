//! The command line.
//!
//! Exit codes of the own commands: 0 if all went well, 1 if something could not be scored or predicted, 2 if nothing could be done.
//! `convert` and `parity` keep theirs.

pub mod arguments;
pub mod computing;
pub mod ism;
pub mod merge;
mod over_variants;
pub mod predict;
pub mod score;
pub mod score_interval;
pub mod serve;
pub mod tracks;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use terminal::{Loudness, Manual};

const EXAMPLES: &str = "\
Examples:
  alphagenome convert --hub google/alphagenome-all-folds --metadata metadata/
  alphagenome parity level2 --dtype f32
  alphagenome predict --fasta hg38.fa --region chr22:36,150,001-36,252,898 --outputs rna_seq --out tracks
  alphagenome score --fasta hg38.fa --gtf gencode.v46.gtf.gz --vcf variants.vcf --out scores.tsv

Exit codes: 0 done; 1 something could not be scored or predicted; 2 nothing could be done (arguments, input, disk). Those of convert and \
parity stand in their own help.";

/// AlphaGenome without Python: convert it, hold it against JAX, predict, score variants.
#[derive(Debug, Parser)]
#[command(name = "alphagenome", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How much is said beside the result.
    #[command(flatten)]
    pub loudness: Loudness,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(
    clippy::large_enum_variant,
    reason = "one value is made in a program's life"
)]
pub enum Command {
    /// Convert a checkpoint from JAX (Orbax) to safetensors: the program `convert`
    Convert(converter::cli::Arguments),
    /// Compare the model with recordings of JAX and give a verdict: the program `parity`
    Parity(parity::cli::Cli),
    /// Score variants: what they change in every track, as DeepMind's score_variant does
    #[command(after_help = score::EXAMPLES)]
    Score(score::ScoreArguments),
    /// Score the genes of intervals: expression, or another output, as DeepMind's score_interval does
    #[command(after_help = score_interval::EXAMPLES)]
    ScoreInterval(score_interval::IntervalArguments),
    /// Score every single-base variant of a region (saturation mutagenesis)
    #[command(after_help = ism::EXAMPLES)]
    Ism(ism::IsmArguments),
    /// Make one output of the shares that `score`, `ism` or `predict` made with --shard
    #[command(after_help = merge::EXAMPLES)]
    Merge(merge::MergeArguments),
    /// Predict tracks of regions, sequences, or both alleles of variants: bigWig, npz or Parquet
    #[command(after_help = predict::EXAMPLES)]
    Predict(predict::PredictArguments),
    /// Answer AlphaGenome's SDK and HTTP: predictions and scores for many clients
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::ServeArguments),
    /// Print the table of the model's tracks
    #[command(after_help = tracks::EXAMPLES)]
    Tracks(tracks::TracksArguments),
    /// The program itself.
    #[command(flatten)]
    Manual(Manual),
}

/// How an own command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All went well.
    Done,
    /// Something could not be scored or predicted; the rest is there.
    SomeFailed,
}

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let matches = Program::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    cli.loudness.set();
    let result = match cli.command {
        Command::Convert(arguments) => return converter::cli::run(&arguments),
        Command::Parity(arguments) => return parity::commands::main(arguments),
        Command::Score(arguments) => score::run(&arguments),
        Command::ScoreInterval(arguments) => score_interval::run(&arguments),
        Command::Ism(arguments) => ism::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Tracks(arguments) => tracks::run(&arguments),
        Command::Manual(manual) => manual.run::<Program>().map(|()| Outcome::Done),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        // The reader of a pipe has seen enough.
        Err(error) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::fail("error", &error);
            ExitCode::from(2)
        }
    }
}

/// The command as it is parsed and described: `convert` and `parity` as subcommands.
struct Program;

impl CommandFactory for Program {
    fn command() -> clap::Command {
        let inner = |name: &'static str| move |command| within(command, name);
        Cli::command()
            .mut_subcommand("convert", inner("convert"))
            .mut_subcommand("parity", inner("parity"))
    }

    fn command_for_update() -> clap::Command {
        Self::command()
    }
}

/// The examples of `program` name it as a subcommand, and its completions and manual are those of the whole.
fn within(mut command: clap::Command, program: &'static str) -> clap::Command {
    if let Some(text) = command.get_after_help().map(ToString::to_string) {
        let named = format!("{program} ");
        command = command.after_help(text.replace(&named, &format!("alphagenome {named}")));
    }
    if ["completions", "man"].contains(&command.get_name()) {
        command = command.hide(true);
    }
    command.mut_subcommands(|inner| within(inner, program))
}
