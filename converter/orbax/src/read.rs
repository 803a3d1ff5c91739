//! From a leaf to its elements.

use ocdbt::StoreError;
use thiserror::Error;

use crate::{
    checkpoint::Checkpoint,
    chunk::{ChunkError, ShardIndex, chunks_a_shard, decode, decode_to_vec},
    grid::{self, Indices, Region},
    leaf::Leaf,
};

/// Why an array cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The buffer has another size than the array.
    #[error("leaf {leaf}: a buffer of {found} bytes, expected {expected}")]
    Buffer {
        /// The leaf's path.
        leaf: String,
        /// The array's size.
        expected: usize,
        /// The buffer's size.
        found: usize,
    },
    /// There is no memory for the array.
    #[error("leaf {leaf}: there is no memory for {bytes} bytes")]
    Memory {
        /// The leaf's path.
        leaf: String,
        /// The array's size.
        bytes: usize,
    },
    /// A chunk's bytes cannot be read.
    #[error("leaf {leaf}, chunk {key}: {source}")]
    Store {
        /// The leaf's path.
        leaf: String,
        /// The key, or file, of the chunk, and where it stands.
        key: String,
        /// What the store says.
        source: StoreError,
    },
    /// A chunk is missing.
    #[error("leaf {leaf}: chunk {key} is missing")]
    Missing {
        /// The leaf's path.
        leaf: String,
        /// The key, or file, of the chunk.
        key: String,
    },
    /// A chunk's bytes cannot be used.
    #[error("leaf {leaf}, chunk {key}: {source}")]
    Chunk {
        /// The leaf's path.
        leaf: String,
        /// The key, or file, of the chunk, and where it stands.
        key: String,
        /// What is wrong with them.
        source: ChunkError,
    },
}

