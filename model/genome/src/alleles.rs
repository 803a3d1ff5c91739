//! The sequences of an interval with either allele of a variant.

use crate::{Error, Interval, Variant};

/// A genome that gives its bases.
pub trait Bases {
    /// The bases of `interval` on the positive strand, whatever its strand, in upper case; `N` beyond the chromosome's ends.
    fn bases(&self, interval: &Interval) -> Result<Vec<u8>, Error>;
}

/// What the model reads for a variant, one byte a base, each of the interval's width and turned to its strand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alleles {
    /// The genome with REF written over it.
    pub reference: Vec<u8>,
    /// The genome with ALT in the place of REF.
    pub alternate: Vec<u8>,
}

/// The two sequences that an indel's embeddings are stitched from, turned to the interval's strand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StitchedAlleles {
    /// Taken left of the stitch.
    pub left: Vec<u8>,
    /// Taken from the stitch on.
    pub right: Vec<u8>,
}

/// The sequences of both alleles (`extract_variant_sequences` of `alphagenome_research`).
///
/// The interval is extended at its end by what a deletion takes, so that bases come in from the right. REF is written over
/// the genome, also where the genome differs: [`check_reference`] tells.
pub fn alleles(
    genome: &impl Bases,
    interval: &Interval,
    variant: &Variant,
) -> Result<Alleles, Error> {
    let width = interval.width() as usize;
    let taken = (variant.reference_length() - variant.alternate_length()).max(0);
    let extended = Interval {
        end: interval.end + taken,
        ..interval.as_unstranded()
    };
    let bases = genome.bases(&extended)?;
    let mut reference = bases.clone();
    if extended.overlaps(&variant.reference_interval()) {
        let (from, to) = (
            variant.start().max(extended.start),
            variant.end().min(extended.end),
        );
        let own = (from - variant.start()) as usize..(to - variant.start()) as usize;
        let there = (from - extended.start) as usize..(to - extended.start) as usize;
        reference[there].copy_from_slice(&variant.reference().as_bytes()[own]);
    }
    let mut alternate = substitute(bases, &extended, variant);
    reference.truncate(width);
    alternate.truncate(width);
    Ok(Alleles {
        reference: turned(reference, interval),
        alternate: turned(alternate, interval),
    })
}

/// The sequences that the stitched allele of an indel is made from: REF's for a deletion, ALT's for an insertion. `None` for
/// alleles of one length.
pub fn stitched(
    genome: &impl Bases,
    interval: &Interval,
    variant: &Variant,
    alleles: &Alleles,
) -> Result<Option<StitchedAlleles>, Error> {
    let (moved, own) = if variant.is_deletion() {
        let shift = variant.reference_length() - variant.alternate_length();
        (
            genome.bases(&interval.as_unstranded().shift(shift))?,
            &alleles.reference,
        )
    } else if variant.is_insertion() {
        let whole = interval.as_unstranded();
        let mut bases = substitute(genome.bases(&whole)?, &whole, variant);
        (
            bases.split_off(bases.len() - interval.width() as usize),
            &alleles.alternate,
        )
    } else {
        return Ok(None);
    };
    let (moved, own) = (turned(moved, interval), own.clone());
    Ok(Some(if interval.negative_strand() {
        StitchedAlleles {
            left: moved,
            right: own,
        }
    } else {
        StitchedAlleles {
            left: own,
            right: moved,
        }
    }))
}

/// Fails where REF differs from the genome. Bases beyond the chromosome's ends count as `N`.
pub fn check_reference(genome: &impl Bases, variant: &Variant) -> Result<(), Error> {
    let there = genome.bases(&variant.reference_interval())?;
    if there == variant.reference().as_bytes() {
        return Ok(());
    }
    Err(Error::Reference {
        variant: Box::new(variant.clone()),
        reference: variant.reference().to_owned(),
        genome: String::from_utf8_lossy(&there).into_owned(),
    })
}

/// `bases` of `interval` with ALT in the place of REF, both clipped to the interval; the length changes with the alleles'.
fn substitute(mut bases: Vec<u8>, interval: &Interval, variant: &Variant) -> Vec<u8> {
    if let Some(variant) = variant.clip(interval) {
        let start = (variant.start() - interval.start) as usize;
        let end = start + variant.reference().len();
        bases.splice(start..end, variant.alternate().bytes());
    }
    bases
}

fn turned(mut bases: Vec<u8>, interval: &Interval) -> Vec<u8> {
    if interval.negative_strand() {
        reverse_complement(&mut bases);
    }
    bases
}

/// Turns `bases` to the other strand in place; letters other than `ACGTacgt` stay.
///
/// ```
/// let mut bases = *b"AACGN";
/// genome::alleles::reverse_complement(&mut bases);
/// assert_eq!(&bases, b"NCGTT");
/// ```
pub fn reverse_complement(bases: &mut [u8]) {
    bases.reverse();
    for base in bases {
        *base = match *base {
            b'A' => b'T',
            b'C' => b'G',
            b'G' => b'C',
            b'T' => b'A',
            b'a' => b't',
            b'c' => b'g',
            b'g' => b'c',
            b't' => b'a',
            other => other,
        };
    }
}
