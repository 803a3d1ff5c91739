//! Shares of a run: which variants are whose, and what a finished share leaves for `alphagenome merge`.
//!
//! A share is a folder of finished batches ([`crate::work`]) and, once all of it is there, `finished.json`, which seals them: it
//! has the digest of every batch, which has that of its rows. Shares do not know of each other, so that any machine can make any.

pub mod merging;
pub mod quality;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use converter::digest;
use genome::Variant;
use inference::pool::Member;
use serde::{Deserialize, Serialize};
pub use terminal::{Shard, Sharing, Unit};
use terminal::{Speech, note};

use crate::work::{Batches, Settings, Work, replace};

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

/// Fails where the folder of all shares is a file.
///
/// # Errors
/// Then.
pub fn check_folder(all: &Path) -> Result<()> {
    if all.exists() && !all.is_dir() {
        bail!(
            "--out {}: is a file; shares need a folder, of which `alphagenome merge` makes the output",
            all.display()
        );
    }
    Ok(())
}

/// The work folder of a share among `all`. `force` takes it from other settings.
///
/// # Errors
/// Where it cannot be written, or a share that lies there does not fit; the message names what differs.
pub fn open(shard: Shard, all: &Path, settings: Settings, force: bool) -> Result<Work> {
    fs::create_dir_all(all).with_context(|| all.display().to_string())?;
    let known = |folder: &_| Work::settings(folder).filter(|_| !force);
    let settings = shard.own_settings(all, settings, known)?;
    Work::open(&shard.folder(all), &settings, force)
}

/// What seals a finished share.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Finished {
    /// `I/N`.
    pub shard: String,
    /// Variants of the input before it; of predictions passes of the model.
    pub first: u64,
    /// Its own.
    pub items: u64,
    /// Those of the input.
    pub total: u64,
    /// Those without results.
    pub failures: u64,
    /// Rows of the table; of predictions arrays.
    pub rows: u64,
    /// Seconds that the run took which finished it.
    pub seconds: f64,
    /// Items that were done in these seconds.
    pub scored: u64,
    /// What scored them.
    pub devices: Vec<Device>,
    /// What results depend on.
    pub settings: Settings,
    /// A VCF's header; of predictions, as JSON, what their files need beside them.
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

    /// The seal where all of a share's `range` was finished before, and says so; of one that goes on, it is broken.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn resume(work: &Work, shard: Shard, range: &Range<u64>) -> Result<Option<Self>> {
        match Self::read(work.folder()) {
            Ok(Some(finished))
                if (finished.first, work.done()) == (range.start, range.end - range.start) =>
            {
                let text = format!("note: share {shard} was finished before");
                note(Speech::Normal, &text);
                Ok(Some(finished))
            }
            _ => Self::remove(work.folder()).map(|()| None),
        }
    }

    fn sealed(&self) -> Result<String> {
        let open = Self {
            digest: String::new(),
            ..self.clone()
        };
        Ok(digest::of(&serde_json::to_vec(&open)?))
    }

    /// What is known of a share whose `range` of `total` items is done, of which `before` were done by earlier runs; the rest is
    /// for the run to say, and [`Self::write`] adds the batches.
    ///
    /// # Errors
    /// Where the settings of the share are gone.
    pub fn new(
        work: &Work,
        shard: Shard,
        range: &Range<u64>,
        (total, before): (u64, u64),
    ) -> Result<Self> {
        let settings = Work::settings(work.folder());
        let items = range.end - range.start;
        Ok(Self {
            shard: shard.to_string(),
            first: range.start,
            items,
            total,
            failures: 0,
            rows: 0,
            seconds: 0.0,
            scored: items - before,
            devices: Vec::new(),
            settings: settings.context("the settings of the share are gone")?,
            header: String::new(),
            batches: Vec::new(),
            digest: String::new(),
        })
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
    fn remove(folder: &Path) -> Result<()> {
        let path = Self::path(folder);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| path.display().to_string())
            }
            _ => Ok(()),
        }
    }
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
}
