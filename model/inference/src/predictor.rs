//! The model with its tracks: a batch of sequences in, outputs by the SDK's names out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use genome::alleles::{Bases, reverse_complement};
use genome::{Interval, Strand};
use model::config::Head;
use model::folds;
use model::metadata::Metadata;
use model::{
    Arithmetic, Array, Batch, Config, Embedding, Patch, Request, Sequence, SpliceSitePositions,
    Values, Windows,
};
use scorers::alignment::Source;
use scorers::{
    ContactMap, Fold, Folding, JunctionGene, Junctions, MOST_SITES, Organism, OutputType,
    Predictions, Strongest, Track, Tracks, strands,
};
use terminal::Device;

use crate::channels::Channels;
use crate::fine::{self, Fine};
use crate::kept::{Embeddings, Ran, Rearranged, Wanted};
use crate::machine::Machine;

/// An open model, for one organism.
pub struct Predictor {
    machine: Rc<Machine>,
    config: Config,
    organism: Organism,
    /// Index of the organism's parameters.
    index: usize,
    channels: BTreeMap<OutputType, Channels>,
}

/// Bins of outputs, as ascending runs apart from each other; of contact maps, rows.
pub type Places = BTreeMap<OutputType, Vec<Range<usize>>>;

/// Planned passes that are kept beside the one that runs: those of substitutions and indels, and of their junctions for some
/// numbers of sites.
const SPARES: usize = 6;

/// Base pairs of a patch where passes are planned: those of all substitutions have one.
const PATCH: usize = 4096;

/// Outputs of one sequence as the model gives them: on the strand that it read, with channels that are no tracks.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// `[bins, channels]` in float32; of contact maps `[bins, bins, channels]`.
    pub values: BTreeMap<OutputType, Vec<f32>>,
    /// The bins of outputs that are not there whole.
    pub places: Places,
    /// Counts between given splice sites.
    pub junctions: Option<Junctions>,
}

/// What a pass gives: a [`Raw`] a sequence, and the embeddings that were asked for, `[B, ...]`.
pub struct Pass {
    /// One a sequence.
    pub raw: Vec<Raw>,
    /// Where the model runs.
    pub embeddings: Embeddings,
    /// The rows at 1 bp.
    pub fine: Fine,
    /// `[groups, tracks, 2]` of each fold.
    pub folded: Vec<Vec<[f64; 2]>>,
}

/// What a pass computes.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Outputs; junctions between the sites that the model finds ([`Predictor::junctions`] counts them between others).
    pub outputs: &'a BTreeSet<OutputType>,
    /// The only bins of some of them that come to the host, in the frame that the model reads.
    pub places: &'a Places,
    /// The rows at 1 bp; those of `places` and `folds` at least.
    pub fine: Fine,
    /// What is made of REF and ALT, the first two sequences, where the model runs. An output that is folded does not come to the
    /// host but for the splice sites.
    pub folds: &'a [Fold],
}

impl Asked<'_> {
    fn comes(&self, output: OutputType) -> bool {
        let folded = self.folds.iter().any(|fold| fold.output == output);
        !folded || output == OutputType::SpliceSites
    }
}

impl Predictor {
    /// Loads the folder of a conversion.
    ///
    /// # Errors
    /// Where it cannot be loaded, lacks the organism or track metadata, or the device is not there.
    pub fn open(
        dir: &Path,
        arithmetic: Arithmetic,
        device: Device,
        organism: Organism,
    ) -> Result<Self> {
        let machine = Machine::load(dir, arithmetic, device)?;
        Self::on(Rc::new(machine), dir, organism)
    }

    /// The model that a machine has loaded from `dir`, for one organism: several may share the machine.
    ///
    /// # Errors
    /// Where the folder lacks the organism or track metadata.
    pub fn on(machine: Rc<Machine>, dir: &Path, organism: Organism) -> Result<Self> {
        machine.keep_passes(SPARES);
        let (config, metadata) = machine.describe();
        let (index, channels) = described(dir, &config, metadata, organism)?;
        Ok(Self {
            machine,
            config,
            organism,
            index,
            channels,
        })
    }

    /// What it runs on.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whose parameters are used.
    pub fn organism(&self) -> Organism {
        self.organism
    }

    /// Its outputs.
    pub fn channels(&self) -> &BTreeMap<OutputType, Channels> {
        &self.channels
    }

