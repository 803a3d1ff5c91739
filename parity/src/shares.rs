//! Shares of a run over cases: what each has finished, and all of them as one.
//!
//! A share is a folder. `settings.json` says what its results depend on, `items.jsonl` has a line a finished item, each behind
//! its digest, and `finished.json` seals them. A kill costs the item in the making.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use terminal::{Shard, Sharing, Unit, differences, lock, same_run};

use crate::file;
use crate::progress::note;

/// All that results depend on, by name.
pub type Settings = BTreeMap<String, String>;

const SETTINGS: &str = "settings.json";
const ITEMS: &str = "items.jsonl";
const FINISHED: &str = "finished.json";

/// A line of `items.jsonl`.
#[derive(Deserialize, Serialize)]
struct Item<T> {
    value: T,
    /// Files beside it, and their digests.
    files: BTreeMap<String, String>,
}

/// `finished.json`.
#[derive(Clone, Deserialize, Serialize)]
struct Seal {
    shard: String,
    first: usize,
    items: usize,
    total: usize,
    settings: Settings,
    /// What the items stand in.
    frame: Value,
    /// Digest of `items.jsonl`.
    lines: String,
    /// Digest of all this, with nothing in this place.
    digest: String,
}

/// What is run.
pub struct Plan<'a, F> {
    /// The share, and the folder of all; nothing where there is one run.
    pub place: Option<(Shard, &'a Path)>,
    /// What results depend on.
    pub settings: &'a dyn Fn() -> Result<Settings>,
    /// What an item costs, in order.
    pub costs: &'a [usize],
    /// What the items stand in.
    pub frame: &'a F,
}

/// Makes all items and gives them, or those of a share, which keeps them and gives nothing. `make` takes an item's number, and gives
/// it with the names of files that it wrote into the share's folder.
///
/// # Errors
/// Those of `make`, and where a share belongs to other settings or its folder cannot be written. Finished items are kept.
pub fn run<T: Serialize>(
    plan: &Plan<'_, impl Serialize>,
    mut make: impl FnMut(usize) -> Result<(T, Vec<String>)>,
) -> Result<Option<Vec<T>>> {
    let Some((shard, all)) = plan.place else {
        let items = (0..plan.costs.len()).map(|item| Ok(make(item)?.0));
        return Ok(Some(items.collect::<Result<_>>()?));
    };
    let settings = (plan.settings)()?;
    let folder = shard.folder(all);
    fs::create_dir_all(all).with_context(|| all.display().to_string())?;
    let settings = shard.own_settings(all, settings, known)?;
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let _lock = lock(&folder)?;
    own_settings(&folder, &settings)?;
    let range = range(shard, plan.costs);
    let lines = Lines::read(&folder)?.at_most(range.len());
    let done = lines.all.len();
    let whole = done == range.len() && !lines.torn;
    if whole && Seal::read(&folder).is_ok_and(|seal| seal.is_some_and(|s| s.lines == lines.digest))
    {
        note(&format!("share {shard} is finished: {}", folder.display()));
        return Ok(None);
    }
    if done > 0 {
        note(&format!("{done} of {} were finished before", range.len()));
    }
    let mut out = lines.reopen(&folder)?;
    for item in range.clone().skip(done) {
        let (value, names) = make(item)?;
        let mut files = BTreeMap::new();
        for name in names {
            let digest = digest(&folder.join(&name))?;
            files.insert(name, digest);
        }
        let text = serde_json::to_string(&Item { value, files })?;
        let line = format!("{} {text}\n", hash(text.as_bytes()));
        out.write_all(line.as_bytes())
            .with_context(|| folder.join(ITEMS).display().to_string())?;
    }
    let seal = Seal {
        shard: shard.to_string(),
        first: range.start,
        items: range.len(),
        total: plan.costs.len(),
        settings,
        frame: serde_json::to_value(plan.frame)?,
        lines: hash(&lines_of(&folder)?),
        digest: String::new(),
    };
    seal.write(&folder)?;
    note(&format!(
        "share {shard}: {} of {} are its own, {}",
        range.len(),
        plan.costs.len(),
        folder.display()
    ));
    Ok(None)
}

