//! Saturation mutagenesis: every single-base variant of a region.

use genome::alleles::{Bases, alleles};
use genome::{Interval, Variant};

use crate::{Behaviour, Error};

/// Why the variants of a region cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IsmError {
    /// The genome cannot be read.
    #[error(transparent)]
    Genome(#[from] genome::Error),
    /// The region does not lie in the interval.
    #[error(transparent)]
    Region(#[from] Error),
}

/// The variants of `region`, position by position, to each other base in the order `ACGT` (four at `N`). They are scored one
/// by one against the genome (`score_ism_variants`).
///
/// REF is the base of the interval's sequence, with `background` put into it where there is one. 0.3.0 counts the region's
/// places from the interval's start in that sequence as it stands: behind an indel of the background REF is a shifted base,
/// and on the negative strand it is a base of the reverse complement, written over the genome when scored. Corrected: REF is
/// the genome's base, or the background's where that replaces single bases, whatever the strand.
pub fn variants(
    genome: &impl Bases,
    interval: &Interval,
    region: &Interval,
    background: Option<&Variant>,
    behaviour: Behaviour,
) -> Result<Vec<Variant>, IsmError> {
    let fail = |reason| Error::Region {
        region: Box::new(region.clone()),
        reason,
        interval: Box::new(interval.clone()),
    };
    if !interval.overlaps(region) {
        return Err(fail("is not fully contained: it shares no base with the interval").into());
    }
    if !interval.contains(region) {
        return Err(fail("is not fully contained: it crosses an edge").into());
    }
    let bases = match behaviour {
        Behaviour::V0_3_0 => {
            let sequence = match background {
                Some(variant) => alleles(genome, interval, variant)?.alternate,
                None => turned(genome.bases(interval)?, interval),
            };
            let from = (region.start - interval.start) as usize;
            sequence[from..from + region.width() as usize].to_vec()
        }
        Behaviour::Corrected => {
            let mut bases = genome.bases(region)?;
            if let Some(variant) = background
                .filter(|variant| variant.reference_length() == variant.alternate_length())
                && let Some(part) = variant.clip(region)
            {
                let at = (part.start() - region.start) as usize;
                bases[at..at + part.alternate().len()].copy_from_slice(part.alternate().as_bytes());
            }
            bases
        }
    };
    let mut variants = Vec::with_capacity(3 * bases.len());
    for (base, position) in bases.iter().zip(region.start + 1..) {
        for other in b"ACGT".iter().filter(|other| *other != base) {
            let letter = |base: u8| char::from(base).to_string();
            variants.push(Variant::new(
                region.chromosome.clone(),
                position,
                letter(*base),
                letter(*other),
            )?);
        }
    }
    Ok(variants)
}

fn turned(mut bases: Vec<u8>, interval: &Interval) -> Vec<u8> {
    if interval.negative_strand() {
        genome::alleles::reverse_complement(&mut bases);
    }
    bases
}