    /// The tracks of an output; nothing where the organism has none.
    pub fn tracks(&self, output: OutputType) -> Option<&Arc<Tracks>> {
        self.channels.get(&output).map(|channels| &channels.tracks)
    }

    /// Predictions for an interval on the positive strand, as `predict_interval` makes them: junctions are counted between the
    /// sites that the model itself finds. Of outputs in `places` only those bins are wanted; for intervals on the other strand
    /// whole outputs come.
    ///
    /// # Errors
    /// Where the genome lacks the interval, and as [`Predictor::run`].
    pub fn predict_interval(
        &self,
        genome: &impl Bases,
        interval: &Interval,
        outputs: &BTreeSet<OutputType>,
        places: &Places,
    ) -> Result<Predictions> {
        let mut bases = genome.bases(interval)?;
        let none = Places::new();
        let places = match interval.negative_strand() {
            true => &none,
            false => places,
        };
        if interval.negative_strand() {
            reverse_complement(&mut bases);
        }
        self.predict_sequence(&bases, interval, outputs, places)
    }

    /// The same for the bases themselves, as the model reads them: turned to the strand of the interval that they stand for.
    ///
    /// # Errors
    /// As [`Predictor::run`].
    pub fn predict_sequence(
        &self,
        bases: &[u8],
        interval: &Interval,
        outputs: &BTreeSet<OutputType>,
        places: &Places,
    ) -> Result<Predictions> {
        // The sites are the likeliest of the whole sequence.
        let fine = match outputs.contains(&OutputType::SpliceJunctions) {
            true => Fine::whole(bases.len()),
            false => {
                let read = fine::bases(outputs, places, bases.len());
                self.around(bases.len(), vec![read])
            }
        };
        let asked = Asked {
            outputs,
            places,
            fine,
            folds: &[],
        };
        let mut pass = self.run(&[bases], BTreeSet::new(), asked)?;
        let raw = pass.raw.pop().context("one sequence came back")?;
        Ok(self.finished(raw, interval))
    }

    /// The rows at 1 bp for the bases `wanted` of each sequence, and around them as far as the model sees; all of them where
    /// nearly all are wanted.
    pub fn around(&self, length: usize, wanted: Vec<Vec<Range<usize>>>) -> Fine {
        self.fine(length, wanted, Windows::margin(&self.config))
    }

    /// The same without what lies around them, for heads on embeddings that are there.
    pub fn at(&self, length: usize, wanted: Vec<Vec<Range<usize>>>) -> Fine {
        self.fine(length, wanted, 0)
    }

    fn fine(&self, length: usize, wanted: Vec<Vec<Range<usize>>>, margin: usize) -> Fine {
        Fine::new(length, wanted, margin, self.machine.plans())
    }

    /// Runs sequences of one length together, and computes what is asked and `embeddings`. What sequences have in common with
    /// the first one is encoded once.
    ///
    /// # Errors
    /// Where a sequence has a length that the model does not take, an output has no such bins, or the device fails.
    pub fn run(
        &self,
        sequences: &[&[u8]],
        embeddings: BTreeSet<Embedding>,
        asked: Asked<'_>,
    ) -> Result<Pass> {
        let batch = self.batch(sequences)?;
        let request = Request {
            embeddings,
            patch: self.patch(&batch),
            ..self.request(&asked)?
        };
        let wanted = self.wanted(&asked)?;
        let ran = self.machine.run_kept(&batch, &request, &wanted)?;
        self.pass(ran, sequences.len(), asked)
    }

    /// Where the sequences of a batch differ, if that is little enough.
    fn patch(&self, batch: &Batch) -> Option<Patch> {
        let width = match self.machine.plans() {
            true => PATCH,
            false => 0,
        };
        let patch = Patch::between(&self.config, batch, width);
        patch.filter(|patch| {
            let encoded = batch.length() + batch.size() * patch.window.len();
            encoded < batch.size() * batch.length()
        })
    }

