//! The work folder beside an output: finished batches, until the output is made of them.
//!
//! A batch is two files: its rows, compressed, and then its [`Part`] with their digest, whose name appears when both are whole. A
//! kill at any moment leaves the batches before, and the next run with the same inputs and settings goes on after them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use converter::digest::{self, Digest};
use serde::{Deserialize, Serialize};
use terminal::{Speech, differences, lock, note};

use crate::failures::Failure;
use results::Passed;
use results::page::Entry;

/// Everything that a result depends on, by name. Runs with other settings do not share batches.
pub type Settings = BTreeMap<String, String>;

/// A finished batch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Part {
    /// Variants, intervals or passes of the run that come before.
    pub first: u64,
    /// How many it took, failed ones included.
    pub items: u64,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows of the table; of predictions arrays.
    pub rows: u64,
    /// BLAKE3 of the file of rows, and of all this with nothing in this place.
    pub digest: String,
    /// What has no scores.
    pub failures: Vec<Failure>,
    /// The generator of quantiles after the batch.
    pub generator: Option<String>,
    /// Pages that were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Entry>,
    /// Of predictions: what the pass was of, the arrays of which are the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Passed>,
}

impl Part {
    /// The digest of rows and of what is known of them.
    fn sealed(&self, mut rows: Digest) -> Result<String> {
        let open = Self {
            digest: String::new(),
            ..self.clone()
        };
        rows.update(&serde_json::to_vec(&open)?);
        Ok(rows.finish())
    }
}

/// A work folder that this process alone writes.
pub struct Work {
    batches: Batches,
    /// How many are finished.
    done: u64,
    generator: Option<String>,
    /// Holds the lock.
    _lock: Option<File>,
}

impl Work {
    /// Opens a folder, and what is finished in it. `force` clears what other settings left. Batches that are not as they were
    /// written, and those after them, are made again.
    ///
    /// # Errors
    /// Where it cannot be written, another process writes it, or it belongs to other settings.
    pub fn open(folder: &Path, settings: &Settings, force: bool) -> Result<Self> {
        let named = || folder.display().to_string();
        fs::create_dir_all(folder).with_context(named)?;
        let lock = lock(folder)?;
        let batches = Batches::new(folder);
        let known = Self::settings(folder);
        if known.as_ref() != Some(settings) {
            let others =
                known.filter(|_| !force && !batches.paths().is_ok_and(|all| all.is_empty()));
            if let Some(known) = others {
                bail!(
                    "{}: finished batches of a run with other settings lie here ({}); --force begins anew, or choose another \
                     --out",
                    named(),
                    differences(&known, settings)
                );
            }
            batches.remove_from(0)?;
            let text = serde_json::to_vec_pretty(settings)?;
            replace(&folder.join(SETTINGS), &text)?;
        }
        let mut work = Self {
            batches,
            done: 0,
            generator: None,
            _lock: lock,
        };
        for (number, path) in work.batches.paths()?.iter().enumerate() {
            let part = work.batches.part(path, work.done);
            let whole = part.and_then(|part| {
                check_rows(&path.with_extension(ROWS), &part)?;
                Ok(part)
            });
            let part = match whole {
                Ok(part) => part,
                Err(error) => {
                    let text = format!(
                        "note: {}; it and what follows it are made again",
                        terminal::message(&error)
                    );
                    note(Speech::Normal, &text);
                    work.batches.remove_from(number)?;
                    break;
                }
            };
            work.done += part.items;
            work.generator = part.generator;
        }
        Ok(work)
    }

