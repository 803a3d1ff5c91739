//! Predictions of both alleles of a variant, as `score_variant` makes them.
//!
//! Both run in one pass. An indel's embeddings are stitched from two sequences before the heads read them, and junctions are
//! counted between the splice sites of both alleles and of the table, on ALT's embeddings aligned to REF.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use genome::alleles;
use genome::fasta::Fasta;
use genome::splice_sites::SpliceSites;
use genome::{Annotation, Interval, Variant};
use model::{Array, Embedding, Values};
use scorers::alignment::Alignment;
use scorers::stitching::{From, Stitch};
use scorers::{Allele, Behaviour, Junctions, MOST_SITES, OutputType, Predictions, Track, sites};

use crate::predictor::{Predictor, Raw, embedding};
use crate::scoring::Scoring;

/// What the heads of both alleles gave, REF first, and the embeddings that junctions are counted on.
struct Both {
    raw: [Raw; 2],
    fine: Option<Array>,
}

impl Scoring {
    /// Predictions of REF and ALT as `score_variant` makes them; splice sites are taken from the bodies of `annotation`'s genes.
    ///
    /// # Errors
    /// As [`Predictor::predict_variant`].
    pub fn predict(
        &self,
        interval: &Interval,
        variant: &Variant,
        annotation: &Annotation,
    ) -> Result<[Predictions; 2]> {
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
        };
        self.predictor
            .predict_variant(&self.genome, interval, variant, &alleles)
    }
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
}

impl Predictor {
    /// Predictions of REF and ALT on the positive strand.
    ///
    /// # Errors
    /// Where the genome lacks the interval, the variant cannot be aligned, or the device cannot do what it takes.
    pub fn predict_variant(
        &self,
        genome: &Fasta,
        interval: &Interval,
        variant: &Variant,
        request: &AllelesRequest<'_>,
    ) -> Result<[Predictions; 2]> {
        let bases = alleles::alleles(genome, interval, variant)?;
        let mut outputs = request.outputs.clone();
        let counts = outputs.remove(&OutputType::SpliceJunctions);
        let sited = counts && !request.bodies.is_empty();
        let added = sited && outputs.insert(OutputType::SpliceSites);
        let stitch = Stitch::new(variant, interval, request.behaviour);
        let stitch = stitch.filter(|_| request.stitching);
        let mut both = match stitch {
            None => {
                // ALT's embeddings are aligned to REF; and they are at hand where nothing has to travel.
                let indel = variant.is_insertion() || variant.is_deletion();
                self.plain(&bases, &outputs, sited && (indel || self.on_host()))?
            }
            Some(stitch) => {
                let parts = alleles::stitched(genome, interval, variant, &bases)?;
                let parts = parts.context("an indel has two sequences to be stitched from")?;
                self.stitched(&bases, &parts, stitch, &outputs, sited)?
            }
        };
        if counts {
            let junctions = match sited {
                true => self.count(&mut both, &bases, interval, variant, request)?,
                false => vec![self.no_junctions(); 2],
            };
            for (raw, junctions) in both.raw.iter_mut().zip(junctions) {
                raw.junctions = Some(junctions);
            }
        }
        Ok(both.raw.map(|mut raw| {
            if added {
                raw.values.remove(&OutputType::SpliceSites);
            }
            self.finished(raw, interval)
        }))
    }

    /// Junctions of both alleles between their splice sites, on the strand that the model read.
    fn count(
        &self,
        both: &mut Both,
        bases: &alleles::Alleles,
        interval: &Interval,
        variant: &Variant,
        request: &AllelesRequest<'_>,
    ) -> Result<Vec<Junctions>> {
        let alignment = Alignment::new(variant, interval, request.behaviour)?;
        let width = interval.width() as usize;
        let [own, other] = both.raw.each_ref().map(|raw| {
            let values = &raw.values[&OutputType::SpliceSites];
            Track::new(values.len() / width, values.clone())
        });
        let (table, bodies) = (request.splice_sites, &request.bodies);
        let mut sites = sites::union(&own, &other, &alignment, table, interval, bodies)?;
        sites
            .iter_mut()
            .for_each(|kind| kind.truncate(request.most_sites));
        match both.fine.take() {
            Some(mut fine) => {
                align(&mut fine, &alignment, sites.iter().flatten().copied())?;
                self.junctions(fine, &sites)
            }
            None => self.junctions_of(&[&bases.reference, &bases.alternate], &sites),
        }
    }

