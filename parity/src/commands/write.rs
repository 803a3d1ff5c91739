//! Prints results and writes report files.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, anyhow};

use crate::cli::{Command, Writing};
use crate::exit::Exit;
use crate::file;
use crate::report::{grid, html, json, junit, mqc, table};
use crate::result::Report;

pub use terminal::print;

/// Prints a result, and writes every report that was asked for; the exit code is the verdict's.
///
/// # Errors
/// Where stdout or a file cannot be written; what can be is.
pub fn report(report: &Report, writing: &Writing) -> Result<Exit> {
    let text = match writing.json {
        true => format!("{}\n", json::write(report)),
        false => table::write(report, grid::terminal_width()),
    };
    both(&text, || files(std::slice::from_ref(report), writing))?;
    Ok(Exit::of(report.verdict.agree))
}

/// Prints what a command found, then writes it to files: neither is lost because the other cannot be written.
///
/// # Errors
/// Those of the files, else those of stdout.
pub fn both(text: &str, files: impl FnOnce() -> Result<()>) -> Result<()> {
    let printed = print(text);
    files()?;
    Ok(printed?)
}

/// Writes the report files that were asked for, over all results.
///
/// # Errors
/// Where files cannot be written; the others are.
pub fn files(reports: &[Report], writing: &Writing) -> Result<()> {
    let wanted = [
        (&writing.junit, junit::write as fn(&[Report]) -> String),
        (&writing.mqc, mqc::write),
        (&writing.html, html::write),
    ];
    let faults: Vec<String> = wanted
        .into_iter()
        .filter_map(|(path, write)| self::text(path.as_deref()?, &write(reports)).err())
        .map(|error| error.to_string())
        .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(anyhow!(faults.join("; "))),
    }
}

/// Writes a text file.
///
/// # Errors
/// Where it cannot be written.
pub fn text(path: &Path, text: &str) -> Result<(), file::FileError> {
    file::write(path, |out| out.write_all(text.as_bytes()))
}

/// The files that a command writes when its work is done.
pub fn paths(command: &Command) -> Vec<&Path> {
    let paths = match command {
        Command::Level1(args)
        | Command::Level2(args)
        | Command::Level3(args)
        | Command::Level4(args) => args.level.writing.files(),
        #[cfg(feature = "burn")]
        Command::Merge(args) => args.writing.files(),
        Command::Compare(args) => args.writing.files(),
        Command::Verdict(args) => args.level.writing.files(),
        Command::Floor(args) => [Some(&args.out), None, None],
        Command::Bisect(args) => [args.html.as_ref(), None, None],
        Command::Bench(args) => [args.trace.as_ref(), None, None],
        _ => [None; 3],
    };
    paths
        .into_iter()
        .flatten()
        .map(|path| path.as_path())
        .collect()
}
