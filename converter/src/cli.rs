//! The command line.
//!
//! Exit codes: 0 if all went well, 1 if `verify` or `diff` found differences, 2 if nothing could be done: bad arguments,
//! bad input, no space.

mod arguments;
mod convert;
mod diff;
mod inspect;
mod progress;
mod source;
mod table;
mod verify;

use std::{io, process::ExitCode};

use clap::Parser;

use arguments::{Arguments, Command};

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to object to.
    Fine,
    /// Differences.
    Different,
}

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        None => convert::run(&arguments.convert),
        Some(Command::Inspect(arguments)) => inspect::run(arguments),
        Some(Command::Verify(arguments)) => verify::run(arguments),
        Some(Command::Diff(arguments)) => diff::run(arguments),
    };
    match result {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Different) => ExitCode::from(1),
        // The reader of a pipe has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes JSON to stdout.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    use io::Write;
    let text = converter::convert::to_json(value)?;
    io::stdout().lock().write_all(&text)?;
    Ok(())
}
