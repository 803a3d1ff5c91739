//! The work folder beside an output: finished batches, until the output is made of them.
//!
//! A batch is two files: its rows, compressed, and then its [`Part`], whose name appears when both are whole. A kill at any
//! moment leaves the batches before, and the next run with the same inputs and settings goes on after them.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::failures::Failure;
use results::page::Entry;

/// Everything that a result depends on, by name. Runs with other settings do not share batches.
pub type Settings = BTreeMap<String, String>;

/// A finished batch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Part {
    /// Variants, or intervals, of the input that come before.
    pub first: u64,
    /// How many it took, failed ones included.
    pub items: u64,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// What has no scores.
    pub failures: Vec<Failure>,
    /// The generator of quantiles after the batch.
    pub generator: Option<String>,
    /// Pages that were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Entry>,
}

/// A work folder that this process alone writes.
pub struct Work {
    folder: PathBuf,
    /// How many are finished.
    done: u64,
    generator: Option<String>,
    /// Holds the lock.
    _lock: File,
}

impl Work {
    /// Opens the folder beside `out`, and what is finished in it. `force` clears what other settings left.
    ///
    /// # Errors
    /// Where it cannot be written, another process writes it, or it belongs to other settings.
    pub fn open(out: &Path, settings: &Settings, force: bool) -> Result<Self> {
        let folder = out.with_added_extension("partial");
        let named = || folder.display().to_string();
        fs::create_dir_all(&folder).with_context(named)?;
        let lock = lock(&folder)?;
        let path = folder.join("settings.json");
        let text = fs::read(&path).unwrap_or_default();
        let known: Option<Settings> = serde_json::from_slice(&text).ok();
        if known.as_ref() != Some(settings) {
            let has_parts = !parts(&folder)?.is_empty();
            if let Some(known) = known.filter(|_| has_parts && !force) {
                bail!(
                    "{}: finished batches of a run with other settings lie here ({}); --force begins anew, or choose another \
                     --out",
                    named(),
                    differences(&known, settings)
                );
            }
            clear(&folder)?;
            replace(&path, &serde_json::to_vec_pretty(settings)?)?;
        }
        let mut work = Self {
            folder,
            done: 0,
            generator: None,
            _lock: lock,
        };
        for path in parts(&work.folder)? {
            let part = read_part(&path)?;
            if part.first != work.done {
                bail!(
                    "{}: batches are missing before it; remove the folder",
                    path.display()
                );
            }
            work.done += part.items;
            work.generator = part.generator;
        }
        Ok(work)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What need not be scored again.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// The generator of quantiles after the last batch.
    pub fn generator(&self) -> Option<&str> {
        self.generator.as_deref()
    }

    /// Starts the rows of the next batch.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn begin(&self) -> Result<Rows> {
        let path = self.folder.join("rows.unfinished");
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        Ok(Rows {
            // Tables come field by field, and each call of the encoder costs as much as many fields.
            out: BufWriter::with_capacity(1 << 16, zstd::Encoder::new(BufWriter::new(file), 1)?),
            path,
        })
    }

    /// Finishes a batch.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn end(&mut self, rows: Rows, part: &Part) -> Result<()> {
        let named = rows.path.display().to_string();
        let encoder = rows
            .out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        let file = encoder.and_then(|encoder| Ok(encoder.finish()?.into_inner()?));
        file.and_then(|file| file.sync_data())
            .with_context(|| named.clone())?;
        let path = self.place(part);
        fs::rename(&rows.path, path.with_extension("tsv.zst")).context(named)?;
        replace(&path, &serde_json::to_vec(part)?)?;
        self.done += part.items;
        Ok(())
    }

    /// The finished batches in order.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn parts(&self) -> Result<Vec<Part>> {
        let paths = parts(&self.folder)?;
        paths.iter().map(|path| read_part(path)).collect()
    }

    /// The rows of a finished batch.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn rows(&self, part: &Part) -> Result<impl Read + use<>> {
        let path = self.place(part).with_extension("tsv.zst");
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        Ok(zstd::Decoder::new(BufReader::new(file))?)
    }

    fn place(&self, part: &Part) -> PathBuf {
        self.folder.join(format!("{:012}.json", part.first))
    }

    /// Removes the folder.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn remove(self) -> Result<()> {
        let named = || self.folder.display().to_string();
        fs::remove_dir_all(&self.folder).with_context(named)
    }
}

/// The rows of a batch in the making.
pub struct Rows {
    path: PathBuf,
    out: BufWriter<zstd::Encoder<'static, BufWriter<File>>>,
}

impl Write for Rows {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Locks a folder for this process.
///
/// # Errors
/// Where another process has it, or it cannot be written.
pub fn lock(folder: &Path) -> Result<File> {
    let named = || folder.display().to_string();
    let lock = File::create(folder.join("lock")).with_context(named)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!(
            "{}: another run writes there; wait for it, or choose another --out",
            named()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(named),
    }
}

fn read_part(path: &Path) -> Result<Part> {
    let named = || path.display().to_string();
    let text = fs::read(path).with_context(named)?;
    serde_json::from_slice(&text).with_context(named)
}

/// What tells a file from another without reading it: where it lies, its size and its time of change.
///
/// # Errors
/// Where it is not there.
pub fn identity(path: &Path) -> Result<String> {
    let named = || path.display().to_string();
    let data = path.metadata().with_context(named)?;
    let modified = data.modified()?.duration_since(std::time::UNIX_EPOCH);
    let modified = modified.unwrap_or_default().as_nanos();
    let place = fs::canonicalize(path).with_context(named)?;
    Ok(format!(
        "{}, {} bytes, {modified}",
        place.display(),
        data.len()
    ))
}

/// Files of finished batches, in order.
fn parts(folder: &Path) -> Result<Vec<PathBuf>> {
    let named = || folder.display().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(named)? {
        let path = entry.with_context(named)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        let digits = name.strip_suffix(".json").unwrap_or("");
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Removes batches; what is not ours stays.
fn clear(folder: &Path) -> Result<()> {
    for path in parts(folder)? {
        fs::remove_file(&path).with_context(|| path.display().to_string())?;
        let _ = fs::remove_file(path.with_extension("tsv.zst"));
    }
    let _ = fs::remove_dir_all(folder.join("pages"));
    Ok(())
}

/// Writes a file so that it is there whole or as it was.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let named = || path.display().to_string();
    let unfinished = path.with_added_extension("unfinished");
    fs::write(&unfinished, bytes).with_context(named)?;
    fs::rename(&unfinished, path).with_context(named)
}

fn differences(known: &Settings, settings: &Settings) -> String {
    let names = known.keys().chain(settings.keys());
    let mut names: Vec<_> = names
        .filter(|name| known.get(*name) != settings.get(*name))
        .collect();
    names.sort();
    names.dedup();
    let names: Vec<_> = names.into_iter().map(String::as_str).collect();
    names.join(", ")
}
