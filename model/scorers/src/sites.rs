//! The splice sites between which the model counts junctions.

use std::ops::Range;

use genome::{Interval, Variant, splice_sites::SpliceSites};

use crate::alignment::{Alignment, merged};
use crate::genes::{self, clipped};
use crate::{Behaviour, Error, Track};

/// Sites of a kind that the model takes at most.
pub const MOST: usize = 512;
/// The least probability of a site.
pub const THRESHOLD: f32 = 0.1;
const KINDS: usize = 4;

/// The bases that sites may come from, in the frame that the model reads: the bodies of all genes that overlap the variant.
///
/// On `-`, 0.3.0 does not mirror them although predictions and tables are mirrored, so sites come from the mirror image of
/// the genes. Corrected: they are mirrored.
pub fn gene_bodies(
    annotation: &genome::Annotation,
    interval: &Interval,
    variant: &Variant,
    behaviour: Behaviour,
) -> Vec<Range<usize>> {
    let overlapping = genes::overlapping(annotation, variant);
    let bodies = overlapping
        .iter()
        .filter_map(|gene| clipped(interval, &annotation.genes()[*gene].interval));
    let runs = merged(bodies.collect());
    if interval.negative_strand() && behaviour == Behaviour::Corrected {
        let width = interval.width() as usize;
        return runs
            .into_iter()
            .rev()
            .map(|run| width - run.end..width - run.start)
            .collect();
    }
    runs
}

/// The union of the sites of REF, of aligned ALT and of the table, in the frame that the model reads.
///
/// `reference` and `alternate` are SPLICE_SITES `[bases, 4 or more]`: donors and acceptors of `+`, then of `-`. Sites come
/// from `bodies` alone; [`gene_bodies`] gives those of `score_variant`, and `predict_variant` takes the whole interval where
/// no gene overlaps. Returns the [`MOST`] likeliest sites of each kind with at least [`THRESHOLD`], by position.
pub fn union(
    reference: &Track,
    alternate: &Track,
    alignment: &Alignment,
    table: &SpliceSites,
    interval: &Interval,
    bodies: &[Range<usize>],
) -> Result<[Vec<usize>; 4], Error> {
    use crate::{Allele, OutputType::SpliceSites as Output};
    let known = table.within(interval);
    let missing = |position, allele| Error::NotPredicted {
        output: Output,
        allele,
        position,
    };
    for track in [reference, alternate] {
        if track.tracks() < KINDS {
            let found = track.tracks();
            return Err(Error::Shape {
                output: Output,
                what: "the number of kinds",
                found,
                expected: KINDS,
            });
        }
    }
    let mut candidates: [Vec<(f32, usize)>; 4] = Default::default();
    let row = |position| {
        alternate
            .row(position)
            .ok_or_else(|| missing(position, Allele::Alternate))
    };
    let (moves, mut gathered) = (!alignment.moves_nothing(), Vec::new());
    for body in bodies {
        // Hundreds of thousands of bases are looked at, of which few are listed.
        let mut listed = known.each_ref().map(|known| {
            let from = known.partition_point(|at| *at < body.start);
            known[from..].iter().copied().peekable()
        });
        for at in body.clone() {
            let own = reference.row(at);
            let own = own.ok_or_else(|| missing(at, Allele::Reference))?;
            let aligned = if moves {
                alignment.gather(at, row, &mut gathered, alternate.tracks())?;
                &gathered
            } else {
                row(at)?
            };
            for kind in 0..KINDS {
                let table = match listed[kind].next_if_eq(&at) {
                    Some(_) => 1.0,
                    None => 0.0,
                };
                let likeliest = own[kind].max(aligned[kind]).max(table);
                if likeliest >= THRESHOLD {
                    candidates[kind].push((likeliest, at));
                }
            }
        }
    }
    Ok(candidates.map(|candidates| likeliest(candidates, MOST, THRESHOLD)))
}

/// The `most` likeliest of `(probability, position)` with at least `threshold`, by position; of equal ones the first.
pub fn likeliest(mut candidates: Vec<(f32, usize)>, most: usize, threshold: f32) -> Vec<usize> {
    // NaN stands before all numbers, and is no site.
    candidates.retain(|(p, _)| p.is_nan() || *p >= threshold);
    if candidates.len() > most {
        let order =
            |(p, at): &(f32, usize), (q, other): &(f32, usize)| q.total_cmp(p).then(at.cmp(other));
        candidates.select_nth_unstable_by(most, order);
        candidates.truncate(most);
    }
    let sites = candidates.into_iter().filter(|(p, _)| *p >= threshold);
    let mut positions: Vec<_> = sites.map(|(_, at)| at).collect();
    positions.sort_unstable();
    positions
}