impl Checkpoint {
    /// Reads an array: its elements in C order, little-endian.
    ///
    /// It takes memory for the array, and for one chunk unless the chunks lie in the array one after the other.
    ///
    /// # Errors
    ///
    /// If a chunk is missing or cannot be decoded into exactly as many bytes as its shape says.
    ///
    /// # Examples
    ///
    /// ```
    /// let checkpoint = orbax::Checkpoint::open("tests/data/single")?;
    /// let leaf = checkpoint.leaf("step").expect("the checkpoint has it");
    /// assert_eq!(checkpoint.read(leaf)?, 7i32.to_le_bytes());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(&self, leaf: &Leaf) -> Result<Vec<u8>, ReadError> {
        let bytes = leaf.bytes();
        let mut out = Vec::new();
        let single = leaf.array.chunk == leaf.array.shape && leaf.array.sharding.is_none();
        if single && leaf.filled == 0 && leaf.elements.is_none() {
            let index = vec![0; leaf.array.shape.len()];
            let key = leaf.key(&leaf.array.chunk_key(&index));
            if let Some(stored) = self.stored(leaf, &key, 0)? {
                decode_to_vec(leaf.array.compression, &stored, bytes, &mut out)
                    .map_err(self.chunk_error(leaf, &key))?;
                return Ok(out);
            }
        }
        out.try_reserve_exact(bytes)
            .map_err(|_| ReadError::Memory {
                leaf: leaf.display(),
                bytes,
            })?;
        out.resize(bytes, 0);
        self.read_into(leaf, &mut out)?;
        Ok(out)
    }

    /// Reads an array into a buffer of exactly its size. After an error the buffer holds anything.
    ///
    /// # Errors
    ///
    /// If the buffer has another size, or as for [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// ```
    /// let checkpoint = orbax::Checkpoint::open("tests/data/single")?;
    /// let leaf = checkpoint.leaf("step").expect("the checkpoint has it");
    /// let mut buffer = [0; 4];
    /// checkpoint.read_into(leaf, &mut buffer)?;
    /// assert_eq!(i32::from_le_bytes(buffer), 7);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_into(&self, leaf: &Leaf, out: &mut [u8]) -> Result<(), ReadError> {
        if out.len() != leaf.bytes() {
            return Err(ReadError::Buffer {
                leaf: leaf.display(),
                expected: leaf.bytes(),
                found: out.len(),
            });
        }
        if let Some(elements) = &leaf.elements {
            out.copy_from_slice(elements);
            return Ok(());
        }
        let array = &leaf.array;
        if let Some(fill) = &array.fill
            && (leaf.filled > 0 || array.sharding.is_some())
        {
            // What is stored replaces it.
            out.chunks_exact_mut(fill.len())
                .for_each(|element| element.copy_from_slice(fill));
        }
        let mut scratch = Vec::new();
        let mut left = leaf.filled;
        for index in Indices::new(grid::counts(&array.shape, array.stored_shape())) {
            let key = leaf.key(&array.chunk_key(&index));
            let Some(stored) = self.stored(leaf, &key, left)? else {
                left -= 1;
                continue;
            };
            let corner = times(&index, array.stored_shape());
            match &array.sharding {
                None => place(leaf, &stored, corner, out, &mut scratch),
                Some(sharding) => {
                    let counts = chunks_a_shard(array);
                    let chunks = counts.iter().product();
                    ShardIndex::parse(&stored, chunks, sharding).and_then(|shard| {
                        for (entry, inner) in Indices::new(counts).enumerate() {
                            let inner = times(&inner, &array.chunk);
                            let corner = corner
                                .iter()
                                .zip(&inner)
                                .map(|(a, b)| a + b)
                                .collect::<Vec<_>>();
                            // A shard at the end may leave out the chunks that lie outside the array.
                            if corner
                                .iter()
                                .zip(&array.shape)
                                .all(|(start, width)| start < width)
                            {
                                let chunk = shard.chunk(entry, array.fill.is_some())?;
                                if let Some(chunk) = chunk {
                                    place(leaf, chunk, corner, out, &mut scratch)?;
                                }
                            }
                        }
                        Ok(())
                    })
                }
            }
            .map_err(self.chunk_error(leaf, &key))?;
        }
        Ok(())
    }

    /// Reads a chunk or shard, of which `filled` may be missing.
    fn stored(
        &self,
        leaf: &Leaf,
        key: &str,
        filled: usize,
    ) -> Result<Option<ocdbt::Blob>, ReadError> {
        let stored = self.source.read(key).map_err(|source| ReadError::Store {
            leaf: leaf.display(),
            key: self.source.place(key),
            source,
        })?;
        match stored {
            None if filled == 0 => Err(ReadError::Missing {
                leaf: leaf.display(),
                key: key.to_owned(),
            }),
            stored => Ok(stored),
        }
    }

    fn chunk_error(&self, leaf: &Leaf, key: &str) -> impl FnOnce(ChunkError) -> ReadError {
        move |source| ReadError::Chunk {
            leaf: leaf.display(),
            key: self.source.place(key),
            source,
        }
    }
}

/// Decodes a chunk and puts it where it belongs: directly, if it is one run of elements in the array.
fn place(
    leaf: &Leaf,
    stored: &[u8],
    corner: Vec<usize>,
    out: &mut [u8],
    scratch: &mut Vec<u8>,
) -> Result<(), ChunkError> {
    let array = &leaf.array;
    let bytes = array.chunk_bytes();
    let Some(region) = Region::new(&array.shape, &array.chunk, corner) else {
        return Ok(());
    };
    if let (true, Some(start)) = (region.shape == array.chunk, region.contiguous(&array.shape)) {
        let start = start * array.dtype.size();
        return decode(array.compression, stored, &mut out[start..start + bytes]);
    }
    decode_to_vec(array.compression, stored, bytes, scratch)?;
    region.copy(scratch, &array.chunk, out, &array.shape, array.dtype.size());
    Ok(())
}

fn times(index: &[usize], widths: &[usize]) -> Vec<usize> {
    index
        .iter()
        .zip(widths)
        .map(|(index, width)| index * width)
        .collect()
}
