//! Predictions of both alleles of a variant, as `score_variant` makes them.
//!
//! Both run in one pass. An indel's embeddings are stitched from two sequences before the heads read them, and junctions are
//! counted between the splice sites of both alleles and of the table, on ALT's embeddings aligned to REF.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Context, Result};
use genome::alleles;
use genome::fasta::Fasta;
use genome::splice_sites::SpliceSites;
use genome::{Annotation, Interval, Variant};
use model::{Embedding, runs};
use scorers::alignment::{Alignment, Source, merged};
use scorers::stitching::{From, Stitch};
use scorers::{
    Allele, Behaviour, Fold, JunctionGene, Junctions, MOST_SITES, OutputType, Predictions,
    Strongest, Track, sites,
};

use crate::fine::{self, Fine};
use crate::kept::{Embeddings, Rearranged};
use crate::predictor::{Asked, Pass, Places, Predictor, Raw, embedding};
use crate::scoring::Scoring;
use crate::tables::Tables;

/// What the heads of both alleles gave, REF first, and the embeddings that junctions are counted on.
struct Both {
    raw: [Raw; 2],
    embeddings: Embeddings,
    fine: Fine,
    folded: Vec<Vec<[f64; 2]>>,
}

/// What a device gives of both alleles.
pub struct Alleles {
    /// REF and ALT on the positive strand.
    pub predictions: [Predictions; 2],
    /// `[groups, tracks, 2]` of each fold.
    pub folded: Vec<Vec<[f64; 2]>>,
    /// In place of the predictions' junctions, where genes were asked for.
    pub strongest: Option<Strongest>,
}

impl Scoring {
    /// Predictions of REF and ALT as `score_variant` makes them; splice sites are taken from the bodies of `annotation`'s genes.
    ///
    /// # Errors
    /// As [`Predictor::alleles`].
    pub fn predict(
        &self,
        interval: &Interval,
        variant: &Variant,
        annotation: &Annotation,
    ) -> Result<[Predictions; 2]> {
        let all = self.alleles(interval, variant, annotation, Read::default())?;
        Ok(all.predictions)
    }

    /// The same, of the outputs in `places` for those bins alone, and what the device makes of them.
    pub(crate) fn alleles(
        &self,
        interval: &Interval,
        variant: &Variant,
        annotation: &Annotation,
        read: Read,
    ) -> Result<Alleles> {
        let outputs: BTreeSet<_> = self.outputs().collect();
        let bodies = match outputs.contains(&OutputType::SpliceJunctions) {
            true => sites::gene_bodies(annotation, interval, variant, self.behaviour),
            false => Vec::new(),
        };
        let alleles = AllelesRequest {
            outputs,
            splice_sites: &self.tables.splice_sites,
            bodies,
            most_sites: MOST_SITES,
            behaviour: self.behaviour,
            stitching: self.stitching,
            read,
        };
        self.predictor
            .alleles(&self.genome, interval, variant, &alleles)
    }
}

/// Predictions of REF and ALT on the positive strand, as `predict_variant` makes them: indels are stitched, and junctions lie
/// between the sites of the genes that overlap the variant, or anywhere where none does.
///
/// # Errors
/// As [`Predictor::alleles`].
pub fn predict_variant(
    predictor: &Predictor,
    (genome, tables): (&Fasta, &Tables),
    (interval, variant): (&Interval, &Variant),
    outputs: BTreeSet<OutputType>,
    behaviour: Behaviour,
) -> Result<[Predictions; 2]> {
    let genes = tables.annotation.as_ref();
    let mut bodies = genes.map_or_else(Vec::new, |genes| {
        sites::gene_bodies(genes, interval, variant, behaviour)
    });
    if bodies.is_empty() {
        bodies.push(0..interval.width() as usize);
    }
    let request = AllelesRequest {
        outputs,
        splice_sites: &tables.splice_sites,
        bodies,
        most_sites: sites::MOST,
        behaviour,
        stitching: true,
        read: Read::default(),
    };
    Ok(predictor
        .alleles(genome, interval, variant, &request)?
        .predictions)
}

