//! Channels of an output one by one.

use super::functions::unravel;
use super::outputs::Outputs;

impl Outputs<'_> {
    /// The channels that hold nearly all of the difference, if they are few.
    pub(super) fn focus(&self) -> Vec<usize> {
        let inner: usize = self.shape[self.channels + 1..].iter().product();
        let mut squares: Vec<(f64, usize)> = (0..self.shape[self.channels])
            .map(|channel| (0.0, channel))
            .collect();
        for ((&place, a), b) in self.places.iter().zip(self.recorded).zip(self.base()) {
            let square = (a - b) * (a - b);
            if square.is_finite() {
                squares[place / inner % self.shape[self.channels]].0 += square;
            }
        }
        let all: f64 = squares.iter().map(|(square, _)| square).sum();
        squares.sort_by(|a, b| b.0.total_cmp(&a.0));
        squares.truncate(2);
        if squares.iter().map(|(square, _)| square).sum::<f64>() < 0.99 * all {
            return Vec::new();
        }
        squares.retain(|(square, _)| *square > 0.01 * all);
        squares.into_iter().map(|(_, channel)| channel).collect()
    }

    /// By channel, which of the kept values are its.
    pub(super) fn by_channel(&self) -> Vec<Vec<usize>> {
        let mut by_channel = vec![Vec::new(); self.shape[self.channels]];
        for (i, &place) in self.places.iter().enumerate() {
            by_channel[unravel(place, self.shape)[self.channels]].push(i);
        }
        by_channel.retain(|places| !places.is_empty());
        by_channel
    }

    /// Each recorded channel gets the one of ours that is nearest to it, each of ours once.
    pub(super) fn permuted(&self, ours: &[f64], by_channel: &[Vec<usize>]) -> Vec<f64> {
        /// More would take minutes, and a permutation shows in the first ones as well.
        const MOST: usize = 2048;
        let count = by_channel.len();
        let mut values = ours.to_vec();
        let length = by_channel.first().map_or(0, Vec::len);
        if count > MOST || length < 2 || by_channel.iter().any(|places| places.len() != length) {
            return values;
        }
        // A few positions are enough to tell channels apart.
        let step = length.div_ceil(64);
        let at = |from: &[f64], channel: usize| -> Vec<f64> {
            by_channel[channel]
                .iter()
                .step_by(step)
                .map(|&i| from[i])
                .collect()
        };
        let theirs: Vec<Vec<f64>> = (0..count)
            .map(|channel| at(self.recorded, channel))
            .collect();
        let mine: Vec<Vec<f64>> = (0..count).map(|channel| at(ours, channel)).collect();
        let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
        for (a, x) in theirs.iter().enumerate() {
            let far = |y: &Vec<f64>| x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
            let mut nearest: Vec<(f64, usize, usize)> = mine
                .iter()
                .enumerate()
                .map(|(b, y)| (far(y), a, b))
                .collect();
            nearest.sort_by(|x, y| x.0.total_cmp(&y.0));
            pairs.extend(nearest.into_iter().take(8));
        }
        pairs.sort_by(|x, y| x.0.total_cmp(&y.0));
        let (mut from, mut used) = (vec![None; count], vec![false; count]);
        for (_, a, b) in pairs {
            if from[a].is_none() && !used[b] {
                (from[a], used[b]) = (Some(b), true);
            }
        }
        for (channel, from) in from.iter().enumerate() {
            let from = from.unwrap_or(channel);
            for (&to, &from) in by_channel[channel].iter().zip(&by_channel[from]) {
                values[to] = ours[from];
            }
        }
        values
    }
}
