//! Shares of a run over variants: which variants are whose, and what a finished share leaves for `alphagenome merge`.
//!
//! A share is a folder of finished batches ([`crate::work`]) and, once all of it is scored, `finished.json`, which seals them: it
//! has the digest of every batch, which has that of its rows. Shares do not know of each other, so that any machine can make any.

pub mod merging;
pub mod quality;

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use converter::digest;
use genome::Variant;
use inference::pool::Member;
use serde::{Deserialize, Serialize};

use crate::work::{Batches, Settings, Work, differences, replace};

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
}

/// Variants that stay together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// How many.
    pub items: u64,
    /// What they cost.
    pub cost: u64,
}

/// Units of variants, one after the other.
#[derive(Debug, Default)]
pub struct Units {
    /// Chromosome, and first and last base of REF.
    at: Option<(String, i64, i64)>,
    open: Option<Unit>,
}

/// What a substitution costs: the stretch that changed is encoded, and the rest is REF's.
pub const SUBSTITUTION: u64 = 3;
/// What an indel costs: three sequences are encoded. `docs/results/h200/scores.md` has 1.7 times a substitution at 131,072 bp.
pub const INDEL: u64 = 5;

impl Units {
    /// Takes a variant, or a record that is none, and gives the unit that ends before it. Those of one place stay together: the
    /// model sees one interval for them.
    pub fn take(&mut self, variant: Option<&Variant>) -> Option<Unit> {
        let same = match (&self.at, variant) {
            (Some((chromosome, start, end)), Some(variant)) => {
                (variant.chromosome(), variant.start(), variant.end())
                    == (chromosome.as_str(), *start, *end)
            }
            _ => false,
        };
        let cost = variant.map_or(0, cost);
        if same && let Some(unit) = &mut self.open {
            unit.items += 1;
            unit.cost += cost;
            return None;
        }
        self.at = variant.map(|variant| {
            let chromosome = variant.chromosome().to_owned();
            (chromosome, variant.start(), variant.end())
        });
        self.open.replace(Unit { items: 1, cost })
    }

    /// The last unit.
    pub fn end(&mut self) -> Option<Unit> {
        self.open.take()
    }
}

/// What a variant costs.
#[must_use]
pub fn cost(variant: &Variant) -> u64 {
    match variant.reference_length() == variant.alternate_length() {
        true => SUBSTITUTION,
        false => INDEL,
    }
}

/// Finds the variants of a shard: a unit is whose share the middle of its cost falls into.
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

    /// The variants of the shard, counted from 0 in the order of the input, and what they cost.
    #[must_use]
    pub fn found(self) -> (Range<u64>, u64) {
        (self.found, self.cost)
    }
}

/// The variants of a shard, and what they cost. `total` is the cost of all; a record that is no variant is `None`.
///
/// # Errors
/// Those of `variants`.
pub fn share<E>(
    shard: Shard,
    total: u64,
    variants: impl Iterator<Item = Result<Option<Variant>, E>>,
) -> Result<(Range<u64>, u64), E> {
    let (mut sharing, mut units) = (Sharing::new(shard, total), Units::default());
    for variant in variants {
        if let Some(unit) = units.take(variant?.as_ref()) {
            sharing.take(unit);
        }
    }
    if let Some(unit) = units.end() {
        sharing.take(unit);
    }
    Ok(sharing.found())
}

/// What seals a finished share.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Finished {
    /// `I/N`.
    pub shard: String,
    /// Variants of the input before it.
    pub first: u64,
    /// Its variants.
    pub items: u64,
    /// Variants of the input.
    pub total: u64,
    /// Those without scores.
    pub failures: u64,
    /// Rows of the table.
    pub rows: u64,
    /// Seconds that scoring took, in the run that finished it.
    pub seconds: f64,
    /// Variants that were scored in these seconds.
    pub scored: u64,
    /// What scored them.
    pub devices: Vec<Device>,
    /// What results depend on.
    pub settings: Settings,
    /// A VCF's header.
    pub header: String,
    /// Its batches.
    pub batches: Vec<Batch>,
    /// BLAKE3 of all this, with nothing in this place.
    pub digest: String,
}

/// A device that scored.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Variants.
    pub variants: u64,
    /// Why it stopped.
    pub failure: Option<String>,
}

impl From<&Member> for Device {
    fn from(member: &Member) -> Self {
        Self {
            name: member.name.clone(),
            variants: member.done,
            failure: member.failure.clone(),
        }
    }
}

/// A batch of a finished share.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Batch {
    /// Name of its file.
    pub file: String,
    /// BLAKE3 of it.
    pub digest: String,
}

impl Finished {
    fn path(folder: &Path) -> PathBuf {
        folder.join("finished.json")
    }

