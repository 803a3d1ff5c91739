//! Leaves that Orbax before 0.6 gathers in one file, `checkpoint`, instead of storing them as arrays.
//!
//! It is the msgpack of `flax.serialization`: a tree of maps, in which extension 1 is an array and 3 a NumPy scalar, both as
//! `[shape, type's name, elements in C order]`, and 2 is a complex number.

use rmpv::{ValueRef, decode::read_value_ref};
use thiserror::Error;

use crate::{
    bare::{Content, Value},
    dtype::DType,
    grid,
    key::Key,
};

pub(crate) const FILE: &str = "checkpoint";

/// Stands for a leaf that is stored as an array.
const PLACEHOLDER: &str = "PLACEHOLDER://";

/// Flax cuts arrays of more than 1 GiB into pieces under this key.
const CHUNKED: &str = "__msgpack_chunked_array__";

/// Why the file of aggregated leaves cannot be used.
#[derive(Debug, Error)]
pub enum AggregateError {
    /// It is no msgpack.
    #[error("no msgpack: {0}")]
    Decode(#[from] rmpv::decode::Error),
    /// An array in it is not what Flax writes.
    #[error("leaf {leaf}: an array of {expected}, found {found}")]
    Array {
        /// The leaf's path.
        leaf: String,
        /// What stands there.
        found: String,
        /// What Flax writes.
        expected: &'static str,
    },
}

/// The tree in the file.
pub(crate) struct Aggregate<'a>(ValueRef<'a>);

impl<'a> Aggregate<'a> {
    pub(crate) fn parse(mut bytes: &'a [u8]) -> Result<Self, AggregateError> {
        Ok(Self(read_value_ref(&mut bytes)?))
    }

    /// Finds the value at a path, if there is one.
    pub(crate) fn find(&self, path: &[Key]) -> Result<Option<Value>, AggregateError> {
        let mut node = &self.0;
        for key in path {
            let below = match (node, key) {
                (ValueRef::Array(items), Key::Index(index)) => items.get(*index),
                (ValueRef::Map(pairs), key) => entry(pairs, &spelt(key)),
                _ => None,
            };
            match below {
                Some(below) => node = below,
                None => return Ok(None),
            }
        }
        value(node, path).map(Some)
    }
}

/// A key of a map, in which a sequence has its indices in decimal.
fn spelt(key: &Key) -> String {
    match key {
        Key::Index(index) => index.to_string(),
        Key::Name(name) => name.clone(),
    }
}

fn entry<'a, 'b>(
    pairs: &'b [(ValueRef<'a>, ValueRef<'a>)],
    name: &str,
) -> Option<&'b ValueRef<'a>> {
    let found = pairs.iter().find(|(key, _)| match key {
        ValueRef::String(key) => key.as_str() == Some(name),
        _ => false,
    });
    found.map(|(_, value)| value)
}

fn value(node: &ValueRef<'_>, path: &[Key]) -> Result<Value, AggregateError> {
    let scalar = |dtype, bytes: &[u8]| Value::Array {
        dtype,
        shape: Vec::new(),
        bytes: bytes.to_vec(),
    };
    let bare = |why| Value::Bare(Content::Unread(why));
    Ok(match node {
        ValueRef::Nil => Value::Bare(Content::Nothing),
        ValueRef::Boolean(value) => scalar(DType::Bool, &[u8::from(*value)]),
        ValueRef::Integer(value) => match (value.as_i64(), value.as_u64()) {
            (Some(value), _) => scalar(DType::I64, &value.to_le_bytes()),
            (None, Some(value)) => scalar(DType::U64, &value.to_le_bytes()),
            (None, None) => bare("an integer of more than 64 bits"),
        },
        ValueRef::F32(value) => scalar(DType::F32, &value.to_le_bytes()),
        ValueRef::F64(value) => scalar(DType::F64, &value.to_le_bytes()),
        ValueRef::String(text) => match text.as_str() {
            Some(text) if text.starts_with(PLACEHOLDER) => {
                bare("a placeholder stands in the file `checkpoint`, and no array is stored")
            }
            Some(text) => Value::Bare(Content::Text(text.to_owned())),
            None => bare("a string that is no UTF-8"),
        },
        ValueRef::Binary(_) => bare("bytes"),
        ValueRef::Ext(1 | 3, bytes) => array(bytes, path)?,
        ValueRef::Ext(2, _) => Value::Bare(Content::Array {
            dtype: "complex128".to_owned(),
            shape: Vec::new(),
        }),
        ValueRef::Ext(..) => bare("a msgpack extension that Flax does not write"),
        ValueRef::Map(pairs) if pairs.is_empty() => Value::Bare(Content::Nothing),
        ValueRef::Array(items) if items.is_empty() => Value::Bare(Content::Nothing),
        ValueRef::Map(pairs) if entry(pairs, CHUNKED).is_some() => {
            bare("an array of more than 1 GiB, in pieces")
        }
        ValueRef::Map(_) | ValueRef::Array(_) => bare("a tree where a leaf should be"),
    })
}

/// What a value is, without what it holds.
fn outline(value: &ValueRef<'_>) -> String {
    match value {
        ValueRef::Array(items) => {
            let items: Vec<_> = items.iter().take(4).map(outline).collect();
            format!("[{}]", items.join(", "))
        }
        ValueRef::Map(pairs) => format!("a map of {}", pairs.len()),
        ValueRef::Binary(bytes) => format!("{} bytes", bytes.len()),
        ValueRef::String(text) => format!("a string of {} bytes", text.as_bytes().len()),
        ValueRef::Ext(kind, bytes) => format!("extension {kind} of {} bytes", bytes.len()),
        ValueRef::Nil
        | ValueRef::Boolean(_)
        | ValueRef::Integer(_)
        | ValueRef::F32(_)
        | ValueRef::F64(_) => value.to_string(),
    }
}

/// An array as Flax packs it.
fn array(mut bytes: &[u8], path: &[Key]) -> Result<Value, AggregateError> {
    let wrong = |expected, found: String| AggregateError::Array {
        leaf: crate::key::display_path(path),
        found,
        expected,
    };
    let packed = read_value_ref(&mut bytes)?;
    let parts = packed.as_array().map(Vec::as_slice);
    let Some([shape, ValueRef::String(dtype), ValueRef::Binary(elements)]) = parts else {
        return Err(wrong("shape, type and elements", outline(&packed)));
    };
    let shape: Option<Vec<usize>> = shape.as_array().and_then(|axes| {
        let axes = axes.iter().map(|axis| usize::try_from(axis.as_u64()?).ok());
        axes.collect()
    });
    let Some(shape) = shape else {
        return Err(wrong("a shape of lengths", outline(&packed)));
    };
    let name = dtype.as_str().unwrap_or_default();
    let Some(dtype) = DType::from_v3(name) else {
        let dtype = name.to_owned();
        return Ok(Value::Bare(Content::Array { dtype, shape }));
    };
    let expected = grid::elements(&shape).and_then(|count| count.checked_mul(dtype.size()));
    if expected != Some(elements.len()) {
        let found = format!("{} bytes for {dtype} {shape:?}", elements.len());
        return Err(wrong("as many bytes as its shape says", found));
    }
    Ok(Value::Array {
        dtype,
        shape,
        bytes: elements.to_vec(),
    })
}