/// What is predicted for both alleles of a variant, and how.
pub struct AllelesRequest<'a> {
    /// The outputs.
    pub outputs: BTreeSet<OutputType>,
    /// Splice sites that are known.
    pub splice_sites: &'a SpliceSites,
    /// The bases that splice sites of junctions may come from, in the frame that the model reads; none, and no junction.
    pub bodies: Vec<Range<usize>>,
    /// Sites of a kind between which junctions are counted, the first by position.
    pub most_sites: usize,
    /// Whose behaviour is wanted.
    pub behaviour: Behaviour,
    /// Whether indels are stitched.
    pub stitching: bool,
    /// What is read of them; nothing for all.
    pub read: Read,
}

/// What is read of both alleles.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// The only bins that are wanted of some outputs, on the positive strand. For intervals on the other one whole outputs come.
    pub places: Places,
    /// What is made of those where the model runs; of intervals on the positive strand, on a machine that folds.
    pub folds: Vec<Fold>,
    /// Genes of which the junctions that change most are wanted, likewise; nothing for all junctions.
    pub junctions: Option<Vec<JunctionGene>>,
}

impl Predictor {
    /// Predictions of REF and ALT on the positive strand, and what the device makes of them.
    ///
    /// # Errors
    /// Where the genome lacks the interval, the variant cannot be aligned, or the device cannot do what it takes.
    pub fn alleles(
        &self,
        genome: &Fasta,
        interval: &Interval,
        variant: &Variant,
        request: &AllelesRequest<'_>,
    ) -> Result<Alleles> {
        let bases = alleles::alleles(genome, interval, variant)?;
        let mut outputs = request.outputs.clone();
        let counts = outputs.remove(&OutputType::SpliceJunctions);
        let sited = counts && !request.bodies.is_empty();
        let added = sited && outputs.insert(OutputType::SpliceSites);
        let stitch = Stitch::new(variant, interval, request.behaviour);
        let stitch = stitch.filter(|_| request.stitching);
        let mut places = match interval.negative_strand() {
            true => Places::new(),
            false => request.read.places.clone(),
        };
        let alignment = || Alignment::new(variant, interval, request.behaviour);
        if sited
            && !interval.negative_strand()
            && (added || places.contains_key(&OutputType::SpliceSites))
        {
            let runs = places.entry(OutputType::SpliceSites).or_default();
            runs.extend(alignment()?.reads(&request.bodies));
            runs.extend(request.bodies.iter().cloned());
        }
        places
            .values_mut()
            .for_each(|runs| *runs = merged(std::mem::take(runs)));
        let what = What {
            outputs: &outputs,
            places: &places,
            folds: &request.read.folds,
            sited,
        };
        let both = match stitch {
            None => self.plain(&bases, what)?,
            Some(stitch) => {
                let parts = alleles::stitched(genome, interval, variant, &bases)?;
                let parts = parts.context("an indel has two sequences to be stitched from")?;
                self.stitched(&bases, &parts, stitch, what)?
            }
        };
        let mut raw = both.raw;
        let mut strongest = None;
        if counts && sited {
            let (fine, interval) = (&both.fine, (interval, &alignment()?));
            let (sites, aligned) = self.sites(&raw, (&both.embeddings, fine), interval, request)?;
            let interval = interval.0;
            match &request.read.junctions {
                Some(genes) if genes.is_empty() => strongest = Some(Strongest::default()),
                Some(genes) => {
                    let read = (&sites, genes.as_slice());
                    let on = both.embeddings;
                    strongest = Some(self.strongest(on, fine, aligned, interval, read)?);
                }
                None => {
                    let shape = (2, interval.width() as usize);
                    let counted = self.junctions(both.embeddings, fine, aligned, shape, &sites)?;
                    for (raw, junctions) in raw.iter_mut().zip(counted) {
                        raw.junctions = Some(junctions);
                    }
                }
            }
        } else if counts {
            for raw in &mut raw {
                raw.junctions = Some(self.no_junctions());
            }
        }
        let predictions = raw.map(|mut raw| {
            if added {
                raw.values.remove(&OutputType::SpliceSites);
            }
            self.finished(raw, interval)
        });
        Ok(Alleles {
            predictions,
            folded: both.folded,
            strongest,
        })
    }

