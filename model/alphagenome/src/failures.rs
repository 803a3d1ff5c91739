//! Variants, or intervals, without scores, and why.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// A variant or interval without scores.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Failure {
    /// The variant or interval; nothing where a record is none.
    pub subject: String,
    /// The record's ID.
    pub id: Option<String>,
    /// Line of the record; nothing for variants that come from no file.
    pub line: Option<u64>,
    /// Why.
    pub reason: String,
}

/// The first line of the table.
const HEADER: &str = "variant\tid\tline\treason";

/// Begins a table at `path`.
///
/// # Errors
/// Where it cannot be written.
pub fn begin(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut out = BufWriter::new(file);
    writeln!(out, "{HEADER}")?;
    Ok(out)
}

impl Failure {
    /// Writes a line of the table.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let line = self.line.map(|line| line.to_string()).unwrap_or_default();
        let id = self.id.as_deref().unwrap_or("");
        let fields = [&self.subject, id, &line, &self.reason].map(terminal::line);
        writeln!(to, "{}", fields.join("\t"))
    }
}
