//! Reading the tensors of a converted folder.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use safetensors::tensor::Metadata;
use serde_json::Value;

use super::{INDEX, SINGLE};
use crate::tensor::{Dtype, TensorType};

/// A tensor in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The file's number in [`Model::files`].
    pub file: usize,
    /// Shape and element type.
    pub kind: TensorType,
    /// The offset of its first byte in the file.
    pub offset: u64,
}

/// The tensors of a folder that `convert` wrote.
#[derive(Debug)]
pub struct Model {
    /// The files, open.
    pub files: Vec<(PathBuf, File)>,
    /// The tensors by name.
    pub tensors: BTreeMap<String, Stored>,
}

/// Why a folder holds no tensors.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Neither a single file nor an index.
    #[error("{dir} holds neither {SINGLE} nor {INDEX}: it is no folder that `convert` wrote")]
    NotAModel {
        /// The folder.
        dir: PathBuf,
    },
    /// A file could not be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of another form.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The safetensors crate's own limit.
const MAX_HEADER: u64 = 100_000_000;

impl Model {
    /// Opens the tensors in the folder `dir`, or in one file.
    ///
    /// # Errors
    /// If files are missing, damaged, or of another length than their headers say.
    pub fn open(dir: &Path) -> Result<Model, ModelError> {
        let mut model = Model {
            files: Vec::new(),
            tensors: BTreeMap::new(),
        };
        let single = if dir.is_file() {
            dir.to_owned()
        } else {
            dir.join(SINGLE)
        };
        if single.is_file() {
            model.add(single)?;
            return Ok(model);
        }
        let index = dir.join(INDEX);
        let text = match std::fs::read(&index) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ModelError::NotAModel {
                    dir: dir.to_owned(),
                });
            }
            Err(source) => {
                return Err(ModelError::Read {
                    path: index,
                    source,
                });
            }
        };
        let damaged = |reason: String| ModelError::Damaged {
            path: index.clone(),
            reason,
        };
        let value: Value =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let map = value
            .get("weight_map")
            .and_then(Value::as_object)
            .ok_or(damaged("it has no weight_map".to_owned()))?;
        let mut names: Vec<&str> = Vec::new();
        for file in map.values() {
            let name = file.as_str().filter(|name| !name.contains(['/', '\\']));
            names.push(name.ok_or(damaged(format!("{file} is no file name")))?);
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            model.add(dir.join(name))?;
        }
        if let Some(name) = map.keys().find(|name| !model.tensors.contains_key(*name)) {
            return Err(damaged(format!("tensor {name} is in none of the files")));
        }
        Ok(model)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), ModelError> {
        let damaged = |reason: String| ModelError::Damaged {
            path: path.clone(),
            reason,
        };
        let read = |source| ModelError::Read {
            path: path.clone(),
            source,
        };
        let mut file = File::open(&path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut bytes = [0; 8];
        file.read_exact(&mut bytes)
            .map_err(|_| damaged("it is shorter than 8 bytes".to_owned()))?;
        let size = u64::from_le_bytes(bytes);
        if size > MAX_HEADER || size + 8 > length {
            return Err(damaged(format!(
                "its header of {size} bytes does not fit the file of {length} bytes"
            )));
        }
        let mut header = vec![0; size as usize];
        file.read_exact(&mut header).map_err(read)?;
        // Reading it checks that the tensors lie one behind the other and have the bytes that their shapes need.
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
        if metadata.data_len() as u64 + size + 8 != length {
            let expected = metadata.data_len() as u64 + size + 8;
            return Err(damaged(format!(
                "it has {length} bytes, but its header speaks of {expected}"
            )));
        }
        for (name, info) in metadata.tensors() {
            let dtype = Dtype::by_name(&info.dtype.to_string())
                .ok_or_else(|| damaged(format!("tensor {name} is of type {}", info.dtype)))?;
            let stored = Stored {
                file: self.files.len(),
                kind: TensorType {
                    shape: info.shape.clone(),
                    dtype,
                },
                offset: 8 + size + info.data_offsets.0 as u64,
            };
            if self.tensors.insert(name.clone(), stored).is_some() {
                return Err(damaged(format!("tensor {name} is in two files")));
            }
        }
        self.files.push((path, file));
        Ok(())
    }

    /// Reads the bytes of a tensor from its byte `from` on.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(&self, stored: &Stored, from: u64, out: &mut [u8]) -> Result<(), ModelError> {
        use std::os::unix::fs::FileExt;
        let (path, file) = &self.files[stored.file];
        let read = |source| ModelError::Read {
            path: path.clone(),
            source,
        };
        file.read_exact_at(out, stored.offset + from).map_err(read)
    }
}
