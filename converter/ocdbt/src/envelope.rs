use std::{borrow::Cow, io};

use thiserror::Error;
use zstd::{bulk::Decompressor, zstd_safe::get_frame_content_size};

use crate::field::{FieldError, Fields};

/// Magic, length, version, compression and checksum.
const MINIMUM: usize = 4 + 8 + 1 + 1 + 4;

/// The most that zstd can make of a byte: a block of 128 KiB that repeats one takes 4 bytes.
const BEST_RATIO: u64 = 1 << 15;

/// What an envelope holds, told by its magic number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A manifest file.
    Manifest,
    /// A node of a B+tree.
    Node,
}

impl Kind {
    /// Returns the number that the first four bytes hold, big-endian.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ocdbt::Kind::Manifest.magic(), 0x0cdb3a2a);
    /// ```
    pub fn magic(self) -> u32 {
        match self {
            Self::Manifest => 0x0cdb_3a2a,
            Self::Node => 0x0cdb_20de,
        }
    }
}

/// Why an envelope cannot be opened. Offsets count from the envelope's start.
#[derive(Debug, Error)]
pub enum EnvelopeError {
    /// Fewer bytes than the smallest envelope has.
    #[error("{found} bytes, expected at least {expected}: it is cut; copy or download it again")]
    TooShort {
        /// The smallest envelope.
        expected: usize,
        /// The bytes given.
        found: usize,
    },
    /// The magic number is another.
    #[error("offset 0: magic number {found:#010x}, expected {expected:#010x}")]
    Magic {
        /// The magic number of the kind asked for.
        expected: u32,
        /// The one that is there.
        found: u32,
    },
    /// The length in the header is not that of the bytes given.
    #[error(
        "offset 4: the header says {stated} bytes, found {found}: it is cut or damaged; copy or download it again"
    )]
    Length {
        /// The length in the header.
        stated: u64,
        /// The bytes given.
        found: usize,
    },
    /// The checksum does not match.
    #[error(
        "offset {offset}: CRC-32C {stated:#010x} is stored, but that of the bytes is {found:#010x}: they are damaged; copy or \
         download them again"
    )]
    Checksum {
        /// Where the checksum stands.
        offset: usize,
        /// The one stored.
        stated: u32,
        /// The one of the bytes.
        found: u32,
    },
    /// A version of the format that is not known.
    #[error("offset 12: format version {found}, expected 0")]
    Version {
        /// The version stored.
        found: u64,
    },
    /// A compression method that is not known.
    #[error("offset {offset}: compression method {found}, expected 0 (none) or 1 (zstd)")]
    Compression {
        /// Where the method stands.
        offset: usize,
        /// The method stored.
        found: u64,
    },
    /// The header cannot be read.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The body is larger than the limit.
    #[error("the body has {found} bytes, the limit is {limit}")]
    TooLarge {
        /// The most bytes accepted.
        limit: u64,
        /// The body's size.
        found: u64,
    },
    /// The body cannot be decompressed, or not within the limit.
    #[error("the body is no zstd frame of at most {limit} bytes: {source}")]
    Zstd {
        /// The most bytes accepted.
        limit: u64,
        /// What zstd says.
        source: io::Error,
    },
}

/// Checks an envelope and returns its body, decompressed, of at most `limit` bytes.
///
/// `bytes` must be the envelope and nothing else. The checksum is verified before anything behind it is trusted.
///
/// # Errors
///
/// If the envelope is cut, damaged, of another kind, or its body larger than `limit`.
///
/// # Examples
///
/// ```
/// let manifest = [
///     0x0c, 0xdb, 0x3a, 0x2a, // magic
///     0x15, 0, 0, 0, 0, 0, 0, 0, // length
///     0, 0, // version, compression
///     b'b', b'o', b'd', // body
///     0x52, 0x51, 0xec, 0x9e, // CRC-32C
/// ];
/// assert_eq!(*ocdbt::open_envelope(ocdbt::Kind::Manifest, &manifest, 100)?, *b"bod");
/// # Ok::<_, ocdbt::EnvelopeError>(())
/// ```
pub fn open_envelope(kind: Kind, bytes: &[u8], limit: u64) -> Result<Cow<'_, [u8]>, EnvelopeError> {
    if bytes.len() < MINIMUM {
        return Err(EnvelopeError::TooShort {
            expected: MINIMUM,
            found: bytes.len(),
        });
    }
    let (head, rest) = bytes.split_at(12);
    let found = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    if found != kind.magic() {
        return Err(EnvelopeError::Magic {
            expected: kind.magic(),
            found,
        });
    }
    let stated = head[4..]
        .iter()
        .rev()
        .fold(0, |length, &byte| length << 8 | u64::from(byte));
    if stated != bytes.len() as u64 {
        return Err(EnvelopeError::Length {
            stated,
            found: bytes.len(),
        });
    }
    let offset = bytes.len() - 4;
    let stated = u32::from_le_bytes([
        bytes[offset],
        bytes[offset + 1],
        bytes[offset + 2],
        bytes[offset + 3],
    ]);
    let found = crc32c::crc32c(&bytes[..offset]);
    if stated != found {
        return Err(EnvelopeError::Checksum {
            offset,
            stated,
            found,
        });
    }
    let rest = &rest[..rest.len() - 4];
    let mut fields = Fields::new(rest);
    let version = fields.varint("version", 32)?;
    if version != 0 {
        return Err(EnvelopeError::Version { found: version });
    }
    let offset = 12 + fields.offset();
    let compression = fields.varint("compression", 32)?;
    let body = &rest[fields.offset()..];
    match compression {
        0 if body.len() as u64 > limit => Err(EnvelopeError::TooLarge {
            limit,
            found: body.len() as u64,
        }),
        0 => Ok(Cow::Borrowed(body)),
        1 => decompress(body, limit).map(Cow::Owned),
        found => Err(EnvelopeError::Compression { offset, found }),
    }
}

/// Decompresses one frame. What is allocated follows from the frame, so that a limit may be as large as anyone likes.
fn decompress(body: &[u8], limit: u64) -> Result<Vec<u8>, EnvelopeError> {
    let bound = match get_frame_content_size(body) {
        Ok(Some(found)) if found > limit => return Err(EnvelopeError::TooLarge { limit, found }),
        Ok(Some(found)) => found,
        // What is no frame, or does not say, is left to the decoder.
        Ok(None) | Err(_) => limit,
    };
    let bound = bound.min((body.len() as u64).saturating_mul(BEST_RATIO));
    let mut decoded = Vec::new();
    usize::try_from(bound)
        .map_err(io::Error::other)
        .and_then(|bound| Ok(decoded.try_reserve_exact(bound)?))
        .and_then(|()| Decompressor::new()?.decompress_to_buffer(body, &mut decoded))
        .map_err(|source| EnvelopeError::Zstd { limit, source })?;
    decoded.shrink_to_fit();
    Ok(decoded)
}
