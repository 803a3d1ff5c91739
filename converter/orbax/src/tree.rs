//! The tree in `_METADATA`.

use std::{collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use thiserror::Error;

use crate::key::{Key, display_path};

/// The file that holds the tree.
pub(crate) const FILE: &str = "_METADATA";

/// Why a checkpoint's `_METADATA` cannot be used.
#[derive(Debug, Error)]
pub enum TreeError {
    /// It is not the JSON that Orbax writes.
    #[error("_METADATA: {0}")]
    Json(#[from] serde_json::Error),
    /// A key is neither of a sequence nor of a dictionary.
    #[error("_METADATA, entry {entry}: key_type {found}, expected 1 (sequence) or 2 (dictionary)")]
    KeyType {
        /// The entry, as `_METADATA` calls it.
        entry: String,
        /// The type stored.
        found: i64,
    },
    /// A position in a sequence is no number.
    #[error("_METADATA, entry {entry}: key {found:?} of a sequence, expected a decimal number")]
    Index {
        /// The entry, as `_METADATA` calls it.
        entry: String,
        /// The key stored.
        found: String,
    },
    /// Two leaves would be stored under one name.
    #[error("_METADATA: the leaves {first} and {second} are both stored as {name:?}")]
    Ambiguous {
        /// The name.
        name: String,
        /// The path of one leaf.
        first: String,
        /// The path of the other.
        second: String,
    },
}

/// A leaf or empty node, as `_METADATA` lists it.
#[derive(Debug)]
pub(crate) struct TreeEntry {
    pub(crate) path: Vec<Key>,
    /// The path's keys joined by dots, under which the array is stored.
    pub(crate) name: String,
    pub(crate) value_type: String,
    pub(crate) write_shape: Option<Vec<usize>>,
    /// Nothing is stored as an array: it is empty, or aggregated.
    pub(crate) skipped: bool,
}

impl TreeEntry {
    /// Skipped nodes have no array, and strings are stored in a file of their own.
    pub(crate) fn has_array(&self) -> bool {
        !self.skipped && self.value_type != "string"
    }
}

#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) entries: Vec<TreeEntry>,
    pub(crate) use_ocdbt: Option<bool>,
    pub(crate) use_zarr3: Option<bool>,
    /// Chunks are stored even if they hold nothing but the fill value, so that one that is missing is lost.
    pub(crate) stores_fill: bool,
}

#[derive(Deserialize)]
struct Metadata {
    tree_metadata: Pairs,
    use_ocdbt: Option<bool>,
    use_zarr3: Option<bool>,
    store_array_data_equal_to_fill_value: Option<bool>,
}

#[derive(Deserialize)]
struct Described {
    key_metadata: Vec<KeyMetadata>,
    value_metadata: ValueMetadata,
}

#[derive(Deserialize)]
struct KeyMetadata {
    key: String,
    key_type: i64,
}

#[derive(Deserialize)]
struct ValueMetadata {
    value_type: String,
    #[serde(default)]
    skip_deserialize: bool,
    write_shape: Option<Vec<usize>>,
}

/// A JSON object in its own order. Unlike a map it does not lose an entry that stands twice.
struct Pairs(Vec<(String, Described)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of leaves")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl Tree {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, TreeError> {
        let metadata: Metadata = serde_json::from_slice(json)?;
        let entries = metadata
            .tree_metadata
            .0
            .into_iter()
            .map(|(entry, described)| read_entry(&entry, described))
            .collect::<Result<Vec<_>, _>>()?;
        let mut names = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.has_array()) {
            if let Some(first) = names.insert(&entry.name, &entry.path) {
                return Err(TreeError::Ambiguous {
                    name: entry.name.clone(),
                    first: display_path(first),
                    second: display_path(&entry.path),
                });
            }
        }
        Ok(Self {
            entries,
            use_ocdbt: metadata.use_ocdbt,
            use_zarr3: metadata.use_zarr3,
            stores_fill: metadata.store_array_data_equal_to_fill_value == Some(true),
        })
    }
}

fn read_entry(entry: &str, described: Described) -> Result<TreeEntry, TreeError> {
    let keys = described.key_metadata;
    let name = keys
        .iter()
        .map(|key| key.key.as_str())
        .collect::<Vec<_>>()
        .join(".");
    let path = keys
        .into_iter()
        .map(|KeyMetadata { key, key_type }| match key_type {
            1 => key.parse().map(Key::Index).map_err(|_| TreeError::Index {
                entry: entry.to_owned(),
                found: key,
            }),
            2 => Ok(Key::Name(key)),
            found => Err(TreeError::KeyType {
                entry: entry.to_owned(),
                found,
            }),
        })
        .collect::<Result<_, _>>()?;
    let value = described.value_metadata;
    Ok(TreeEntry {
        path,
        name,
        value_type: value.value_type,
        write_shape: value.write_shape,
        skipped: value.skip_deserialize,
    })
}
