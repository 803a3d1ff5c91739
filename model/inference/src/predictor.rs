//! The model with its tracks: a batch of sequences in, outputs by the SDK's names out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use genome::Interval;
use genome::alleles::{Bases, reverse_complement};
use model::config::Head;
use model::metadata::Metadata;
use model::{
    Arithmetic, Array, Batch, Config, Embedding, NoTaps, Request, Sequence, SpliceSitePositions,
    Values,
};
use scorers::{ContactMap, Junctions, Organism, OutputType, Predictions, Track, Tracks, strands};
use terminal::Device;

use crate::channels::Channels;
use crate::machine::Machine;

/// An open model, for one organism.
pub struct Predictor {
    machine: Machine,
    config: Config,
    organism: Organism,
    /// Index of the organism's parameters.
    index: usize,
    channels: BTreeMap<OutputType, Channels>,
}

/// Outputs of one sequence as the model gives them: on the strand that it read, with channels that are no tracks.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// `[bins, channels]` in float32; of contact maps `[bins, bins, channels]`.
    pub values: BTreeMap<OutputType, Vec<f32>>,
    /// Counts between given splice sites.
    pub junctions: Option<Junctions>,
}

/// What a pass gives: a [`Raw`] a sequence, and the embeddings that were asked for, `[B, ...]`.
pub struct Pass {
    /// One a sequence.
    pub raw: Vec<Raw>,
    /// By embedding.
    pub embeddings: BTreeMap<Embedding, Array>,
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

    /// Whose parameters are used.
    pub fn organism(&self) -> Organism {
        self.organism
    }

    /// The tracks of an output; nothing where the organism has none.
    pub fn tracks(&self, output: OutputType) -> Option<&Arc<Tracks>> {
        self.channels.get(&output).map(|channels| &channels.tracks)
    }

    /// Whether what the model gives is on the host already.
    pub fn on_host(&self) -> bool {
        self.machine.on_host()
    }

    /// Predictions for an interval on the positive strand, as `predict_interval` makes them: junctions are counted between the
    /// sites that the model itself finds.
    ///
    /// # Errors
    /// Where the genome lacks the interval, and as [`Predictor::run`].
    pub fn predict_interval(
        &self,
        genome: &impl Bases,
        interval: &Interval,
        outputs: &BTreeSet<OutputType>,
    ) -> Result<Predictions> {
        let mut bases = genome.bases(interval)?;
        if interval.negative_strand() {
            reverse_complement(&mut bases);
        }
        let mut pass = self.run(&[&bases], outputs, BTreeSet::new())?;
        let raw = pass.raw.pop().context("one sequence came back")?;
        Ok(self.finished(raw, interval))
    }

    /// Runs sequences of one length together, and computes `outputs` (junctions between the sites that the model finds;
    /// [`Predictor::junctions`] counts them between others) and `embeddings`.
    ///
    /// # Errors
    /// Where a sequence has a length that the model does not take, or the device fails.
    pub fn run(
        &self,
        sequences: &[&[u8]],
        outputs: &BTreeSet<OutputType>,
        embeddings: BTreeSet<Embedding>,
    ) -> Result<Pass> {
        let batch = self.batch(sequences)?;
        let heads = outputs
            .iter()
            .map(|output| self.head(*output).map(|(name, _)| name));
        let request = Request {
            heads: Some(heads.collect::<Result<_>>()?),
            embeddings,
            ..Request::everything()
        };
        let mut arrays = self.machine.run(&batch, &request, &mut NoTaps)?;
        let embeddings = request.embeddings.iter().filter_map(|embedding| {
            let array = arrays.remove(embedding.name())?;
            Some((*embedding, array))
        });
        let embeddings = embeddings.collect();
        Ok(Pass {
            raw: self.raw(arrays, outputs, sequences.len())?,
            embeddings,
        })
    }

