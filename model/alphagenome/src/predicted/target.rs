//! Where predictions go: they are made in a folder beside, and get their names when all is whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Form, PAIRS, PREDICTIONS, TRACKS};
use crate::output::check_folder;
use crate::work::check_kind;

/// What could not be predicted.
const FAILURES: &str = "failures.tsv";

/// An output, and the folder beside it where it is made.
pub struct Target {
    /// The file or folder.
    pub path: PathBuf,
    /// What it is.
    pub form: Form,
    folder: PathBuf,
    force: bool,
    _lock: Option<File>,
}

/// What stood at the output's place, while it is replaced.
const OLD: &str = "old";

impl Target {
    /// An output at `path`; where `form` is not given, the ending says it.
    ///
    /// # Errors
    /// Where the ending says none, something stands there and `force` is not given, it is a folder of others, or another run writes
    /// there.
    pub fn new(path: &Path, form: Option<Form>, force: bool) -> Result<Self> {
        let form = match (form, path.extension().and_then(|ending| ending.to_str())) {
            (Some(form), _) => form,
            (None, Some("npz")) => Form::Npz,
            (None, Some("parquet")) => Form::Parquet,
            (None, None) => Form::Bigwig,
            (None, Some(ending)) => bail!(
                "{}: .{ending} says no format; end the name with .npz or .parquet, give a folder for bigWig files, or --format",
                path.display()
            ),
        };
        if path.file_name().is_none() {
            bail!("{}: name a file or a folder", path.display());
        }
        check_folder(path)?;
        check_kind(path)?;
        let folder = path.with_added_extension("unfinished");
        // A run was ended between two renames: what stood here before stands here again.
        let old = folder.join(OLD);
        if old.is_dir() && !path.exists() {
            fs::rename(&old, path).with_context(|| path.display().to_string())?;
        }
        let beside = [TRACKS, PAIRS, FAILURES].map(|name| path.with_added_extension(name));
        for file in beside.iter().map(PathBuf::as_path).chain([path]) {
            if !file.exists() {
                continue;
            }
            if !force {
                bail!(
                    "{} exists already; --force replaces it, --out writes elsewhere",
                    file.display()
                );
            }
            let folder = form == Form::Bigwig && file == path;
            match (folder, file.is_dir()) {
                (true, true) if file.join(TRACKS).is_file() => only_ours(file)?,
                (true, true) => bail!(
                    "{} is a folder without {TRACKS}, which this program did not make; name another",
                    file.display()
                ),
                (true, false) => bail!("{} is a file; bigWig files need a folder", file.display()),
                (false, true) => bail!("{} is a folder; name a file", file.display()),
                (false, false) => {}
            }
        }
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let target = Self {
            _lock: terminal::lock(&folder)?,
            path: path.to_owned(),
            form,
            folder,
            force,
        };
        // What a run left that was ended.
        for left in [target.made(), old] {
            if left.exists() {
                fs::remove_dir_all(left)?;
            }
        }
        fs::create_dir(target.made())?;
        Ok(target)
    }

    /// The folder where files are made.
    pub fn made(&self) -> PathBuf {
        self.folder.join("made")
    }

    /// Pages that wait.
    pub fn pages(&self) -> PathBuf {
        self.folder.join("pages")
    }

    /// Values that wait.
    pub fn spool(&self) -> PathBuf {
        self.folder.join("values")
    }

    /// The table of what could not be predicted, in the making.
    pub fn failures(&self) -> PathBuf {
        self.made().join(FAILURES)
    }

    /// The final name of a file beside the output, or within it.
    fn place(&self, name: &str) -> PathBuf {
        match self.form {
            Form::Bigwig => self.path.join(name),
            _ => self.path.with_added_extension(name),
        }
    }

    /// Where the table of failures and the archive of contacts and junctions are, as far as they were made.
    pub fn extras(&self) -> [Option<PathBuf>; 2] {
        [FAILURES, PAIRS].map(|name| Some(self.place(name)).filter(|path| path.exists()))
    }

    /// Gives everything its name. The output itself comes last.
    ///
    /// # Errors
    /// Where a name cannot be given.
    pub fn publish(&self) -> Result<()> {
        let made = self.made();
        let rename =
            |from: &Path, to: &Path| fs::rename(from, to).with_context(|| to.display().to_string());
        if self.form == Form::Bigwig {
            let old = self.folder.join(OLD);
            if self.force && self.path.exists() {
                rename(&self.path, &old)?;
            }
            if let Err(error) = rename(&made, &self.path) {
                let _ = fs::rename(&old, &self.path);
                return Err(error);
            }
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
            return Ok(());
        }
        for name in [TRACKS, PAIRS, FAILURES] {
            let (from, to) = (made.join(name), self.place(name));
            match from.exists() {
                true => rename(&from, &to)?,
                false if self.force && to.exists() => fs::remove_file(&to)?,
                false => {}
            }
        }
        rename(&made.join(PREDICTIONS), &self.path)
    }
}

/// Fails where a folder holds what `predict` does not make, since all of it is replaced.
fn only_ours(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            only_ours(&path)?;
        } else if !name.ends_with(".bw") && ![TRACKS, PAIRS, FAILURES].contains(&&*name) {
            bail!(
                "{} is no file of a prediction, and --force would remove it; move it, or write elsewhere",
                path.display()
            );
        }
    }
    Ok(())
}

impl Drop for Target {
    fn drop(&mut self) {
        // Whatever happened: nothing half-written stays, unless the process was killed.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