    /// Runs the heads of `outputs` on embeddings that are put together from those of another pass, of `sequences` of `length`
    /// base pairs. What their heads read must be given.
    ///
    /// # Errors
    /// As [`Predictor::run`], and where an embedding that a head reads is missing.
    pub fn run_on(
        &self,
        embeddings: Embeddings,
        given: BTreeMap<Embedding, Rearranged>,
        (sequences, length): (usize, usize),
        asked: Asked<'_>,
    ) -> Result<Pass> {
        let batch = self.blank(sequences, length)?;
        // What is not given would be computed, of bases that are none.
        let resolutions = asked
            .outputs
            .iter()
            .map(|output| output.resolution() as u32);
        let resolutions = resolutions.filter(|resolution| [1, 128].contains(resolution));
        let request = Request {
            resolutions: resolutions.collect(),
            ..self.request(&asked)?
        };
        let wanted = self.wanted(&asked)?;
        let ran = self
            .machine
            .run_on(embeddings, given, &batch, &request, &wanted)?;
        self.pass(ran, sequences, asked)
    }

    /// Rows of embeddings at 1 bp, where those of all sequences are counted on: `[rows, C]`.
    ///
    /// # Errors
    /// Where they were not kept, or the device fails.
    pub fn rows_of(&self, embeddings: &Embeddings, rows: &[Range<usize>]) -> Result<Vec<f32>> {
        self.machine
            .rows_of(embeddings, Embedding::OneBasePair, rows)
    }

    /// Channels of the embeddings at 1 bp.
    pub(crate) fn channels_at_1bp(&self) -> usize {
        self.config.embedders.embeddings_1bp
    }

    /// The splice sites of one of the sequences, all classes, where they are there.
    pub(crate) fn splice_sites(&self, raw: &Raw, width: usize) -> Track {
        let output = OutputType::SpliceSites;
        let runs = raw.places.get(&output).cloned();
        let runs = runs.unwrap_or_else(|| std::iter::once(0..width).collect());
        let classes = self.channels[&output].reindex.len();
        Track::partial(classes, runs, raw.values[&output].clone())
    }

    /// Counts of junctions between `sites` on embeddings at 1 bp of `sequences` of `length` base pairs, with rows as in `fine`,
    /// put together as in `aligned`; one [`Junctions`] a sequence.
    ///
    /// # Errors
    /// As [`Predictor::run_on`].
    pub fn junctions(
        &self,
        embeddings: Embeddings,
        fine: &Fine,
        aligned: Rearranged,
        (sequences, length): (usize, usize),
        sites: &[Vec<usize>; 4],
    ) -> Result<Vec<Junctions>> {
        let (head, _) = self.head(OutputType::SpliceJunctions)?;
        let positions = positions(sites, sequences, self.machine.plans());
        let wanted = [(format!("{head}/predictions"), None)].into();
        let on = (embeddings, fine, aligned);
        let mut ran = self.run_junctions(on, length, (&head, &positions), &wanted)?;
        self.counted(&head, &mut ran.outputs, &positions)
    }

    /// Of the same for REF and ALT in `interval`, the junctions within `genes` that change most, chosen where the model runs.
    ///
    /// # Errors
    /// As [`Predictor::run_on`], and where the device does not choose.
    pub fn strongest(
        &self,
        embeddings: Embeddings,
        fine: &Fine,
        aligned: Rearranged,
        interval: &Interval,
        (sites, genes): (&[Vec<usize>; 4], &[JunctionGene]),
    ) -> Result<Strongest> {
        let (head, _) = self.head(OutputType::SpliceJunctions)?;
        let length = interval.width() as usize;
        let positions = positions(sites, 2, self.machine.plans());
        let tissues = self.channels[&OutputType::SpliceJunctions].kept.len();
        let within = genes.iter().map(|gene| folds::Within {
            negative: gene.strand == Strand::Negative,
            between: [gene.start - interval.start, gene.end - interval.start],
            most: MOST_SITES,
            tissues,
        });
        let wanted = Wanted {
            strongest: Some((format!("{head}/predictions"), within.collect())),
            ..Wanted::default()
        };
        let on = (embeddings, fine, aligned);
        let ran = self.run_junctions(on, length, (&head, &positions), &wanted)?;
        let mut strongest = Strongest {
            positions: std::array::from_fn(|kind| positions.kind(0, kind).to_vec()),
            ..Strongest::default()
        };
        for (gene, chosen) in genes.iter().zip(ran.strongest) {
            for pair in chosen.iter().flatten() {
                let counts = ran
                    .counts
                    .get(pair)
                    .context("counts of a junction that was chosen")?;
                // Tracks of `+`, then of `-`.
                let of_strand = || {
                    counts.each_ref().map(|counts| {
                        let first = match gene.strand {
                            Strand::Negative => counts.len() / 2,
                            _ => 0,
                        };
                        counts[first..first + tissues].to_vec()
                    })
                };
                let known = strongest.counts.entry((gene.strand, *pair));
                known.or_insert_with(of_strand);
            }
            strongest
                .chosen
                .insert(gene.clone(), chosen.into_iter().collect());
        }
        Ok(strongest)
    }

