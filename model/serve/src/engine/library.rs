//! What is known without running a model: genomes, genes, tracks, and which requests can be answered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ::model::sequence::{LENGTH_STEP, LONGEST};
use anyhow::{Context, Result};
use genome::fasta::Fasta;
use genome::{Interval, Variant};
use inference::channels::Channels;
use inference::predictor::described;
use inference::scorer_list::lack;
use inference::tables::{TableArguments, Tables};
use scorers::{Behaviour, Calibration, IntervalScorer, Organism, OutputType, Scorer, ism, sites};

use super::{Error, Limits, Request, Task, Wanted};

/// The files of an organism.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The genome; without it sequences alone can be predicted.
    pub fasta: Option<PathBuf>,
    /// Genes and sites.
    pub tables: TableArguments,
    /// DeepMind's calibration file.
    pub quantiles: Option<PathBuf>,
}

/// What there is of an organism.
pub struct Assembly {
    /// Which one.
    pub organism: Organism,
    /// Genes and sites.
    pub tables: Arc<Tables>,
    /// Its outputs, and their tracks.
    pub channels: BTreeMap<OutputType, Channels>,
    /// The SDK's recommended scorers, but for those that need what is not there.
    pub recommended: Vec<Scorer>,
    /// Quantiles of scores. Ties are drawn, so that there is one for all.
    pub calibration: Option<Mutex<Calibration>>,
    genome: Option<Arc<Fasta>>,
}

/// The organisms that are served.
pub struct Library {
    assemblies: BTreeMap<Organism, Assembly>,
    /// Whose behaviour scores have.
    pub behaviour: Behaviour,
}

impl Library {
    /// Opens the files of the organisms that the model in `dir` knows.
    ///
    /// # Errors
    /// Where one cannot be read or does not fit the others, or an organism has files and no parameters.
    pub fn open(
        dir: &Path,
        mut sources: BTreeMap<Organism, Source>,
        behaviour: Behaviour,
    ) -> Result<Self> {
        let (config, metadata) = ::model::load::describe(dir)?;
        let mut assemblies = BTreeMap::new();
        for organism in [Organism::Human, Organism::Mouse] {
            let source = sources.remove(&organism);
            let found = described(dir, &config, metadata.clone(), organism);
            let channels = match (found, &source) {
                (Ok((_, channels)), _) => channels,
                (Err(_), None) if metadata.is_some() => continue,
                (Err(error), _) => return Err(error),
            };
            let assembly = Assembly::open(organism, channels, source.unwrap_or_default())?;
            assemblies.insert(organism, assembly);
        }
        Ok(Self {
            assemblies,
            behaviour,
        })
    }

    /// An organism without files.
    #[cfg(test)]
    pub(crate) fn bare(organism: Organism, channels: BTreeMap<OutputType, Channels>) -> Self {
        let assembly = Assembly::open(organism, channels, Source::default());
        let assembly = assembly.expect("there is nothing to open");
        Self {
            assemblies: [(organism, assembly)].into(),
            behaviour: Behaviour::V0_3_0,
        }
    }

    /// The organisms.
    pub fn organisms(&self) -> impl Iterator<Item = &Assembly> {
        self.assemblies.values()
    }

    /// An organism.
    ///
    /// # Errors
    /// Where the model does not know it.
    pub fn get(&self, organism: Organism) -> Result<&Assembly, Error> {
        let found = self.assemblies.get(&organism);
        found.ok_or_else(|| Error::NotFound(format!("the model does not know {organism}")))
    }

    /// Fails where a request cannot be answered, or asks for more than is allowed.
    pub(super) fn check(&self, request: &Request, limits: &Limits) -> Result<(), Error> {
        let assembly = self.get(request.organism)?;
        check_length(request.task.length(), limits)?;
        if let Some(interval) = request.task.interval() {
            assembly.check_interval(interval)?;
        }
        if let Some(variant) = request.task.variant() {
            assembly.check_variant(variant, limits)?;
        }
        match &request.task {
            Task::PredictSequence { bases, outputs } => {
                check_bases(bases)?;
                assembly.check_outputs(outputs)?;
            }
            Task::PredictInterval { outputs, .. } | Task::PredictVariant { outputs, .. } => {
                assembly.check_outputs(outputs)?;
            }
            Task::ScoreInterval { scorers, .. } => {
                check_list(scorers, limits)?;
                scorers
                    .iter()
                    .try_for_each(|scorer| assembly.check_interval_scorer(*scorer))?;
            }
            Task::ScoreVariant { scorers, .. } => {
                check_list(scorers, limits)?;
                assembly.check_scorers(scorers)?;
            }
        }
        let bytes = self.answer_bytes(request);
        if bytes > limits.answer_bytes {
            return Err(Error::TooLarge(format!(
                "the answer would have {bytes} bytes, and the server holds at most {}: ask for fewer outputs or tracks, or for \
                 a shorter interval",
                limits.answer_bytes
            )));
        }
        Ok(())
    }

