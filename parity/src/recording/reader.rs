//! Reads recordings: the manifest at once, arrays one by one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use npyz::npz::NpzArchive;

use super::array::kept_shape;
use super::manifest::{CaseEntry, Manifest, OutputEntry};
use super::npy::NpyStream;
use super::{Array, DType, RecordingError, Values};

/// A recording on disk.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its folder.
    pub path: PathBuf,
    /// What its manifest says.
    pub manifest: Manifest,
}

impl Recording {
    /// Opens the recording in folder `path` and checks that every case's archive is there.
    ///
    /// # Errors
    /// Where the manifest is missing, malformed or of a format not known, or an archive is missing.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let manifest_path = path.join("manifest.json");
        if !manifest_path.is_file() {
            return Err(RecordingError::NoRecording { path: path.into() });
        }
        let text = std::fs::read_to_string(&manifest_path)
            .map_err(|e| RecordingError::io(&manifest_path, e))?;
        let manifest = Manifest::parse(&text, &manifest_path)?;
        for case in &manifest.cases {
            let archive = path.join(&case.file);
            if !archive.is_file() {
                return Err(RecordingError::invalid(
                    &manifest_path,
                    format!(
                        "case {}: there is no file {} beside the manifest",
                        case.name, case.file
                    ),
                ));
            }
        }
        Ok(Self {
            path: path.into(),
            manifest,
        })
    }

    /// The recordings at `path`: the folder itself, or the folders in it, by name.
    ///
    /// # Errors
    /// Where there is none, or one of them cannot be opened.
    pub fn discover(path: &Path) -> Result<Vec<Self>, RecordingError> {
        if path.join("manifest.json").is_file() {
            return Ok(vec![Self::open(path)?]);
        }
        let none = || RecordingError::NoRecording { path: path.into() };
        let mut folders: Vec<PathBuf> = std::fs::read_dir(path)
            .map_err(|_| none())?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|folder| folder.join("manifest.json").is_file())
            .collect();
        folders.sort();
        if folders.is_empty() {
            return Err(none());
        }
        folders.iter().map(|folder| Self::open(folder)).collect()
    }

    /// Whether `other` is the same recording: the same folder, or a copy of it, manifest and archives alike.
    ///
    /// # Errors
    /// Where an archive cannot be read.
    pub fn is_copy_of(&self, other: &Self) -> Result<bool, RecordingError> {
        let resolved = |recording: &Self| recording.path.canonicalize().ok();
        if resolved(self).is_some_and(|path| Some(path) == resolved(other)) {
            return Ok(true);
        }
        let same = |name: &str| -> Result<bool, RecordingError> {
            let paths = [self.path.join(name), other.path.join(name)];
            let length = |path: &PathBuf| match path.metadata() {
                Ok(metadata) => Ok(metadata.len()),
                Err(e) => Err(RecordingError::io(path, e)),
            };
            if !paths[1].is_file() || length(&paths[0])? != length(&paths[1])? {
                return Ok(false);
            }
            let open = |path: &PathBuf| match File::open(path) {
                Ok(file) => Ok(BufReader::new(file)),
                Err(e) => Err(RecordingError::io(path, e)),
            };
            let (a, b) = (open(&paths[0])?, open(&paths[1])?);
            // Archives hold megabytes; where they differ they do so early.
            let mut pairs = a.bytes().zip(b.bytes());
            Ok(pairs.all(|(a, b)| matches!((a, b), (Ok(a), Ok(b)) if a == b)))
        };
        if !same("manifest.json")? {
            return Ok(false);
        }
        for case in &self.manifest.cases {
            if !same(&case.file)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The folder's own name.
    pub fn name(&self) -> String {
        let resolved = self.path.canonicalize();
        let path = resolved.as_deref().unwrap_or(&self.path);
        path.file_name().map_or_else(
            || path.display().to_string(),
            |n| n.to_string_lossy().into(),
        )
    }

    /// Opens the archive of the case `name`.
    ///
    /// # Errors
    /// Where there is no such case or its archive is no zip file.
    pub fn case(&self, name: &str) -> Result<CaseReader, RecordingError> {
        let entry = self
            .manifest
            .cases
            .iter()
            .find(|case| case.name == name)
            .ok_or_else(|| RecordingError::NoCase {
                path: self.path.clone(),
                case: name.into(),
                known: self
                    .manifest
                    .cases
                    .iter()
                    .map(|case| case.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })?;
        CaseReader::open(self.path.join(&entry.file), entry.clone())
    }
}

/// The arrays of one case.
pub struct CaseReader {
    path: PathBuf,
    entry: CaseEntry,
    archive: NpzArchive<BufReader<File>>,
}

/// A stream of one array's kept values.
pub type ArrayStream<'a> = NpyStream<Box<dyn std::io::Read + 'a>>;

impl CaseReader {
    fn open(path: PathBuf, entry: CaseEntry) -> Result<Self, RecordingError> {
        let archive = NpzArchive::open(&path).map_err(|e| {
            RecordingError::invalid(
                &path,
                format!("is no readable .npz archive ({e}); record it again"),
            )
        })?;
        Ok(Self {
            path,
            entry,
            archive,
        })
    }

    /// The case's entry in the manifest.
    pub fn entry(&self) -> &CaseEntry {
        &self.entry
    }

    /// The sequence, one of 0..=4 (A C G T, other) a base pair.
    ///
    /// # Errors
    /// Where it is missing, of another length than the manifest says, or holds other numbers.
    pub fn sequence(&mut self) -> Result<Vec<u8>, RecordingError> {
        let stream = self.open_array("sequence", &[DType::Uint8, DType::Int32, DType::Int64])?;
        let shape = stream.shape().to_vec();
        let values = stream.read_all();
        let Values::I32(sequence) = values.map_err(|e| self.fault("sequence", e.to_string()))?
        else {
            unreachable!("opened as integers")
        };
        let length = self.entry.sequence_length;
        if shape != [length] {
            return Err(self.fault(
                "sequence",
                format!("has shape {shape:?}; the manifest says [{length}]"),
            ));
        }
        if let Some(at) = sequence.iter().position(|&base| !(0..=4).contains(&base)) {
            return Err(self.fault(
                "sequence",
                format!(
                    "holds {} at position {at}; expected 0 to 4 (A C G T N)",
                    sequence[at]
                ),
            ));
        }
        Ok(sequence.into_iter().map(|base| base as u8).collect())
    }

    /// The output or tap `name`, with the places that were kept of it.
    ///
    /// # Errors
    /// Where the manifest does not list it, or the archive's array does not fit what the manifest says.
    pub fn array(&mut self, name: &str) -> Result<Array, RecordingError> {
        let kept = self.kept(name)?;
        let output = self.output(name)?;
        let stream = self.checked(name, &output, &kept)?;
        let values = stream.read_all();
        Ok(Array {
            full_shape: output.shape,
            kept,
            values: values.map_err(|e| self.fault(name, e.to_string()))?,
        })
    }

    /// A stream over the values of `name`, for arrays too large to hold.
    ///
    /// # Errors
    /// As [`Self::array`].
    pub fn stream(&mut self, name: &str) -> Result<ArrayStream<'_>, RecordingError> {
        let kept = self.kept(name)?;
        let output = self.output(name)?;
        self.checked(name, &output, &kept)
    }

    /// The kept indices by axis; an axis that is absent was kept whole.
    ///
    /// # Errors
    /// Where indices are not ascending or lie outside the axis.
    pub fn kept(&mut self, name: &str) -> Result<BTreeMap<usize, Vec<usize>>, RecordingError> {
        let output = self.output(name)?;
        let mut kept = BTreeMap::new();
        for (axis, &length) in output.shape.iter().enumerate() {
            let key = format!("{name}@axis{axis}");
            let listed = self.archive.array_names().any(|n| n == key);
            if !listed {
                continue;
            }
            let values = self
                .open_array(&key, &[DType::Int32, DType::Int64])?
                .read_all();
            let Values::I32(indices) = values.map_err(|e| self.fault(&key, e.to_string()))? else {
                unreachable!("opened as integers")
            };
            let ascending = indices.windows(2).all(|pair| pair[0] < pair[1]);
            let inside = indices
                .iter()
                .all(|&i| usize::try_from(i).is_ok_and(|i| i < length));
            if !ascending || !inside {
                return Err(self.fault(
                    &key,
                    format!(
                        "its indices must ascend and lie below {length}, the length of axis {axis}"
                    ),
                ));
            }
            kept.insert(axis, indices.into_iter().map(|i| i as usize).collect());
        }
        Ok(kept)
    }

    fn output(&self, name: &str) -> Result<OutputEntry, RecordingError> {
        self.entry.outputs.get(name).cloned().ok_or_else(|| {
            self.fault(
                name,
                format!(
                    "is not in the manifest's outputs of case {}",
                    self.entry.name
                ),
            )
        })
    }

    fn checked(
        &mut self,
        name: &str,
        output: &OutputEntry,
        kept: &BTreeMap<usize, Vec<usize>>,
    ) -> Result<ArrayStream<'_>, RecordingError> {
        let expected = kept_shape(&output.shape, kept);
        let path = self.path.clone();
        let stream = self.open_array(name, &[output.dtype])?;
        if stream.shape() != expected {
            return Err(RecordingError::array(
                path,
                name,
                format!(
                    "has shape {:?}; the manifest's shape {:?} and the kept indices give {expected:?}",
                    stream.shape(),
                    output.shape
                ),
            ));
        }
        Ok(stream)
    }

    fn open_array(
        &mut self,
        name: &str,
        expected: &[DType],
    ) -> Result<ArrayStream<'_>, RecordingError> {
        let path = self.path.clone();
        let fault = |message: String| RecordingError::array(&path, name, message);
        let file = self
            .archive
            .by_name(name)
            .map_err(|e| fault(e.to_string()))?
            .ok_or_else(|| fault("is missing from the archive; record the case again".into()))?;
        let header = file.header().clone();
        let reader: Box<dyn std::io::Read + '_> = Box::new(file.into_inner());
        NpyStream::new(npyz::NpyFile::with_header(header, reader), expected).map_err(fault)
    }

    fn fault(&self, array: &str, message: impl Into<String>) -> RecordingError {
        RecordingError::array(&self.path, array, message)
    }
}
