//! The places that a recording keeps of a large array.

use std::collections::BTreeMap;

/// The places that a recording keeps of an array of `shape` so that at most about `budget` values remain: indices of axis
/// 1 for rank 3, of axes 1 and 2 for rank 4, spread at random but the same for the same `seed`.
pub fn choose(shape: &[usize], budget: usize, seed: u64) -> BTreeMap<usize, Vec<usize>> {
    let mut kept = BTreeMap::new();
    let mut random = SplitMix(seed);
    match *shape {
        [_, length, channels] => {
            let wanted = (budget / channels.max(1)).max(1);
            if wanted < length {
                kept.insert(1, random.choose(length, wanted));
            }
        }
        [_, rows, columns, channels] => {
            let wanted = ((budget / channels.max(1)) as f64).sqrt() as usize;
            for (axis, length) in [(1, rows), (2, columns)] {
                if wanted.max(1) < length {
                    kept.insert(axis, random.choose(length, wanted.max(1)));
                }
            }
        }
        _ => {}
    }
    kept
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough to spread places, and the same everywhere.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `count` of `0..length`, ascending (selection sampling, Knuth 3.4.2 S).
    pub(crate) fn choose(&mut self, length: usize, count: usize) -> Vec<usize> {
        let mut chosen = Vec::with_capacity(count);
        for i in 0..length {
            let left = (length - i) as u64;
            if self.next() % left < (count - chosen.len()) as u64 {
                chosen.push(i);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_places_fit_the_budget_and_repeat() {
        let kept = choose(&[1, 4096, 32], 4000, 7);
        assert_eq!(kept[&1].len(), 125);
        assert!(kept[&1].windows(2).all(|w| w[0] < w[1]) && *kept[&1].last().unwrap() < 4096);
        assert_eq!(kept, choose(&[1, 4096, 32], 4000, 7));
        assert!(choose(&[1, 32, 4], 4000, 7).is_empty());
        let pair = choose(&[1, 512, 512, 6], 600, 7);
        assert_eq!((pair[&1].len(), pair[&2].len()), (10, 10));
    }
}
