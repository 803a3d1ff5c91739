use thiserror::Error;

use crate::{
    blob::Blob,
    envelope::{EnvelopeError, Kind, open_envelope},
    field::{FieldError, Fields},
    key::{KeyError, Keys},
    limits::Limits,
    table::{DataFile, FileTable, TableError},
    value::{Value, read_values},
    version::{NodeLocation, Statistics},
};

const MOST_ENTRIES: usize = 1 << 20;

/// Why a node of a B+tree cannot be read.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The envelope cannot be opened.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A field cannot be read.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The table of data files cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The keys cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The node's height is not what its parent says.
    #[error("height {found}, expected {expected}")]
    Height {
        /// The height that the parent implies.
        expected: u8,
        /// The height stored.
        found: u8,
    },
    /// The node has no entry, or more than the format allows.
    #[error("{found} entries, expected 1 to 1048576")]
    EntryCount {
        /// How many it has.
        found: usize,
    },
    /// A value is stored in a way that is not known.
    #[error("entry {index}: value_kind {found}, expected 0 (inline) or 1 (out of line)")]
    ValueKind {
        /// Which entry of the node.
        index: usize,
        /// The kind stored.
        found: u8,
    },
    /// An inline value is longer than the format allows.
    #[error("entry {index}: an inline value of {found} bytes, expected at most 1048576")]
    InlineLength {
        /// Which entry of the node.
        index: usize,
        /// The value's length.
        found: u64,
    },
    /// An entry refers to a data file that the table does not have, or has without a path.
    #[error("entry {index}: data_file_id {found} names no file; the table has {files}")]
    FileId {
        /// Which entry of the node.
        index: usize,
        /// The number stored.
        found: u64,
        /// How many files there are.
        files: usize,
    },
    /// A value or child cannot stand where it should.
    #[error("entry {index}: nothing can stand at offset {offset} with length {length}")]
    Range {
        /// Which entry of the node.
        index: usize,
        /// The offset stored.
        offset: u64,
        /// The length stored.
        length: u64,
    },
}

/// A child of an inner node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Where its node stands.
    pub location: NodeLocation,
    /// What it holds.
    pub statistics: Statistics,
    /// How many bytes of the entry's key all keys below share.
    pub shared_prefix: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entries {
    Values(Vec<Value>),
    Children(Vec<Child>),
}

/// A node of a B+tree. Its keys are relative to a prefix that its parents give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub(crate) keys: Keys,
    pub(crate) entries: Entries,
    body_bytes: u64,
}

