//! Turning the outputs for a reverse complement back to the positive strand.

use crate::{Junctions, OutputType};

/// Turns `[bins, tracks]` in place: bins are reversed and tracks swapped by `reindex`, which names for each track the one that
/// it is taken from (the k-th of `+` and of `-` change places, unstranded ones stay).
///
/// DNASE moves one base to the right and its first base becomes zero: a cut lies between two bases, and what is the base
/// after it on one strand is the base before it on the other.
///
/// # Panics
/// Where `values` is not a whole number of rows, or `reindex` names a track that is not there.
pub fn turn_track(output: OutputType, values: &mut [f32], reindex: &[usize]) {
    let tracks = reindex.len();
    if tracks == 0 {
        return;
    }
    assert_eq!(values.len() % tracks, 0, "whole rows");
    let bins = values.len() / tracks;
    let source = values.to_vec();
    for (bin, row) in values.chunks_exact_mut(tracks).enumerate() {
        let from = bins - 1 - bin;
        let from = if output == OutputType::Dnase {
            from + 1
        } else {
            from
        };
        for (value, track) in row.iter_mut().zip(reindex) {
            *value = if from == bins {
                0.0
            } else {
                source[from * tracks + track]
            };
        }
    }
}

/// Turns `[bins, bins, tracks]` in place: both axes are reversed, tracks stay.
pub fn turn_contacts(values: &mut [f32], tracks: usize) {
    values.reverse();
    if tracks > 0 {
        for pair in values.chunks_exact_mut(tracks) {
            pair.reverse();
        }
    }
}

/// Turns junctions of a sequence of `length` bases in place: strands change places, positions count from the other end.
pub fn turn_junctions(junctions: &mut Junctions, length: usize) {
    let tissues = junctions.tissues;
    if tissues > 0 {
        for pair in junctions.values.chunks_exact_mut(2 * tissues) {
            pair.rotate_left(tissues);
        }
    }
    junctions.positions.rotate_left(2);
    for position in junctions
        .positions
        .iter_mut()
        .flatten()
        .filter(|position| **position >= 0)
    {
        *position = length as i32 - 1 - *position;
    }
}
