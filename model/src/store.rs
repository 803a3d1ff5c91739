//! Tensors of a conversion, memory-mapped: one safetensors file, or several with an index.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use half::bf16;
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::load::LoadError;

/// The name of a single file.
const SINGLE: &str = "model.safetensors";
/// The name of the index of several files.
const INDEX: &str = "model.safetensors.index.json";

/// Stored tensors by name.
pub(crate) struct Store {
    files: Vec<Mmap>,
    tensors: BTreeMap<String, Stored>,
}

/// Where a tensor is stored, and how.
pub(crate) struct Stored {
    file: usize,
    bytes: Range<usize>,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Store {
    /// Maps the files of a conversion and reads their headers.
    pub(crate) fn open(dir: &Path) -> Result<Self, LoadError> {
        let single = dir.join(SINGLE);
        let index = dir.join(INDEX);
        let mut store = Self::empty();
        if single.is_file() {
            store.add(&single)?;
        } else if index.is_file() {
            store.add_indexed(dir, &index)?;
        } else {
            return Err(LoadError::NoWeights {
                dir: dir.to_owned(),
            });
        }
        Ok(store)
    }

    fn add_indexed(&mut self, dir: &Path, path: &Path) -> Result<(), LoadError> {
        let fault = |reason: String| LoadError::Weights {
            path: path.to_owned(),
            reason,
        };
        let text = fs::read_to_string(path).map_err(|source| LoadError::read(path, source))?;
        let index: Index = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
        let mut names: Vec<&String> = index.weight_map.values().collect();
        names.sort();
        names.dedup();
        for name in names {
            if Path::new(name).file_name() != Some(name.as_ref()) {
                return Err(fault(format!(
                    "`{name}` is no name of a file beside the index"
                )));
            }
            self.add(&dir.join(name))?;
        }
        match index
            .weight_map
            .keys()
            .find(|name| !self.tensors.contains_key(*name))
        {
            Some(name) => Err(fault(format!(
                "lists `{name}`, which none of its files holds"
            ))),
            None => Ok(()),
        }
    }

    fn add(&mut self, path: &Path) -> Result<(), LoadError> {
        let file = File::open(path).map_err(|source| LoadError::read(path, source))?;
        let map = map(&file).map_err(|source| LoadError::read(path, source))?;
        let fault = |reason: String| LoadError::Weights {
            path: PathBuf::from(path),
            reason,
        };
        let tensors = SafeTensors::deserialize(&map);
        let tensors = tensors.map_err(|error| fault(damage(&map, &error)))?;
        let start = map.as_ptr() as usize;
        for (name, view) in tensors.iter() {
            let first = view.data().as_ptr() as usize - start;
            let stored = Stored {
                file: self.files.len(),
                bytes: first..first + view.data().len(),
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
            };
            if self.tensors.insert(name.to_owned(), stored).is_some() {
                return Err(fault(format!(
                    "holds `{name}`, which another file holds too"
                )));
            }
        }
        self.files.push(map);
        Ok(())
    }

    /// No tensors.
    pub(crate) fn empty() -> Self {
        Self {
            files: Vec::new(),
            tensors: BTreeMap::new(),
        }
    }

    /// How a tensor is stored.
    pub(crate) fn get(&self, name: &str) -> Option<&Stored> {
        self.tensors.get(name)
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.tensors.keys()
    }

    /// Hands out a tensor's values as the bytes of float32, in the machine's order; `None` for another type than float32 or
    /// bfloat16.
    #[cfg(feature = "cuda")]
    pub(crate) fn with_f32_bytes<R>(&self, name: &str, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let stored = self.get(name)?;
        if stored.dtype == Dtype::F32 && cfg!(target_endian = "little") {
            return Some(f(&self.files[stored.file][stored.bytes.clone()]));
        }
        let values = self.values(stored)?;
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        Some(f(&bytes))
    }

    /// A tensor's values as float32; `None` for another type than float32 or bfloat16.
    pub(crate) fn values(&self, stored: &Stored) -> Option<Vec<f32>> {
        let bytes = &self.files[stored.file][stored.bytes.clone()];
        match stored.dtype {
            Dtype::F32 => {
                let (words, _) = bytes.as_chunks::<4>();
                Some(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
            }
            Dtype::BF16 => {
                let (words, _) = bytes.as_chunks::<2>();
                Some(
                    words
                        .iter()
                        .map(|word| bf16::from_le_bytes(*word).to_f32())
                        .collect(),
                )
            }
            _ => None,
        }
    }
}

/// What is wrong with a file that is refused: often it was cut off.
fn damage(bytes: &[u8], error: &safetensors::SafeTensorError) -> String {
    let found = bytes.len();
    let what = match expected_length(bytes) {
        Some(expected) if expected > found as u64 => {
            format!("is cut off: it has {found} bytes, and its header says {expected} or more")
        }
        _ => format!("is no whole safetensors file of {found} bytes: {error}"),
    };
    format!("{what}; copy it again, or convert the checkpoint again")
}

/// The bytes that a safetensors file has by its header; without the tensors' where the header itself is cut off.
fn expected_length(bytes: &[u8]) -> Option<u64> {
    // As the package has it.
    const LONGEST_HEADER: u64 = 100_000_000;
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let header = u64::from_le_bytes(*length);
    if header > LONGEST_HEADER {
        return None;
    }
    let mut expected = 8 + header;
    if let Some(text) = rest.get(..header as usize) {
        let tensors: BTreeMap<String, serde_json::Value> = serde_json::from_slice(text).ok()?;
        let ends = tensors
            .values()
            .filter_map(|tensor| tensor["data_offsets"][1].as_u64());
        expected = expected.checked_add(ends.max().unwrap_or(0))?;
    }
    Some(expected)
}

/// Maps a file.
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is read-only and private to this process. Should another process shorten the file meanwhile,
    // reading ends the program with a bus error; every reader of a memory-mapped model shares that contract.
    unsafe { Mmap::map(file) }
}
