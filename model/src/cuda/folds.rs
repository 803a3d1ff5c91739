//! Folds of outputs on the device.

use ::cuda::{Span, arguments};

use super::CudaError;
use super::outputs::CudaOutputs;
use crate::folds::{Alternate, Fold, Pairs};

/// Rows that one thread takes, so that long genes fill the device.
const PIECE: usize = 64;
/// Threads of a block, each with a track.
const TRACKS: u32 = 128;

/// A fold with its place among all pieces and groups.
struct Placed<'a> {
    fold: &'a Fold,
    tracks: usize,
    output: Span,
    /// Bytes before its pieces' and its groups' sums.
    sums: [u64; 2],
    /// Pieces and groups before it.
    first: [usize; 2],
    /// Its pieces.
    pieces: usize,
}

impl CudaOutputs<'_> {
    /// Folds of the outputs of two sequences, REF first: `[groups, tracks, 2]` of each.
    ///
    /// # Errors
    /// When there is no such output of two sequences, a row lies beyond it, or the device fails.
    pub fn folded(&self, folds: &[Fold]) -> Result<Vec<Vec<[f64; 2]>>, CudaError> {
        let (mut pieces, mut ends, mut placed) = (Vec::new(), Vec::new(), Vec::new());
        let mut sums = [0; 2];
        for fold in folds {
            let ([rows, tracks], output) = self.pair(&fold.output)?;
            let first = [pieces.len(), ends.len()];
            for group in &fold.groups {
                for pairs in group {
                    let beyond = || CudaError::Rows {
                        name: fold.output.clone(),
                        shape: vec![2, rows, tracks],
                    };
                    cut(pairs, rows, &mut pieces).ok_or_else(beyond)?;
                }
                ends.push((pieces.len() - first[0]) as i32);
            }
            let count = pieces.len() - first[0];
            placed.push(Placed {
                fold,
                tracks,
                output,
                sums,
                first,
                pieces: count,
            });
            let bytes = |rows: usize| (rows * tracks * 2 * size_of::<f64>()) as u64;
            sums[0] += bytes(count);
            sums[1] += bytes(fold.groups.len());
        }
        if ends.is_empty() {
            return Ok(folds.iter().map(|_| Vec::new()).collect());
        }
        let device = &self.model.device;
        let listed = (pieces.len() * size_of::<[i32; 4]>()) as u64;
        let sizes = [sums[0], sums[1], listed, 4 * ends.len() as u64];
        let scratch = self.model.scratch(sizes.iter().sum::<u64>().max(16))?;
        let mut from = 0;
        let mut part = |bytes: u64| {
            from += bytes;
            scratch.slice(from - bytes, bytes)
        };
        let [partial, whole] = [part(sizes[0])?, part(sizes[1])?];
        let [all, borders] = [part(sizes[2])?, part(sizes[3])?];
        device.write(pieces.as_flattened(), &all)?;
        device.write(&ends, &borders)?;
        for fold in &placed {
            self.enqueue(fold, [&all, &borders, &partial, &whole])?;
        }
        let values: Vec<f64> = device.download(&whole)?;
        let (values, _) = values.as_chunks::<2>();
        let results = placed.iter().map(|fold| {
            let from = fold.sums[1] as usize / size_of::<[f64; 2]>();
            values[from..from + fold.fold.groups.len() * fold.tracks].to_vec()
        });
        Ok(results.collect())
    }

    fn enqueue(
        &self,
        placed: &Placed<'_>,
        [pieces, ends, partial, whole]: [&Span; 4],
    ) -> Result<(), CudaError> {
        let (tracks, folding) = (placed.tracks as i32, placed.fold.folding as i32);
        let wide = (placed.tracks as u32).div_ceil(TRACKS);
        let kernels = &self.model.kernels;
        let (pieces, ends) = (
            pieces.from((placed.first[0] * size_of::<[i32; 4]>()) as u64)?,
            ends.from((placed.first[1] * size_of::<i32>()) as u64)?,
        );
        let [partial, whole] = [partial.from(placed.sums[0])?, whole.from(placed.sums[1])?];
        if placed.pieces > 0 {
            let grid = [wide, placed.pieces as u32, 1];
            let given = arguments![&placed.output, &pieces, &partial, tracks, folding];
            kernels.launch("fold_rows", grid, [TRACKS, 1, 1], &given)?;
        }
        if !placed.fold.groups.is_empty() {
            let grid = [wide, placed.fold.groups.len() as u32, 1];
            let given = arguments![&partial, &ends, &whole, tracks, folding];
            kernels.launch("fold_pieces", grid, [TRACKS, 1, 1], &given)?;
        }
        Ok(())
    }

    /// Rows and tracks of an output of two sequences.
    fn pair(&self, name: &str) -> Result<([usize; 2], Span), CudaError> {
        match self.shape(name)[..] {
            [2, rows, tracks] => Ok(([rows, tracks], self.span(name)?)),
            ref other => Err(CudaError::Rows {
                name: name.to_owned(),
                shape: other.to_vec(),
            }),
        }
    }

    /// The shape of an output; of one that is not there, none.
    pub(super) fn shape(&self, name: &str) -> Vec<usize> {
        let output = self.model.pass.as_ref();
        let output = output.and_then(|(_, pass)| pass.outputs.get(name));
        output.map_or_else(Vec::new, |output| output.shape.clone())
    }

    /// Where an output lies, whose values are stored ones.
    pub(super) fn span(&self, name: &str) -> Result<Span, CudaError> {
        let found = self.model.pass.as_ref();
        let found = found.and_then(|(_, pass)| Some((pass, pass.outputs.get(name)?)));
        let (pass, output) = found.ok_or_else(|| CudaError::Rows {
            name: name.to_owned(),
            shape: Vec::new(),
        })?;
        let values: usize = output.shape.iter().product();
        Ok(pass.tensor(output.id, (values * self.model.weights.element()) as u64)?)
    }
}

/// Adds pieces: the first rows of REF and of ALT among those of both, how many, and how many were inserted. Nothing where a row
/// lies beyond the last.
fn cut(pairs: &Pairs, rows: usize, pieces: &mut Vec<[i32; 4]>) -> Option<()> {
    let Pairs {
        reference,
        rows: count,
        alternate,
    } = *pairs;
    let last = match alternate {
        Alternate::From(at) => at + count,
        Alternate::Largest(at, inserted) => at + inserted,
        Alternate::Zero => 0,
    };
    if reference + count > rows || last > rows {
        return None;
    }
    for from in (0..count).step_by(PIECE) {
        let (own, many) = (reference + from, PIECE.min(count - from));
        let [other, inserted] = match alternate {
            Alternate::From(at) => [(rows + at + from) as i32, 0],
            Alternate::Largest(at, inserted) => [(rows + at) as i32, inserted as i32],
            Alternate::Zero => [-1, 0],
        };
        pieces.push([own as i32, other, many as i32, inserted]);
    }
    Some(())
}