    /// Bytes of the answer, at most.
    pub(super) fn answer_bytes(&self, request: &Request) -> u64 {
        let Some(assembly) = self.assemblies.get(&request.organism) else {
            return 0;
        };
        let length = request.task.length() as u64;
        let predicted = |outputs: &Wanted| {
            let bytes = outputs.iter().map(|(output, kept)| {
                let tracks = kept.as_ref().map_or_else(
                    || {
                        assembly
                            .channels
                            .get(output)
                            .map_or(0, |found| found.tracks.len())
                    },
                    Vec::len,
                );
                values(*output, length) * tracks as u64 * size_of::<f32>() as u64
            });
            bytes.sum::<u64>()
        };
        match &request.task {
            Task::PredictSequence { outputs, .. } | Task::PredictInterval { outputs, .. } => {
                predicted(outputs)
            }
            Task::PredictVariant { outputs, .. } => 2 * predicted(outputs),
            Task::ScoreInterval { scorers, .. } => SCORES * scorers.len() as u64,
            Task::ScoreVariant { scorers, whole, .. } => {
                let outputs = scorers.iter().map(|scorer| (scorer.output(), None));
                let whole = whole.then(|| 2 * predicted(&outputs.collect()));
                SCORES * scorers.len() as u64 + whole.unwrap_or(0)
            }
        }
    }
}

/// Bytes of a scorer's values, at most: 256 genes of some hundred tracks.
const SCORES: u64 = 1 << 20;

/// Values of one track.
fn values(output: OutputType, length: u64) -> u64 {
    let bins = length / output.resolution() as u64;
    match output {
        OutputType::ContactMaps => bins * bins,
        OutputType::SpliceJunctions => 2 * bins.min(sites::MOST as u64).pow(2),
        _ => bins,
    }
}

impl Assembly {
    fn open(
        organism: Organism,
        channels: BTreeMap<OutputType, Channels>,
        source: Source,
    ) -> Result<Self> {
        let (genome, tables) = match &source.fasta {
            None => (None, Tables::default()),
            Some(path) => {
                let genome = Fasta::open(path)?;
                let tables = source.tables.open(&genome, organism)?;
                (Some(Arc::new(genome)), tables)
            }
        };
        let mut recommended = Scorer::recommended(organism);
        recommended.retain(|scorer| {
            lack(
                *scorer,
                organism,
                channels.contains_key(&scorer.output()),
                &tables,
            )
            .is_none()
        });
        let calibration = source.quantiles.as_deref().map(|path| {
            let named = || path.display().to_string();
            let bytes = std::fs::read(path).with_context(named)?;
            let calibration = Calibration::parse(&bytes).with_context(named)?;
            for scorer in &recommended {
                let tracks = &channels[&scorer.output()].tracks;
                calibration.check(*scorer, tracks).with_context(named)?;
            }
            Ok::<_, anyhow::Error>(Mutex::new(calibration))
        });
        Ok(Self {
            organism,
            tables: Arc::new(tables),
            recommended,
            calibration: calibration.transpose()?,
            genome,
            channels,
        })
    }

    /// The genome.
    ///
    /// # Errors
    /// Where the server has none.
    pub fn genome(&self) -> Result<&Arc<Fasta>, Error> {
        self.genome.as_ref().ok_or_else(|| {
            Error::NotFound(format!(
                "the server has no genome of {}: sequences alone can be predicted",
                self.organism
            ))
        })
    }

    /// The variants of saturation mutagenesis, as `score_ism_variants` makes them.
    ///
    /// # Errors
    /// Where the region is too wide or does not lie in the interval.
    pub fn ism(
        &self,
        interval: &Interval,
        region: &Interval,
        background: Option<&Variant>,
        (behaviour, limits): (Behaviour, &Limits),
    ) -> Result<Vec<Variant>, Error> {
        if region.width() > limits.ism_width {
            return Err(Error::TooLarge(format!(
                "the ISM interval {region} has {} bp, and at most {} are changed in one request",
                region.width(),
                limits.ism_width
            )));
        }
        check_length(interval.width(), limits)?;
        self.check_interval(interval)?;
        if let Some(variant) = background {
            self.check_variant(variant, limits)?;
        }
        let genome = self.genome()?.as_ref();
        let variants = ism::variants(genome, interval, region, background, behaviour);
        let variants = variants.map_err(|error| match error {
            ism::IsmError::Genome(error) => Error::from(error),
            ism::IsmError::Region(error) => Error::from(error),
        })?;
        if variants.is_empty() {
            return Err(Error::Invalid(format!(
                "the ISM interval {region} has no base"
            )));
        }
        Ok(variants)
    }

