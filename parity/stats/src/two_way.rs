//! The variance of a sum over cells of (block of positions, track), where cells of one block or one track depend on each
//! other.

use statrs::distribution::{ContinuousCDF, FisherSnedecor};

/// Blocks of positions below which nothing is promised: a t-test with fewer than five degrees of freedom stands on the
/// normality of five sums.
pub(crate) const LEAST_BLOCKS: usize = 6;
/// A kind of cluster counts only where the F-test of its variance against that of the cells rejects at this level: Bancroft's
/// (1964) choice for pooling, at which the size of the final test stays near its level.
const POOLED: f64 = 0.25;

/// A variance and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Variance {
    pub variance: f64,
    pub freedom: f64,
    pub clusters: usize,
}

/// The variances by either kind of cluster and by both.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TwoWay {
    pub blocks: Option<Variance>,
    pub tracks: Option<Variance>,
    pub both: Option<Variance>,
}

/// Sum and number of the filled cells of a cluster that has any.
type Sum = Option<(f64, usize)>;

fn sum(cells: impl Iterator<Item = Option<f64>>) -> Sum {
    let add = |(sum, n): (f64, usize), cell: f64| (sum + cell, n + 1);
    Some(cells.flatten().fold((0.0, 0), add)).filter(|(_, n)| *n > 0)
}

/// The variance of `sum(contributions)`, of mean zero, with the cells block by block and `None` where a cell is empty.
///
/// By one kind, `G / (G - 1) sum_g u_g^2` over the clusters' sums. `cut` is the share that blocks lose because neighbours
/// in different blocks depend on each other. By both: `p + q - r` with `r` that of the cells freed of their block's and
/// track's mean, and Satterthwaite's (1946) degrees of freedom; a kind that the F-test does not see is pooled.
pub(crate) fn two_way(contributions: &[Option<f64>], tracks: usize, cut: f64) -> TwoWay {
    let rows: Vec<&[Option<f64>]> = contributions.chunks_exact(tracks.max(1)).collect();
    let by_block: Vec<Sum> = rows.iter().map(|row| sum(row.iter().copied())).collect();
    let by_track: Vec<Sum> = (0..tracks)
        .map(|track| sum(rows.iter().map(|row| row[track])))
        .collect();
    let one_way = |clusters: &[Sum], least: usize, lost: f64| {
        let number = clusters.iter().flatten().count();
        let squares: f64 = clusters.iter().flatten().map(|(sum, _)| sum * sum).sum();
        let g = number as f64;
        (number >= least).then(|| Variance {
            variance: g / (g - 1.0) * squares / (1.0 - lost),
            freedom: g - 1.0,
            clusters: number,
        })
    };
    let blocks = one_way(&by_block, LEAST_BLOCKS, cut);
    let tracks = one_way(&by_track, 2, 0.0);
    let both = match (blocks, tracks) {
        (Some(p), Some(q)) => Some(combined(p, q, interaction(&rows, &by_block, &by_track))),
        (Some(p), None) if by_track.iter().flatten().count() == 1 => Some(p),
        _ => None,
    };
    TwoWay {
        blocks,
        tracks,
        both,
    }
}

/// The variance of what is left of the cells without their block's and their track's mean.
fn interaction(rows: &[&[Option<f64>]], by_block: &[Sum], by_track: &[Sum]) -> Variance {
    let mean = |part: &Sum| part.map_or(0.0, |(sum, n)| sum / n.max(1) as f64);
    let cells: usize = by_block.iter().flatten().map(|(_, n)| n).sum();
    let all: f64 = by_block.iter().flatten().map(|(sum, _)| sum).sum::<f64>() / cells.max(1) as f64;
    let mut squares = 0.0;
    for (row, block) in rows.iter().zip(by_block) {
        for (cell, track) in row.iter().zip(by_track) {
            let residual = cell.map_or(0.0, |cell| cell - mean(block) - mean(track) + all);
            squares += residual * residual;
        }
    }
    let number = |parts: &[Sum]| parts.iter().flatten().count() as f64;
    let freedom = (number(by_block) - 1.0) * (number(by_track) - 1.0);
    Variance {
        variance: cells as f64 / freedom * squares,
        freedom,
        clusters: cells,
    }
}

fn combined(p: Variance, q: Variance, r: Variance) -> Variance {
    let seen = |kind: Variance| {
        let ratio = kind.variance / r.variance;
        let test = FisherSnedecor::new(kind.freedom, r.freedom);
        // Without any interaction the ratio is infinite, or there is no variance at all.
        !ratio.is_finite() || test.is_ok_and(|test| test.sf(ratio) < POOLED)
    };
    let clusters = p.clusters.min(q.clusters);
    let (variance, freedom) = match (seen(p), seen(q)) {
        (true, true) => {
            let sum = p.variance + q.variance - r.variance;
            let part = |v: Variance| v.variance * v.variance / v.freedom;
            (sum, sum * sum / (part(p) + part(q) + part(r)))
        }
        (true, false) => (p.variance, p.freedom),
        (false, true) => (q.variance, q.freedom),
        (false, false) => (r.variance, r.freedom),
    };
    let freedom = if freedom.is_nan() { 0.0 } else { freedom };
    Variance {
        variance: variance.max(r.variance),
        freedom: freedom.max(p.freedom.min(q.freedom)),
        clusters,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_blocks_promise_nothing() {
        let cells = |blocks: usize| -> Vec<Option<f64>> {
            (0..blocks * 3)
                .map(|i| Some((i * i % 7) as f64 - 3.0))
                .collect()
        };
        let five = two_way(&cells(5), 3, 0.0);
        assert_eq!((five.blocks, five.both), (None, None));
        assert_eq!(five.tracks.unwrap().clusters, 3);
        assert_eq!(two_way(&cells(6), 3, 0.0).both.unwrap().clusters, 3);
    }

    #[test]
    fn what_tracks_share_counts_by_track() {
        // Each track off by its own amount, and hardly anything else.
        let cells: Vec<Option<f64>> = (0..8 * 4)
            .map(|i| {
                Some([3.0, -2.0, 1.0, -2.0][i % 4] + 0.01 * ((i / 4 * 5 + i % 4 * 3) % 7) as f64)
            })
            .collect();
        let found = two_way(&cells, 4, 0.0);
        let (both, tracks) = (found.both.unwrap(), found.tracks.unwrap());
        assert!(
            (both.variance / tracks.variance - 1.0).abs() < 1e-3,
            "{found:?}"
        );
        assert!(both.freedom < 3.01);
        // Blocks lose what neighbours in two of them share.
        let cut = two_way(&cells, 4, 0.5).blocks.unwrap().variance;
        assert!((cut / found.blocks.unwrap().variance - 2.0).abs() < 1e-12);
    }
}