    /// Runs the heads of `outputs` alone on embeddings of `sequences` of `length` base pairs, and hands those at 1 bp back.
    ///
    /// # Errors
    /// Where an embedding that a head reads is missing or of another shape, or the device fails.
    pub fn run_heads(
        &self,
        (sequences, length): (usize, usize),
        embeddings: BTreeMap<Embedding, Array>,
        outputs: &BTreeSet<OutputType>,
    ) -> Result<(Vec<Raw>, Option<Array>)> {
        let heads = outputs.iter().map(|output| Ok(self.head(*output)?.0));
        // What is not given would be computed, of bases that are none.
        let resolutions = outputs.iter().map(|output| output.resolution() as u32);
        let mut request = Request {
            given: embeddings,
            resolutions: resolutions
                .filter(|resolution| [1, 128].contains(resolution))
                .collect(),
            ..Request::heads(heads.collect::<Result<Vec<_>>>()?)
        };
        let batch = self.blank(sequences, length)?;
        let arrays = self.machine.run(&batch, &request, &mut NoTaps)?;
        let fine = request.given.remove(&Embedding::OneBasePair);
        Ok((self.raw(arrays, outputs, sequences)?, fine))
    }

    /// Counts of junctions between `sites` of both alleles' embeddings at 1 bp, `[2, S, C]`, one [`Junctions`] a sequence.
    ///
    /// # Errors
    /// As [`Predictor::run_heads`].
    pub fn junctions(&self, embeddings: Array, sites: &[Vec<usize>; 4]) -> Result<Vec<Junctions>> {
        let batch = self.blank(embeddings.shape[0], embeddings.shape[1])?;
        self.counts(&batch, [(Embedding::OneBasePair, embeddings)].into(), sites)
    }

    /// The same with a pass of its own, which costs less than embeddings that come to the host from a device.
    ///
    /// # Errors
    /// As [`Predictor::run`].
    pub fn junctions_of(
        &self,
        sequences: &[&[u8]],
        sites: &[Vec<usize>; 4],
    ) -> Result<Vec<Junctions>> {
        self.counts(&self.batch(sequences)?, BTreeMap::new(), sites)
    }

    /// Turns outputs of `interval` to the positive strand, without padding.
    pub fn finished(&self, raw: Raw, interval: &Interval) -> Predictions {
        let negative = interval.negative_strand();
        let mut predictions = Predictions::default();
        for (output, mut values) in raw.values {
            let channels = &self.channels[&output];
            if output == OutputType::ContactMaps {
                if negative {
                    strands::turn_contacts(&mut values, channels.reindex.len());
                }
                let values = channels.without_padding(values);
                let tracks = channels.kept.len();
                let bins = (values.len() / tracks).isqrt();
                predictions.contact_maps = Some(ContactMap::new(bins, tracks, values));
                continue;
            }
            if negative {
                strands::turn_track(output, &mut values, &channels.reindex);
            }
            let track = Track::new(channels.kept.len(), channels.without_padding(values));
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
            let (name, head) = self.head(*output)?;
            if *output == OutputType::SpliceJunctions {
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
            let name = match head {
                Head::GenomeTracks { .. } => {
                    format!("{name}/predictions_{}bp", output.resolution())
                }
                _ => format!("{name}/predictions"),
            };
            let array = arrays
                .remove(&name)
                .with_context(|| format!("the model gave no {name}"))?;
            for (raw, values) in raw.iter_mut().zip(parted(array, sequences)) {
                raw.values.insert(*output, values);
            }
        }
        Ok(raw)
    }

    fn counts(
        &self,
        batch: &Batch,
        given: BTreeMap<Embedding, Array>,
        sites: &[Vec<usize>; 4],
    ) -> Result<Vec<Junctions>> {
        let (head, _) = self.head(OutputType::SpliceJunctions)?;
        let positions = positions(sites, batch.size());
        let request = Request {
            splice_site_positions: Some(positions.clone()),
            resolutions: [1].into(),
            given,
            ..Request::heads([head.clone()])
        };
        let mut arrays = self.machine.run(batch, &request, &mut NoTaps)?;
        self.counted(&head, &mut arrays, &positions)
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

/// The same sites for every sequence, filled up with -1.
fn positions(sites: &[Vec<usize>; 4], sequences: usize) -> SpliceSitePositions {
    let longest = sites.iter().map(Vec::len).max().unwrap_or(0);
    let count = longest.max(1);
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
    values
        .chunks_exact(each.max(1))
        .map(<[f32]>::to_vec)
        .collect()
}