    fn run_junctions(
        &self,
        (embeddings, fine, aligned): (Embeddings, &Fine, Rearranged),
        length: usize,
        (head, positions): (&str, &SpliceSitePositions),
        wanted: &Wanted,
    ) -> Result<Ran> {
        let sequences = positions.places.len() / (4 * positions.count);
        let request = Request {
            windows: fine.windows().cloned(),
            splice_site_positions: Some(positions.clone()),
            resolutions: [1].into(),
            ..Request::heads([head])
        };
        let given = [(Embedding::OneBasePair, aligned)].into();
        let batch = self.blank(sequences, length)?;
        self.machine
            .run_on(embeddings, given, &batch, &request, wanted)
    }

    fn request(&self, asked: &Asked<'_>) -> Result<Request> {
        let heads = asked.outputs.iter();
        let heads = heads.map(|output| Ok(self.head(*output)?.0));
        Ok(Request {
            windows: asked.fine.windows().cloned(),
            ..Request::heads(heads.collect::<Result<Vec<_>>>()?)
        })
    }

    fn wanted(&self, asked: &Asked<'_>) -> Result<Wanted> {
        let mut wanted = Wanted {
            folds: asked
                .folds
                .iter()
                .map(|fold| self.fold(fold, &asked.fine))
                .collect::<Result<_>>()?,
            ..Wanted::default()
        };
        for output in asked.outputs.iter().filter(|output| asked.comes(**output)) {
            if *output == OutputType::SpliceJunctions {
                let (head, _) = self.head(*output)?;
                wanted
                    .outputs
                    .insert(format!("{head}/splice_site_positions"), None);
            }
            let places = asked.places.get(output);
            let rows = places.map(|bins| match output.resolution() {
                // All sequences have the same bases wanted where they come to the host.
                1 => asked.fine.runs(0, bins).with_context(|| {
                    format!("{output} was asked for at bases that are not computed")
                }),
                _ => Ok(bins.clone()),
            });
            wanted
                .outputs
                .insert(self.named(*output)?, rows.transpose()?);
        }
        Ok(wanted)
    }

    fn pass(&self, ran: Ran, sequences: usize, asked: Asked<'_>) -> Result<Pass> {
        let outputs = asked.outputs.iter().copied();
        let outputs = outputs.filter(|output| asked.comes(*output)).collect();
        let mut raw = self.raw(ran.outputs, &outputs, sequences)?;
        for raw in &mut raw {
            raw.places = asked.places.clone();
        }
        let folded = ran.folded.into_iter().zip(asked.folds);
        let folded =
            folded.map(|(values, fold)| self.channels[&fold.output].without_padding(values));
        Ok(Pass {
            raw,
            folded: folded.collect(),
            embeddings: ran.embeddings,
            fine: asked.fine,
        })
    }

    /// A fold as the model's outputs and their rows have it.
    fn fold(&self, fold: &Fold, fine: &Fine) -> Result<folds::Fold> {
        let output = fold.output;
        let row = |sequence: usize, bin: usize| match output.resolution() {
            1 => fine
                .runs(sequence, std::slice::from_ref(&(bin..bin + 1)))
                .map(|runs| runs[0].start),
            _ => Some(bin),
        };
        let absent = || format!("{output} was asked for at bases that are not computed");
        let groups = (0..fold.groups.len()).map(|group| {
            let pairs = fold.pairs(group).into_iter().map(|(run, source)| {
                let of = |sequence, bin| row(sequence, bin).with_context(absent);
                Ok(folds::Pairs {
                    reference: of(0, run.start)?,
                    rows: run.len(),
                    alternate: match source {
                        Source::At(bin) => folds::Alternate::From(of(1, bin)?),
                        Source::Zero => folds::Alternate::Zero,
                        Source::Largest(bins) => {
                            folds::Alternate::Largest(of(1, bins.start)?, bins.len())
                        }
                    },
                })
            });
            pairs.collect::<Result<Vec<_>>>()
        });
        Ok(folds::Fold {
            output: self.named(output)?,
            folding: match fold.folding {
                Folding::Sums => folds::Folding::Sums,
                Folding::SumsOfLog2 => folds::Folding::SumsOfLog2,
                Folding::Squares => folds::Folding::Squares,
                Folding::SquaresOfLog1p => folds::Folding::SquaresOfLog1p,
                Folding::Largest => folds::Folding::Largest,
            },
            groups: groups.collect::<Result<_>>()?,
        })
    }

