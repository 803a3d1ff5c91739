//! `parity`: see `parity --help` and `docs/parity.md`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    parity::commands::main(parity::cli::Cli::parse())
}
