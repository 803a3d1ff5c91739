//! A track as a bigWig file.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, bail};
use bigtools::{
    BBIDataProcessor, BBIDataSource, BBIProcessError, BigWigWrite, ProcessDataError, Value,
};
use genome::Interval;
use genome::fasta::Fasta;
use scorers::OutputType;
use tokio::runtime::{Builder, Runtime};

use results::spool::{Piece, Spool};

use super::steady::Steady;
use crate::regions::Region;

/// Lengths of the chromosomes.
pub type Sizes = HashMap<String, u32>;

/// A bigWig's last four bytes.
const MAGIC: u32 = 0x888f_fc26;

/// A piece, and the bases of it that are written.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The bases.
    pub bases: Interval,
    /// The values.
    pub piece: Piece,
}

impl Segment {
    /// What of the piece lies in `bases` and on the chromosome.
    pub fn new(piece: Piece, bases: &Interval, sizes: &Sizes) -> Self {
        let length = sizes.get(&bases.chromosome).copied().unwrap_or(0);
        let bases = Interval {
            start: bases.start.max(0),
            end: bases.end.min(i64::from(length)),
            ..bases.clone()
        };
        Self { bases, piece }
    }

    fn values(&self, spool: &Spool, track: usize) -> io::Result<impl Iterator<Item = Value>> {
        let values = spool.track(&self.piece, track)?;
        Ok(values.into_iter().enumerate().filter_map(|(bin, value)| {
            let (start, end) = self.piece.bases(bin);
            let (start, end) = (start.max(self.bases.start), end.min(self.bases.end));
            let value = Value {
                start: u32::try_from(start).ok()?,
                end: u32::try_from(end).ok()?,
                value,
            };
            (start < end && value.value.is_finite()).then_some(value)
        }))
    }
}

/// The values of a track, in the order of chromosomes and bases.
struct Source<'a> {
    spool: &'a Spool,
    track: usize,
    segments: &'a [&'a Segment],
}

impl BBIDataSource for Source<'_> {
    type Value = Value;
    type Error = io::Error;

    fn process_to_bbi<
        P: BBIDataProcessor<Value = Value> + Send + 'static,
        Start: FnMut(String) -> Result<P, ProcessDataError>,
        Advance: FnMut(P),
    >(
        &mut self,
        runtime: &Runtime,
        start: &mut Start,
        advance: &mut Advance,
    ) -> Result<(), BBIProcessError<io::Error>> {
        runtime.block_on(async {
            let mut open: Option<(P, &str, Value)> = None;
            for segment in self.segments {
                let chromosome = segment.bases.chromosome.as_str();
                for value in segment.values(self.spool, self.track)? {
                    open = Some(match open.take() {
                        Some((mut writer, name, last))
                            if name == chromosome && last.end == value.start =>
                        {
                            writer.do_process(last, Some(&value)).await?;
                            (writer, name, value)
                        }
                        // A gap is closed as a chromosome is: within one, the crate's zoom levels carry the value after a gap into it.
                        before => {
                            if let Some((mut writer, _, last)) = before {
                                writer.do_process(last, None).await?;
                                advance(writer);
                            }
                            (start(chromosome.to_owned())?, chromosome, value)
                        }
                    });
                }
            }
            let Some((mut writer, _, last)) = open else {
                // The crate panics on a file without values.
                let error = io::Error::other("the track has no finite value");
                return Err(BBIProcessError::SourceError(error));
            };
            writer.do_process(last, None).await?;
            advance(writer);
            Ok(())
        })
    }
}