    /// The splice sites of both alleles on the strand that the model read, and the embeddings at 1 bp with ALT's aligned to REF's
    /// positions there.
    fn sites(
        &self,
        raw: &[Raw; 2],
        (embeddings, fine): (&Embeddings, &Fine),
        (interval, alignment): (&Interval, &Alignment),
        request: &AllelesRequest<'_>,
    ) -> Result<Sites> {
        let width = interval.width() as usize;
        let [own, other] = raw.each_ref().map(|raw| self.splice_sites(raw, width));
        let (table, bodies) = (request.splice_sites, &request.bodies);
        let mut sites = sites::union(&own, &other, alignment, table, interval, bodies)?;
        sites
            .iter_mut()
            .for_each(|kind| kind.truncate(request.most_sites));
        let mut wanted: Vec<_> = sites.iter().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        // ALT is the second sequence, whose rows come after those of the first.
        let row = |at| {
            fine.row(1, at)
                .with_context(|| outside(std::slice::from_ref(&(at..at + 1))))
        };
        let mut rows: Vec<_> = (0..2 * fine.rows()).collect();
        let mut made = Vec::new();
        for at in wanted {
            match alignment.source(at) {
                Source::At(from) => rows[row(at)?] = row(from)?,
                // One row of an insertion, and those that a deletion leaves empty.
                Source::Largest(_) | Source::Zero => made.push(at..at + 1),
            }
        }
        let reads = alignment.reads(&made);
        let from = fine.runs(1, &reads).with_context(|| outside(&reads))?;
        let first = fine.rows();
        let from = from.iter().map(|run| first + run.start..first + run.end);
        let from: Vec<_> = from.collect();
        let channels = self.channels_at_1bp();
        let alternate = Track::partial(channels, reads, self.rows_of(embeddings, &from)?);
        let replaced = made.into_iter().map(|at| {
            let value = |from| alternate.row(from).ok_or_else(|| missing(from));
            let mut aligned = Vec::with_capacity(channels);
            alignment.gather(at.start, value, &mut aligned, channels)?;
            Ok((row(at.start)?, aligned))
        });
        let aligned = Rearranged {
            rows: runs(rows),
            replaced: replaced.collect::<Result<_>>()?,
        };
        Ok((sites, aligned))
    }

    /// Both alleles in one pass.
    fn plain(&self, bases: &alleles::Alleles, what: What<'_>) -> Result<Both> {
        let wanted = what.sited.then_some(Embedding::OneBasePair);
        let sequences = [&bases.reference[..], &bases.alternate];
        let length = bases.reference.len();
        let read = fine::bases(what.outputs, what.places, length);
        let asked = what.asked(self.around(length, vec![read; 2]));
        Both::of(self.run(&sequences, wanted.into_iter().collect(), asked)?)
    }

    /// One pass of the plain allele and both sequences that the other is stitched from; then the heads.
    fn stitched(
        &self,
        bases: &alleles::Alleles,
        parts: &alleles::StitchedAlleles,
        stitch: Stitch,
        what: What<'_>,
    ) -> Result<Both> {
        let plain = match stitch.allele {
            Allele::Reference => &bases.alternate,
            Allele::Alternate => &bases.reference,
        };
        let outputs = what.outputs.iter();
        let mut wanted: BTreeSet<_> = outputs.map(|output| embedding(*output)).collect();
        wanted.extend(what.sited.then_some(Embedding::OneBasePair));
        let length = plain.len();
        let read = fine::bases(what.outputs, what.places, length);
        let side = |right: bool| {
            let sources = read.iter().cloned().flatten();
            runs(sources.filter_map(|base| match stitch.base(length, base) {
                From::Left(at) => (!right).then_some(at),
                From::Right(at) => right.then_some(at),
            }))
        };
        let from = self.around(length, vec![read.clone(), side(false), side(true)]);
        let fine = self.at(length, vec![read.clone(); 2]);
        let given = wanted.iter().map(|which| {
            let rearranged = match which {
                Embedding::OneBasePair => rearranged_bases(stitch, (&from, &fine), &read, length)?,
                _ => rearranged(stitch, *which, length),
            };
            Ok((*which, rearranged))
        });
        let given = given.collect::<Result<_>>()?;
        let sequences = [&plain[..], &parts.left, &parts.right];
        let first = Asked {
            outputs: &BTreeSet::new(),
            places: &Places::new(),
            fine: from,
            folds: &[],
        };
        let pass = self.run(&sequences, wanted, first)?;
        let asked = what.asked(fine);
        Both::of(self.run_on(pass.embeddings, given, (2, length), asked)?)
    }

    /// No sites, so no junctions.
    fn no_junctions(&self) -> Junctions {
        let tracks = self.tracks(OutputType::SpliceJunctions);
        Junctions {
            positions: Default::default(),
            tissues: tracks.map_or(0, |tracks| tracks.len()),
            values: Vec::new(),
            sites: 0,
        }
    }
}

