//! Array metadata of zarr version 3, the file `zarr.json`.
//!
//! <https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html>,
//! <https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html>

use serde::Deserialize;
use serde_json::Value;

use crate::{
    array::{Array, ArrayError, Compression, Sharding, unread, unsupported},
    dtype::DType,
    fill,
    layout::ZarrVersion,
};

pub(crate) const FILE: &str = "zarr.json";

#[derive(Deserialize)]
struct Metadata {
    zarr_format: Value,
    node_type: Value,
    shape: Vec<usize>,
    data_type: Value,
    chunk_grid: Extension,
    chunk_key_encoding: Extension,
    codecs: Vec<Extension>,
    fill_value: Value,
    #[serde(default)]
    storage_transformers: Vec<Value>,
}

/// What zarr calls an extension point: a name, and settings that depend on it.
#[derive(Deserialize)]
struct Extension {
    name: String,
    #[serde(default)]
    configuration: Value,
}

#[derive(Deserialize)]
struct Grid {
    chunk_shape: Vec<usize>,
}

#[derive(Deserialize)]
struct ShardingIndexed {
    chunk_shape: Vec<usize>,
    codecs: Vec<Extension>,
    index_codecs: Vec<Extension>,
    #[serde(default)]
    index_location: Value,
}

pub(crate) fn parse(json: &[u8]) -> Result<Array, ArrayError> {
    let metadata: Metadata = serde_json::from_slice(json)?;
    if metadata.zarr_format != 3 {
        return unsupported("zarr_format", metadata.zarr_format, "3");
    }
    if metadata.node_type != "array" {
        return unsupported("node_type", metadata.node_type, "\"array\"");
    }
    if let Some(transformer) = metadata.storage_transformers.first() {
        return unsupported("storage_transformers", transformer, "none");
    }
    if metadata.chunk_grid.name != "regular" {
        return unsupported("chunk_grid", metadata.chunk_grid.name, "regular");
    }
    let grid: Grid = serde_json::from_value(metadata.chunk_grid.configuration)?;
    let (key_prefix, separator) = key_encoding(&metadata.chunk_key_encoding)?;
    let dtype = metadata
        .data_type
        .as_str()
        .and_then(DType::from_v3)
        .ok_or_else(|| unread(&metadata.data_type, &metadata.shape))?;
    let (chunk, sharding, compression) = match metadata.codecs.as_slice() {
        [sharding] if sharding.name == "sharding_indexed" => {
            let inner = ShardingIndexed::deserialize(&sharding.configuration)?;
            let sharding = Sharding {
                shape: grid.chunk_shape,
                index_at_end: index_at_end(&inner.index_location)?,
                index_checksum: index_checksum(&inner.index_codecs)?,
            };
            let compression = compression(&inner.codecs, dtype)?;
            (inner.chunk_shape, Some(sharding), compression)
        }
        codecs => (grid.chunk_shape, None, compression(codecs, dtype)?),
    };
    Array {
        version: ZarrVersion::V3,
        shape: metadata.shape,
        dtype,
        chunk,
        sharding,
        compression,
        key_prefix,
        separator,
        fill: fill::parse(&metadata.fill_value, dtype)?,
    }
    .check()
}

fn key_encoding(encoding: &Extension) -> Result<(&'static str, char), ArrayError> {
    let (prefix, default) = match encoding.name.as_str() {
        "default" => ("c", "/"),
        "v2" => ("", "."),
        other => return unsupported("chunk_key_encoding", other, "default or v2"),
    };
    let separator = match encoding.configuration.get("separator") {
        None => default,
        Some(separator) => separator.as_str().unwrap_or(""),
    };
    match separator {
        "/" => Ok((prefix, '/')),
        "." => Ok((prefix, '.')),
        _ => unsupported(
            "separator",
            &encoding.configuration["separator"],
            "\".\" or \"/\"",
        ),
    }
}

fn index_at_end(location: &Value) -> Result<bool, ArrayError> {
    match location {
        Value::Null => Ok(true),
        location if location == "end" => Ok(true),
        location if location == "start" => Ok(false),
        location => unsupported("index_location", location, "\"start\" or \"end\""),
    }
}

/// Says whether a shard's index ends in a checksum.
fn index_checksum(codecs: &[Extension]) -> Result<bool, ArrayError> {
    const EXPECTED: &str = "bytes (little-endian), then crc32c or nothing, for a shard's index";
    match codecs {
        [bytes, rest @ ..] if is_little_endian(bytes, false) => match rest {
            [] => Ok(false),
            [checksum] if checksum.name == "crc32c" => Ok(true),
            [other, ..] => codec(&other.name, EXPECTED),
        },
        [other, ..] => codec(&other.name, EXPECTED),
        [] => codec("(none)", EXPECTED),
    }
}

fn compression(codecs: &[Extension], dtype: DType) -> Result<Compression, ArrayError> {
    const EXPECTED: &str =
        "bytes (little-endian), then zstd or nothing; or sharding_indexed alone around them";
    match codecs {
        [bytes, rest @ ..] if is_little_endian(bytes, dtype.size() == 1) => match rest {
            [] => Ok(Compression::Raw),
            [zstd] if zstd.name == "zstd" => Ok(Compression::Zstd),
            [zstd, other, ..] if zstd.name == "zstd" => codec(&other.name, EXPECTED),
            [other, ..] => codec(&other.name, EXPECTED),
        },
        [other, ..] => codec(&format!("{} {}", other.name, other.configuration), EXPECTED),
        [] => codec("(none)", EXPECTED),
    }
}

/// A single byte has no order, so that types of one byte need not name it.
fn is_little_endian(codec: &Extension, single: bool) -> bool {
    codec.name == "bytes"
        && match codec.configuration.get("endian") {
            None => single,
            Some(endian) => endian == "little",
        }
}

fn codec<T>(found: &str, expected: &'static str) -> Result<T, ArrayError> {
    Err(ArrayError::Codec {
        found: found.to_owned(),
        expected,
    })
}