    /// Turns outputs of `interval` to the positive strand, without padding.
    pub fn finished(&self, mut raw: Raw, interval: &Interval) -> Predictions {
        let negative = interval.negative_strand();
        let mut predictions = Predictions::default();
        for (output, mut values) in raw.values {
            let channels = &self.channels[&output];
            let places = raw.places.remove(&output);
            if output == OutputType::ContactMaps {
                if negative {
                    strands::turn_contacts(&mut values, channels.reindex.len());
                }
                let values = channels.without_padding(values);
                let bins = interval.width() as usize / output.resolution();
                let runs = places.unwrap_or_else(|| std::iter::once(0..bins).collect());
                let map = ContactMap::partial(bins, channels.kept.len(), runs, values);
                predictions.contact_maps = Some(map);
                continue;
            }
            if negative {
                strands::turn_track(output, &mut values, &channels.reindex);
            }
            let (tracks, values) = (channels.kept.len(), channels.without_padding(values));
            let track = match places {
                Some(runs) => Track::partial(tracks, runs, values),
                None => Track::new(tracks, values),
            };
            predictions.tracks.insert(output, track);
        }
        predictions.junctions = raw.junctions.map(|mut junctions| {
            if negative {
                strands::turn_junctions(&mut junctions, interval.width() as usize);
            }
            junctions
        });
        predictions
    }

    fn head(&self, output: OutputType) -> Result<(String, &Head)> {
        let mut heads = self.config.heads.iter();
        let found = heads.find(|(_, head)| head.output_type() == output.name());
        match found {
            Some((name, head)) if self.channels.contains_key(&output) => Ok((name.clone(), head)),
            _ => bail!("the model has no {output} for {}", self.organism),
        }
    }

    /// The name of an output's predictions in the model.
    fn named(&self, output: OutputType) -> Result<String> {
        let (name, head) = self.head(output)?;
        Ok(match head {
            Head::GenomeTracks { .. } => format!("{name}/predictions_{}bp", output.resolution()),
            _ => format!("{name}/predictions"),
        })
    }

    fn batch(&self, sequences: &[&[u8]]) -> Result<Batch> {
        let parsed = sequences.iter().map(|bases| {
            let text = std::str::from_utf8(bases).context("a sequence is no text")?;
            Ok(Sequence::parse(text)?)
        });
        let parsed = parsed.collect::<Result<Vec<_>>>()?;
        Ok(Batch::new(parsed, vec![self.index; sequences.len()])?)
    }

    /// A batch whose bases nobody reads.
    fn blank(&self, sequences: usize, length: usize) -> Result<Batch> {
        let sequence = Sequence::from_indices(&vec![model::sequence::UNKNOWN; length])?;
        Ok(Batch::new(
            vec![sequence; sequences],
            vec![self.index; sequences],
        )?)
    }

    /// Parts the arrays of a batch by sequence and output.
    fn raw(
        &self,
        mut arrays: BTreeMap<String, Array>,
        outputs: &BTreeSet<OutputType>,
        sequences: usize,
    ) -> Result<Vec<Raw>> {
        let mut raw = vec![Raw::default(); sequences];
        for output in outputs {
            if *output == OutputType::SpliceJunctions {
                let (name, _) = self.head(*output)?;
                let sites = arrays.remove(&format!("{name}/splice_site_positions"));
                let sites = sites.map(|sites| (sites.shape, sites.values));
                let Some((shape, Values::I32(places))) = sites else {
                    bail!("the model gave no {name}/splice_site_positions");
                };
                let count = shape[2];
                let sites = SpliceSitePositions { count, places };
                let counted = self.counted(&name, &mut arrays, &sites)?;
                for (raw, junctions) in raw.iter_mut().zip(counted) {
                    raw.junctions = Some(junctions);
                }
                continue;
            }
            let name = self.named(*output)?;
            let array = arrays
                .remove(&name)
                .with_context(|| format!("the model gave no {name}"))?;
            for (raw, values) in raw.iter_mut().zip(parted(array, sequences)) {
                raw.values.insert(*output, values);
            }
        }
        Ok(raw)
    }

