use std::{fmt, sync::Arc};

use thiserror::Error;

use crate::{
    field::{FieldError, Fields},
    limits::Limits,
    name::{NameError, check_name},
};

const LONGEST_PATH: usize = 65_535;

/// A file of a database, named from the store's root.
///
/// # Examples
///
/// ```
/// use ocdbt::{Database, MemoryStore};
///
/// let database = Database::open(MemoryStore::example())?;
/// let root = database.version().root.as_ref().unwrap();
/// assert_eq!(root.file.path(), "d/d6d910ed268e6ab3d28f74d50c12bbc2");
/// # Ok::<_, ocdbt::OpenError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DataFile {
    path: Arc<str>,
    base_length: usize,
}

impl DataFile {
    /// Returns the whole name.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the part that the names in this file's own nodes are relative to: empty, or a folder and its slash.
    pub fn base(&self) -> &str {
        &self.path[..self.base_length]
    }
}

impl fmt::Display for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Why a table of data files cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TableError {
    /// A field cannot be read.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A path shares more bytes with the path before than that one has.
    #[error("data file {index}: it shares {prefix} bytes with a path of {previous}")]
    Prefix {
        /// Which entry of the table.
        index: usize,
        /// How many bytes it shares.
        prefix: u64,
        /// How many bytes there are to share.
        previous: usize,
    },
    /// A path is longer than the format allows.
    #[error("data file {index}: a path of {length} bytes, expected at most 65535")]
    Long {
        /// Which entry of the table.
        index: usize,
        /// The path's length.
        length: u64,
    },
    /// The base path is longer than the path, or ends inside a character.
    #[error("data file {index}: a base of {base} bytes does not fit the path `{path}`")]
    Base {
        /// Which entry of the table.
        index: usize,
        /// The base path's length.
        base: u64,
        /// The path.
        path: String,
    },
    /// A path is not UTF-8.
    #[error("data file {index}: the path is not UTF-8")]
    Utf8 {
        /// Which entry of the table.
        index: usize,
    },
    /// A path leads elsewhere than down from the store's root.
    #[error("data file {index}: the path {path:?} is not accepted: {source}")]
    Unsafe {
        /// Which entry of the table.
        index: usize,
        /// The path.
        path: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// The paths take more memory than the limit once spelt out.
    #[error("the paths of {count} data files take over {limit} bytes")]
    TooLarge {
        /// How many entries the table has.
        count: usize,
        /// The most bytes accepted.
        limit: u64,
    },
}

/// The files that a manifest or node refers to by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileTable {
    files: Vec<DataFile>,
}

impl FileTable {
    /// Reads a table that is alone in `bytes`. `base` is the base path of the file that the table comes from.
    ///
    /// # Errors
    ///
    /// If the table is cut, or a path in it is not accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// // Two files, "p/a" and "p/b", that share the base path "p/".
    /// let bytes = [2, 2, 3, 1, 2, 2, b'p', b'/', b'a', b'b'];
    /// let table = ocdbt::FileTable::parse(&bytes, "root/", &ocdbt::Limits::default())?;
    /// assert_eq!(table.get(1).unwrap().path(), "root/p/b");
    /// assert_eq!(table.get(1).unwrap().base(), "root/p/");
    /// # Ok::<_, ocdbt::TableError>(())
    /// ```
    pub fn parse(bytes: &[u8], base: &str, limits: &Limits) -> Result<Self, TableError> {
        let mut fields = Fields::new(bytes);
        let table = Self::read(&mut fields, base, limits)?;
        fields.finish()?;
        Ok(table)
    }

    pub(crate) fn read(
        fields: &mut Fields<'_>,
        base: &str,
        limits: &Limits,
    ) -> Result<Self, TableError> {
        let count = fields.count("data file", 2)?;
        if count == 0 {
            return Ok(Self::default());
        }
        let prefixes = fields.varints("path_prefix_length", 16, count - 1)?;
        let suffixes = fields.varints("path_suffix_length", 16, count)?;
        let bases = fields.varints("base_path_length", 16, count)?;
        let mut files = Vec::with_capacity(count);
        let mut budget = limits.node_bytes;
        let mut path = Vec::new();
        for index in 0..count {
            let prefix = if index == 0 { 0 } else { prefixes[index - 1] };
            if prefix > path.len() as u64 {
                return Err(TableError::Prefix {
                    index,
                    prefix,
                    previous: path.len(),
                });
            }
            path.truncate(prefix as usize);
            path.extend_from_slice(fields.bytes("path_suffix", suffixes[index])?);
            let full = data_file(index, &path, bases[index], base)?;
            budget = budget
                .checked_sub(full.path.len() as u64)
                .ok_or(TableError::TooLarge {
                    count,
                    limit: limits.node_bytes,
                })?;
            files.push(full);
        }
        Ok(Self { files })
    }

    /// Returns the file with a number.
    pub fn get(&self, index: usize) -> Option<&DataFile> {
        self.files.get(index)
    }

    /// Returns how many files the table has.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Says whether the table has no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

fn data_file(
    index: usize,
    relative: &[u8],
    base_length: u64,
    base: &str,
) -> Result<DataFile, TableError> {
    let relative = std::str::from_utf8(relative).map_err(|_| TableError::Utf8 { index })?;
    if relative.len() > LONGEST_PATH {
        return Err(TableError::Long {
            index,
            length: relative.len() as u64,
        });
    }
    // The empty path stands for the root of an empty tree, which no file holds.
    if relative.is_empty() && base_length == 0 {
        return Ok(DataFile {
            path: Arc::from(""),
            base_length: 0,
        });
    }
    if relative.get(..base_length as usize).is_none() {
        return Err(TableError::Base {
            index,
            base: base_length,
            path: relative.to_owned(),
        });
    }
    let path = format!("{base}{relative}");
    check_name(&path).map_err(|source| TableError::Unsafe {
        index,
        path: path.clone(),
        source,
    })?;
    Ok(DataFile {
        path: Arc::from(path),
        base_length: base.len() + base_length as usize,
    })
}
