//! From stored bytes to the elements of a chunk.

use std::{cell::RefCell, io};

use thiserror::Error;
use zstd::{
    bulk::Decompressor,
    zstd_safe::{WriteBuf, get_frame_content_size},
};

use crate::array::{Array, Compression, Sharding};

/// Why the stored bytes of a chunk cannot be used.
#[derive(Debug, Error)]
pub enum ChunkError {
    /// A chunk has another size, once decompressed, than its shape says.
    #[error("the chunk has {found} bytes, expected {expected} from its shape")]
    Size {
        /// The bytes that the chunk's shape takes.
        expected: usize,
        /// The bytes that there are.
        found: u64,
    },
    /// There is no memory for the chunk.
    #[error("there is no memory for a chunk of {expected} bytes")]
    Memory {
        /// The bytes that the chunk's shape takes.
        expected: usize,
    },
    /// The stored bytes cannot be decompressed, or into more than the chunk's shape says; what is more is never written.
    #[error(
        "no zstd frame of {expected} bytes: {source}; the file is damaged, copy or download it again"
    )]
    Zstd {
        /// The bytes that the chunk's shape takes.
        expected: usize,
        /// What zstd says.
        source: io::Error,
    },
    /// A shard is too short for its index.
    #[error(
        "a shard of {found} bytes, expected at least {expected} for the index of its {chunks} chunks"
    )]
    ShortShard {
        /// How many chunks a shard has.
        chunks: usize,
        /// The bytes of the index.
        expected: usize,
        /// The bytes stored.
        found: usize,
    },
    /// The checksum of a shard's index does not match.
    #[error(
        "shard index: CRC-32C {stated:#010x} is stored, but that of the bytes is {found:#010x}"
    )]
    Checksum {
        /// The one stored.
        stated: u32,
        /// The one of the bytes.
        found: u32,
    },
    /// The index of a shard says that a chunk is missing, and no fill value stands for it.
    #[error("shard index, entry {entry}: the chunk is missing, and no fill value stands for it")]
    Missing {
        /// Which entry of the index.
        entry: usize,
    },
    /// The index of a shard points out of the shard.
    #[error(
        "shard index, entry {entry}: offset {offset} with {length} bytes does not fit a shard of {shard}"
    )]
    Range {
        /// Which entry of the index.
        entry: usize,
        /// The offset stored.
        offset: u64,
        /// The length stored.
        length: u64,
        /// The shard's size.
        shard: usize,
    },
}

thread_local! {
    /// Making a context costs more than decoding a small chunk.
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::default();
}

/// Writes a chunk's elements into `out`, which has exactly their size.
pub(crate) fn decode(
    compression: Compression,
    stored: &[u8],
    out: &mut [u8],
) -> Result<(), ChunkError> {
    let expected = out.len();
    check_size(compression, stored, expected)?;
    match compression {
        Compression::Raw => out.copy_from_slice(stored),
        Compression::Zstd => check_decoded(expected, decompress(stored, out, expected)?)?,
    }
    Ok(())
}

/// Replaces what `out` holds by a chunk's elements, of `expected` bytes. It allocates no more than that, and nothing if the
/// stored bytes say that they are of another size.
pub(crate) fn decode_to_vec(
    compression: Compression,
    stored: &[u8],
    expected: usize,
    out: &mut Vec<u8>,
) -> Result<(), ChunkError> {
    check_size(compression, stored, expected)?;
    out.clear();
    out.try_reserve_exact(expected)
        .map_err(|_| ChunkError::Memory { expected })?;
    match compression {
        Compression::Raw => out.extend_from_slice(stored),
        Compression::Zstd => check_decoded(expected, decompress(stored, out, expected)?)?,
    }
    Ok(())
}

fn decompress<B: WriteBuf + ?Sized>(
    stored: &[u8],
    out: &mut B,
    expected: usize,
) -> Result<usize, ChunkError> {
    DECOMPRESSOR
        .with_borrow_mut(|decompressor| decompressor.decompress_to_buffer(stored, out))
        .map_err(|source| ChunkError::Zstd { expected, source })
}

/// Compares sizes as far as they are known before anything is decoded.
fn check_size(compression: Compression, stored: &[u8], expected: usize) -> Result<(), ChunkError> {
    match compression {
        Compression::Raw if stored.len() != expected => Err(ChunkError::Size {
            expected,
            found: stored.len() as u64,
        }),
        Compression::Raw => Ok(()),
        // What is no frame, or does not say, is left to the decoder.
        Compression::Zstd => match get_frame_content_size(stored) {
            Ok(Some(found)) if found > expected as u64 => Err(ChunkError::Size { expected, found }),
            _ => Ok(()),
        },
    }
}

fn check_decoded(expected: usize, found: usize) -> Result<(), ChunkError> {
    if found != expected {
        return Err(ChunkError::Size {
            expected,
            found: found as u64,
        });
    }
    Ok(())
}

/// The checked index of a shard.
#[derive(Debug)]
pub(crate) struct ShardIndex<'a> {
    entries: &'a [u8],
    shard: &'a [u8],
}

impl<'a> ShardIndex<'a> {
    pub(crate) fn parse(
        shard: &'a [u8],
        chunks: usize,
        sharding: &Sharding,
    ) -> Result<Self, ChunkError> {
        let checksum = if sharding.index_checksum { 4 } else { 0 };
        let expected = chunks.saturating_mul(16).saturating_add(checksum);
        let found = shard.len();
        if expected > found {
            return Err(ChunkError::ShortShard {
                chunks,
                expected,
                found,
            });
        }
        let start = if sharding.index_at_end {
            found - expected
        } else {
            0
        };
        let (entries, stated) = shard[start..start + expected].split_at(expected - checksum);
        if let &[a, b, c, d] = stated {
            let stated = u32::from_le_bytes([a, b, c, d]);
            let found = crc32c::crc32c(entries);
            if stated != found {
                return Err(ChunkError::Checksum { stated, found });
            }
        }
        Ok(Self { entries, shard })
    }

    /// Returns the stored bytes of a chunk, or nothing if it holds a fill value.
    pub(crate) fn chunk(&self, entry: usize, filled: bool) -> Result<Option<&'a [u8]>, ChunkError> {
        let number = |at: usize| {
            let bytes = &self.entries[16 * entry + at..16 * entry + at + 8];
            bytes
                .iter()
                .rev()
                .fold(0, |number, &byte| number << 8 | u64::from(byte))
        };
        let (offset, length) = (number(0), number(8));
        if (offset, length) == (u64::MAX, u64::MAX) {
            return match filled {
                true => Ok(None),
                false => Err(ChunkError::Missing { entry }),
            };
        }
        usize::try_from(offset)
            .ok()
            .zip(usize::try_from(length).ok())
            .and_then(|(offset, length)| self.shard.get(offset..offset.checked_add(length)?))
            .map(Some)
            .ok_or(ChunkError::Range {
                entry,
                offset,
                length,
                shard: self.shard.len(),
            })
    }
}

/// Returns how many chunks one stored value of an array holds, along each axis.
pub(crate) fn chunks_a_shard(array: &Array) -> Vec<usize> {
    array
        .stored_shape()
        .iter()
        .zip(&array.chunk)
        .map(|(shard, chunk)| shard / chunk)
        .collect()
}
