//! Writes recordings: archives first, the manifest last, so that a folder with a manifest is complete.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use half::f16;
use npyz::zip::write::FileOptions;
use npyz::zip::{CompressionMethod, DateTime, ZipWriter};
use npyz::{TypeStr, WriterBuilder};

use super::manifest::{CaseEntry, Manifest, OutputEntry};
use super::npy::numpy_type;
use super::{Array, DType, RecordingError, Values};
use crate::file;

/// Writes one case's archive after another, then the manifest.
pub struct RecordingWriter {
    folder: PathBuf,
    manifest: Manifest,
}

impl RecordingWriter {
    /// Starts a recording in `folder`, which must hold none yet. `manifest` says what made it; its cases are added here.
    ///
    /// # Errors
    /// Where the folder holds a manifest already or cannot be made.
    pub fn create(folder: &Path, mut manifest: Manifest) -> Result<Self, RecordingError> {
        if folder.join("manifest.json").exists() {
            return Err(RecordingError::invalid(
                folder,
                "holds a recording already; name another folder or remove this one first",
            ));
        }
        std::fs::create_dir_all(folder).map_err(|e| RecordingError::io(folder, e))?;
        manifest.cases.clear();
        Ok(Self {
            folder: folder.into(),
            manifest,
        })
    }

    /// Writes a case, and gives its entry: `outputs` is made from `arrays` where it does not say it already.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn case(
        &mut self,
        mut entry: CaseEntry,
        sequence: &[u8],
        arrays: &BTreeMap<String, Array>,
    ) -> Result<&CaseEntry, RecordingError> {
        let path = self.folder.join(&entry.file);
        file::write(&path, |out| {
            let mut archive = npyz::npz::NpzWriter::new(out);
            let zip = archive.zip_writer();
            start(zip, "sequence", &[sequence.len()], DType::Uint8)?;
            zip.write_all(sequence)?;
            for (name, array) in arrays {
                put(zip, name, &array.shape(), &array.values)?;
                for (axis, kept) in &array.kept {
                    let indices = kept.iter().map(|&i| i as i32).collect::<Vec<_>>();
                    let key = format!("{name}@axis{axis}");
                    put(zip, &key, &[indices.len()], &Values::I32(indices))?;
                }
            }
            zip.finish()?;
            Ok(())
        })?;
        for (name, array) in arrays {
            entry
                .outputs
                .entry(name.clone())
                .or_insert_with(|| describe(array));
        }
        Ok(self.add(entry))
    }

    /// Adds a case whose archive lies in the folder, and which says its outputs.
    pub fn add(&mut self, entry: CaseEntry) -> &CaseEntry {
        let mut names = entry.outputs.keys();
        self.manifest.taps |= names.any(|name| name.starts_with("taps/"));
        let at = self.manifest.cases.len();
        self.manifest.cases.push(entry);
        &self.manifest.cases[at]
    }

    /// Writes the manifest and gives its path.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(self) -> Result<PathBuf, RecordingError> {
        let path = self.folder.join("manifest.json");
        let text = serde_json::to_string_pretty(&self.manifest).map_err(|source| {
            RecordingError::Manifest {
                path: path.clone(),
                source,
            }
        })?;
        file::write(&path, |out| {
            out.write_all(text.as_bytes())?;
            out.write_all(b"\n")
        })?;
        Ok(path)
    }
}

/// The manifest's line on an array: shape, type, and moments of its finite values.
pub fn describe(array: &Array) -> OutputEntry {
    let (mut n, mut mean, mut squares, mut all_finite) = (0.0, 0.0, 0.0, true);
    let float = array.dtype().is_float();
    if float {
        for x in array.values.to_f64() {
            if x.is_finite() {
                n += 1.0;
                let step = x - mean;
                mean += step / n;
                squares += step * (x - mean);
            } else {
                all_finite = false;
            }
        }
    }
    OutputEntry {
        shape: array.full_shape.clone(),
        dtype: array.dtype(),
        all_finite,
        mean: (float && n > 0.0).then_some(mean),
        std: (float && n > 0.0).then(|| (squares / n).sqrt()),
    }
}

/// Opens the archive's entry for an array and writes its header.
fn start<W: Write + std::io::Seek>(
    zip: &mut ZipWriter<W>,
    name: &str,
    shape: &[usize],
    dtype: DType,
) -> std::io::Result<()> {
    start_array(zip, name, shape, (numpy_type(dtype), dtype.size()))
}

/// Opens the entry of an `.npz` for an array, whose type has NumPy's name and so many bytes, and writes its header.
///
/// # Errors
/// Where the archive cannot be written.
pub fn start_array<W: Write + std::io::Seek>(
    zip: &mut ZipWriter<W>,
    name: &str,
    shape: &[usize],
    (dtype, size): (&str, usize),
) -> std::io::Result<()> {
    let bytes = shape.iter().product::<usize>() * size;
    let options = FileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Not now, so that one run writes what the other wrote; NumPy's archives have this time too.
        .last_modified_time(DateTime::default())
        .large_file(bytes >= u32::MAX as usize);
    zip.start_file(npyz::npz::file_name_from_array_name(name), options)?;
    let descr: TypeStr = dtype.parse().map_err(std::io::Error::other)?;
    let shape: Vec<u64> = shape.iter().map(|&d| d as u64).collect();
    npyz::WriteOptions::new_header_only()
        .dtype(npyz::DType::Plain(descr))
        .shape(&shape)
        .writer(zip)
        .write_header_only()?;
    Ok(())
}

fn put<W: Write + std::io::Seek>(
    zip: &mut ZipWriter<W>,
    name: &str,
    shape: &[usize],
    values: &Values,
) -> std::io::Result<()> {
    start(zip, name, shape, values.dtype())?;
    match values {
        Values::F64(v) => put_cells(zip, v, f64::to_le_bytes),
        Values::F32(v) => put_cells(zip, v, f32::to_le_bytes),
        Values::F16(v) => put_cells(zip, v, f16::to_le_bytes),
        Values::Bf16(v) => put_cells(zip, v, u16::to_le_bytes),
        Values::I32(v) => put_cells(zip, v, i32::to_le_bytes),
        Values::Bool(v) => put_cells(zip, v, |b| [u8::from(b)]),
    }
}

/// Writes values as the bytes that `bytes` gives for each.
///
/// # Errors
/// Where `out` cannot be written.
pub fn put_cells<const N: usize, T: Copy>(
    out: &mut impl Write,
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> std::io::Result<()> {
    let mut block = Vec::with_capacity(N * values.len().min(1 << 16));
    for part in values.chunks(1 << 16) {
        block.clear();
        part.iter().for_each(|&x| block.extend(bytes(x)));
        out.write_all(&block)?;
    }
    Ok(())
}
