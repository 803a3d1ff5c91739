//! Array metadata of zarr version 2, the file `.zarray`.
//!
//! <https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html>

use serde::Deserialize;
use serde_json::Value;

use crate::{
    array::{Array, ArrayError, Compression, unread, unsupported},
    dtype::DType,
    fill,
    layout::ZarrVersion,
};

pub(crate) const FILE: &str = ".zarray";

/// All fields but the separator must be there: one whose name is damaged would otherwise look like its default.
#[derive(Deserialize)]
struct Metadata {
    zarr_format: Value,
    shape: Vec<usize>,
    chunks: Vec<usize>,
    dtype: Value,
    compressor: Value,
    filters: Value,
    order: Value,
    fill_value: Value,
    dimension_separator: Option<Value>,
}

pub(crate) fn parse(json: &[u8]) -> Result<Array, ArrayError> {
    let metadata: Metadata = serde_json::from_slice(json)?;
    if metadata.zarr_format != 2 {
        return unsupported("zarr_format", metadata.zarr_format, "2");
    }
    if metadata.order != "C" {
        return unsupported(
            "order",
            metadata.order,
            "\"C\": save the array in row-major order",
        );
    }
    if !metadata.filters.is_null()
        && metadata
            .filters
            .as_array()
            .is_none_or(|filters| !filters.is_empty())
    {
        return unsupported("filters", metadata.filters, "null");
    }
    let compression = match &metadata.compressor {
        Value::Null => Compression::Raw,
        compressor if compressor["id"] == "zstd" => Compression::Zstd,
        compressor => return unsupported("compressor", compressor, "null or zstd"),
    };
    let separator = match metadata.dimension_separator.as_ref().map(Value::as_str) {
        None | Some(Some(".")) => '.',
        Some(Some("/")) => '/',
        Some(_) => {
            return unsupported(
                "dimension_separator",
                json_of(&metadata.dimension_separator),
                "\".\" or \"/\"",
            );
        }
    };
    let dtype = metadata
        .dtype
        .as_str()
        .and_then(DType::from_v2)
        .ok_or_else(|| unread(&metadata.dtype, &metadata.shape))?;
    Array {
        version: ZarrVersion::V2,
        shape: metadata.shape,
        dtype,
        chunk: metadata.chunks,
        sharding: None,
        compression,
        key_prefix: "",
        separator,
        fill: fill::parse(&metadata.fill_value, dtype)?,
    }
    .check()
}

fn json_of(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(String::new, Value::to_string)
}
