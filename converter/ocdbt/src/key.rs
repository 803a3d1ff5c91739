use thiserror::Error;

use crate::field::{FieldError, Fields};

const LONGEST_KEY: usize = 65_535;

/// Why the keys of a node cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// A field cannot be read.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A key shares more bytes with the key before than that one has.
    #[error("key {index}: it shares {prefix} bytes with a key of {previous}")]
    Prefix {
        /// Which entry of the node.
        index: usize,
        /// How many bytes it shares.
        prefix: u64,
        /// How many bytes there are to share.
        previous: usize,
    },
    /// A key is longer than the format allows.
    #[error("key {index}: {length} bytes, expected at most 65535")]
    Long {
        /// Which entry of the node.
        index: usize,
        /// The key's length.
        length: usize,
    },
    /// A key is not greater than the key before.
    #[error("key {index}, {key:?}, is not greater than the key before it")]
    Order {
        /// Which entry of the node.
        index: usize,
        /// The key, with bytes that are no text replaced.
        key: String,
    },
    /// The children of an entry share more of their keys than the entry has.
    #[error("key {index}: its children share {prefix} bytes of a key of {length}")]
    Shared {
        /// Which entry of the node.
        index: usize,
        /// How many bytes are shared.
        prefix: u64,
        /// The key's length.
        length: usize,
    },
    /// The keys take more memory than the limit once spelt out.
    #[error("{count} keys take over {limit} bytes")]
    TooLarge {
        /// How many keys the node has.
        count: usize,
        /// The most bytes accepted.
        limit: u64,
    },
}

/// Keys in increasing order, one after the other in one buffer. They are relative to the prefix of their node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Keys {
    /// Reads the keys, and for an inner node how much of each key its children share.
    pub(crate) fn read(
        fields: &mut Fields<'_>,
        count: usize,
        inner: bool,
        limit: u64,
    ) -> Result<(Self, Vec<u64>), KeyError> {
        let prefixes = fields.varints("key_prefix_length", 16, count.saturating_sub(1))?;
        let suffixes = fields.varints("key_suffix_length", 16, count)?;
        let shared = fields.varints(
            "subtree_common_prefix_length",
            16,
            if inner { count } else { 0 },
        )?;
        let mut keys = Self {
            bytes: Vec::new(),
            ends: Vec::with_capacity(count),
        };
        for index in 0..count {
            let prefix = if index == 0 { 0 } else { prefixes[index - 1] };
            keys.push(index, prefix, fields.bytes("key_suffix", suffixes[index])?)?;
            let length = keys.get(index).len();
            if let Some(&prefix) = shared.get(index).filter(|prefix| **prefix > length as u64) {
                return Err(KeyError::Shared {
                    index,
                    prefix,
                    length,
                });
            }
            if keys.bytes.len() as u64 > limit {
                return Err(KeyError::TooLarge { count, limit });
            }
        }
        Ok((keys, shared))
    }

    fn push(&mut self, index: usize, prefix: u64, suffix: &[u8]) -> Result<(), KeyError> {
        let before = match index {
            0 => 0..0,
            _ => self.range(index - 1),
        };
        if prefix > before.len() as u64 {
            return Err(KeyError::Prefix {
                index,
                prefix,
                previous: before.len(),
            });
        }
        let prefix = prefix as usize;
        let length = prefix + suffix.len();
        if length > LONGEST_KEY {
            return Err(KeyError::Long { index, length });
        }
        self.bytes
            .extend_from_within(before.start..before.start + prefix);
        self.bytes.extend_from_slice(suffix);
        self.ends.push(self.bytes.len());
        if index > 0 && self.get(index) <= &self.bytes[before] {
            return Err(KeyError::Order {
                index,
                key: String::from_utf8_lossy(self.get(index)).into_owned(),
            });
        }
        Ok(())
    }

    fn range(&self, index: usize) -> std::ops::Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        start..self.ends[index]
    }

    pub(crate) fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.range(index)]
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns how many keys are less than `key`, or at most `key` if `inclusive`.
    pub(crate) fn before(&self, key: &[u8], inclusive: bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let candidate = self.get(middle);
            if candidate < key || (inclusive && candidate == key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    pub(crate) fn memory(&self) -> u64 {
        (self.bytes.len() + self.ends.len() * size_of::<usize>()) as u64
    }
}