    /// The settings of the run that a folder belongs to; nothing where it is none's.
    #[must_use]
    pub fn settings(folder: &Path) -> Option<Settings> {
        let text = fs::read(folder.join(SETTINGS)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// What is finished.
    #[must_use]
    pub fn batches(&self) -> &Batches {
        &self.batches
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.batches.folder
    }

    /// What need not be done again.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done
    }

    /// How many of `total` items need to be done.
    ///
    /// # Errors
    /// Where there are more here.
    pub fn left(&self, total: u64) -> Result<u64> {
        let left = total.checked_sub(self.done);
        left.with_context(|| {
            format!(
                "{}: {} are finished here, and the input has {total}; --force begins anew, or choose another --out",
                self.folder().display(),
                self.done
            )
        })
    }

    /// The generator of quantiles after the last batch.
    #[must_use]
    pub fn generator(&self) -> Option<&str> {
        self.generator.as_deref()
    }

    /// Starts the rows of the next batch.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn begin(&self) -> Result<Rows> {
        let path = self.folder().join("rows.unfinished");
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        Ok(Rows {
            out: BufWriter::new(file),
            path,
            digest: Digest::default(),
        })
    }

    /// Finishes a batch.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn end(&mut self, rows: Rows, part: &mut Part) -> Result<()> {
        let named = rows.path.display().to_string();
        let file = rows.out.into_inner();
        let file = file.map_err(std::io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_data())
            .with_context(|| named.clone())?;
        part.digest = part.sealed(rows.digest)?;
        let path = self.batches.place(part);
        fs::rename(&rows.path, path.with_extension(ROWS)).context(named)?;
        replace(&path, &serde_json::to_vec(part)?)?;
        self.done += part.items;
        Ok(())
    }

    /// Ends a run by `error`. Where nothing was finished, nothing stays.
    #[must_use]
    pub fn ended(self, error: Error) -> Error {
        if self.done == 0 {
            let _ = self.remove();
        }
        error
    }

    /// Removes the folder.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn remove(self) -> Result<()> {
        let named = || self.folder().display().to_string();
        fs::remove_dir_all(self.folder()).with_context(named)
    }
}

const SETTINGS: &str = "settings.json";
/// How the names of files of rows end, those of arrays too.
const ROWS: &str = "tsv.zst";

/// The finished batches of a folder.
#[derive(Clone, Debug)]
pub struct Batches {
    folder: PathBuf,
}

impl Batches {
    /// Those of a folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The batches in order.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn parts(&self) -> Result<impl Iterator<Item = Result<Part>> + use<>> {
        Ok(self.paths()?.into_iter().map(|path| read_part(&path)))
    }

    /// The rows of a batch, once all of them are known to be as they were written.
    ///
    /// # Errors
    /// Where they are not, or cannot be read.
    pub fn rows(&self, part: &Part) -> Result<Box<dyn Read>> {
        let path = self.place(part).with_extension(ROWS);
        check_rows(&path, part)?;
        if part.rows == 0 {
            // Not even a frame.
            return Ok(Box::new(std::io::empty()));
        }
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        Ok(Box::new(zstd::Decoder::new(BufReader::new(file))?))
    }

    /// Files of batches, in order.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn paths(&self) -> Result<Vec<PathBuf>> {
        let named = || self.folder.display().to_string();
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).with_context(named)? {
            let path = entry.with_context(named)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let digits = name.and_then(|name| name.strip_suffix(".json"));
            let digits = digits.unwrap_or("");
            if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// A batch that begins at `first`; its rows are not looked at.
    ///
    /// # Errors
    /// Where it begins elsewhere, or cannot be read.
    pub fn part(&self, path: &Path, first: u64) -> Result<Part> {
        let part = read_part(path)?;
        if part.first != first || self.place(&part) != path {
            bail!("{}: batches are missing before it", path.display());
        }
        Ok(part)
    }

    fn place(&self, part: &Part) -> PathBuf {
        self.folder.join(format!("{:012}.json", part.first))
    }

    /// Removes batches from the one of this number on; what is not ours stays.
    fn remove_from(&self, number: usize) -> Result<()> {
        for path in self.paths()?.iter().skip(number) {
            fs::remove_file(path).with_context(|| path.display().to_string())?;
            let _ = fs::remove_file(path.with_extension(ROWS));
        }
        if number == 0 {
            let _ = fs::remove_dir_all(self.folder.join("pages"));
        }
        Ok(())
    }
}

