//! Tables as Parquet: text as UTF-8 with a dictionary, real numbers as FLOAT, whole ones as INT64; what is missing is null.

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::writer::{ColumnCloseResult, get_column_writer, get_typed_column_writer};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, ColumnPath, Type};

/// Rows that are written together.
pub const GROUP: usize = 1 << 17;

/// A file in the making.
pub struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    group: Group,
}

/// Rows that are written together. Several may be filled and encoded at once, and are appended to their file in order.
pub struct Group {
    columns: Vec<Column>,
    rows: usize,
    properties: WriterPropertiesPtr,
}

/// A group as it stands in a file.
pub struct Encoded(Vec<(Bytes, ColumnCloseResult)>);

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
    described: ColumnDescPtr,
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
            (Values::Text(values), Cell::Field(text)) => {
                // Neighbours have much in common.
                let last = values.last();
                let same = last.filter(|last| last.data() == text.as_bytes());
                let value = same.cloned().unwrap_or_else(|| ByteArray::from(text));
                values.push(value);
            }
            (Values::Text(values), Cell::Text(text)) => values.push(text.clone()),
            (Values::Integer(values), Cell::Field(text)) => values.push(text.parse()?),
            (Values::Integer(values), Cell::Integer(number)) => values.push(number),
            (Values::Real(values), Cell::Field(text)) => values.push(text.parse()?),
            (Values::Real(values), Cell::Real(number)) => values.push(number),
            (_, cell) => anyhow::bail!("{cell:?} is not of its column's kind"),
        }
        Ok(())
    }

    fn encode(self, properties: &WriterPropertiesPtr) -> Result<(Bytes, ColumnCloseResult)> {
        let mut bytes = Vec::new();
        let mut sink = TrackedWrite::new(&mut bytes);
        let Self {
            described,
            levels,
            values,
        } = self;
        let shape = (described, properties.clone(), &mut sink);
        let closed = match values {
            Values::Text(values) => write::<ByteArrayType>(shape, &values, &levels)?,
            Values::Integer(values) => write::<Int64Type>(shape, &values, &levels)?,
            Values::Real(values) => write::<FloatType>(shape, &values, &levels)?,
        };
        sink.into_inner()?;
        Ok((bytes.into(), closed))
    }

    /// One without values.
    fn empty(&self) -> Self {
        Self {
            described: self.described.clone(),
            levels: Vec::new(),
            values: match self.values {
                Values::Text(_) => Values::Text(Vec::new()),
                Values::Integer(_) => Values::Integer(Vec::new()),
                Values::Real(_) => Values::Real(Vec::new()),
            },
        }
    }
}

impl Group {
    /// Appends a row, one cell a column.
    ///
    /// # Errors
    /// Where a cell is not of its column's kind.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// What it is in a file.
    ///
    /// # Errors
    /// Where it cannot be encoded.
    pub fn encode(self) -> Result<Encoded> {
        let properties = self.properties;
        let columns = self.columns.into_iter();
        let encoded = columns.map(|column| column.encode(&properties));
        Ok(Encoded(encoded.collect::<Result<_>>()?))
    }

    /// An empty one of the same file.
    fn empty(&self) -> Self {
        Self {
            columns: self.columns.iter().map(Column::empty).collect(),
            rows: 0,
            properties: self.properties.clone(),
        }
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
        let (mut fields, mut kinds) = (Vec::new(), Vec::new());
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
            kinds.push(values);
        }
        let schema = Type::group_type_builder("table").with_fields(fields);
        let (schema, properties) = (Arc::new(schema.build()?), Arc::new(properties.build()));
        let writer = SerializedFileWriter::new(to, schema, properties.clone())?;
        let described = writer.schema_descr().columns().iter().cloned();
        let columns = described.zip(kinds).map(|(described, values)| Column {
            described,
            levels: Vec::new(),
            values,
        });
        let group = Group {
            columns: columns.collect(),
            rows: 0,
            properties,
        };
        Ok(Self { writer, group })
    }

    /// An empty group of this file's columns.
    pub fn group(&self) -> Group {
        self.group.empty()
    }

    /// Appends a group.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn append(&mut self, Encoded(columns): Encoded) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for (bytes, closed) in columns {
            group.append_column(&bytes, closed)?;
        }
        group.close()?;
        Ok(())
    }

    /// Appends a row, one cell a column.
    ///
    /// # Errors
    /// Where a cell is not of its column's kind, or the file cannot be written.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) -> Result<()> {
        self.group.row(cells)?;
        match self.group.rows >= GROUP {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        if self.group.rows == 0 {
            return Ok(());
        }
        let empty = self.group.empty();
        let encoded = std::mem::replace(&mut self.group, empty).encode()?;
        self.append(encoded)
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
    (described, properties, sink): (
        ColumnDescPtr,
        WriterPropertiesPtr,
        &mut TrackedWrite<&mut Vec<u8>>,
    ),
    values: &[T::T],
    levels: &[i16],
) -> Result<ColumnCloseResult> {
    let pages = Box::new(SerializedPageWriter::new(sink));
    let writer = get_column_writer(described, properties, pages);
    let mut writer = get_typed_column_writer::<T>(writer);
    writer.write_batch(values, Some(levels), None)?;
    Ok(writer.close()?)
}
