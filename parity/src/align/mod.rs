//! Splice sites and junctions: sets of positions, and junction counts at equal positions.
//!
//! `splice_site_positions` is `[B, 4, K]`: donors and acceptors of the positive strand, then of the negative one, ascending,
//! and -1 past the last. The junction arrays are `[B, K, K, 2 tissues]`: entry `(i, j, c)` belongs to donor `i` and acceptor
//! `j` of the strand that channel `c` is of. A tiny difference in a probability moves every index after it, so entries are
//! compared where the positions are equal, never where the indices are (JAX: `heads.py`, `SpliceSitesJunctionHead`).

mod junctions;
mod sites;

pub use junctions::junctions;
pub use sites::{SITE_KINDS, SiteSet, in_order, out_of_order, site_sets};

#[cfg(test)]
mod tests {
    use parity_stats::Stat;

    use super::*;
    use crate::recording::{Array, Values};

    fn positions(rows: [[i32; 3]; 4]) -> Array {
        Array::full(vec![1, 4, 3], Values::I32(rows.concat()))
    }

    /// Entry (donor p, acceptor q, channel c) is 100 p + 10 q + c, whatever the index of p and q.
    fn counts(rows: [[i32; 3]; 4]) -> Array {
        let mut values = Vec::new();
        for i in 0..3 {
            for j in 0..3 {
                for c in 0..2 {
                    let (d, a) = (rows[2 * c][i], rows[2 * c + 1][j]);
                    values.push((100 * d + 10 * a + c as i32) as f32);
                }
            }
        }
        Array::full(vec![1, 3, 3, 2], Values::F32(values))
    }

    const A: [[i32; 3]; 4] = [[1, 4, 6], [2, 5, -1], [3, 7, 8], [0, 9, -1]];
    const B: [[i32; 3]; 4] = [[4, 5, 6], [2, 5, 8], [3, 7, -1], [9, -1, -1]];

    #[test]
    fn junctions_meet_at_equal_positions() {
        let pair = junctions((&counts(A), &positions(A)), (&counts(B), &positions(B))).unwrap();
        assert_eq!(
            *pair.reference,
            Values::F32(vec![420.0, 450.0, 620.0, 650.0, 391.0, 791.0])
        );
        assert_eq!(pair.reference, pair.candidate);
        assert_eq!(pair.layout.place(1), [0, 4, 5, 0]);
        assert_eq!(pair.layout.place(5), [0, 7, 9, 1]);
    }

    #[test]
    fn sites_compare_as_sets_and_ties_are_told() {
        let mut probabilities = vec![0.5f32; 10 * 5];
        probabilities[5] = 0.499_999_5; // donor + at 1: just under the cut of 0.5
        let probabilities = Array::full(vec![1, 10, 5], Values::F32(probabilities));
        let sets = site_sets(&positions(A), &positions(B), Some(&probabilities), 1e-6).unwrap();
        assert_eq!(sets[0].only_reference, [1]);
        assert_eq!(sets[0].only_candidate, [5]);
        assert_eq!((sets[0].ties, sets[0].unexplained), (2, 0));
        assert_eq!(sets[0].jaccard, Stat::Defined(0.5));
        // Negative acceptors: the candidate's list has room, so its cut is the threshold 0.1, far from 0.5.
        assert_eq!((sets[3].ties, sets[3].unexplained), (0, 1));
        let blind = site_sets(&positions(A), &positions(B), None, 1e-6).unwrap();
        assert_eq!((blind[0].ties, blind[0].unexplained), (0, 2));
    }

    #[test]
    fn positions_ascend_and_what_is_missing_stands_last() {
        assert!(out_of_order(&positions(A)).is_empty());
        // The same sets: the best position first, and a missing one before the others.
        let best_first = [[4, 1, 6], [2, 5, -1], [3, 7, 8], [-1, 0, 9]];
        let sets = site_sets(&positions(A), &positions(best_first), None, 0.0).unwrap();
        assert!(sets.iter().all(|set| set.jaccard == Stat::Defined(1.0)));
        assert_eq!(
            out_of_order(&positions(best_first)),
            ["donor +", "acceptor -"]
        );
    }
}