/// Writes the track that is the `track`-th of those selected of `output` and `allele`. `segments` stand in the order of
/// chromosomes and bases, and do not overlap.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(
    path: &Path,
    sizes: &Sizes,
    spool: &Spool,
    segments: &[Segment],
    (output, allele, track): (OutputType, usize, usize),
) -> Result<()> {
    let named = || path.display().to_string();
    let own = segments.iter();
    let own = own.filter(|own| own.piece.output == output && own.piece.allele == allele);
    let segments: Vec<_> = own.collect();
    let source = Source {
        spool,
        track,
        segments: &segments,
    };
    let (file, fault) = Steady::create(path)?;
    let mut writer = BigWigWrite::new(file, sizes.clone());
    // Its buffers are small, and a folder for temporary files may be too.
    writer.options.inmemory = true;
    let runtime = Builder::new_current_thread().build()?;
    let written = writer.write(source, runtime);
    fault.check()?;
    written.with_context(named)?;
    // The crate does not say whether the last block came to the disk; the last four bytes tell.
    let mut file = File::open(path).with_context(named)?;
    let mut end = [0; 4];
    file.seek(SeekFrom::End(-4))
        .and_then(|_| file.read_exact(&mut end))
        .with_context(named)?;
    if u32::from_ne_bytes(end) != MAGIC {
        bail!("{}: could not be written to its end", named());
    }
    file.sync_data().with_context(named)
}

/// The length of a chromosome of `bases` base pairs in a bigWig.
///
/// # Errors
/// Where it is too long for one.
pub fn size(name: &str, bases: i64) -> Result<u32> {
    let size = u32::try_from(bases);
    size.with_context(|| format!("{name} has {bases} bp, more than a bigWig can hold"))
}

/// The longest chromosome of a genome, and how many base pairs it has.
///
/// # Errors
/// Where there is none.
pub fn longest(genome: &Fasta) -> Result<(String, i64)> {
    let lengths = genome.names().iter();
    let lengths = lengths.map(|name| Ok((genome.length(name)?, name)));
    let lengths: Vec<_> = lengths.collect::<Result<_>>()?;
    let longest = lengths.into_iter().max();
    let (bases, name) = longest.context("the genome has no chromosome")?;
    Ok((name.clone(), bases))
}

/// Chromosomes that a bigWig of the crate has at most: it keeps their number in 16 bits.
const CHROMOSOMES: usize = u16::MAX as usize;

/// Fails where regions do not fit into a bigWig: it holds one value a base, and so many chromosomes.
///
/// # Errors
/// Names two regions that share a base, or says how many chromosomes there are.
pub fn check_bigwig(regions: &[Region]) -> Result<()> {
    let chromosomes: BTreeSet<_> = regions.iter().map(|own| &own.interval.chromosome).collect();
    if chromosomes.len() > CHROMOSOMES {
        bail!(
            "regions are on {} chromosomes or sequences, and a bigWig is written for {CHROMOSOMES} at most: predict fewer at once, or write \
             .npz or .parquet",
            chromosomes.len()
        );
    }
    let mut sorted: Vec<_> = regions.iter().collect();
    sorted.sort_by_key(|region| (&region.interval.chromosome, region.interval.start));
    for pair in sorted.windows(2) {
        if pair[0].interval.overlaps(&pair[1].interval) {
            bail!(
                "{} and {} overlap, and a bigWig has one value a base: make one region of them, or write .npz or .parquet",
                pair[0].interval,
                pair[1].interval
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use genome::Interval;

    use super::{CHROMOSOMES, check_bigwig};
    use crate::regions::Region;

    #[test]
    fn regions_are_on_as_many_chromosomes_as_can_be_counted() {
        let region = |number: usize| {
            let interval = Interval::new(format!("s{number}"), 0, 10, Default::default());
            Region::new(interval.unwrap())
        };
        let mut regions: Vec<_> = (0..CHROMOSOMES).map(region).collect();
        check_bigwig(&regions).unwrap();
        regions.push(region(CHROMOSOMES));
        let error = check_bigwig(&regions).unwrap_err().to_string();
        assert!(
            error.starts_with("regions are on 65536 chromosomes"),
            "{error}"
        );
    }
}
