//! Ranks and rank correlation.

use crate::moments::Moments;
use crate::stat::Stat;

/// The ranks of `values`, from 1; equal values get the mean of their ranks. NaN sorts last.
#[must_use]
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    // The sum with zero makes both zeros equal to the total order.
    let key = |i: u32| values[i as usize] + 0.0;
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_unstable_by(|&i, &j| key(i).total_cmp(&key(j)));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for run in order.chunk_by(|&i, &j| key(i) == key(j)) {
        let rank = start as f64 + (run.len() as f64 + 1.0) / 2.0;
        run.iter().for_each(|&i| ranks[i as usize] = rank);
        start += run.len();
    }
    ranks
}

/// Spearman's rank correlation: Pearson's of the average ranks. Undefined below two pairs and for
/// a constant array. The two slices have one length; further values of the longer are ignored.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> Stat {
    let len = a.len().min(b.len());
    let pairs: Vec<(f64, f64)> = average_ranks(&a[..len])
        .into_iter()
        .zip(average_ranks(&b[..len]))
        .collect();
    Moments::of_pairs(&pairs).pearson().0
}
