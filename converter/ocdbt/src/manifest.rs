use thiserror::Error;

use crate::{
    envelope::{EnvelopeError, Kind, open_envelope},
    field::{FieldError, Fields},
    limits::Limits,
    table::{FileTable, TableError},
    version::{Version, read_versions, skip_older_versions},
};

/// How nodes are compressed when they are written. A reader obeys each node's own envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// As one zstd frame.
    Zstd {
        /// zstd's level.
        level: i32,
    },
}

/// The settings that a database was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Tells databases apart.
    pub uuid: [u8; 16],
    /// Values up to this size stand in the leaves.
    pub max_inline_value_bytes: u32,
    /// The largest node, decompressed.
    pub max_decoded_node_bytes: u32,
    /// The base-2 logarithm of how many versions one list holds.
    pub version_tree_arity_log2: u8,
    /// How nodes are compressed.
    pub compression: Compression,
}

/// Why a manifest cannot be read.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The envelope cannot be opened.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A field cannot be read.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The table of data files cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The manifest is neither single nor numbered.
    #[error("manifest_kind {found}, expected 0 (single) or 1 (numbered)")]
    Kind {
        /// The kind stored.
        found: u8,
    },
    /// The arity of the version tree is out of range.
    #[error("version_tree_arity_log2 {found}, expected 1 to 16")]
    Arity {
        /// The logarithm stored.
        found: u8,
    },
    /// A compression method that is not known.
    #[error("compression_method {found}, expected 0 (none) or 1 (zstd)")]
    Compression {
        /// The method stored.
        found: u64,
    },
    /// There is no version, or there are more than the arity allows.
    #[error("{found} inline versions, expected 1 to {most}")]
    VersionCount {
        /// How many there are.
        found: usize,
        /// How many the arity allows.
        most: usize,
    },
    /// The generations are zero or not in increasing order.
    #[error("generation {found} stands after {before}, expected increasing numbers from 1")]
    Generation {
        /// The generation before.
        before: u64,
        /// The one that is not greater.
        found: u64,
    },
    /// A version refers to a data file that the table does not have.
    #[error("data_file_id {found}, but the table has {files} files")]
    FileId {
        /// The number stored.
        found: u64,
        /// How many files there are.
        files: usize,
    },
    /// A version's root cannot stand where it should.
    #[error("generation {generation}: no root can stand at offset {offset} with length {length}")]
    Root {
        /// The version's generation.
        generation: u64,
        /// The offset stored.
        offset: u64,
        /// The length stored.
        length: u64,
    },
}

/// A manifest: a database's settings and versions.
///
/// # Examples
///
/// ```
/// use ocdbt::{Limits, Manifest, MemoryStore, Store};
///
/// let bytes = MemoryStore::example().read_all("manifest.ocdbt")?;
/// let manifest = Manifest::parse(&bytes, "", &Limits::default())?;
/// assert_eq!(manifest.versions.unwrap().len(), 2);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The settings.
    pub config: Config,
    /// The latest versions, oldest first and never empty; `None` if they stand in numbered manifests beside this one.
    pub versions: Option<Vec<Version>>,
}

impl Manifest {
    /// Reads a manifest file. `base` is the folder of the database in its store: empty, or a path and a slash.
    ///
    /// # Errors
    ///
    /// If the envelope or anything in it is damaged or out of bounds.
    pub fn parse(bytes: &[u8], base: &str, limits: &Limits) -> Result<Self, ManifestError> {
        let body = open_envelope(Kind::Manifest, bytes, limits.node_bytes)?;
        Self::parse_body(&body, base, limits)
    }

    /// Reads what stands inside a manifest's envelope.
    ///
    /// # Errors
    ///
    /// If anything in it is cut or out of bounds.
    ///
    /// # Examples
    ///
    /// ```
    /// use ocdbt::{Limits, Manifest};
    ///
    /// let mut body = vec![7; 16]; // uuid
    /// body.extend([1, 100, 0, 4, 0]); // numbered, inline values, node bytes, arity, no compression
    /// let manifest = Manifest::parse_body(&body, "", &Limits::default())?;
    /// assert_eq!(manifest.config.max_inline_value_bytes, 100);
    /// assert_eq!(manifest.versions, None);
    /// # Ok::<_, ocdbt::ManifestError>(())
    /// ```
    pub fn parse_body(body: &[u8], base: &str, limits: &Limits) -> Result<Self, ManifestError> {
        let mut fields = Fields::new(body);
        let uuid = fields.uuid("uuid")?;
        let kind = fields.u8("manifest_kind")?;
        let config = read_config(&mut fields, uuid)?;
        let versions = match kind {
            0 => {
                let table = FileTable::read(&mut fields, base, limits)?;
                let versions = read_versions(&mut fields, &table, config.version_tree_arity_log2)?;
                skip_older_versions(&mut fields, &table)?;
                Some(versions)
            }
            1 => None,
            found => return Err(ManifestError::Kind { found }),
        };
        fields.finish()?;
        Ok(Self { config, versions })
    }
}

fn read_config(fields: &mut Fields<'_>, uuid: [u8; 16]) -> Result<Config, ManifestError> {
    let max_inline_value_bytes = fields.varint("max_inline_value_bytes", 32)? as u32;
    let max_decoded_node_bytes = fields.varint("max_decoded_node_bytes", 32)? as u32;
    let version_tree_arity_log2 = fields.u8("version_tree_arity_log2")?;
    if !(1..=16).contains(&version_tree_arity_log2) {
        return Err(ManifestError::Arity {
            found: version_tree_arity_log2,
        });
    }
    let compression = match fields.varint("compression_method", 32)? {
        0 => Compression::None,
        1 => Compression::Zstd {
            level: fields.i32("zstd level")?,
        },
        found => return Err(ManifestError::Compression { found }),
    };
    Ok(Config {
        uuid,
        max_inline_value_bytes,
        max_decoded_node_bytes,
        version_tree_arity_log2,
        compression,
    })
}
