//! The commands: each takes its arguments, prints, and says how it ended.

#[cfg(feature = "burn")]
mod attention;
#[cfg(feature = "burn")]
mod bench;
#[cfg(feature = "burn")]
mod bench_forms;
mod bench_scores;
mod bisect;
mod compare;
mod drift;
mod explain;
pub mod floor;
#[cfg(feature = "burn")]
mod invariance;
#[cfg(feature = "burn")]
mod level;
#[cfg(feature = "burn")]
mod merge;
#[cfg(feature = "burn")]
mod precision;
#[cfg(feature = "burn")]
mod record;
#[cfg(feature = "burn")]
mod scores;
#[cfg(feature = "burn")]
mod smoke;
mod trace_diff;
#[cfg(feature = "burn")]
mod trace_events;
mod verdict;
mod wanted;
mod write;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Cli, Command};
use crate::exit::Exit;

/// Runs a command, and says on stderr why it could not.
pub fn main(cli: Cli) -> ExitCode {
    match run(cli) {
        Ok(exit) => exit.into(),
        // Whoever closed the pipe has read enough.
        Err(error) if terminal::is_broken_pipe(&error) => Exit::Agree.into(),
        Err(error) => {
            terminal::fail("parity", &error);
            Exit::CouldNotRun.into()
        }
    }
}

/// Runs a command.
///
/// # Errors
/// Where it could not run, with the reason.
pub fn run(cli: Cli) -> Result<Exit> {
    cli.loudness.set();
    // Not only after the work.
    crate::file::check(write::paths(&cli.command))?;
    match cli.command {
        Command::Manual(manual) => manual.run::<Cli>().map(|()| Exit::Agree),
        Command::Compare(args) => compare::run(&args),
        Command::Floor(args) => floor::run(&args),
        Command::Verdict(args) => verdict::run(&args),
        Command::Drift(args) => drift::run(&args),
        Command::Bisect(args) => bisect::run(&args),
        Command::TraceDiff(args) => trace_diff::run(&args),
        Command::Explain(args) => explain::run(&args),
        command => with_model(command),
    }
}

#[cfg(feature = "burn")]
fn with_model(command: Command) -> Result<Exit> {
    match command {
        Command::Level1(args) => level::run(&args, 1),
        Command::Level2(args) => level::run(&args, 2),
        Command::Level3(args) => level::run(&args, 3),
        Command::Level4(args) => level::run(&args, 4),
        Command::Record(args) => record::run(&args),
        Command::Smoke(args) => smoke::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Scores(args) => scores::run(&args),
        Command::Invariance(args) => invariance::run(&args),
        Command::Attention(args) => attention::run(&args),
        Command::Precision(args) => precision::run(&args),
        Command::Compare(_)
        | Command::Floor(_)
        | Command::Verdict(_)
        | Command::Drift(_)
        | Command::Bisect(_)
        | Command::TraceDiff(_)
        | Command::Explain(_)
        | Command::Manual(_) => {
            unreachable!("these need no model")
        }
    }
}

#[cfg(not(feature = "burn"))]
fn with_model(_: Command) -> Result<Exit> {
    anyhow::bail!(
        "this build has no model: build with the default features, or compare two recordings with `parity compare`"
    )
}
