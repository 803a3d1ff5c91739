//! Checkpoints in plain folders that the tests write themselves, to change one thing.

use std::{fs, path::PathBuf};

use orbax::{Checkpoint, OpenError, ReadError};
use serde_json::{Value, json};
use tempfile::TempDir;

/// One array named `x`, of shape 4, 3.
pub struct Built {
    folder: TempDir,
    pub tree: Value,
    pub array: Value,
    /// `.zarray` or `zarr.json`.
    pub file: &'static str,
    pub chunks: Vec<(&'static str, Vec<u8>)>,
}

/// The array's elements.
pub fn elements() -> Vec<u8> {
    (0..12u32).flat_map(|n| (n as f32).to_le_bytes()).collect()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).unwrap()
}

fn tree(zarr3: bool) -> Value {
    json!({
        "tree_metadata": {
            "('x',)": {
                "key_metadata": [{"key": "x", "key_type": 2}],
                "value_metadata": {"value_type": "jax.Array", "skip_deserialize": false, "write_shape": [4, 3]},
            },
        },
        "use_ocdbt": false,
        "use_zarr3": zarr3,
    })
}

impl Built {
    pub fn v2() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            tree: tree(false),
            array: json!({
                "chunks": [4, 3], "compressor": {"id": "zstd", "level": 1}, "dimension_separator": ".", "dtype": "<f4",
                "fill_value": null, "filters": null, "order": "C", "shape": [4, 3], "zarr_format": 2,
            }),
            file: ".zarray",
            chunks: vec![("0.0", zstd(&elements()))],
        }
    }

    /// One shard of two chunks, of two rows each.
    pub fn v3() -> Self {
        let (first, second) = (zstd(&elements()[..24]), zstd(&elements()[24..]));
        let index = [
            0,
            first.len() as u64,
            first.len() as u64,
            second.len() as u64,
        ];
        let shard = [first, second, shard_index(&index)].concat();
        Self {
            folder: tempfile::tempdir().unwrap(),
            tree: tree(true),
            array: json!({
                "zarr_format": 3, "node_type": "array", "shape": [4, 3], "data_type": "float32", "fill_value": 0,
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 3]}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "codecs": [{"name": "sharding_indexed", "configuration": {
                    "chunk_shape": [2, 3],
                    "codecs": [
                        {"name": "bytes", "configuration": {"endian": "little"}},
                        {"name": "zstd", "configuration": {"level": 1}},
                    ],
                    "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
                    "index_location": "end",
                }}],
            }),
            file: "zarr.json",
            chunks: vec![("c/0/0", shard)],
        }
    }

    /// Changes what a JSON pointer points at.
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        *self
            .array
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("{pointer}")) = value;
        self
    }

    pub fn without(mut self, field: &str) -> Self {
        self.array.as_object_mut().unwrap().remove(field).unwrap();
        self
    }

    pub fn with_chunk(mut self, bytes: Vec<u8>) -> Self {
        self.chunks[0].1 = bytes;
        self
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub fn write(&self) -> PathBuf {
        fs::write(self.path().join("_METADATA"), self.tree.to_string()).unwrap();
        let array = self.path().join("x");
        fs::create_dir_all(&array).unwrap();
        fs::write(array.join(self.file), self.array.to_string()).unwrap();
        for (name, bytes) in &self.chunks {
            fs::create_dir_all(array.join(name).parent().unwrap()).unwrap();
            fs::write(array.join(name), bytes).unwrap();
        }
        self.path()
    }

    pub fn open(&self) -> Result<Checkpoint, OpenError> {
        Checkpoint::open(self.write())
    }

    pub fn open_error(&self) -> OpenError {
        self.open().expect_err("opening should fail")
    }

    pub fn read(&self) -> Result<Vec<u8>, ReadError> {
        let checkpoint = self.open().unwrap();
        checkpoint.read(&checkpoint.leaves()[0])
    }

    pub fn read_error(&self) -> ReadError {
        self.read().expect_err("reading should fail")
    }
}

/// The index of a shard: offsets and lengths, and their checksum.
pub fn shard_index(numbers: &[u64]) -> Vec<u8> {
    let mut bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}