    fn check_interval(&self, interval: &Interval) -> Result<(), Error> {
        let length = self.genome()?.length(&interval.chromosome)?;
        if interval.start >= length || interval.end < 0 {
            let interval = interval.clone();
            return Err(genome::Error::Outside { interval, length }.into());
        }
        Ok(())
    }

    fn check_variant(&self, variant: &Variant, limits: &Limits) -> Result<(), Error> {
        let longest = variant.reference_length().max(variant.alternate_length());
        if longest > limits.length {
            return Err(Error::TooLarge(format!(
                "an allele of the variant at {}:{} has {longest} bases, and at most {} are taken",
                variant.chromosome(),
                variant.position(),
                limits.length
            )));
        }
        let length = self.genome()?.length(variant.chromosome())?;
        if variant.end() > length || variant.position() > length {
            return Err(Error::Invalid(format!(
                "variant {variant}: REF reaches beyond the end of {}, which has {length} bases",
                variant.chromosome()
            )));
        }
        Ok(())
    }

    fn check_outputs(&self, outputs: &Wanted) -> Result<(), Error> {
        if outputs.is_empty() {
            return Err(Error::Invalid("no output is asked for".into()));
        }
        for (output, kept) in outputs {
            let Some(channels) = self.channels.get(output) else {
                return Err(Error::NotFound(self.no_output(*output)));
            };
            let tracks = channels.tracks.len();
            let sound = |kept: &Vec<usize>| {
                kept.is_sorted_by(|a, b| a < b) && kept.last().is_none_or(|last| *last < tracks)
            };
            if !kept.as_ref().is_none_or(sound) {
                return Err(Error::Invalid(format!(
                    "tracks of {output}: expected ascending numbers below {tracks}"
                )));
            }
        }
        Ok(())
    }

    /// What is said where there is no such output.
    #[must_use]
    pub fn no_output(&self, output: OutputType) -> String {
        format!("the model has no track of {output} for {}", self.organism)
    }

    /// Fails where a scorer lacks something, or none has tracks: the SDK's recommended ones of mouse are more than it has outputs.
    fn check_scorers(&self, scorers: &[Scorer]) -> Result<(), Error> {
        let has = |scorer: &Scorer| self.channels.contains_key(&scorer.output());
        let some = scorers.iter().any(has);
        for scorer in scorers {
            scorer.checked()?;
            let lack = lack(*scorer, self.organism, some || has(scorer), &self.tables);
            if let Some(lack) = lack {
                return Err(Error::Invalid(format!("scorer {scorer} {lack}")));
            }
        }
        Ok(())
    }

    fn check_interval_scorer(&self, scorer: IntervalScorer) -> Result<(), Error> {
        if !self.channels.contains_key(&scorer.output) {
            return Err(Error::NotFound(self.no_output(scorer.output)));
        }
        match &self.tables.annotation {
            Some(_) => Ok(()),
            None => Err(Error::Invalid(format!(
                "scorer {scorer} needs genes: give --gtf"
            ))),
        }
    }
}

fn check_length(length: i64, limits: &Limits) -> Result<(), Error> {
    let step = LENGTH_STEP as i64;
    if length <= 0 || length > LONGEST as i64 || length % step != 0 {
        return Err(Error::Invalid(format!(
            "length {length} bp is not supported: expected a multiple of {step} bp up to {LONGEST} bp"
        )));
    }
    if length > limits.length {
        return Err(Error::TooLarge(format!(
            "length {length} bp is longer than this server takes, {} bp",
            limits.length
        )));
    }
    Ok(())
}

fn check_bases(bases: &str) -> Result<(), Error> {
    match bases
        .char_indices()
        .find(|(_, base)| !"ACGTN".contains(*base))
    {
        None => Ok(()),
        Some((at, base)) => Err(Error::Invalid(format!(
            "base {} of the sequence is {base:?}: only ACGTN in upper case can be predicted",
            at + 1
        ))),
    }
}

fn check_list<S: PartialEq + std::fmt::Display>(
    scorers: &[S],
    limits: &Limits,
) -> Result<(), Error> {
    if scorers.is_empty() {
        return Err(Error::Invalid("no scorer is asked for".into()));
    }
    if scorers.len() > limits.scorers {
        return Err(Error::TooLarge(format!(
            "{} scorers are asked for, and at most {} are run for one request",
            scorers.len(),
            limits.scorers
        )));
    }
    let mut doubles = scorers.iter().enumerate();
    match doubles.find(|(at, scorer)| scorers[..*at].contains(scorer)) {
        None => Ok(()),
        Some((_, scorer)) => Err(Error::Invalid(format!(
            "scorer {scorer} is asked for twice"
        ))),
    }
}
