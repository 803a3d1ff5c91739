//! Scores as the SDK's long table, and that table as bytes.

use std::io::{Cursor, Write};
use std::sync::Arc;

use anyhow::Result;
use npyz::npz::NpzWriter;
use parity::recording::{put_cells, start_array};
use scorers::tidy::{Options, Values};
use scorers::{Behaviour, Scores, Table, tidy_scores};
use serde::{Serialize, Serializer};

use crate::parquet::{Cell, Kind, Parquet};

/// The table of scores; nothing where they have no row, which 0.3.0 refuses, but which is nothing among other variants' rows.
///
/// # Errors
/// Where scores do not fit each other.
pub fn table(scores: &[Scores]) -> Result<Option<Table>> {
    let options = Options {
        behaviour: Behaviour::Corrected,
        ..Options::default()
    };
    Ok(tidy_scores(scores, options)?)
}

/// The table as JSON: `columns`, their names, and `rows`, a list each; what is missing is null.
#[derive(Serialize)]
pub struct Json<'a> {
    columns: Vec<&'a str>,
    rows: Rows<'a>,
}

impl<'a> Json<'a> {
    /// Of a table.
    #[must_use]
    pub fn new(table: &'a Table) -> Self {
        Self {
            columns: table.columns().iter().map(|column| column.name).collect(),
            rows: Rows(table),
        }
    }
}

struct Rows<'a>(&'a Table);
struct Row<'a>(&'a Table, usize);
struct Value<'a>(&'a Values, usize);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq((0..self.0.len()).map(|row| Row(self.0, row)))
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let columns = self.0.columns().iter();
        to.collect_seq(columns.map(|column| Value(&column.values, self.1)))
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Values::Text(values) => values[self.1].as_deref().serialize(to),
            Values::Integer(values) => values[self.1].serialize(to),
            Values::Real(values) => values[self.1].serialize(to),
        }
    }
}

/// The table as Parquet: what is missing is null.
///
/// # Errors
/// Where it cannot be written.
pub fn parquet<W: Write + Send>(table: &Table, to: W) -> Result<W> {
    let kind = |values: &Values| match values {
        Values::Text(_) => Kind::Text,
        Values::Integer(_) => Kind::Integer,
        Values::Real(_) => Kind::Real,
    };
    let columns = table.columns().iter();
    let columns = columns.map(|column| (column.name, kind(&column.values)));
    let mut columns: Vec<_> = columns.collect();
    // A table without columns is none to most readers.
    if columns.is_empty() {
        columns.push(("raw_score", Kind::Real));
    }
    let mut file = Parquet::new(to, &columns)?;
    let missing = Cell::Field("");
    for row in 0..table.len() {
        file.row(table.columns().iter().map(|column| match &column.values {
            Values::Text(values) => values[row].as_deref().map_or(missing, Cell::Field),
            Values::Integer(values) => values[row].map_or(missing, Cell::Integer),
            Values::Real(values) if values[row].is_nan() => missing,
            Values::Real(values) => Cell::Real(values[row]),
        }))?;
    }
    file.finish()
}

/// The table as an `.npz`, an array a column: text as `<U`, whole numbers as `<i8` (-1 where they are missing), scores as `<f4`.
///
/// # Errors
/// Where it cannot be written.
pub fn npz(table: &Table) -> Result<Vec<u8>> {
    let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
    let zip = archive.zip_writer();
    let shape = [table.len()];
    for column in table.columns() {
        match &column.values {
            Values::Text(values) => {
                let text = |value: &Option<Arc<str>>| -> Vec<char> {
                    value.as_deref().unwrap_or("").chars().collect()
                };
                let longest = values.iter().map(|value| text(value).len()).max();
                let longest = longest.unwrap_or(0).max(1);
                let dtype = format!("<U{longest}");
                start_array(zip, column.name, &shape, (&dtype, 4 * longest))?;
                for value in values {
                    let mut characters = text(value);
                    characters.resize(longest, '\0');
                    put_cells(zip, &characters, |c| u32::from(c).to_le_bytes())?;
                }
            }
            Values::Integer(values) => {
                start_array(zip, column.name, &shape, ("<i8", 8))?;
                put_cells(zip, values, |value| value.unwrap_or(-1).to_le_bytes())?;
            }
            Values::Real(values) => {
                start_array(zip, column.name, &shape, ("<f4", 4))?;
                put_cells(zip, values, f32::to_le_bytes)?;
            }
        }
    }
    Ok(zip.finish()?.into_inner())
}
