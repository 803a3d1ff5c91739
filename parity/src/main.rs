//! `parity`: see `parity --help` and `docs/parity.md`.

use std::process::ExitCode;

use clap::Parser;
use parity::cli::Cli;
use parity::exit::Exit;

fn main() -> ExitCode {
    match parity::commands::run(Cli::parse()) {
        Ok(exit) => exit.into(),
        // Whoever closed the pipe has read enough.
        Err(error) if terminal::is_broken_pipe(&error) => Exit::Agree.into(),
        Err(error) => {
            eprintln!("parity: {}", terminal::message(&error));
            Exit::CouldNotRun.into()
        }
    }
}
