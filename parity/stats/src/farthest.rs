//! How far each group stands by itself, and how far the farthest of many stands by chance.

use crate::groups::GroupComparison;
use crate::stat::{Reason, Stat};

/// The finite pairs of a group, and a distance of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupDistance {
    /// Number of finite pairs.
    pub count: u64,
    /// The distance.
    pub distance: Stat,
}

impl GroupComparison {
    /// Number of groups.
    #[must_use]
    pub fn count(&self) -> usize {
        self.moments.len()
    }

    /// The relative L2 distance of each group, with `floor` added, in squares, to the root mean square of its reference.
    /// Undefined where both are zero and the difference is not.
    #[must_use]
    pub fn distances(&self, floor: f64) -> Vec<GroupDistance> {
        let groups = self.moments.iter();
        groups
            .map(|moments| GroupDistance {
                count: moments.count,
                distance: moments.relative_l2_above(floor),
            })
            .collect()
    }

    /// The same without the means: the standard deviation of each group's differences over that of its reference, to which the
    /// share `least` of what [`Self::distances`] divides by is added in squares. A track that is another one's, or its own
    /// at another place, is at 1 or above however little it varies beside its mean, where its distance may be small.
    ///
    /// ```
    /// use parity_stats::{Values, groups::{GroupComparison, Grouping}};
    ///
    /// // A track that hardly varies, turned round.
    /// let (a, b) = ([100.0, 101.0, 102.0, 103.0], [103.0, 102.0, 101.0, 100.0]);
    /// let mut track = GroupComparison::new(Grouping::tracks(&[1, 4, 1]));
    /// track.push(Values::F64(&a), Values::F64(&b)).unwrap();
    /// assert!(track.distances(0.0)[0].distance.value().unwrap() < 0.03);
    /// assert_eq!(track.shapes(0.0, 0.0)[0].distance.value(), Some(2.0));
    /// ```
    #[must_use]
    pub fn shapes(&self, floor: f64, least: f64) -> Vec<GroupDistance> {
        let groups = self.moments.iter();
        groups
            .map(|moments| {
                let n = moments.count as f64;
                let scale = moments.square_a() + n * floor * floor;
                let squares = moments.aa + least * least * scale;
                let distance = match (moments.count, moments.dd) {
                    (0, _) => Stat::Undefined(Reason::Empty),
                    (_, 0.0) => Stat::Defined(0.0),
                    (_, dd) => Stat::ratio(dd, squares, Reason::ZeroNorm).map(f64::sqrt),
                };
                GroupDistance {
                    count: moments.count,
                    distance,
                }
            })
            .collect()
    }

    /// The factor by which a group's reference comes nearest to its candidate, and Pearson's correlation: what is scaled has a
    /// factor and correlates, what is another thing does not.
    #[must_use]
    pub fn likeness(&self, group: usize) -> (Stat, Stat) {
        let moments = &self.moments[group];
        let product = moments.ad + moments.count as f64 * moments.mean_a * moments.mean_d;
        let factor = Stat::ratio(product, moments.square_a(), Reason::ZeroNorm);
        (factor.map(|more| 1.0 + more), moments.pearson().0)
    }
}

/// How much larger than what is typical the largest of `groups` root mean squares of `values` independent normal values each
/// may be by chance, but for a probability of `p`: the root of Laurent & Massart's bound of a chi-squared variable (2000, Annals
/// of Statistics 28, 1302, lemma 1), with a union bound over the groups. It falls to 1 with the number of values.
#[must_use]
pub fn largest_by_chance(values: f64, groups: usize, p: f64) -> f64 {
    let t = (groups.max(1) as f64 / p).ln() / values.max(1.0);
    (1.0 + 2.0 * t.sqrt() + 2.0 * t).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Values;
    use crate::groups::Grouping;
    use crate::random::SplitMix64;

    /// Normal deviates, by Box & Muller.
    fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut random = SplitMix64::new(seed);
        let mut uniform = || ((random.next_bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let mut normal =
            || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        (0..n).map(|_| normal()).collect()
    }

    /// The bound holds for the largest of many, and is not idle.
    #[test]
    fn the_largest_of_many_stays_below_the_bound() {
        for (values, groups) in [(1usize, 500usize), (4, 200), (64, 100)] {
            let bound = largest_by_chance(values as f64, groups, 0.05);
            let (rounds, mut beyond, mut largest) = (200, 0, 0.0f64);
            for round in 0..rounds {
                let all = noise(values * groups, 1000 + round);
                let squares = all
                    .chunks(values)
                    .map(|group| group.iter().map(|x| x * x).sum());
                let most = squares.fold(0.0, f64::max) / values as f64;
                beyond += usize::from(most.sqrt() > bound);
                largest = largest.max(most.sqrt());
            }
            assert!(beyond as f64 <= 0.05 * rounds as f64, "{values}: {beyond}");
            assert!(largest > 0.8 * bound, "{values}: {largest} of {bound}");
        }
    }

    #[test]
    fn shapes_and_likeness_tell_faults_apart() {
        let a = noise(600, 1);
        let change = |(i, x): (usize, &f64)| match i % 3 {
            0 => 2.0 * x,
            1 => a[(i + 3) % 600],
            _ => x + 5.0,
        };
        let b: Vec<f64> = a.iter().enumerate().map(change).collect();
        let mut tracks = GroupComparison::new(Grouping::tracks(&[1, 200, 3]));
        tracks.push(Values::F64(&a), Values::F64(&b)).unwrap();
        let shapes = tracks.shapes(0.0, 0.0);
        let shape = |track: usize| shapes[track].distance.value().unwrap();
        assert!((shape(0) - 1.0).abs() < 1e-12 && shape(1) > 1.2 && shape(2) < 1e-12);
        let (factor, r) = tracks.likeness(0);
        assert!((factor.value().unwrap() - 2.0).abs() < 1e-12 && r.value().unwrap() > 0.999);
        assert!(tracks.likeness(1).1.value().unwrap() < 0.3);
    }
}
