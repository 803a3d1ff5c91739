use crate::{
    blob::Blob,
    field::Fields,
    node::{NodeError, place},
    table::{DataFile, FileTable},
};

const LONGEST_INLINE: u64 = 1 << 20;

/// A value, or where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The value stood in the leaf.
    Inline(Blob),
    /// The value stands in a data file.
    Indirect {
        /// The file that holds it.
        file: DataFile,
        /// Where in the file it starts.
        offset: u64,
        /// How many bytes it has.
        length: u64,
    },
}

impl Value {
    /// Returns how many bytes the value has.
    ///
    /// # Examples
    ///
    /// ```
    /// let value = ocdbt::Value::Inline(b"hi".to_vec().into());
    /// assert_eq!(value.len(), 2);
    /// ```
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Indirect { length, .. } => *length,
        }
    }

    /// Says whether the value has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads the values of a leaf.
pub(crate) fn read_values(
    fields: &mut Fields<'_>,
    count: usize,
    table: &FileTable,
    body: &Blob,
) -> Result<Vec<Value>, NodeError> {
    let lengths = fields.varints("value_length", 64, count)?;
    let kinds = fields.bytes("value_kind", count as u64)?;
    if let Some(index) = kinds.iter().position(|kind| *kind > 1) {
        return Err(NodeError::ValueKind {
            index,
            found: kinds[index],
        });
    }
    let indirect = kinds.iter().filter(|kind| **kind == 1).count();
    let mut files = fields.varints("data_file_id", 64, indirect)?.into_iter();
    let mut offsets = fields
        .varints("data_file_offset", 64, indirect)?
        .into_iter();
    (0..count)
        .map(|index| {
            let length = lengths[index];
            if kinds[index] == 0 {
                return read_inline(fields, index, length, body);
            }
            // The columns have as many elements as there are entries of kind 1.
            let (file, offset) = (
                files.next().unwrap_or_default(),
                offsets.next().unwrap_or_default(),
            );
            Ok(Value::Indirect {
                file: place(index, table, file, offset, length)?,
                offset,
                length,
            })
        })
        .collect()
}

fn read_inline(
    fields: &mut Fields<'_>,
    index: usize,
    length: u64,
    body: &Blob,
) -> Result<Value, NodeError> {
    if length > LONGEST_INLINE {
        return Err(NodeError::InlineLength {
            index,
            found: length,
        });
    }
    let start = fields.offset();
    let end = start + fields.bytes("inline value", length)?.len();
    Ok(Value::Inline(
        body.slice(start..end).unwrap_or_else(|| Vec::new().into()),
    ))
}
