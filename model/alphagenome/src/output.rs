//! Tables as files: tab-separated, Parquet, or a VCF's INFO fields, by the ending of the name.

mod vcf;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};
use noodles_bgzf as bgzf;
use results::parquet::{Cell, Encoded, GROUP, Group, Kind, Parquet};
use scorers::Table;

use crate::failures;
use crate::pending::Pending;
use crate::work::{Batches, Part, Rows, check_kind};

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
    Compressed(bgzf::io::MultithreadedWriter<BufWriter<File>>),
}

impl Text {
    fn new(file: File, compressed: bool) -> Self {
        let out = BufWriter::with_capacity(1 << 16, file);
        match compressed {
            true => Self::Compressed(bgzf::io::MultithreadedWriter::with_worker_count(
                threads(),
                out,
            )),
            false => Self::Plain(out),
        }
    }

    /// Writes what is left, and gives the file.
    fn finish(self) -> std::io::Result<File> {
        let out = match self {
            Self::Plain(out) => out,
            Self::Compressed(mut out) => out.finish()?,
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

fn threads() -> NonZero<usize> {
    available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Groups of rows that are made at once, at most: each takes some hundred megabytes.
const AHEAD: usize = 8;

/// The rows of an output in the making.
enum Sink {
    Text(Text),
    /// Groups are encoded by other threads, and written in order.
    Parquet(Box<Parquet<File>>, VecDeque<Pending<Encoded>>),
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
            let table = Box::new(Parquet::new(file, &named)?);
            return Ok(Self::Parquet(table, VecDeque::new()));
        }
        let mut text = Text::new(file, matches!(format, Format::TsvGz | Format::VcfGz));
        match format.is_vcf() {
            true => text.write_all(header.as_bytes())?,
            false if columns.is_empty() => {}
            false => writeln!(text, "{}", columns.join("\t"))?,
        }
        Ok(Self::Text(text))
    }

    fn write(&mut self, chunk: Chunk) -> Result<()> {
        match self {
            Self::Text(text) => chunk.write(text),
            Self::Parquet(table, making) => {
                let group = table.group();
                making.push_back(Pending::spawn("a group of rows", move || {
                    chunk.encode(group)
                }));
                let full = making.len() >= AHEAD.min(threads().get());
                let first = making.pop_front_if(|_| full);
                first.map_or(Ok(()), |made| table.append(made.wait()?))
            }
        }
    }

    /// Writes what is left, and gives the file.
    fn finish(self) -> Result<File> {
        match self {
            Self::Text(text) => Ok(text.finish()?),
            Self::Parquet(mut table, making) => {
                for made in making {
                    table.append(made.wait()?)?;
                }
                table.finish()
            }
        }
    }
}

/// Where the fields of some rows stand among all columns.
#[derive(Debug, PartialEq, Eq)]
struct Places {
    at: Vec<usize>,
    all: usize,
}

impl Places {
    fn new(own: &[String], all: &[String]) -> Self {
        let at = own
            .iter()
            .filter_map(|name| all.iter().position(|column| column == name));
        Self {
            at: at.collect(),
            all: all.len(),
        }
    }

    /// Whether these rows have all columns, each at its place.
    fn are_all(&self) -> bool {
        self.at.iter().copied().eq(0..self.all)
    }

    /// The fields of a line, empty where it has none.
    fn fields<'a>(&self, line: &'a str) -> Vec<&'a str> {
        let mut fields = vec![""; self.all];
        for (place, value) in self.at.iter().zip(line.split('\t')) {
            fields[*place] = value;
        }
        fields
    }
}

/// Rows of one or several batches, as text.
#[derive(Default)]
struct Chunk {
    rows: usize,
    runs: Vec<(Arc<Places>, String)>,
}

impl Chunk {
    /// Rows with the columns of all, one after the other.
    fn write(&self, to: &mut impl Write) -> Result<()> {
        for (places, text) in &self.runs {
            if places.are_all() {
                to.write_all(text.as_bytes())?;
                continue;
            }
            for line in text.split_terminator('\n') {
                writeln!(to, "{}", places.fields(line).join("\t"))?;
            }
        }
        Ok(())
    }

    fn encode(self, mut group: Group) -> Result<Encoded> {
        for (places, text) in self.runs {
            for line in text.split_terminator('\n') {
                group.row(places.fields(line).into_iter().map(Cell::Field))?;
            }
        }
        group.encode()
    }

