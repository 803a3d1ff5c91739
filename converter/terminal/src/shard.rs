//! Shares of a run: which items are whose.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// One share of several, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one.
    pub number: u64,
    /// How many there are.
    pub of: u64,
}

/// More shares than anybody needs: each is a folder.
const MOST: u64 = 1_000_000;
/// Which share it is, in the settings of one.
const SHARE: &str = "share";
/// Shares that are named in a message.
const NAMED: usize = 10;

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=MOST).contains(&of) && (1..=of).contains(&number) => {
                Ok(Self { number, of })
            }
            _ => Err("expected I/N, the share and how many there are, such as 3/16".into()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Shard {
    /// Its folder among those of the others.
    #[must_use]
    pub fn folder(self, all: &Path) -> PathBuf {
        all.join(format!("shard-{:06}-of-{:06}", self.number, self.of))
    }

    fn of_folder(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_prefix("shard-")?;
        let (number, of) = name.split_once("-of-")?;
        format!(
            "{}/{}",
            number.parse::<u64>().ok()?,
            of.parse::<u64>().ok()?
        )
        .parse()
        .ok()
    }

    /// All that lie in a folder, in order.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn among(all: &Path) -> Result<Vec<Self>> {
        let named = || all.display().to_string();
        let mut found = Vec::new();
        for entry in fs::read_dir(all).with_context(named)? {
            found.extend(Self::of_folder(&entry.with_context(named)?.path()));
        }
        found.sort_by_key(|shard| (shard.of, shard.number));
        Ok(found)
    }

    /// All shares of a folder, in order, with what `finished` gives for each; `makes` is the command that makes them.
    ///
    /// # Errors
    /// Where one is missing or unfinished, or belongs to another number of shares; the message names it.
    pub fn all<T>(
        all: &Path,
        makes: &str,
        finished: impl Fn(Self, &Path) -> Result<Option<T>>,
    ) -> Result<Vec<(Self, T)>> {
        let named = all.display();
        let found = Self::among(all)?;
        let Some(last) = found.last() else {
            bail!(
                "{named}: there is no share here; `{makes} --shard I/N --out {named}` makes them"
            );
        };
        let of = last.of;
        if let Some(other) = found.iter().find(|shard| shard.of != of) {
            bail!(
                "{named}: shares of {} and of {of} lie here; remove those of one",
                other.of
            );
        }
        let (mut whole, mut missing) = (Vec::new(), Vec::new());
        for number in 1..=of {
            let shard = Self { number, of };
            if !found.contains(&shard) {
                missing.push(shard.to_string());
                continue;
            }
            match finished(shard, &shard.folder(all)).with_context(|| shard.again())? {
                Some(finished) => whole.push((shard, finished)),
                None => missing.push(format!("{shard} (begun)")),
            }
        }
        if !missing.is_empty() {
            let (count, more) = (missing.len(), missing.len() > NAMED);
            missing.truncate(NAMED);
            bail!(
                "{named}: {count} of {of} shares are not finished: {}{}; `{makes} --shard I/{of} --out {named}` makes each",
                missing.join(", "),
                if more { ", ..." } else { "" }
            );
        }
        Ok(whole)
    }

    /// Settings of the share, once no folder among `all` holds batches of another share or of another run; `known` reads the settings
    /// of a folder.
    ///
    /// # Errors
    /// Where one does; the message names it and what differs.
    pub fn own_settings(
        self,
        all: &Path,
        mut settings: BTreeMap<String, String>,
        known: impl Fn(&Path) -> Option<BTreeMap<String, String>>,
    ) -> Result<BTreeMap<String, String>> {
        settings.insert(SHARE.into(), self.to_string());
        for other in Self::among(all)? {
            let folder = other.folder(all);
            if other.of != self.of {
                bail!(
                    "{}: a share of {} lies here, and this one is of {}; choose another --out, or remove it",
                    folder.display(),
                    other.of,
                    self.of
                );
            }
            let Some(known) = known(&folder) else {
                continue;
            };
            other.check_place(all, &known)?;
            // What lies in its own folder is for the caller to keep or clear.
            if other != self && !same_run(&known, &settings) {
                bail!(
                    "{}: this share was made from other inputs or with other settings ({}); shares are not mixed: choose another --out, \
                     or remove what lies here and make all of them again",
                    folder.display(),
                    differences(&known, &settings)
                );
            }
        }
        Ok(settings)
    }

    /// Fails where what lies in the share's folder was made as another share.
    ///
    /// # Errors
    /// Then; the message names both.
    pub fn check_place(self, all: &Path, settings: &BTreeMap<String, String>) -> Result<()> {
        match settings.get(SHARE) {
            Some(made) if *made != self.to_string() => bail!(
                "{}: this is share {made}, in the place of share {self}; put it back under its own name, or remove it and run with \
                 --shard {self}",
                self.folder(all).display()
            ),
            _ => Ok(()),
        }
    }

    /// What to do about a share that is not whole.
    #[must_use]
    pub fn again(self) -> String {
        format!("run it with --shard {self} again, which makes what is missing")
    }
}

