//! Prints results and writes report files.

use std::io::Write;

use anyhow::Result;

use crate::cli::Writing;
use crate::exit::Exit;
use crate::recording::write_atomically;
use crate::report::{grid, html, json, junit, mqc, table};
use crate::result::Report;

/// Writes every report that was asked for; the exit code is the verdict's.
///
/// # Errors
/// Where a file cannot be written.
pub fn report(report: &Report, writing: &Writing) -> Result<Exit> {
    files(std::slice::from_ref(report), writing)?;
    if writing.json {
        print(&format!("{}\n", json::write(report)))?;
    } else {
        print(&table::write(report, grid::terminal_width()))?;
    }
    Ok(Exit::of(report.verdict.agree))
}

/// Writes the report files that were asked for, over all results.
///
/// # Errors
/// Where a file cannot be written.
pub fn files(reports: &[Report], writing: &Writing) -> Result<()> {
    let wanted = [
        (&writing.junit, junit::write as fn(&[Report]) -> String),
        (&writing.mqc, mqc::write),
        (&writing.html, html::write),
    ];
    for (path, write) in wanted {
        if let Some(path) = path {
            let text = write(reports);
            write_atomically(path, |file| file.write_all(text.as_bytes()))?;
        }
    }
    Ok(())
}

/// Prints to stdout.
///
/// # Errors
/// Where stdout cannot be written; a closed pipe is an error of kind `BrokenPipe`, which `main` takes for success.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
