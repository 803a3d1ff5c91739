//! Tables as Parquet: text as UTF-8 with a dictionary, real numbers as FLOAT, whole ones as INT64; what is missing is null.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{ColumnPath, Type};

/// Rows that are held until they are written together.
const GROUP: usize = 1 << 17;

/// A file in the making.
pub struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Column>,
    rows: usize,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// 64 bits.
    Integer,
    /// Float32.
    Real,
}

/// A value of a row.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// As a TSV has it, to be read as the column's kind; nothing where it is missing.
    Field(&'a str),
    /// Text that many rows share.
    Text(&'a ByteArray),
    /// A whole number.
    Integer(i64),
    /// A real number.
    Real(f32),
}

/// The values of a column that are not written yet; a level is 1 where there is a value and 0 where it is missing.
struct Column {
    levels: Vec<i16>,
    values: Values,
}

enum Values {
    Text(Vec<ByteArray>),
    Integer(Vec<i64>),
    Real(Vec<f32>),
}

impl Column {
    fn push(&mut self, cell: Cell<'_>) -> Result<()> {
        let present = !matches!(cell, Cell::Field(""));
        self.levels.push(i16::from(present));
        match (&mut self.values, cell) {
            (_, Cell::Field("")) => {}
            (Values::Text(values), Cell::Field(text)) => values.push(ByteArray::from(text)),
            (Values::Text(values), Cell::Text(text)) => values.push(text.clone()),
            (Values::Integer(values), Cell::Field(text)) => values.push(text.parse()?),
            (Values::Integer(values), Cell::Integer(number)) => values.push(number),
            (Values::Real(values), Cell::Field(text)) => values.push(text.parse()?),
            (Values::Real(values), Cell::Real(number)) => values.push(number),
            (_, cell) => anyhow::bail!("{cell:?} is not of its column's kind"),
        }
        Ok(())
    }
}

impl<W: Write + Send> Parquet<W> {
    /// A file with these columns.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn new(to: W, columns: &[(&str, Kind)]) -> Result<Self> {
        let mut properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
        let (mut fields, mut held) = (Vec::new(), Vec::new());
        for (name, kind) in columns {
            let (physical, logical, values) = match kind {
                Kind::Text => (
                    Physical::BYTE_ARRAY,
                    Some(LogicalType::String),
                    Values::Text(Vec::new()),
                ),
                Kind::Integer => (Physical::INT64, None, Values::Integer(Vec::new())),
                Kind::Real => (Physical::FLOAT, None, Values::Real(Vec::new())),
            };
            let path = ColumnPath::from(*name);
            if *kind != Kind::Text {
                properties = properties.set_column_dictionary_enabled(path.clone(), false);
            }
            if *kind == Kind::Integer {
                properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
            }
            let field = Type::primitive_type_builder(name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical);
            fields.push(Arc::new(field.build()?));
            held.push(Column {
                levels: Vec::new(),
                values,
            });
        }
        let schema = Type::group_type_builder("table").with_fields(fields);
        let (schema, properties) = (Arc::new(schema.build()?), Arc::new(properties.build()));
        Ok(Self {
            writer: SerializedFileWriter::new(to, schema, properties)?,
            columns: held,
            rows: 0,
        })
    }

    /// Appends a row, one cell a column.
    ///
    /// # Errors
    /// Where a cell is not of its column's kind, or the file cannot be written.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell)?;
        }
        self.rows += 1;
        match self.rows >= GROUP {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        if std::mem::take(&mut self.rows) == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let writer = group
                .next_column()?
                .context("the schema has fewer columns")?;
            let levels = std::mem::take(&mut column.levels);
            match &mut column.values {
                Values::Text(values) => write::<ByteArrayType>(writer, values, &levels)?,
                Values::Integer(values) => write::<Int64Type>(writer, values, &levels)?,
                Values::Real(values) => write::<FloatType>(writer, values, &levels)?,
            }
        }
        group.close()?;
        Ok(())
    }

    /// Writes what is left, and gives what it was written to.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> Result<W> {
        self.flush()?;
        Ok(self.writer.into_inner()?)
    }
}

fn write<T: DataType>(
    mut writer: SerializedColumnWriter<'_>,
    values: &mut Vec<T::T>,
    levels: &[i16],
) -> Result<()> {
    writer
        .typed::<T>()
        .write_batch(values, Some(levels), None)?;
    values.clear();
    Ok(writer.close()?)
}