    /// The seal of a share's folder; nothing where it is not finished.
    ///
    /// # Errors
    /// Where it cannot be read, or is not as it was written.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = Self::path(folder);
        let named = || path.display().to_string();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(named),
        };
        let read: Option<Self> = serde_json::from_slice(&text).ok();
        match read {
            Some(found) if found.digest == found.sealed()? => Ok(Some(found)),
            _ => bail!("{} is not as it was written", named()),
        }
    }

    fn sealed(&self) -> Result<String> {
        let open = Self {
            digest: String::new(),
            ..self.clone()
        };
        Ok(digest::of(&serde_json::to_vec(&open)?))
    }

    /// Seals the batches of a share.
    ///
    /// # Errors
    /// Where they cannot be read, or the seal cannot be written.
    pub fn write(mut self, work: &Work) -> Result<Self> {
        self.batches = Self::batches(work.folder())?;
        for part in work.batches().parts()? {
            let part = part?;
            self.failures += part.failures.len() as u64;
            self.rows += part.rows;
        }
        self.digest = self.sealed()?;
        replace(
            &Self::path(work.folder()),
            &serde_json::to_vec_pretty(&self)?,
        )?;
        Ok(self)
    }

    fn batches(folder: &Path) -> Result<Vec<Batch>> {
        let batch = |path: &PathBuf| {
            let digest = digest::of_file(path).with_context(|| path.display().to_string())?;
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let file = file.into_owned();
            Ok(Batch { file, digest })
        };
        let paths = Batches::new(folder).paths()?;
        paths.iter().map(batch).collect()
    }

    /// Breaks the seal of a share that is made again.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn remove(folder: &Path) -> Result<()> {
        let path = Self::path(folder);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| path.display().to_string())
            }
            _ => Ok(()),
        }
    }
}

/// Fails where another share in the folder belongs to other settings.
///
/// # Errors
/// Then, with what differs.
pub fn check_others(all: &Path, own: Shard, settings: &Settings) -> Result<()> {
    for other in Shard::among(all)?.into_iter().filter(|other| *other != own) {
        let folder = other.folder(all);
        if other.of != own.of {
            bail!(
                "{}: a share of {} lies here, and this one is of {}; choose another --out, or remove it",
                folder.display(),
                other.of,
                own.of
            );
        }
        if let Some(known) = Work::settings(&folder).filter(|known| known != settings) {
            bail!(
                "{}: this share was made from other inputs or with other settings ({}); shares are not mixed: choose another --out, or \
                 --force and make all of them again",
                folder.display(),
                differences(&known, settings)
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variants() -> Vec<Option<Variant>> {
        let mut all = Vec::new();
        for position in 1..=40 {
            let many = if position % 7 == 0 { 3 } else { 1 };
            for alternate in ["A", "C", "GT"].iter().take(many) {
                let text = format!("chr1:{}:T>{alternate}", 100 * position);
                all.push(Some(text.parse().unwrap()));
            }
            if position % 11 == 0 {
                all.push(None);
            }
        }
        all
    }

    fn units(variants: &[Option<Variant>]) -> Vec<Unit> {
        let mut units = Units::default();
        let mut found: Vec<_> = variants
            .iter()
            .filter_map(|variant| units.take(variant.as_ref()))
            .collect();
        found.extend(units.end());
        found
    }

    fn share(units: &[Unit], shard: Shard) -> (Range<u64>, u64) {
        let total = units.iter().map(|unit| unit.cost).sum();
        let mut sharing = Sharing::new(shard, total);
        units.iter().for_each(|unit| sharing.take(*unit));
        sharing.found()
    }

    #[test]
    fn variants_of_one_place_are_a_unit() {
        let all = variants();
        let found = units(&all);
        assert_eq!(
            found.iter().map(|unit| unit.items).sum::<u64>(),
            all.len() as u64
        );
        let place = 2 * SUBSTITUTION + INDEL;
        let together: Vec<_> = found.iter().filter(|unit| unit.items > 1).collect();
        assert_eq!(together.len(), 5);
        assert!(
            together
                .iter()
                .all(|unit| (unit.items, unit.cost) == (3, place))
        );
        assert_eq!(found.iter().filter(|unit| unit.cost == 0).count(), 3);
    }

    #[test]
    fn shares_follow_each_other_and_cost_the_same() {
        let units = units(&variants());
        let items: u64 = units.iter().map(|unit| unit.items).sum();
        let total: u64 = units.iter().map(|unit| unit.cost).sum();
        let largest = units.iter().map(|unit| unit.cost).max().unwrap();
        let mut starts: Vec<u64> = vec![0];
        for unit in &units {
            starts.push(starts[starts.len() - 1] + unit.items);
        }
        for of in [1, 2, 3, 5, 16, 41, 200] {
            let (mut end, mut costs) = (0, 0);
            for number in 1..=of {
                let (range, cost) = share(&units, Shard { number, of });
                assert_eq!(range.start, end, "{number}/{of}");
                assert!(starts.contains(&range.end), "{number}/{of} parts a unit");
                let even = total as f64 / of as f64;
                assert!(
                    (cost as f64 - even).abs() <= largest as f64,
                    "{number}/{of}: {cost} of {even}"
                );
                end = range.end;
                costs += cost;
            }
            assert_eq!((end, costs), (items, total), "of {of}");
        }
    }

    #[test]
    fn records_that_cost_nothing_are_somebodys() {
        let nothing = [Unit { items: 1, cost: 0 }; 5];
        let found: Vec<_> = (1..=3)
            .map(|number| share(&nothing, Shard { number, of: 3 }).0)
            .collect();
        assert_eq!(found, [0..5, 5..5, 5..5]);
    }

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
