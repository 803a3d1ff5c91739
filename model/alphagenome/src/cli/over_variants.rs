//! What `score` and `ism` share: a run over variants, all of them or one share.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use genome::Variant;
use genome::fasta::Fasta;
use inference::pool::Member;
use inference::scoring::calibration;

use super::Outcome;
use super::arguments::{Holds, OutputArguments, ScoringArguments, ShardArguments};
use crate::estimate::Expected;
use crate::output::{Made, Output, Summary};
use crate::scored::Scored;
use crate::setup::Item;
use crate::shards::{self, Device, Finished, Shard};
use crate::variants::Counted;
use crate::work::{Identity, Settings, Work};

/// Which variants are scored.
#[derive(Clone, Debug)]
pub struct Share {
    /// Counted from 0, in the order of the input.
    pub range: Range<u64>,
    /// What they cost.
    pub cost: u64,
    /// What the input has.
    pub all: Counted,
}

impl Share {
    /// The variants of a shard, or all.
    ///
    /// # Errors
    /// Those of `variants`.
    pub fn of<E>(
        shard: Option<Shard>,
        all: Counted,
        variants: impl Iterator<Item = Result<Option<Variant>, E>>,
    ) -> Result<Self, E> {
        let (range, cost) = match shard {
            Some(shard) => shards::share(shard, all.cost, variants)?,
            None => (0..all.items, all.cost),
        };
        Ok(Self { range, cost, all })
    }

    fn items(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// Where results go.
enum Place {
    File(Output),
    Shard(Shard, PathBuf),
}

/// A run over variants.
pub struct Over<'a> {
    scoring: &'a ScoringArguments,
    output: &'a OutputArguments,
    sharing: &'a ShardArguments,
    place: Place,
    start: Instant,
}

impl<'a> Over<'a> {
    /// A run; `file` is its output where it is no share.
    ///
    /// # Errors
    /// Where its output cannot be written.
    pub fn new(
        scoring: &'a ScoringArguments,
        output: &'a OutputArguments,
        sharing: &'a ShardArguments,
        start: Instant,
        file: impl FnOnce() -> Result<Output>,
    ) -> Result<Self> {
        let out = &output.out;
        let place = match sharing.shard {
            None => Place::File(file()?),
            Some(shard) => {
                shards::check_folder(out)?;
                Place::Shard(shard, shard.folder(out))
            }
        };
        Ok(Self {
            scoring,
            output,
            sharing,
            place,
            start,
        })
    }

    /// How files are told from others: shares are made by machines that see them elsewhere.
    #[must_use]
    pub fn identity(&self) -> Identity {
        match self.place {
            Place::File(_) => Identity::Place,
            Place::Shard(..) => Identity::Content,
        }
    }

    /// What scores depend on, but for what the command adds.
    ///
    /// # Errors
    /// Where a file is not there.
    pub fn settings(&self) -> Result<Settings> {
        self.scoring.settings(self.identity())
    }

    fn is_vcf(&self) -> bool {
        match &self.place {
            Place::File(output) => output.format.is_vcf(),
            Place::Shard(..) => self.sharing.format == Holds::Vcf,
        }
    }

    /// Says what scoring a share is expected to take.
    ///
    /// # Errors
    /// Where what other shares took, or stdout, cannot be read or written.
    pub fn expect(&self, share: &Share, length: i64) -> Result<Outcome> {
        let shares = match self.place {
            Place::Shard(..) => Some(self.output.out.as_path()),
            Place::File(_) => None,
        };
        let form = (length, self.is_vcf());
        let counts = (share.items(), share.cost);
        let expected = Expected::new(self.scoring, form, counts, shares)?;
        terminal::print(&expected.text(share.all.items, self.output.json))?;
        Ok(Outcome::Done)
    }