    /// Takes rows, and hands this chunk on and empties it each time that it is full. Gives how many it took.
    fn fill(
        &mut self,
        rows: impl Read,
        places: Places,
        mut full: impl FnMut(Self) -> Result<()>,
    ) -> Result<u64> {
        let (places, mut count) = (Arc::new(places), 0);
        let mut rows = BufReader::with_capacity(1 << 16, rows);
        loop {
            let mut text = String::new();
            while self.rows < GROUP && rows.read_line(&mut text)? > 0 {
                self.rows += 1;
                count += 1;
            }
            if text.is_empty() {
                return Ok(count);
            }
            self.runs.push((places.clone(), text));
            if self.rows == GROUP {
                full(std::mem::take(self))?;
            }
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
        check_kind(file)?;
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

    /// The folder of finished batches beside it.
    pub fn partial(&self) -> PathBuf {
        self.path.with_added_extension("partial")
    }

    /// The table of what could not be scored.
    pub fn failures(&self) -> PathBuf {
        self.path.with_added_extension("failures.tsv")
    }

    /// Makes the output and the table of failures of finished batches, in `scratch` until both are whole. `header` is a VCF's.
    ///
    /// # Errors
    /// Where something cannot be read or written, or is not as it was written.
    pub fn make(&self, scratch: &Path, from: &[Batches], header: &str) -> Result<Made> {
        let columns = columns(from)?;
        let unfinished = scratch.join("output.unfinished");
        let named = || unfinished.display().to_string();
        let file = File::create(&unfinished).with_context(named)?;
        let mut sink = Sink::new(file, self.format, header, &columns).with_context(named)?;
        let (mut made, mut chunk) = (Made::default(), Chunk::default());
        let mut failed: Option<BufWriter<File>> = None;
        let unnamed = scratch.join("failures.unfinished");
        let unfailed = || unnamed.display().to_string();
        for batches in from {
            for part in batches.parts()? {
                let part = part?;
                made.items += part.items;
                let rows = batches.rows(&part)?;
                let places = Places::new(&part.columns, &columns);
                let rows = chunk.fill(rows, places, |chunk| sink.write(chunk));
                made.rows += rows.with_context(named)?;
                made.failures += part.failures.len() as u64;
                for failure in &part.failures {
                    let out = match &mut failed {
                        Some(out) => out,
                        None => failed.insert(failures::begin(&unnamed)?),
                    };
                    failure.write(out).with_context(unfailed)?;
                }
            }
        }
        if chunk.rows > 0 {
            sink.write(chunk).with_context(named)?;
        }
        let file = sink.finish().with_context(named)?;
        file.sync_data().with_context(named)?;
        match failed {
            Some(out) => {
                let file = out.into_inner().with_context(unfailed)?;
                file.sync_data().with_context(unfailed)?;
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
fn columns(from: &[Batches]) -> Result<Vec<String>> {
    let mut columns: Vec<String> = Vec::new();
    for batches in from {
        for part in batches.parts()? {
            extend(&mut columns, &part?.columns);
        }
    }
    for last in LAST {
        if let Some(at) = columns.iter().position(|name| name == last) {
            let column = columns.remove(at);
            columns.push(column);
        }
    }
    Ok(columns)
}

/// Adds the names that are not there.
pub(crate) fn extend(columns: &mut Vec<String>, names: &[String]) {
    for name in names {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
}

/// Some rows under some columns, compressed.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    columns: Vec<String>,
    rows: u64,
    compressed: Vec<u8>,
}

impl Lines {
    /// Those of a table, under the columns in `known` and its own after these.
    ///
    /// # Errors
    /// Where they cannot be compressed.
    pub fn of(table: &Table, known: &[String]) -> Result<Self> {
        let mut columns = known.to_vec();
        let own = table.columns().iter().map(|column| column.name.to_owned());
        extend(&mut columns, &own.collect::<Vec<_>>());
        let mut text = Vec::new();
        table.write_rows(&columns, &mut text)?;
        Self::new(columns, table.len() as u64, &text)
    }

    /// That of a VCF.
    ///
    /// # Errors
    /// Where it cannot be compressed.
    pub fn record(record: &str) -> Result<Self> {
        Self::new(vcf_columns(), 1, record.as_bytes())
    }

    fn new(columns: Vec<String>, rows: u64, text: &[u8]) -> Result<Self> {
        Ok(Self {
            columns,
            rows,
            compressed: zstd::bulk::compress(text, 1)?,
        })
    }

    /// Their columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Appends them to a batch, whose columns grow where these have others: rows before have none of those.
    ///
    /// # Errors
    /// Where the batch cannot be written.
    pub fn append(self, part: &mut Part, to: &mut Rows) -> Result<()> {
        part.rows += self.rows;
        if self.columns.starts_with(&part.columns) {
            part.columns = self.columns;
        } else if !part.columns.starts_with(&self.columns) {
            extend(&mut part.columns, &self.columns);
            let mut text = Vec::new();
            let rows = zstd::Decoder::new(&self.compressed[..])?;
            let places = Places::new(&self.columns, &part.columns);
            let mut chunk = Chunk::default();
            chunk.fill(rows, places, |chunk| chunk.write(&mut text))?;
            chunk.write(&mut text)?;
            return to.append(&zstd::bulk::compress(&text, 1)?);
        }
        to.append(&self.compressed)
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;
    use crate::work::{Settings, Work};

    fn lines(columns: &[&str], text: &str) -> Lines {
        let columns = columns.iter().map(|name| (*name).to_owned());
        Lines::new(
            columns.collect(),
            text.lines().count() as u64,
            text.as_bytes(),
        )
        .unwrap()
    }

    #[test]
    fn rows_of_other_columns_find_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let mut work = Work::open(&folder.path().join("work"), &Settings::new(), false).unwrap();
        for (first, all) in [
            (0, vec![lines(&["a", "raw_score"], "1\t0.5\n")]),
            (
                1,
                vec![
                    lines(&["a", "raw_score"], "2\t1.5\n"),
                    // Made beside the row before, of which it knew nothing.
                    lines(&["a", "c"], "3\tx\n4\ty\n"),
                    lines(&["a", "raw_score", "b"], "5\t2.5\tz\n"),
                    lines(&["a"], "6\n"),
                ],
            ),
            // Nothing of it has scores.
            (5, vec![]),
        ] {
            let mut rows = work.begin().unwrap();
            let mut part = Part {
                first,
                ..Part::default()
            };
            for lines in all {
                lines.append(&mut part, &mut rows).unwrap();
                part.items += 1;
            }
            work.end(rows, &mut part).unwrap();
        }
        let output = Output::new(&folder.path().join("out.tsv"), false).unwrap();
        let made = output.make(work.folder(), &[work.batches().clone()], "");
        let made = made.unwrap();
        assert_eq!((made.items, made.rows), (5, 6));
        let text = fs::read_to_string(&output.path).unwrap();
        let expected = "a\tc\tb\traw_score\n1\t\t\t0.5\n2\t\t\t1.5\n3\tx\t\t\n4\ty\t\t\n5\t\tz\t2.5\n6\t\t\t\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn rows_that_do_not_fit_leave_no_table() {
        let folder = tempfile::tempdir().unwrap();
        let mut work = Work::open(&folder.path().join("work"), &Settings::new(), false).unwrap();
        let (mut rows, mut part) = (work.begin().unwrap(), Part::default());
        let wrong = lines(&["a", "raw_score"], "1\tno number\n");
        wrong.append(&mut part, &mut rows).unwrap();
        work.end(rows, &mut part).unwrap();
        let output = Output::new(&folder.path().join("out.parquet"), false).unwrap();
        let made = output.make(work.folder(), &[work.batches().clone()], "");
        let error = terminal::message(&made.unwrap_err());
        assert!(error.contains("a group of rows: invalid float"), "{error}");
        assert!(!output.path.exists());
    }

    /// More rows than are written together, and batches that end in the midst of those.
    #[test]
    fn large_tables_have_their_rows_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut work = Work::open(&folder.path().join("work"), &Settings::new(), false).unwrap();
        let (mut first, mut expected) = (0, String::from("a\tb\traw_score\n"));
        for (rows, b) in [(GROUP - 7, false), (GROUP, true), (GROUP / 2, false)] {
            let mut text = String::new();
            for at in first..first + rows {
                let b = if b {
                    format!("b{}\t", at % 3)
                } else {
                    String::new()
                };
                text.push_str(&format!("a{at}\t{b}{}\n", at as f32 / 8.0));
                let b = b.trim_end();
                expected.push_str(&format!("a{at}\t{b}\t{}\n", at as f32 / 8.0));
            }
            let columns = if b {
                &["a", "b", "raw_score"][..]
            } else {
                &["a", "raw_score"]
            };
            let mut part = Part {
                first: first as u64,
                items: rows as u64,
                ..Part::default()
            };
            let mut to = work.begin().unwrap();
            lines(columns, &text).append(&mut part, &mut to).unwrap();
            work.end(to, &mut part).unwrap();
            first += rows;
        }
        let make = |name: &str| {
            let output = Output::new(&folder.path().join(name), false).unwrap();
            let made = output.make(work.folder(), &[work.batches().clone()], "");
            assert_eq!(made.unwrap().rows, first as u64);
            File::open(output.path).unwrap()
        };
        assert_eq!(std::io::read_to_string(make("out.tsv")).unwrap(), expected);
        let plain = flate2::read::MultiGzDecoder::new(make("out.tsv.gz"));
        assert_eq!(std::io::read_to_string(plain).unwrap(), expected);
        let table = SerializedFileReader::new(make("out.parquet")).unwrap();
        assert_eq!(table.num_row_groups(), 3);
        let mut lines = expected.lines().skip(1);
        for row in table.get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let fields = row.get_column_iter().map(|(_, field)| match field {
                Field::Null => String::new(),
                Field::Str(text) => text.clone(),
                other => other.to_string(),
            });
            let fields: Vec<_> = fields.collect();
            let expected: Vec<_> = lines.next().unwrap().split('\t').collect();
            assert_eq!(fields[..2], expected[..2]);
            let score = |text: &str| text.parse::<f32>().unwrap();
            assert_eq!(score(&fields[2]), score(expected[2]));
        }
        assert_eq!(lines.next(), None);
    }
}
