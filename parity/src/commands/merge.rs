//! `parity merge`: the shares of `record`, `smoke` or a level as one.

use anyhow::{Context, Result, bail};

use super::{level, record, smoke, write};
use crate::cli::Merge;
use crate::exit::Exit;
use crate::shares::Merged;

/// Merges; the exit code is that of a run without shares.
///
/// # Errors
/// Where a share is missing, double, changed or of another run, or what is asked for is not what the shares hold.
pub fn run(args: &Merge) -> Result<Exit> {
    let merged = Merged::open(&args.shares)?;
    let command = merged.command();
    let reports = args.writing.files().iter().any(Option::is_some);
    if reports && !command.starts_with("level") {
        bail!(
            "{}: shares of `parity {command}`, which has no --junit, --mqc or --html",
            args.shares.display()
        );
    }
    if command == "record" {
        let out = args.out.as_deref();
        return record::merge(
            &merged,
            out.context("shares of `parity record`: name the recording to write with --out")?,
        );
    }
    if args.out.is_some() {
        bail!(
            "{}: shares of `parity {command}`, whose result goes to stdout: leave --out away",
            args.shares.display()
        );
    }
    match command {
        "smoke" => smoke::merge(&merged, args.writing.json),
        _ => write::report(&level::merge(&merged)?, &args.writing),
    }
}
