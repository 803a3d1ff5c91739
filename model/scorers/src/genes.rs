//! Which genes a scorer looks at, and where.

use std::ops::Range;

use genome::{Annotation, Interval, Variant};

use crate::alignment::merged;

/// A gene with the positions of the interval that count for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneMask {
    /// Index into the annotation's genes.
    pub gene: usize,
    /// Ascending runs of positions; none where no part lies in the interval.
    pub positions: Vec<Range<usize>>,
}

/// Genes with a transcript whose TSS lies in the interval, in the order of their first such transcript in the file. What
/// counts are the exons of these transcripts, clipped to the interval; whether the variant touches a gene plays no part.
pub fn with_exons(annotation: &Annotation, interval: &Interval) -> Vec<GeneMask> {
    let mut masks: Vec<GeneMask> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for transcript in annotation.transcripts() {
        let inside = transcript.interval.chromosome == interval.chromosome
            && (interval.start..interval.end).contains(&transcript.tss());
        if !inside {
            continue;
        }
        let at = *place.entry(transcript.gene).or_insert_with(|| {
            masks.push(GeneMask {
                gene: transcript.gene,
                positions: Vec::new(),
            });
            masks.len() - 1
        });
        masks[at].positions.extend(
            transcript
                .exons
                .iter()
                .filter_map(|(start, end)| within(interval, *start, *end)),
        );
    }
    for mask in &mut masks {
        mask.positions = merged(std::mem::take(&mut mask.positions));
    }
    masks
}

/// Genes that overlap the variant, in the file's order: REF's bases, or ALT's where they reach farther.
pub fn overlapping(annotation: &Annotation, variant: &Variant) -> Vec<usize> {
    let end = variant
        .end()
        .max(variant.start() + variant.alternate_length());
    let hit = |gene: &genome::annotation::Gene| {
        gene.interval.chromosome == variant.chromosome()
            && gene.interval.end > variant.start()
            && gene.interval.start < end
    };
    annotation
        .genes()
        .iter()
        .enumerate()
        .filter(|(_, gene)| hit(gene))
        .map(|(index, _)| index)
        .collect()
}

/// [`overlapping`] genes with their whole bodies, clipped to the interval.
pub fn with_bodies(
    annotation: &Annotation,
    interval: &Interval,
    variant: &Variant,
) -> Vec<GeneMask> {
    let mask = |gene: usize| {
        let body = clipped(interval, &annotation.genes()[gene].interval);
        GeneMask {
            gene,
            positions: body.into_iter().collect(),
        }
    };
    overlapping(annotation, variant)
        .into_iter()
        .map(mask)
        .collect()
}

/// The positions of `part` in `interval`, relative to its start; `None` where there is none.
pub(crate) fn clipped(interval: &Interval, part: &Interval) -> Option<Range<usize>> {
    if part.chromosome != interval.chromosome {
        return None;
    }
    within(interval, part.start, part.end)
}

pub(crate) fn within(interval: &Interval, start: i64, end: i64) -> Option<Range<usize>> {
    let at = |position: i64| (position - interval.start).clamp(0, interval.width()) as usize;
    let range = at(start)..at(end);
    (!range.is_empty()).then_some(range)
}
