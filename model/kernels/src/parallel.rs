//! Cutting work into pieces, and compiling a piece for the machine it runs on.

use rayon::prelude::*;

/// Floats that one piece covers: 64 KiB, so that a piece stays in a core's own cache.
const PIECE: usize = 1 << 14;

/// Runs `work` compiled for the best instruction set of this machine. Mark the closure `#[inline(always)]`: only what is
/// inlined into the dispatched function is compiled for that set.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Rows of `width` floats in one piece; depends on nothing else.
pub(crate) fn rows_in_piece(width: usize) -> usize {
    (PIECE / width.max(1)).max(1)
}

/// Calls `work(first row, rows)` on pieces of `rows` of `width` floats, on all threads.
pub(crate) fn for_pieces(rows: &mut [f32], width: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    if width == 0 || rows.is_empty() {
        return;
    }
    let count = rows_in_piece(width);
    rows.par_chunks_mut(count * width)
        .enumerate()
        .for_each(|(piece, rows)| work(piece * count, rows));
}
