//! The shares of a folder as one output.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use terminal::{differences, lock};

use super::{Finished, Shard};
use crate::output::{Made, Output};
use crate::work::{Batches, Settings, Work};

/// Shares that are all there, each as it was written.
pub struct Shares {
    all: Vec<(Shard, Finished)>,
    folder: PathBuf,
}

impl Shares {
    /// Those of a folder.
    ///
    /// # Errors
    /// Where one is missing, unfinished, there twice, made from something else, or not as it was written; the message names it.
    pub fn open(folder: &Path) -> Result<Self> {
        let folders = Shard::among(folder)?.into_iter();
        let mut settings = folders.filter_map(|shard| Work::settings(&shard.folder(folder)));
        let makes = match settings.any(|settings| holds(&settings) == PREDICTIONS) {
            true => "alphagenome predict",
            false => "alphagenome score",
        };
        let all = Shard::all(folder, makes, |_, place| Finished::read(place))?;
        let shares = Self {
            all,
            folder: folder.to_owned(),
        };
        shares.check()?;
        Ok(shares)
    }

    /// Fails where shares do not belong together, or a batch is missing, double or changed.
    fn check(&self) -> Result<()> {
        let (_, first) = &self.all[0];
        let mut end = 0;
        for (shard, finished) in &self.all {
            let place = shard.folder(&self.folder);
            let named = || place.display().to_string();
            shard.check_place(&self.folder, &finished.settings)?;
            let mut differs = differences(&first.settings, &finished.settings);
            if differs.is_empty() && finished.header != first.header {
                differs.push_str("header");
            }
            if !differs.is_empty() {
                bail!(
                    "{}: share {shard} was made from other inputs or with other settings than share {} ({differs}); shares are not \
                     mixed: make one of them again",
                    named(),
                    first.shard
                );
            }
            if finished.first != end || finished.total != first.total {
                bail!(
                    "{}: share {shard} begins at item {}, and those before it end at {end}; {}",
                    named(),
                    finished.first,
                    shard.again()
                );
            }
            end += finished.items;
            check_batches(&place, finished).with_context(|| shard.again())?;
        }
        if end != first.total {
            bail!(
                "{}: the shares have {end} of {} items",
                self.folder.display(),
                first.total
            );
        }
        Ok(())
    }

    /// The seals, in order.
    pub fn finished(&self) -> impl Iterator<Item = &Finished> {
        self.all.iter().map(|(_, finished)| finished)
    }

    /// The seal of the first.
    #[must_use]
    pub fn first(&self) -> &Finished {
        &self.all[0].1
    }

    /// Whether they hold predictions.
    #[must_use]
    pub fn are_predictions(&self) -> bool {
        holds(&self.first().settings) == PREDICTIONS
    }

    /// Batches of each, in order.
    #[must_use]
    pub fn batches(&self) -> Vec<Batches> {
        let folders = self.all.iter();
        let batches = folders.map(|(shard, _)| Batches::new(&shard.folder(&self.folder)));
        batches.collect()
    }

    /// Makes the output of them.
    ///
    /// # Errors
    /// Where the format is not what they hold, rows are not as they were written, or something cannot be written.
    pub fn make(&self, output: &Output) -> Result<Made> {
        let first = self.first();
        let holds = holds(&first.settings);
        if (holds == "vcf") != output.format.is_vcf() {
            let (has, take) = match holds {
                "vcf" => ("records of a VCF", ".vcf or .vcf.gz"),
                _ => ("rows of a table", ".tsv, .tsv.gz or .parquet"),
            };
            bail!(
                "{}: the shares hold {has}: end the name with {take}, or score with another --format",
                output.path.display()
            );
        }
        let scratch = Scratch::new(output.path.with_added_extension("merging"))?;
        output.make(&scratch.folder, &self.batches(), &first.header)
    }
}

/// What shares of predictions say that they hold.
pub const PREDICTIONS: &str = "predictions";

/// What a share holds.
fn holds(settings: &Settings) -> &str {
    settings.get("format").map_or("", String::as_str)
}

fn check_batches(place: &Path, finished: &Finished) -> Result<()> {
    let there = Finished::batches(place)?;
    for batch in &finished.batches {
        let path = place.join(&batch.file);
        match there.iter().find(|found| found.file == batch.file) {
            None => bail!("{} is missing", path.display()),
            Some(found) if found != batch => bail!("{} is not as it was written", path.display()),
            Some(_) => {}
        }
    }
    if let Some(found) = there.iter().find(|found| !finished.batches.contains(found)) {
        bail!("{} is not this share's", place.join(&found.file).display());
    }
    let batches = Batches::new(place);
    let mut items = 0;
    for path in batches.paths()? {
        items += batches.part(&path, items)?.items;
    }
    if items != finished.items {
        bail!(
            "{}: has {items} of {} items",
            place.display(),
            finished.items
        );
    }
    Ok(())
}

/// A folder beside an output, until that is whole.
struct Scratch {
    folder: PathBuf,
    _lock: Option<fs::File>,
}

impl Scratch {
    fn new(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let lock = lock(&folder)?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
