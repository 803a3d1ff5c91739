//! Safetensors files: laying them out, and reading their headers.
//!
//! A file is the length of the header (u64, little-endian), the header (JSON, padded with spaces to a multiple of eight
//! bytes) and the tensors' bytes without gaps.

mod model;

use serde_json::{Map, Value, json};

use crate::plan::Target;

pub use model::{Model, ModelError, Stored};

/// The name of a file that holds all tensors.
pub const SINGLE: &str = "model.safetensors";

/// The name of the index of several files.
pub const INDEX: &str = "model.safetensors.index.json";

/// The place of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's number.
    pub file: usize,
    /// The offset of its first byte in the file.
    pub offset: u64,
}

/// A file that will be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLayout {
    /// Its name.
    pub name: String,
    /// What stands before the tensors.
    pub header: Vec<u8>,
    /// Its length in bytes.
    pub length: u64,
}

/// Where everything goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The files.
    pub files: Vec<FileLayout>,
    /// The place of each target.
    pub places: Vec<Place>,
}

impl Layout {
    /// Lays `targets` out in files of at most `max_shard` bytes of tensors; a larger tensor gets a file of its own.
    pub fn new(targets: &[Target], max_shard: u64) -> Layout {
        let mut shards: Vec<Vec<usize>> = vec![Vec::new()];
        let mut filled = 0;
        for (number, target) in targets.iter().enumerate() {
            let bytes = target.kind.bytes() as u64;
            let last = shards.len() - 1;
            if !shards[last].is_empty() && filled + bytes > max_shard {
                shards.push(vec![number]);
                filled = bytes;
            } else {
                shards[last].push(number);
                filled += bytes;
            }
        }
        let count = shards.len();
        let mut places = vec![Place { file: 0, offset: 0 }; targets.len()];
        let files = shards.iter().enumerate().map(|(file, members)| {
            let header = header(members.iter().map(|&number| &targets[number]));
            let mut offset = header.len() as u64;
            for &number in members {
                places[number] = Place { file, offset };
                offset += targets[number].kind.bytes() as u64;
            }
            let name = if count == 1 {
                SINGLE.to_owned()
            } else {
                format!("model-{:05}-of-{count:05}.safetensors", file + 1)
            };
            FileLayout {
                name,
                header,
                length: offset,
            }
        });
        Layout {
            files: files.collect(),
            places,
        }
    }

    /// The index of several files; nothing for one.
    pub fn index(&self, targets: &[Target]) -> Option<Value> {
        if self.files.len() == 1 {
            return None;
        }
        let total: u64 = targets
            .iter()
            .map(|target| target.kind.bytes() as u64)
            .sum();
        let mut names: Vec<(&str, &str)> = targets
            .iter()
            .zip(&self.places)
            .map(|(target, place)| (target.name.as_str(), self.files[place.file].name.as_str()))
            .collect();
        names.sort_unstable();
        let map = Map::from_iter(
            names
                .into_iter()
                .map(|(name, file)| (name.to_owned(), Value::from(file))),
        );
        Some(json!({ "metadata": { "total_size": total }, "weight_map": map }))
    }
}

fn header<'a>(targets: impl Iterator<Item = &'a Target>) -> Vec<u8> {
    let mut entries = Map::new();
    let mut start = 0;
    for target in targets {
        let end = start + target.kind.bytes();
        let entry = json!({
            "dtype": target.kind.dtype.safetensors_name(),
            "shape": target.kind.shape,
            "data_offsets": [start, end],
        });
        entries.insert(target.name.clone(), entry);
        start = end;
    }
    let mut json = Value::Object(entries).to_string().into_bytes();
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.extend(json);
    header
}
