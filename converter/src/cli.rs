//! The command line.
//!
//! Exit codes: 0 if all went well, 1 if `verify` or `diff` found differences, 2 if nothing could be done: bad arguments,
//! bad input, no space.

mod arguments;
mod convert;
mod diff;
mod inspect;
mod source;
mod table;
mod verify;

use std::{io::Write as _, process::ExitCode};

use clap::Parser;

pub use arguments::Arguments;
use arguments::Command;

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
    run(&Arguments::parse())
}

/// Runs a command line.
pub fn run(arguments: &Arguments) -> ExitCode {
    arguments.loudness.set();
    if let Err(error) = converter::interrupt::install() {
        let line =
            format!("note: {error}: an interruption leaves hidden files to the next conversion");
        terminal::note(terminal::Speech::Normal, &line);
    }
    let result = match &arguments.command {
        None => convert::run(&arguments.convert),
        Some(Command::Inspect(arguments)) => inspect::run(arguments),
        Some(Command::Spec(of)) => terminal::print(source::built_in(of).spec())
            .map(|()| Outcome::Fine)
            .map_err(Into::into),
        Some(Command::Verify(arguments)) => verify::run(arguments),
        Some(Command::Diff(arguments)) => diff::run(arguments),
        Some(Command::Manual(manual)) => manual.run::<Arguments>().map(|()| Outcome::Fine),
    };
    match result {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Different) => ExitCode::from(1),
        // The reader of a pipe has seen enough.
        Err(error) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::fail("error", &error);
            ExitCode::from(2)
        }
    }
}

/// What is left of a result when the reader of a pipe has seen enough: a verdict stays what it is.
fn unless_closed(shown: anyhow::Result<()>) -> anyhow::Result<()> {
    shown.or_else(|error| match terminal::is_broken_pipe(&error) {
        true => Ok(()),
        false => Err(error),
    })
}

/// Writes JSON to stdout.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = converter::convert::to_json(value)?;
    let mut out = terminal::stdout();
    out.write_all(&text)?;
    Ok(out.flush()?)
}
