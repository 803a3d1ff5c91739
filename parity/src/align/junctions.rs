//! Junction entries at equal positions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::recording::{Array, Values};
use crate::sample::{JunctionBlock, Layout, NotComparable, Pair};

/// The entries of two junction arrays at positions that both have, given each one's `splice_site_positions`.
///
/// # Errors
/// Where the shapes do not belong together, or no position is common to both.
pub fn junctions(
    reference: (&Array, &Array),
    candidate: (&Array, &Array),
) -> Result<Pair<'static>, NotComparable> {
    let (a, b) = (Side::new(reference)?, Side::new(candidate)?);
    if a.batch != b.batch || a.channels != b.channels {
        return Err(NotComparable::Shape {
            reference: reference.0.full_shape.clone(),
            candidate: candidate.0.full_shape.clone(),
        });
    }
    let tissues = a.channels / 2;
    let (mut blocks, mut places_a, mut places_b) = (Vec::new(), Vec::new(), Vec::new());
    for batch in 0..a.batch {
        for strand in 0..2 {
            let donors = common_sites(&a.sites(batch, strand, 0), &b.sites(batch, strand, 0));
            let acceptors = common_sites(&a.sites(batch, strand, 1), &b.sites(batch, strand, 1));
            for &(_, da, db) in &donors {
                for &(_, aa, ab) in &acceptors {
                    let at_a = a.place(batch, da, aa, strand * tissues);
                    let at_b = b.place(batch, db, ab, strand * tissues);
                    places_a.extend(at_a..at_a + tissues);
                    places_b.extend(at_b..at_b + tissues);
                }
            }
            blocks.push(JunctionBlock {
                batch,
                strand,
                donors: donors.iter().map(|site| site.0).collect(),
                acceptors: acceptors.iter().map(|site| site.0).collect(),
                tissues,
            });
        }
    }
    if places_a.is_empty() {
        return Err(NotComparable::Disjoint { axis: 1 });
    }
    Ok(Pair {
        reference: Cow::Owned(reference.0.values.gather(&places_a)),
        candidate: Cow::Owned(candidate.0.values.gather(&places_b)),
        layout: Layout::Junctions(blocks),
    })
}

/// A junction array with its positions.
struct Side<'a> {
    array: &'a Array,
    shape: Vec<usize>,
    batch: usize,
    channels: usize,
    positions: &'a [i32],
    k: usize,
}

impl<'a> Side<'a> {
    fn new((array, positions): (&'a Array, &'a Array)) -> Result<Self, NotComparable> {
        let misfit = || NotComparable::Shape {
            reference: positions.full_shape.clone(),
            candidate: array.full_shape.clone(),
        };
        let (&[batch, donors, acceptors, channels], &[rows, 4, k]) =
            (array.full_shape.as_slice(), positions.full_shape.as_slice())
        else {
            return Err(misfit());
        };
        let Values::I32(values) = &positions.values else {
            return Err(misfit());
        };
        if positions.is_sampled()
            || rows != batch
            || donors != k
            || acceptors != k
            || channels % 2 != 0
        {
            return Err(misfit());
        }
        Ok(Self {
            array,
            shape: array.shape(),
            batch,
            channels,
            positions: values,
            k,
        })
    }

    /// Position to local index of what was kept: `end` 0 donors, 1 acceptors.
    fn sites(&self, batch: usize, strand: usize, end: usize) -> BTreeMap<usize, usize> {
        let row = &self.positions[(batch * 4 + strand * 2 + end) * self.k..][..self.k];
        (0..self.shape[1 + end])
            .filter_map(|local| {
                let full = self.array.full_index(1 + end, local);
                Some((usize::try_from(row[full]).ok()?, local))
            })
            .collect()
    }

    fn place(&self, batch: usize, donor: usize, acceptor: usize, channel: usize) -> usize {
        ((batch * self.shape[1] + donor) * self.shape[2] + acceptor) * self.channels + channel
    }
}

/// Positions of both, each with its two local indices.
fn common_sites(
    a: &BTreeMap<usize, usize>,
    b: &BTreeMap<usize, usize>,
) -> Vec<(usize, usize, usize)> {
    a.iter()
        .filter_map(|(&position, &in_a)| Some((position, in_a, *b.get(&position)?)))
        .collect()
}
