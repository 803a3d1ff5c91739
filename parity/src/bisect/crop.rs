//! A part of what was recorded that is enough to try changes of a module on, and much faster.
//!
//! Convolutions see a few neighbours, heads none, and a junction its two sites alone: they are tried on the first positions,
//! or on some of the sites. Attention and pairs are tried whole.

use model::{Array, Known, Stage, Values};

use super::arrays::gather;
use super::recorded::Recorded;
use super::walk::{Given, JUNCTIONS};

/// Positions that are tried on.
const POSITIONS: usize = 512;
/// How far a module reads beyond the end of what is tried on, at most.
const MARGIN: usize = 16;
/// What has no more values than this is tried whole.
const FEW: usize = 1 << 18;
/// Splice sites of each kind that are tried on.
const SITES: usize = 48;
/// Base pairs a position of the embedding at 128 bp.
const BIN: usize = 128;

/// A module's input and recorded output, or a part of both.
pub(super) struct Crop {
    /// What the module reads.
    pub(super) known: Known,
    /// The recorded values.
    pub(super) reference: Vec<f64>,
    /// Their places in the output.
    pub(super) places: Vec<usize>,
    /// The output's shape.
    pub(super) shape: Vec<usize>,
    /// Recorded outputs inside the module.
    pub(super) inner: Given,
}

/// What a module is tried on; `shape` is that of its whole output.
pub(super) fn crop(
    stage: &Stage,
    known: &Known,
    recorded: &Recorded,
    inner: &Given,
    shape: &[usize],
) -> Crop {
    let whole = || {
        let sites = format!("{JUNCTIONS}/splice_site_positions");
        let names = stage.inputs.iter().chain(Some(&sites));
        let read = names.filter_map(|name| Some((name.clone(), known.get(name)?.clone())));
        Crop {
            known: read.collect(),
            reference: recorded.array.values.to_f64(),
            places: recorded.places.clone(),
            shape: shape.to_vec(),
            inner: inner.clone(),
        }
    };
    let part = match *shape {
        [_, rows, columns, tracks] if stage.path.ends_with(JUNCTIONS) => {
            junctions(&whole(), recorded, [rows, columns, tracks])
        }
        [1, length, channels] => positions(stage, &whole(), recorded, [length, channels]),
        _ => None,
    };
    part.unwrap_or_else(whole)
}

/// The first positions of a convolution's output, or those of a head that were recorded.
fn positions(
    stage: &Stage,
    whole: &Crop,
    recorded: &Recorded,
    [length, channels]: [usize; 2],
) -> Option<Crop> {
    let path = stage.path.as_str();
    let (input, more) = stage.inputs.split_first()?;
    let mut known = whole.known.clone();
    if path.contains("alphagenome/head/") && recorded.array.is_sampled() {
        // A head reads each position alone.
        let kept = recorded.array.kept.get(&1)?;
        let read = known.get_mut(input)?;
        *read = rows(read, kept.iter().copied());
        let count = kept.len() * channels;
        return (recorded.array.kept.len() == 1).then(|| Crop {
            known,
            reference: whole.reference.clone(),
            places: (0..count).collect(),
            shape: vec![1, kept.len(), channels],
            inner: Vec::new(),
        });
    }
    if recorded.array.is_sampled() || length <= 2 * POSITIONS || length * channels <= FEW {
        return None;
    }
    let mut first = |name: &String, count: usize| -> Option<()> {
        let read = known.get_mut(name)?;
        *read = rows(read, 0..count);
        Some(())
    };
    match (path, more) {
        (path, []) if path.contains("downres_block") => first(input, 2 * POSITIONS)?,
        (path, [skip]) if path.contains("up_res_block") => {
            first(input, POSITIONS / 2)?;
            first(skip, POSITIONS)?;
        }
        (path, [bins]) if path.ends_with("output_embedder_1") => {
            first(input, POSITIONS)?;
            first(bins, POSITIONS / BIN)?;
        }
        (path, []) if path.contains("alphagenome/head/") => first(input, POSITIONS)?,
        _ => return None,
    }
    let count = (POSITIONS - MARGIN) * channels;
    let inner = whole
        .inner
        .iter()
        .filter(|(_, array)| array.shape.get(1) == Some(&length));
    Some(Crop {
        known,
        reference: whole.reference[..count].to_vec(),
        places: (0..count).collect(),
        shape: vec![1, POSITIONS, channels],
        inner: inner
            .map(|(name, array)| (name.clone(), rows(array, 0..POSITIONS)))
            .collect(),
    })
}

/// Some of the recorded donors and acceptors.
fn junctions(
    whole: &Crop,
    recorded: &Recorded,
    [rows, columns, tracks]: [usize; 3],
) -> Option<Crop> {
    let array = &recorded.array;
    let axis = |axis: usize, length: usize| -> Vec<usize> {
        let kept = array.kept.get(&axis).cloned();
        kept.unwrap_or_else(|| (0..length).collect())
    };
    let (donors, acceptors) = (axis(1, rows), axis(2, columns));
    let name = format!("{JUNCTIONS}/splice_site_positions");
    let sites = whole.known.get(&name)?;
    let Values::I32(places) = &sites.values else {
        return None;
    };
    // Where neither strand has a site nothing is compared but zeros.
    let filled = |row: &usize, kinds: [usize; 2]| {
        kinds
            .iter()
            .any(|kind| places.get(kind * rows + row).is_some_and(|&site| site >= 0))
    };
    let some = |all: &[usize], kinds: [usize; 2]| -> Vec<usize> {
        let all: Vec<usize> = (0..all.len()).filter(|&i| filled(&all[i], kinds)).collect();
        all.iter()
            .copied()
            .step_by(all.len().div_ceil(SITES).max(1))
            .collect()
    };
    let (chosen_rows, chosen_columns) = (some(&donors, [0, 2]), some(&acceptors, [1, 3]));
    let count = chosen_rows.len().max(chosen_columns.len());
    if count == 0 || count * 2 > rows {
        return None;
    }
    let mut cropped = Vec::with_capacity(4 * count);
    for kind in 0..4 {
        let (all, chosen) = match kind % 2 {
            0 => (&donors, &chosen_rows),
            _ => (&acceptors, &chosen_columns),
        };
        let of = chosen.iter().map(|&i| places[kind * rows + all[i]]);
        cropped.extend(of.chain(std::iter::repeat(-1)).take(count));
    }
    let mut known = whole.known.clone();
    let values = Values::I32(cropped);
    let shape = vec![1, 4, count];
    known.insert(name, Array { shape, values });
    let (mut reference, mut to) = (Vec::new(), Vec::new());
    for (i, &row) in chosen_rows.iter().enumerate() {
        for (j, &column) in chosen_columns.iter().enumerate() {
            let from = (row * acceptors.len() + column) * tracks;
            reference.extend_from_slice(whole.reference.get(from..from + tracks)?);
            let start = (i * count + j) * tracks;
            to.extend(start..start + tracks);
        }
    }
    Some(Crop {
        known,
        reference,
        places: to,
        shape: vec![1, count, count, tracks],
        inner: Vec::new(),
    })
}

/// Positions of `[1, S, C]`.
fn rows(array: &Array, positions: impl Iterator<Item = usize>) -> Array {
    let channels = array.shape.last().copied().unwrap_or(1);
    let places: Vec<usize> = positions
        .flat_map(|position| position * channels..(position + 1) * channels)
        .collect();
    let values = gather(&array.values.to_f32(), &places);
    Array {
        shape: vec![1, places.len() / channels.max(1), channels],
        values: Values::F32(values.into_iter().map(|x| x as f32).collect()),
    }
}
