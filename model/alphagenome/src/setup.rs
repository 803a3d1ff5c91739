//! What variants are scored with, on any number of devices.

use std::collections::BTreeMap;
use std::iter::repeat_n;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Error, Result};
use genome::Interval;
use genome::fasta::Fasta;
use genome::variants::Allele;
use inference::channels::Channels;
use inference::machine::{devices, loaders};
use inference::pool::{Opener, Pool};
use inference::predictor::{Predictor, described};
use inference::scoring::{Scoring, refuses};
use inference::tables::Tables;
use inference::{machine, scorer_list};
use model::Arithmetic;
use scorers::{Behaviour, Organism, OutputType, Predictions, Scorer, Scores, Tracks};
use terminal::Devices;

/// A variant and its interval, or what is wrong with its record.
pub type Item = Result<(Allele, Interval), genome::Error>;

/// What a device made of an item: scores, and predictions where they are wanted; an error is the variant's own.
pub type Found = Result<(Vec<Scores>, Option<[Predictions; 2]>), Error>;

/// Everything but the model itself. Devices share it.
#[derive(Clone)]
pub struct Setup {
    /// The folder of the model.
    pub dir: PathBuf,
    /// How it computes.
    pub arithmetic: Arithmetic,
    /// Whose parameters are used.
    pub organism: Organism,
    /// The genome.
    pub genome: Arc<Fasta>,
    /// Genes and sites.
    pub tables: Arc<Tables>,
    /// The model's outputs and their tracks.
    pub channels: Arc<BTreeMap<OutputType, Channels>>,
    /// In the order of the results.
    pub scorers: Vec<Scorer>,
    /// Whose behaviour is wanted.
    pub behaviour: Behaviour,
    /// Whether indels are stitched.
    pub stitching: bool,
    /// Whether a REF that is not what the genome has is refused.
    pub check_reference: bool,
    /// Whether all predictions are wanted beside the scores.
    pub whole: bool,
    /// Models on each device.
    pub workers: usize,
}

impl Setup {
    /// The outputs of the model in `dir`, and the scorers of `file` or the recommended ones.
    ///
    /// # Errors
    /// Where the model cannot be read or lacks the organism, or a scorer lacks what it needs.
    pub fn choose(
        dir: &Path,
        organism: Organism,
        file: Option<&Path>,
        tables: &Tables,
    ) -> Result<(BTreeMap<OutputType, Channels>, Vec<Scorer>)> {
        let (config, metadata) = model::load::describe(dir)?;
        let (_, channels) = described(dir, &config, metadata, organism)?;
        let scorers = scorer_list::choose(file, organism, &channels, tables)?;
        Ok((channels, scorers))
    }

    /// The tracks of an output; nothing where the organism has none.
    #[must_use]
    pub fn tracks(&self, output: OutputType) -> Option<&Arc<Tracks>> {
        self.channels.get(&output).map(|channels| &channels.tracks)
    }

    /// Loads the model on every device.
    ///
    /// # Errors
    /// Where it can be loaded on none.
    pub fn open(&self, wish: &Devices) -> Result<Pool<Item, Found>> {
        let devices = devices(wish)?.into_iter();
        let devices: Vec<_> = devices
            .flat_map(|device| repeat_n(device, self.workers))
            .collect();
        let loaders = loaders(&self.dir, self.arithmetic, &devices)?;
        let named = devices.iter().zip(loaders).map(|(device, load)| {
            let setup = self.clone();
            let opener: Opener<Item, Found> = Box::new(move || {
                let scoring = setup.on(load()?)?;
                Ok(Box::new(move |item| setup.score(&scoring, item)))
            });
            (device.to_string(), opener)
        });
        Pool::open(named.collect())
    }

    fn on(&self, machine: machine::Machine) -> Result<Scoring> {
        Ok(Scoring {
            predictor: Predictor::on(Rc::new(machine), &self.dir, self.organism)?,
            genome: self.genome.clone(),
            tables: self.tables.clone(),
            scorers: self.scorers.clone(),
            behaviour: self.behaviour,
            stitching: self.stitching,
            check_reference: self.check_reference,
        })
    }

    /// What fails and is not the variant's own is the device's.
    fn score(&self, scoring: &Scoring, item: &Item) -> Result<Found> {
        let Ok((allele, interval)) = item else {
            // Whoever asked knows what is wrong with it.
            return Ok(Ok(Default::default()));
        };
        let variant = &allele.variant;
        let found = match self.whole {
            false => scoring
                .score(interval, variant)
                .map(|scores| (scores, None)),
            true => scoring
                .score_and_predict(interval, variant)
                .map(|(scores, both)| (scores, Some(both))),
        };
        match found {
            Err(error) if !refuses(&error) => Err(error.context(variant.to_string())),
            found => Ok(found),
        }
    }
}
