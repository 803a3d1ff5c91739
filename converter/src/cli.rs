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
            eprintln!("error: {}", explain(&error));
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Joins an error and its causes, but for those that it quotes itself.
fn explain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        let cause = cause.trim_end();
        if text.is_empty() {
            text.push_str(cause);
        } else if !text.contains(cause) {
            text.push_str(": ");
            text.push_str(cause);
        }
    }
    text
}

/// Writes JSON to stdout.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    use io::Write;
    let text = converter::convert::to_json(value)?;
    io::stdout().lock().write_all(&text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::explain;

    #[test]
    fn nothing_is_said_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("manifest.ocdbt: {source}")]
        struct Quoting {
            source: std::io::Error,
        }
        let quoting = || -> Result<(), _> {
            Err(Quoting {
                source: std::io::Error::other("cut\n"),
            })
        };
        assert_eq!(
            explain(&quoting().unwrap_err().into()),
            "manifest.ocdbt: cut"
        );
        let with_place = quoting().context("/a/snapshot").unwrap_err();
        assert_eq!(explain(&with_place), "/a/snapshot: manifest.ocdbt: cut");
    }
}