fn check_rows(path: &Path, part: &Part) -> Result<()> {
    let mut rows = Digest::default();
    rows.read(path)
        .with_context(|| path.display().to_string())?;
    if part.sealed(rows)? != part.digest {
        bail!(
            "{} is not as it was written: the run that made it makes it again when it is repeated",
            path.display()
        );
    }
    Ok(())
}

/// The rows of a batch in the making.
pub struct Rows {
    path: PathBuf,
    out: BufWriter<File>,
    digest: Digest,
}

impl Rows {
    /// Appends rows that were compressed with zstd.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn append(&mut self, compressed: &[u8]) -> Result<()> {
        self.digest.update(compressed);
        let written = self.out.write_all(compressed);
        written.with_context(|| self.path.display().to_string())
    }
}

fn read_part(path: &Path) -> Result<Part> {
    let named = || path.display().to_string();
    let text = fs::read(path).with_context(named)?;
    serde_json::from_slice(&text).with_context(named)
}

/// What tells a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Where it lies, its size and its time of change: nothing is read.
    Place,
    /// Its content, wherever it lies.
    Content,
}

impl Identity {
    /// That of a file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(self, path: &Path) -> Result<String> {
        let named = || path.display().to_string();
        if self == Self::Content {
            let digest = digest::of_file(path).with_context(named)?;
            return Ok(format!("{}:{digest}", digest::ALGORITHM));
        }
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

    /// That of a converted model: of its place `config.json` tells, of its content all that the program reads.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of_model(self, folder: &Path) -> Result<String> {
        let config = self.of(&folder.join("config.json"))?;
        if self == Self::Place {
            return Ok(config);
        }
        let named = || folder.display().to_string();
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).with_context(named)? {
            let path = entry.with_context(named)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name == "tracks.json" || name.ends_with(".safetensors") {
                files.push((name.into_owned(), self.of(&path)?));
            }
        }
        files.push(("config.json".into(), config));
        files.sort();
        let list = files
            .iter()
            .map(|(name, digest)| format!("{name} {digest}\n"));
        let list: String = list.collect();
        Ok(format!(
            "{}:{}",
            digest::ALGORITHM,
            digest::of(list.as_bytes())
        ))
    }
}

/// Fails where something stands at `path` that is neither a file nor a folder, such as a device, which no output replaces.
pub(crate) fn check_kind(path: &Path) -> Result<()> {
    let known = path.metadata().ok();
    match known.is_some_and(|kind| !kind.is_file() && !kind.is_dir()) {
        true => bail!(
            "{} is a device or a pipe, and outputs replace what stands in their place; name a file",
            path.display()
        ),
        false => Ok(()),
    }
}

/// Makes the folder that an option names where it is missing, and fails where no file can be written there.
pub(crate) fn make_folder(option: &str, folder: &Path) -> Result<()> {
    let trial = folder.join("trial.unfinished");
    fs::create_dir_all(folder)
        .and_then(|()| File::create(&trial))
        .and_then(|_| fs::remove_file(&trial))
        .with_context(|| format!("{option} {}: cannot be written", folder.display()))
}

/// Writes a file so that it is there whole or as it was.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let named = || path.display().to_string();
    let unfinished = path.with_added_extension("unfinished");
    let write = || {
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_data()
    };
    write().with_context(named)?;
    fs::rename(&unfinished, path).with_context(named)
}

#[cfg(all(test, unix))]
mod tests {
    use super::check_kind;

    #[test]
    fn no_output_replaces_a_device() {
        let error = check_kind("/dev/null".as_ref()).unwrap_err();
        assert!(error.to_string().starts_with("/dev/null is a device"));
        for path in ["/", "/no such file", "Cargo.toml"] {
            check_kind(path.as_ref()).unwrap();
        }
    }
}
