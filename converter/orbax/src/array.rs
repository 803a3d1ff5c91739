//! What the metadata of a zarr array say, of either version.

use serde_json::Value;
use thiserror::Error;

use crate::{dtype::DType, grid, layout::ZarrVersion};

/// Why an array's metadata cannot be used.
#[derive(Debug, Error)]
pub enum ArrayError {
    /// They are not the JSON that zarr defines.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A field has a value that is not supported.
    #[error("{field} is {found}, expected {expected}")]
    Unsupported {
        /// The field's name.
        field: &'static str,
        /// What it holds, as JSON.
        found: String,
        /// What is supported.
        expected: &'static str,
    },
    /// The element type is not read.
    #[error(
        "dtype {found} is not read, expected bool, (u)int8 to 64, float16, bfloat16, float32 or float64, little-endian"
    )]
    DType {
        /// The type stored: its name, or JSON.
        found: String,
        /// The array's shape.
        shape: Vec<usize>,
    },
    /// A codec is not known, or stands where it cannot.
    #[error("codec {found} is not supported here, expected {expected}")]
    Codec {
        /// The codec stored, as JSON.
        found: String,
        /// What could stand here.
        expected: &'static str,
    },
    /// The shape of a chunk does not fit the array, or that of an inner chunk its shard.
    #[error("chunk shape {chunk:?} does not fit {shape:?}")]
    Chunk {
        /// The shape to fill.
        shape: Vec<usize>,
        /// The shape of a chunk.
        chunk: Vec<usize>,
    },
    /// The array or a chunk of it has more bytes than can be addressed.
    #[error("shape {shape:?} of {dtype} has more bytes than this machine can address")]
    TooLarge {
        /// The shape.
        shape: Vec<usize>,
        /// The element type.
        dtype: DType,
    },
}

/// How the bytes of a chunk are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Raw,
    Zstd,
}

/// Several chunks in one stored value, with an index of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sharding {
    /// The shape of what one stored value covers.
    pub(crate) shape: Vec<usize>,
    pub(crate) index_at_end: bool,
    pub(crate) index_checksum: bool,
}

/// A checked description of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Array {
    pub(crate) version: ZarrVersion,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: DType,
    /// The shape of what is compressed as one.
    pub(crate) chunk: Vec<usize>,
    pub(crate) sharding: Option<Sharding>,
    pub(crate) compression: Compression,
    /// What stands before the indices in a chunk's key.
    pub(crate) key_prefix: &'static str,
    pub(crate) separator: char,
    /// The bytes of an element of a chunk that is not stored; without them, every chunk must be.
    pub(crate) fill: Option<Vec<u8>>,
}

impl Array {
    /// Checks what both versions of zarr have in common. Afterwards no size overflows and no width of a chunk is 0.
    pub(crate) fn check(self) -> Result<Self, ArrayError> {
        let stored = self.stored_shape();
        if stored.len() != self.shape.len() || stored.contains(&0) {
            return Err(ArrayError::Chunk {
                shape: self.shape.clone(),
                chunk: stored.to_vec(),
            });
        }
        let divides = |(shard, chunk): (&usize, &usize)| *chunk != 0 && shard % chunk == 0;
        if self.chunk.len() != stored.len() || !stored.iter().zip(&self.chunk).all(divides) {
            return Err(ArrayError::Chunk {
                shape: stored.to_vec(),
                chunk: self.chunk.clone(),
            });
        }
        for shape in [self.shape.as_slice(), stored] {
            // Slices have at most `isize::MAX` bytes.
            grid::elements(shape)
                .and_then(|elements| elements.checked_mul(self.dtype.size()))
                .filter(|bytes| isize::try_from(*bytes).is_ok())
                .ok_or_else(|| ArrayError::TooLarge {
                    shape: shape.to_vec(),
                    dtype: self.dtype,
                })?;
        }
        Ok(self)
    }

    /// Returns the shape of what one stored value covers.
    pub(crate) fn stored_shape(&self) -> &[usize] {
        self.sharding
            .as_ref()
            .map_or(&self.chunk, |sharding| &sharding.shape)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.size()
    }

    pub(crate) fn chunk_bytes(&self) -> usize {
        self.chunk.iter().product::<usize>() * self.dtype.size()
    }

    /// Returns the key, below the array's own, of the stored value at an index of the grid.
    pub(crate) fn chunk_key(&self, index: &[usize]) -> String {
        let mut key = String::from(self.key_prefix);
        for index in index {
            if !key.is_empty() {
                key.push(self.separator);
            }
            key.push_str(&index.to_string());
        }
        // Zarr v2 names the one chunk of a scalar so.
        if key.is_empty() {
            key.push('0');
        }
        key
    }
}

/// An element type that has no place in [`DType`].
pub(crate) fn unread(dtype: &Value, shape: &[usize]) -> ArrayError {
    ArrayError::DType {
        found: dtype
            .as_str()
            .map_or_else(|| dtype.to_string(), str::to_owned),
        shape: shape.to_vec(),
    }
}

pub(crate) fn unsupported<T>(
    field: &'static str,
    found: impl ToString,
    expected: &'static str,
) -> Result<T, ArrayError> {
    Err(ArrayError::Unsupported {
        field,
        found: found.to_string(),
        expected,
    })
}