/// Splice sites of each kind, and embeddings of both alleles that are aligned there.
type Sites = ([Vec<usize>; 4], Rearranged);

/// What both alleles are asked for.
#[derive(Clone, Copy)]
struct What<'a> {
    outputs: &'a BTreeSet<OutputType>,
    /// The bins that are wanted of some of them.
    places: &'a Places,
    folds: &'a [Fold],
    /// Whether embeddings at 1 bp are kept for junctions.
    sited: bool,
}

impl<'a> What<'a> {
    fn asked(self, fine: Fine) -> Asked<'a> {
        Asked {
            outputs: self.outputs,
            places: self.places,
            folds: self.folds,
            fine,
        }
    }
}

impl Both {
    fn of(pass: Pass) -> Result<Self> {
        let found = pass.raw.len();
        let raw = pass.raw.try_into();
        let raw =
            raw.map_err(|_| anyhow::anyhow!("{found} sequences came back, and two were given"))?;
        Ok(Self {
            raw,
            embeddings: pass.embeddings,
            fine: pass.fine,
            folded: pass.folded,
        })
    }
}

fn missing(position: usize) -> scorers::Error {
    scorers::Error::NotPredicted {
        output: OutputType::SpliceJunctions,
        allele: Allele::Alternate,
        position,
    }
}

fn outside(bases: &[Range<usize>]) -> String {
    format!("embeddings at the bases {bases:?} were not computed")
}

/// The embeddings at 1 bp of REF and ALT, as [`rearranged`]: rows of a pass of the plain allele and both sequences in the order
/// of the rows that heads are given, which have what they `read`.
fn rearranged_bases(
    stitch: Stitch,
    (from, to): (&Fine, &Fine),
    read: &[Range<usize>],
    length: usize,
) -> Result<Rearranged> {
    let alleles = match stitch.allele {
        Allele::Reference => [true, false],
        Allele::Alternate => [false, true],
    };
    let last = 3 * from.rows() - 1;
    // Rows that no base has come from anywhere.
    let mut rows: Vec<_> = (0..2 * to.rows()).map(|row| row.min(last)).collect();
    for (sequence, stitched) in alleles.into_iter().enumerate() {
        // Of neighbours the rows are neighbours, too.
        let mut last: Option<(usize, [usize; 2], [usize; 2])> = None;
        for base in read.iter().cloned().flatten() {
            let [source, at] = match stitched.then(|| stitch.base(length, base)) {
                None => [0, base],
                Some(From::Left(at)) => [1, at],
                Some(From::Right(at)) => [2, at],
            };
            let found = match last {
                Some((before, of, [row, from]))
                    if before + 1 == base && of == [source, at.wrapping_sub(1)] =>
                {
                    Some([row + 1, from + 1])
                }
                _ => {
                    let rows = to.row(sequence, base).zip(from.row(source, at));
                    rows.map(|(row, from)| [row, from])
                }
            };
            let [row, from] =
                found.with_context(|| outside(std::slice::from_ref(&(base..base + 1))))?;
            rows[row] = from;
            last = Some((base, [source, at], [row, from]));
        }
    }
    Ok(Rearranged {
        rows: runs(rows),
        replaced: Vec::new(),
    })
}

/// The embeddings of REF and ALT, from those of the plain allele and of the two sequences that the other one is stitched from.
fn rearranged(stitch: Stitch, which: Embedding, length: usize) -> Rearranged {
    let bins = match which {
        Embedding::Pair => length / 2048,
        _ => length / 128,
    };
    let each = match which {
        Embedding::Pair => bins * bins,
        _ => bins,
    };
    let side = |from: From| match from {
        From::Left(at) => each + at,
        From::Right(at) => 2 * each + at,
    };
    let source = |at: usize| match which {
        Embedding::OneBasePair | Embedding::Bins => side(stitch.bin(128, bins, at)),
        Embedding::Pair => {
            let (right, row, column) = stitch.pair(2048, bins, at / bins, at % bins);
            (1 + usize::from(right)) * each + row * bins + column
        }
    };
    let stitched = (0..each).map(source);
    let rows = match stitch.allele {
        Allele::Reference => runs(stitched.chain(0..each)),
        Allele::Alternate => runs((0..each).chain(stitched)),
    };
    Rearranged {
        rows,
        replaced: Vec::new(),
    }
}