    /// The junctions of each sequence, between `sites`, that `head` counted.
    fn counted(
        &self,
        head: &str,
        arrays: &mut BTreeMap<String, Array>,
        sites: &SpliceSitePositions,
    ) -> Result<Vec<Junctions>> {
        let array = arrays
            .remove(&format!("{head}/predictions"))
            .with_context(|| format!("the model gave no {head}/predictions"))?;
        let [sequences, count, _, channels] = array.shape[..] else {
            bail!("{head}/predictions: four axes were expected");
        };
        // The head is as wide as the organism with most tissues needs.
        let (most, tissues) = (
            channels / 2,
            self.channels[&OutputType::SpliceJunctions].kept.len(),
        );
        let junctions = parted(array, sequences).into_iter().enumerate();
        let junctions = junctions.map(|(at, values)| Junctions {
            positions: std::array::from_fn(|kind| sites.kind(at, kind).to_vec()),
            tissues,
            values: match most == tissues {
                true => values,
                false => values
                    .chunks_exact(most)
                    .flat_map(|strand| &strand[..tissues])
                    .copied()
                    .collect(),
            },
            sites: count,
        });
        Ok(junctions.collect())
    }
}

/// The index of the organism's parameters, and the channels of its outputs.
///
/// # Errors
/// Where the model in `dir` lacks the organism, or what its tracks are is not known.
pub fn described(
    dir: &Path,
    config: &Config,
    metadata: Option<Metadata>,
    organism: Organism,
) -> Result<(usize, BTreeMap<OutputType, Channels>)> {
    let metadata = metadata.with_context(|| {
        format!(
            "{} has no tracks.json, so no track has a name or a scale: convert the checkpoint again with --metadata",
            dir.display()
        )
    })?;
    let name = match organism {
        Organism::Human => "human",
        Organism::Mouse => "mouse",
    };
    let index = config.organisms.iter().position(|known| known == name);
    let index = index.with_context(|| {
        format!(
            "the model in {} knows {}, and not {name}",
            dir.display(),
            config.organisms.join(" and ")
        )
    })?;
    let mut channels = BTreeMap::new();
    for output in OutputType::ALL {
        let mut heads = config.heads.values();
        if heads.any(|head| head.output_type() == output.name())
            && let Some(found) = Channels::of(&metadata, index, *output)?
        {
            channels.insert(*output, found);
        }
    }
    Ok((index, channels))
}

/// The embedding that an output's head reads.
pub fn embedding(output: OutputType) -> Embedding {
    match output.resolution() {
        1 => Embedding::OneBasePair,
        128 => Embedding::Bins,
        _ => Embedding::Pair,
    }
}

/// The same sites for every sequence, filled up with -1. Where passes are planned, few different numbers of them are used.
fn positions(sites: &[Vec<usize>; 4], sequences: usize, planned: bool) -> SpliceSitePositions {
    let longest = sites.iter().map(Vec::len).max().unwrap_or(0);
    let count = match planned {
        true => longest.next_power_of_two().max(16),
        false => longest.max(1),
    };
    let kinds = sites.iter().flat_map(|kind| {
        let places = kind.iter().map(|at| *at as i32);
        places.chain(std::iter::repeat(-1)).take(count)
    });
    SpliceSitePositions {
        count,
        places: kinds.collect::<Vec<_>>().repeat(sequences),
    }
}

/// Values of each sequence of a batch, in float32.
fn parted(array: Array, sequences: usize) -> Vec<Vec<f32>> {
    let values = array.values.into_f32();
    if sequences == 1 {
        return vec![values];
    }
    let each = values.len() / sequences;
    let place = |at: usize| at * each..(at + 1) * each;
    let parts = (0..sequences).map(|at| values[place(at)].to_vec());
    parts.collect()
}