    fn plain(
        &self,
        bases: &alleles::Alleles,
        outputs: &BTreeSet<OutputType>,
        embeds: bool,
    ) -> Result<Both> {
        let wanted = embeds.then_some(Embedding::OneBasePair);
        let sequences = [&bases.reference[..], &bases.alternate];
        let mut pass = self.run(&sequences, outputs, wanted.into_iter().collect())?;
        Ok(Both {
            raw: pair(pass.raw)?,
            fine: pass.embeddings.remove(&Embedding::OneBasePair),
        })
    }

    /// One pass of the plain allele and both sequences that the other is stitched from; then the heads.
    fn stitched(
        &self,
        bases: &alleles::Alleles,
        parts: &alleles::StitchedAlleles,
        stitch: Stitch,
        outputs: &BTreeSet<OutputType>,
        counts: bool,
    ) -> Result<Both> {
        let plain = match stitch.allele {
            Allele::Reference => &bases.alternate,
            Allele::Alternate => &bases.reference,
        };
        let mut wanted: BTreeSet<_> = outputs.iter().map(|output| embedding(*output)).collect();
        wanted.extend(counts.then_some(Embedding::OneBasePair));
        let sequences = [&plain[..], &parts.left, &parts.right];
        let pass = self.run(&sequences, &BTreeSet::new(), wanted)?;
        let stitched = pass.embeddings.into_iter();
        let stitched = stitched.map(|(which, array)| (which, self::stitched(stitch, which, array)));
        let (raw, fine) = self.run_heads((2, plain.len()), stitched.collect(), outputs)?;
        Ok(Both {
            raw: pair(raw)?,
            fine,
        })
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

fn pair(raw: Vec<Raw>) -> Result<[Raw; 2]> {
    let found = raw.len();
    let pair = raw.try_into();
    pair.map_err(|_| anyhow::anyhow!("{found} sequences came back, and two were given"))
}

/// The embeddings of REF and ALT, `[2, ...]`, from those of the plain allele and of the two sequences that the other one is
/// stitched from, `[3, ...]`.
fn stitched(stitch: Stitch, which: Embedding, array: Array) -> Array {
    let mut shape = array.shape;
    let values = array.values.into_f32();
    let each = values.len() / 3;
    let (plain, parts) = values.split_at(each);
    let (left, right) = parts.split_at(each);
    let (bins, channels) = (shape[1], shape[shape.len() - 1]);
    let mut made = Vec::with_capacity(each);
    let mut take = |(from_right, at): (bool, usize)| {
        let source = if from_right { right } else { left };
        made.extend_from_slice(&source[at * channels..][..channels]);
    };
    let side = |from: From| match from {
        From::Left(at) => (false, at),
        From::Right(at) => (true, at),
    };
    match which {
        Embedding::OneBasePair => (0..bins).for_each(|at| take(side(stitch.base(bins, at)))),
        Embedding::Bins => (0..bins).for_each(|at| take(side(stitch.bin(128, bins, at)))),
        Embedding::Pair => {
            for (row, column) in (0..bins * bins).map(|at| (at / bins, at % bins)) {
                let (from_right, row, column) = stitch.pair(2048, bins, row, column);
                take((from_right, row * bins + column));
            }
        }
    }
    let both = match stitch.allele {
        Allele::Reference => [&made[..], plain],
        Allele::Alternate => [plain, &made[..]],
    };
    shape[0] = 2;
    Array {
        shape,
        values: Values::F32(both.concat()),
    }
}

/// Aligns ALT's rows of `[2, S, C]` to REF's positions, at the positions of `wanted`.
fn align(
    embeddings: &mut Array,
    alignment: &Alignment,
    wanted: impl Iterator<Item = usize>,
) -> Result<()> {
    let [_, length, channels] = embeddings.shape[..] else {
        bail!("embeddings at 1 bp have three axes");
    };
    let mut values = std::mem::replace(&mut embeddings.values, Values::F32(Vec::new())).into_f32();
    let place = |at: usize| (length + at) * channels..(length + at + 1) * channels;
    let mut aligned = Vec::new();
    for at in wanted {
        let mut row = Vec::with_capacity(channels);
        alignment.gather(at, |from| Ok(&values[place(from)]), &mut row, channels)?;
        aligned.push((at, row));
    }
    for (at, row) in aligned {
        values[place(at)].copy_from_slice(&row);
    }
    embeddings.values = Values::F32(values);
    Ok(())
}