/// Items that stay together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// How many.
    pub items: u64,
    /// What they cost.
    pub cost: u64,
}

/// Finds the items of a shard: a unit is whose share the middle of its cost falls into.
#[derive(Debug)]
pub struct Sharing {
    shard: Shard,
    /// Cost of all.
    total: u64,
    /// Cost and items of what came before.
    before: (u64, u64),
    found: Range<u64>,
    /// What of it the shard has.
    cost: u64,
}

impl Sharing {
    /// Of units that cost `total` together.
    #[must_use]
    pub fn new(shard: Shard, total: u64) -> Self {
        Self {
            shard,
            total,
            before: (0, 0),
            found: 0..0,
            cost: 0,
        }
    }

    /// Takes the next unit.
    pub fn take(&mut self, unit: Unit) {
        let (cost, items) = self.before;
        let twice = 2 * u128::from(cost) + u128::from(unit.cost);
        let share = twice * u128::from(self.shard.of) / (2 * u128::from(self.total.max(1)));
        let share = share.min(u128::from(self.shard.of - 1)) as u64;
        self.before = (cost + unit.cost, items + unit.items);
        if share + 1 < self.shard.number {
            self.found = self.before.1..self.before.1;
        } else if share + 1 == self.shard.number {
            self.found.end = self.before.1;
            self.cost += unit.cost;
        }
    }

    /// The items of the shard, counted from 0 in the order of the input, and what they cost.
    #[must_use]
    pub fn found(self) -> (Range<u64>, u64) {
        (self.found, self.cost)
    }
}

/// Locks a folder for this process; nothing on a file system that has no locks.
///
/// # Errors
/// Where another process has it, or it cannot be written.
pub fn lock(folder: &Path) -> Result<Option<File>> {
    let named = || folder.display().to_string();
    let lock = File::create(folder.join("lock")).with_context(named)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => bail!(
            "{}: another run writes there; wait for it, or choose another --out",
            named()
        ),
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(named),
    }
}

/// Whether two shares belong to one run.
#[must_use]
pub fn same_run(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> bool {
    differing(a, b).next().is_none()
}

/// Names of what differs between the settings of two runs.
#[must_use]
pub fn differences(
    known: &BTreeMap<String, String>,
    settings: &BTreeMap<String, String>,
) -> String {
    let mut names: Vec<_> = differing(known, settings).collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

fn differing<'a>(
    a: &'a BTreeMap<String, String>,
    b: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a str> {
    let names = a.keys().chain(b.keys()).map(String::as_str);
    names.filter(move |name| *name != SHARE && a.get(*name) != b.get(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_have_names() {
        let shard: Shard = "3/16".parse().unwrap();
        assert_eq!(shard.to_string(), "3/16");
        assert_eq!(Shard::of_folder(&shard.folder("x".as_ref())), Some(shard));
        for wrong in ["", "3", "0/3", "4/3", "3/0", "-1/3", "1/1000001", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        assert_eq!(Shard::of_folder("shard-000004-of-000003".as_ref()), None);
        assert_eq!(Shard::of_folder("other".as_ref()), None);
    }
}