    /// Opens the tables and the work folder. `settings` are those of [`Self::settings`] and the command's own.
    ///
    /// # Errors
    /// Where one cannot be opened or does not fit the others.
    pub fn open(&self, genome: Fasta, mut settings: Settings) -> Result<(Scored, Work)> {
        let setup = self.scoring.open(genome)?;
        let quantiles = self.scoring.quantiles.as_deref();
        let quantiles = quantiles
            .map(|path| calibration(path, &setup.scorers, &setup.channels))
            .transpose()?;
        let names: Vec<_> = setup.scorers.iter().map(ToString::to_string).collect();
        let format = if self.is_vcf() { "vcf" } else { "table" };
        settings.extend([
            ("scorers".into(), names.join("; ")),
            ("format".into(), format.into()),
        ]);
        let force = self.output.force;
        let work = match &self.place {
            Place::File(output) => Work::open(&output.partial(), &settings, force)?,
            Place::Shard(shard, _) => {
                if quantiles.as_ref().is_some_and(scorers::Calibration::draws) {
                    bail!(
                        "--shard {shard}: --quantiles has ties, which one generator draws from the first variant to the last; score \
                         without --shard, as with --device cuda:all"
                    );
                }
                shards::open(*shard, &self.output.out, settings, force)?
            }
        };
        let summary = self.is_vcf().then(|| Summary::new(&setup.scorers).into());
        let scored = Scored {
            setup,
            calibration: quantiles,
            summary,
            pages: None,
            settings: self.scoring.described(),
        };
        Ok((scored, work))
    }

    /// Scores what is not finished of a share of `items`, and makes the output; `draw` gets finished batches, and what they depend
    /// on.
    ///
    /// # Errors
    /// Where the run cannot go on; finished batches are kept.
    pub fn run(
        self,
        mut scored: Scored,
        mut work: Work,
        share: &Share,
        items: impl Iterator<Item = Item>,
        draw: impl FnOnce(&Work, &[(String, String)]) -> Result<()>,
    ) -> Result<Outcome> {
        let (total, before) = (share.items(), work.done());
        let left = work.left(total)?;
        if let Place::Shard(shard, _) = self.place
            && let Some(finished) = Finished::resume(&work, shard, &share.range)?
        {
            return self.report(None, made_of(&finished), &finished.devices);
        }
        let from = (share.range.start + before) as usize;
        let items = items.skip(from).take(left as usize);
        let counts = (total, self.output.batch);
        let devices = &self.scoring.model.computing.device;
        let members = match left {
            0 => Vec::new(),
            _ => match scored.run(&mut work, devices, items, counts) {
                Ok(members) => members,
                Err(error) => return Err(work.ended(error)),
            },
        };
        let header = scored
            .summary
            .as_ref()
            .map(|summary| summary.header(&scored.setup.genome));
        let header = header.unwrap_or_default();
        match &self.place {
            Place::File(output) => {
                let batches = [work.batches().clone()];
                let made = output.make(work.folder(), &batches, &header)?;
                draw(&work, &scored.settings)?;
                if let Some((pages, _)) = scored.pages.take() {
                    pages.finish(&scored.settings, made.items)?;
                }
                work.remove()?;
                let devices: Vec<_> = members.iter().map(Device::from).collect();
                self.report(Some(output), made, &devices)
            }
            Place::Shard(shard, _) => {
                let finished = self.seal(*shard, share, &work, header, (before, &members))?;
                self.report(None, made_of(&finished), &finished.devices)
            }
        }
    }

    fn seal(
        &self,
        shard: Shard,
        share: &Share,
        work: &Work,
        header: String,
        (before, members): (u64, &[Member]),
    ) -> Result<Finished> {
        let seal = Finished {
            seconds: self.start.elapsed().as_secs_f64(),
            devices: members.iter().map(Device::from).collect(),
            header,
            ..Finished::new(work, shard, &share.range, (share.all.items, before))?
        };
        seal.write(work)
    }

    fn report(&self, output: Option<&Output>, made: Made, devices: &[Device]) -> Result<Outcome> {
        let (out, failures) = match (output, &self.place) {
            (Some(output), _) => (output.path.as_path(), Some(output.failures())),
            (None, Place::Shard(_, folder)) => (folder.as_path(), None),
            (None, Place::File(output)) => (output.path.as_path(), None),
        };
        let report = super::arguments::Report {
            what: "variants",
            out,
            failures,
            made,
            took: self.start.elapsed(),
            devices,
        };
        report.print(self.output.json)
    }
}

fn made_of(finished: &Finished) -> Made {
    Made {
        items: finished.items,
        rows: finished.rows,
        failures: finished.failures,
    }
}
