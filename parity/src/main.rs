//! `parity`: see `parity --help` and `docs/parity.md`.

use std::process::ExitCode;

use clap::Parser;
use parity::cli::Cli;
use parity::exit::Exit;

fn main() -> ExitCode {
    match parity::commands::run(Cli::parse()) {
        Ok(exit) => exit.into(),
        // Whoever closed the pipe has read enough.
        Err(error) if is_broken_pipe(&error) => Exit::Agree.into(),
        Err(error) => {
            eprintln!("parity: {}", told(&error));
            Exit::CouldNotRun.into()
        }
    }
}

/// The error and its causes, without those that the message before them ends with already.
fn told(error: &anyhow::Error) -> String {
    let add = |mut text: String, cause: String| {
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        text
    };
    let causes = error.chain().skip(1).map(ToString::to_string);
    causes.fold(error.to_string(), add)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