/// The items of a shard.
fn range(shard: Shard, costs: &[usize]) -> Range<usize> {
    let mut sharing = Sharing::new(shard, costs.iter().map(|&cost| cost as u64).sum());
    for &cost in costs {
        sharing.take(Unit {
            items: 1,
            cost: cost as u64,
        });
    }
    let (found, _) = sharing.found();
    found.start as usize..found.end as usize
}

/// `items.jsonl`, of which nothing may be there.
fn lines_of(folder: &Path) -> Result<Vec<u8>> {
    let path = folder.join(ITEMS);
    match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.with_context(|| path.display().to_string()),
    }
}

/// What is in a place, made where nothing is: a model is not loaded for a share that is finished.
///
/// # Errors
/// Those of `make`.
pub fn or_make<T, E>(
    place: &mut Option<T>,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<&mut T, E> {
    match place {
        Some(made) => Ok(made),
        none => Ok(none.insert(make()?)),
    }
}

fn known(folder: &Path) -> Option<Settings> {
    serde_json::from_slice(&fs::read(folder.join(SETTINGS)).ok()?).ok()
}

fn own_settings(folder: &Path, settings: &Settings) -> Result<()> {
    match known(folder) {
        Some(known) if known == *settings => return Ok(()),
        Some(known) => bail!(
            "{}: this share was begun with other inputs or settings ({}); shares are not mixed: choose another --out, or remove it",
            folder.display(),
            differences(&known, settings)
        ),
        // What lies here is nobody's.
        None => drop(fs::remove_file(folder.join(ITEMS))),
    }
    let text = serde_json::to_vec_pretty(settings)?;
    Ok(file::write(&folder.join(SETTINGS), |out| {
        out.write_all(&text)
    })?)
}

/// The lines of a share that are as they were written, up to the first that is not.
struct Lines {
    all: Vec<String>,
    /// What follows them is not.
    torn: bool,
    digest: String,
}

impl Lines {
    fn read(folder: &Path) -> Result<Self> {
        let bytes = lines_of(folder)?;
        let mut lines = Self {
            all: Vec::new(),
            torn: false,
            digest: hash(&bytes),
        };
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            match sound(folder, line) {
                Some(text) => lines.all.push(text),
                None => {
                    lines.torn = true;
                    break;
                }
            }
        }
        Ok(lines)
    }

    /// None where there are more than a share has.
    fn at_most(mut self, most: usize) -> Self {
        if self.all.len() > most {
            self.all.clear();
            self.torn = true;
        }
        self
    }

    /// Breaks the seal, and opens the file behind the sound lines.
    fn reopen(&self, folder: &Path) -> Result<File> {
        let path = folder.join(ITEMS);
        if self.torn {
            note(&format!(
                "{}: what follows item {} is not as it was written, and is made again",
                path.display(),
                self.all.len()
            ));
        }
        let _ = fs::remove_file(folder.join(FINISHED));
        // 64 digits, a space and the end of the line.
        let sound: usize = self.all.iter().map(|text| text.len() + 66).sum();
        let open = || {
            let file = OpenOptions::new().append(true).create(true).open(&path)?;
            file.set_len(sound as u64)?;
            Ok::<_, std::io::Error>(file)
        };
        open().with_context(|| path.display().to_string())
    }
}

/// The text of a line that is as it was written, and so are its files.
fn sound(folder: &Path, line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (digest, text) = line.split_once(' ')?;
    let item: Item<IgnoredAny> = serde_json::from_str(text).ok()?;
    let whole = |(name, digest): (&String, &String)| {
        self::digest(&folder.join(name)).is_ok_and(|found| found == *digest)
    };
    (hash(text.as_bytes()) == digest && item.files.iter().all(whole)).then(|| text.to_owned())
}

impl Seal {
    fn sealed(&self) -> Result<String> {
        let open = Self {
            digest: String::new(),
            ..self.clone()
        };
        Ok(hash(&serde_json::to_vec(&open)?))
    }

    fn write(mut self, folder: &Path) -> Result<()> {
        self.digest = self.sealed()?;
        let text = serde_json::to_vec_pretty(&self)?;
        Ok(file::write(&folder.join(FINISHED), |out| {
            out.write_all(&text)
        })?)
    }

    fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FINISHED);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| path.display().to_string())?,
        };
        let read: Option<Self> = serde_json::from_slice(&text).ok();
        match read {
            Some(seal) if seal.digest == seal.sealed()? => Ok(Some(seal)),
            _ => bail!("{} is not as it was written", path.display()),
        }
    }
}