impl Node {
    /// Reads a node with its envelope. `height` is what its parent says, `base` the base path of the file it stands in.
    ///
    /// # Errors
    ///
    /// If the envelope or anything in it is damaged or out of bounds, or the height is another.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::{Limits, MemoryStore, Node, Store};
    ///
    /// let file = "d/d6d910ed268e6ab3d28f74d50c12bbc2";
    /// let bytes = MemoryStore::example().read(file, 7..79)?;
    /// let node = Node::parse(&bytes, 0, "", &Limits::default())?;
    /// assert_eq!(node.key(1), b"a/y");
    /// assert_eq!(node.values().unwrap()[0].len(), 2);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(bytes: &[u8], height: u8, base: &str, limits: &Limits) -> Result<Self, NodeError> {
        let body = open_envelope(Kind::Node, bytes, limits.node_bytes)?.into_owned();
        Self::parse_body(body.into(), height, base, limits)
    }

    /// Reads what stands inside a node's envelope.
    ///
    /// # Errors
    ///
    /// If anything in it is cut or out of bounds, or the height is another.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::{Blob, Limits, Node, Value};
    ///
    /// // A leaf without files, whose one entry holds "v" under "k".
    /// let body = Blob::from(vec![0, 0, 1, 1, b'k', 1, 0, b'v']);
    /// let node = Node::parse_body(body, 0, "", &Limits::default())?;
    /// assert_eq!(node.values().unwrap(), [Value::Inline(b"v".to_vec().into())]);
    /// # Ok::<_, ocdbt::NodeError>(())
    /// ```
    pub fn parse_body(
        body: Blob,
        height: u8,
        base: &str,
        limits: &Limits,
    ) -> Result<Self, NodeError> {
        let mut fields = Fields::new(&body);
        let found = fields.u8("height")?;
        if found != height {
            return Err(NodeError::Height {
                expected: height,
                found,
            });
        }
        let table = FileTable::read(&mut fields, base, limits)?;
        let count = fields.count("entry", if height == 0 { 3 } else { 8 })?;
        if count == 0 || count > MOST_ENTRIES {
            return Err(NodeError::EntryCount { found: count });
        }
        let (keys, shared) = Keys::read(&mut fields, count, height > 0, limits.node_bytes)?;
        let entries = match height {
            0 => Entries::Values(read_values(&mut fields, count, &table, &body)?),
            _ => Entries::Children(read_children(&mut fields, &shared, height - 1, &table)?),
        };
        fields.finish()?;
        let body_bytes = body.len() as u64;
        Ok(Self {
            keys,
            entries,
            body_bytes,
        })
    }

    /// Returns how many entries the node has; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a node is never empty")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns the key of an entry, without the prefix that the node's parents give.
    ///
    /// # Panics
    ///
    /// If the node does not have that many entries.
    pub fn key(&self, index: usize) -> &[u8] {
        self.keys.get(index)
    }

    /// Returns the values of a leaf, in the order of the keys.
    pub fn values(&self) -> Option<&[Value]> {
        match &self.entries {
            Entries::Values(values) => Some(values),
            Entries::Children(_) => None,
        }
    }

    /// Returns the children of an inner node, in the order of the keys.
    pub fn children(&self) -> Option<&[Child]> {
        match &self.entries {
            Entries::Values(_) => None,
            Entries::Children(children) => Some(children),
        }
    }

    /// Returns about how many bytes of memory the node takes.
    pub(crate) fn memory(&self) -> u64 {
        let entry = match self.entries {
            Entries::Values(_) => size_of::<Value>(),
            Entries::Children(_) => size_of::<Child>(),
        };
        self.body_bytes + self.keys.memory() + (self.len() * entry) as u64
    }
}

fn read_children(
    fields: &mut Fields<'_>,
    shared: &[u64],
    height: u8,
    table: &FileTable,
) -> Result<Vec<Child>, NodeError> {
    let count = shared.len();
    let files = fields.varints("data_file_id", 64, count)?;
    let offsets = fields.varints("data_file_offset", 64, count)?;
    let lengths = fields.varints("data_file_length", 64, count)?;
    let keys = fields.varints("num_keys", 64, count)?;
    let tree_bytes = fields.varints("num_tree_bytes", 64, count)?;
    let indirect = fields.varints("num_indirect_value_bytes", 64, count)?;
    (0..count)
        .map(|i| {
            Ok(Child {
                location: NodeLocation {
                    file: place(i, table, files[i], offsets[i], lengths[i])?,
                    offset: offsets[i],
                    length: lengths[i],
                    height,
                },
                statistics: Statistics {
                    keys: keys[i],
                    tree_bytes: tree_bytes[i],
                    indirect_value_bytes: indirect[i],
                },
                shared_prefix: shared[i] as usize,
            })
        })
        .collect()
}

pub(crate) fn place(
    index: usize,
    table: &FileTable,
    id: u64,
    offset: u64,
    length: u64,
) -> Result<DataFile, NodeError> {
    if offset.checked_add(length).is_none() {
        return Err(NodeError::Range {
            index,
            offset,
            length,
        });
    }
    usize::try_from(id)
        .ok()
        .and_then(|id| table.get(id))
        .filter(|file| !file.path().is_empty())
        .cloned()
        .ok_or(NodeError::FileId {
            index,
            found: id,
            files: table.len(),
        })
}
