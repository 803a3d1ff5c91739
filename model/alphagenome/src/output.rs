//! Tables as files: tab-separated, Parquet, or a VCF's INFO fields, by the ending of the name.

mod vcf;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use noodles_bgzf as bgzf;
use results::parquet::{Cell, Kind, Parquet};
use scorers::Table;

use crate::failures;
use crate::work::{Part, Work};

pub use vcf::Summary;

/// Columns of a VCF's records.
#[must_use]
pub fn vcf_columns() -> Vec<String> {
    vcf::COLUMNS.map(str::to_owned).into()
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.tsv`
    Tsv,
    /// `.tsv.gz`: compressed with BGZF, which every gzip reads.
    TsvGz,
    /// `.parquet`
    Parquet,
    /// `.vcf`
    Vcf,
    /// `.vcf.gz`
    VcfGz,
}

impl Format {
    /// How a name ends.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Tsv => ".tsv",
            Self::TsvGz => ".tsv.gz",
            Self::Parquet => ".parquet",
            Self::Vcf => ".vcf",
            Self::VcfGz => ".vcf.gz",
        }
    }

    /// The format of a file by the ending of its name.
    ///
    /// # Errors
    /// Where the ending is none of those.
    pub fn of(path: &Path) -> Result<Self> {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let all = [
            Self::Tsv,
            Self::TsvGz,
            Self::Parquet,
            Self::Vcf,
            Self::VcfGz,
        ];
        let found = all
            .into_iter()
            .find(|format| name.ends_with(format.ending()));
        let known = all.map(Self::ending).join(", ");
        found.with_context(|| {
            format!(
                "{}: the name says no format; end it with one of {known}",
                path.display()
            )
        })
    }

    /// Whether it is a VCF.
    pub fn is_vcf(self) -> bool {
        matches!(self, Self::Vcf | Self::VcfGz)
    }
}

/// A text file, compressed or not.
enum Text {
    Plain(BufWriter<File>),
    Compressed(bgzf::io::Writer<BufWriter<File>>),
}

impl Text {
    fn new(file: File, compressed: bool) -> Self {
        let out = BufWriter::with_capacity(1 << 16, file);
        match compressed {
            true => Self::Compressed(bgzf::io::Writer::new(out)),
            false => Self::Plain(out),
        }
    }

    /// Writes what is left, and gives the file.
    fn finish(self) -> std::io::Result<File> {
        let out = match self {
            Self::Plain(out) => out,
            Self::Compressed(out) => out.finish()?,
        };
        Ok(out.into_inner()?)
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Compressed(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Compressed(out) => out.flush(),
        }
    }
}

/// The rows of an output in the making.
enum Sink {
    Text(Text),
    Parquet(Box<Parquet<File>>),
}

impl Sink {
    /// `header` is a VCF's.
    fn new(file: File, format: Format, header: &str, columns: &[String]) -> Result<Self> {
        if format == Format::Parquet {
            let named = columns.iter().map(|name| (name.as_str(), kind(name)));
            let mut named: Vec<_> = named.collect();
            // A table without columns is none to most readers.
            if named.is_empty() {
                named.push((LAST[0], Kind::Real));
            }
            return Ok(Self::Parquet(Box::new(Parquet::new(file, &named)?)));
        }
        let mut text = Text::new(file, matches!(format, Format::TsvGz | Format::VcfGz));
        match format.is_vcf() {
            true => text.write_all(header.as_bytes())?,
            false if columns.is_empty() => {}
            false => writeln!(text, "{}", columns.join("\t"))?,
        }
        Ok(Self::Text(text))
    }

    fn row(&mut self, fields: &[&str]) -> Result<()> {
        match self {
            Self::Text(text) => Ok(writeln!(text, "{}", fields.join("\t"))?),
            Self::Parquet(table) => table.row(fields.iter().map(|field| Cell::Field(field))),
        }
    }

    /// Writes what is left, and gives the file.
    fn finish(self) -> Result<File> {
        match self {
            Self::Text(text) => Ok(text.finish()?),
            Self::Parquet(table) => table.finish(),
        }
    }
}

/// What a column of the SDK's table holds.
fn kind(name: &str) -> Kind {
    match name {
        name if LAST.contains(&name) => Kind::Real,
        "junction_Start" | "junction_End" => Kind::Integer,
        _ => Kind::Text,
    }
}

/// Fails where the folder of a file is not there.
pub(crate) fn check_folder(file: &Path) -> Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        bail!("{}: there is no such folder", folder.display());
    }
    Ok(())
}

/// An output and its table of failures, checked before any work.
#[derive(Clone, Debug)]
pub struct Output {
    /// The file.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
}

impl Output {
    /// An output at `path`.
    ///
    /// # Errors
    /// Where the name says no format, the folder is not there, or something stands there and `force` is not given.
    pub fn new(path: &Path, force: bool) -> Result<Self> {
        let output = Self {
            path: path.to_owned(),
            format: Format::of(path)?,
        };
        for file in [&output.path, &output.failures()] {
            Self::vacant(file, force)?;
        }
        Ok(output)
    }

    /// Fails where `file` cannot be written: its folder is not there, or something stands in its place and `force` is not given.
    ///
    /// # Errors
    /// Then.
    pub fn vacant(file: &Path, force: bool) -> Result<()> {
        check_folder(file)?;
        if file.is_dir() {
            bail!("{} is a folder; name a file", file.display());
        }
        if file.exists() && !force {
            bail!(
                "{} exists already; --force replaces it, --out writes elsewhere",
                file.display()
            );
        }
        Ok(())
    }

    /// A table at `path`. `what` says what is written.
    ///
    /// # Errors
    /// As [`Output::new`], and for a VCF.
    pub fn table(path: &Path, force: bool, what: &str) -> Result<Self> {
        let output = Self::new(path, force)?;
        if output.format.is_vcf() {
            bail!(
                "{}: {what} a table: end the name with .tsv, .tsv.gz or .parquet",
                path.display()
            );
        }
        Ok(output)
    }

    /// The table of what could not be scored.
    pub fn failures(&self) -> PathBuf {
        self.path.with_added_extension("failures.tsv")
    }

    /// Makes the output and the table of failures of finished batches. `header` is a VCF's.
    ///
    /// # Errors
    /// Where something cannot be read or written.
    pub fn make(&self, work: &Work, header: &str) -> Result<Made> {
        let parts = work.parts()?;
        let columns = columns(&parts);
        let unfinished = work.folder().join("output.unfinished");
        let named = || unfinished.display().to_string();
        let file = File::create(&unfinished).with_context(named)?;
        let mut sink = Sink::new(file, self.format, header, &columns).with_context(named)?;
        let mut made = Made::default();
        let mut failed: Option<BufWriter<File>> = None;
        let unnamed = work.folder().join("failures.unfinished");
        for part in &parts {
            made.items += part.items;
            made.rows += copy(work.rows(part)?, &part.columns, &columns, &mut sink)?;
            made.failures += part.failures.len() as u64;
            for failure in &part.failures {
                let out = match &mut failed {
                    Some(out) => out,
                    None => failed.insert(failures::begin(&unnamed)?),
                };
                failure.write(out)?;
            }
        }
        let file = sink.finish().with_context(named)?;
        file.sync_data().with_context(named)?;
        match failed {
            Some(out) => {
                let file = out
                    .into_inner()
                    .map_err(std::io::IntoInnerError::into_error)?;
                file.sync_data()?;
                fs::rename(&unnamed, self.failures())
                    .with_context(|| self.failures().display().to_string())?;
            }
            None => drop(fs::remove_file(self.failures())),
        }
        fs::rename(&unfinished, &self.path).with_context(|| self.path.display().to_string())?;
        Ok(made)
    }
}

/// What an output holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Variants, or intervals, that were read.
    pub items: u64,
    /// Rows.
    pub rows: u64,
    /// How many have no scores.
    pub failures: u64,
}

/// Columns whose place is at the end, whatever comes before.
const LAST: [&str; 2] = ["raw_score", "quantile_score"];

/// The union of the batches' columns in the order in which they come.
fn columns(parts: &[Part]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for name in parts.iter().flat_map(|part| &part.columns) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    for last in LAST {
        if let Some(at) = columns.iter().position(|name| name == last) {
            let column = columns.remove(at);
            columns.push(column);
        }
    }
    columns
}

/// Hands the rows of a batch on, its fields at the places that they have among all columns.
fn copy(rows: impl Read, own: &[String], all: &[String], to: &mut Sink) -> Result<u64> {
    let places: Vec<_> = own
        .iter()
        .filter_map(|name| all.iter().position(|column| column == name))
        .collect();
    let mut rows = BufReader::with_capacity(1 << 16, rows);
    let (mut line, mut count) = (String::new(), 0);
    loop {
        line.clear();
        if rows.read_line(&mut line)? == 0 {
            return Ok(count);
        }
        let mut fields = vec![""; all.len()];
        let values = line.trim_end_matches('\n').split('\t');
        for (place, value) in places.iter().zip(values) {
            fields[*place] = value;
        }
        to.row(&fields)?;
        count += 1;
    }
}

/// Appends the rows of a table to a batch, whose columns grow where the table has others: rows before have none of those.
///
/// # Errors
/// Where the batch cannot be written.
pub fn append(table: &Table, columns: &mut Vec<String>, to: &mut impl Write) -> Result<()> {
    for column in table.columns() {
        if !columns.iter().any(|name| name == column.name) {
            columns.push(column.name.to_owned());
        }
    }
    Ok(table.write_rows(columns, to)?)
}