/// All shares of a run, each as it was written.
pub struct Merged {
    frame: Value,
    settings: Settings,
    lines: Vec<(PathBuf, String)>,
}

impl Merged {
    /// Those of a folder.
    ///
    /// # Errors
    /// Where one is missing, unfinished, there twice, made from something else, or not as it was written; the message names it.
    pub fn open(all: &Path) -> Result<Self> {
        let shares = Shard::all(all, "parity record", |_, folder| {
            let Some(seal) = Seal::read(folder)? else {
                return Ok(None);
            };
            let lines = Lines::read(folder)?;
            if lines.torn || lines.digest != seal.lines || lines.all.len() != seal.items {
                let at = lines.all.len();
                bail!(
                    "{}: item {at}, or a file of it, is not as it was written",
                    folder.join(ITEMS).display()
                );
            }
            Ok(Some((seal, lines)))
        })?;
        let Some((_, (first, _))) = shares.first() else {
            bail!("{}: there is no share here", all.display())
        };
        let (first, mut end) = (first.clone(), 0);
        let mut found = Vec::new();
        for (shard, (seal, lines)) in shares {
            let folder = shard.folder(all);
            shard.check_place(all, &seal.settings)?;
            if !same_run(&seal.settings, &first.settings) {
                bail!(
                    "{}: share {shard} was made from other inputs or with other settings than share {} ({}); shares are not mixed: make \
                     one of them again",
                    folder.display(),
                    first.shard,
                    differences(&first.settings, &seal.settings)
                );
            }
            if seal.first != end || seal.total != first.total {
                bail!(
                    "{}: share {shard} begins at item {}, and those before it end at {end}; {}",
                    folder.display(),
                    seal.first,
                    shard.again()
                );
            }
            end += seal.items;
            found.extend(lines.all.into_iter().map(|line| (folder.clone(), line)));
        }
        if end != first.total {
            bail!(
                "{}: the shares have {end} of {} items",
                all.display(),
                first.total
            );
        }
        Ok(Self {
            frame: first.frame,
            settings: first.settings,
            lines: found,
        })
    }

    /// The command that made them.
    #[must_use]
    pub fn command(&self) -> &str {
        self.settings.get("command").map_or("", String::as_str)
    }

    /// What the items stand in.
    ///
    /// # Errors
    /// Where it is not that of the command.
    pub fn frame<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(T::deserialize(&self.frame)?)
    }

    /// The items, in order, each with the folder of its share.
    ///
    /// # Errors
    /// Where one is not what the command makes.
    pub fn items<T: DeserializeOwned>(&self) -> Result<Vec<(&Path, T)>> {
        let read = |(folder, line): &'_ (PathBuf, String)| {
            serde_json::from_str::<Item<T>>(line)
                .map(|item| item.value)
                .with_context(|| folder.display().to_string())
        };
        self.lines
            .iter()
            .map(|line| Ok((line.0.as_path(), read(line)?)))
            .collect()
    }
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The digest of a file; of a folder, that of the names and digests of what a model or a recording has in it.
///
/// # Errors
/// Where one cannot be read.
pub fn digest(path: &Path) -> Result<String> {
    let named = || path.display().to_string();
    if !path.is_dir() {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update_reader(File::open(path).with_context(named)?)
            .with_context(named)?;
        return Ok(hasher.finalize().to_hex().to_string());
    }
    let mut lines = Vec::new();
    for entry in fs::read_dir(path).with_context(named)? {
        let path = entry.with_context(named)?.path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        if matches!(kind, Some("json" | "npz" | "safetensors")) {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            lines.push(format!("{name} {}\n", digest(&path)?));
        }
    }
    lines.sort();
    Ok(hash(lines.concat().as_bytes()))
}

/// Settings of a command: its own, and those that all have.
///
/// # Errors
/// Where the model cannot be read.
pub fn settings(
    command: &str,
    model: &Path,
    device: terminal::Device,
    own: &[(&str, String)],
) -> Result<Settings> {
    let all = [
        ("command", command.to_owned()),
        ("program", env!("CARGO_PKG_VERSION").to_owned()),
        ("model", digest(model)?),
        // Which of several GPUs is the same.
        (
            "device",
            device
                .to_string()
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned(),
        ),
    ];
    let all = all.iter().chain(own);
    Ok(all
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect())
}
