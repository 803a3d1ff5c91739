//! What a checkpoint holds beside its arrays: strings, aggregated leaves, and which arrays are keys of random numbers.

use std::collections::HashMap;

use ocdbt::{Blob, FolderStore, Store as _};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    aggregate::{self, Aggregate},
    bare::{Bare, Content, Value},
    leaf::Leaf,
    open::OpenError,
    source::optional,
    stored::Stored,
    tree::{Tree, TreeEntry},
};

const STRINGS: &str = "_strings.json";

/// One file a process, each with what the tree does not say of an array.
const ARRAYS: &str = "array_metadatas/";

/// What the tree calls values that hold something, even if it says that no array is stored.
const FULL: [&str; 4] = ["jax.Array", "np.ndarray", "scalar", "string"];

/// The values beside the arrays.
pub(crate) struct Beside<'a> {
    strings: HashMap<String, String>,
    aggregate: Option<Aggregate<'a>>,
    key_implementations: HashMap<String, String>,
}

#[derive(Deserialize)]
struct ArrayMetadatas {
    array_metadatas: Vec<ArrayMetadata>,
}

#[derive(Deserialize)]
struct ArrayMetadata {
    array_metadata: Described,
}

#[derive(Deserialize)]
struct Described {
    param_name: String,
    ext_metadata: Option<Extension>,
}

#[derive(Deserialize)]
struct Extension {
    random_key_impl: Option<String>,
}

/// Reads the file of aggregated leaves, if there is one and the tree may mean it.
pub(crate) fn aggregated(store: &FolderStore, tree: &Tree) -> Result<Option<Blob>, OpenError> {
    match tree.entries.iter().any(|entry| entry.skipped) {
        true => Ok(optional(store, aggregate::FILE)?),
        false => Ok(None),
    }
}

fn json<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, OpenError> {
    serde_json::from_slice(bytes).map_err(|source| OpenError::Json {
        file: file.to_owned(),
        source,
    })
}

impl<'a> Beside<'a> {
    pub(crate) fn read(
        store: &FolderStore,
        tree: &Tree,
        aggregated: Option<&'a [u8]>,
    ) -> Result<Self, OpenError> {
        let mut strings = HashMap::new();
        if tree
            .entries
            .iter()
            .any(|entry| entry.value_type == "string")
            && let Some(bytes) = optional(store, STRINGS)?
        {
            strings = json(STRINGS, &bytes)?;
        }
        let mut key_implementations = HashMap::new();
        for file in store.list(ARRAYS)? {
            let name = file.strip_prefix(ARRAYS).unwrap_or(&file);
            if file.ends_with('/') || !name.starts_with("process_") {
                continue;
            }
            let found: ArrayMetadatas = json(&file, &store.read_all(&file)?)?;
            let arrays = found.array_metadatas.into_iter();
            key_implementations.extend(arrays.filter_map(|array| {
                let described = array.array_metadata;
                Some((
                    described.param_name,
                    described.ext_metadata?.random_key_impl?,
                ))
            }));
        }
        Ok(Self {
            strings,
            aggregate: aggregated.map(Aggregate::parse).transpose()?,
            key_implementations,
        })
    }

    /// Takes the value of an entry that is not stored as an array.
    pub(crate) fn take(&mut self, entry: TreeEntry) -> Result<Stored, OpenError> {
        let value = match &self.aggregate {
            _ if !entry.skipped => self.strings.remove(&entry.name).map_or(
                Value::Bare(Content::Unread("it is not in _strings.json")),
                |text| Value::Bare(Content::Text(text)),
            ),
            Some(aggregate) => aggregate
                .find(&entry.path)?
                .unwrap_or(nothing(&entry, "it is not in the file `checkpoint`")),
            None => nothing(
                &entry,
                "the file `checkpoint`, which should hold it, is missing",
            ),
        };
        Ok(match value {
            Value::Array {
                dtype,
                shape,
                bytes,
            } => Stored::Leaf(Leaf::of_elements(
                entry.path,
                entry.name,
                entry.value_type,
                (dtype, shape),
                bytes,
            )),
            Value::Bare(content) => Stored::Bare(Bare {
                path: entry.path,
                name: entry.name,
                value_type: entry.value_type,
                content,
            }),
        })
    }

    /// Says of a leaf what only stands beside it.
    pub(crate) fn complete(&mut self, leaf: &mut Leaf) {
        leaf.key_implementation = self.key_implementations.remove(leaf.name());
    }
}

/// The value of an entry for which nothing is found: empty, or lost.
fn nothing(entry: &TreeEntry, why: &'static str) -> Value {
    Value::Bare(match FULL.contains(&entry.value_type.as_str()) {
        true => Content::Unread(why),
        false => Content::Nothing,
    })
}
