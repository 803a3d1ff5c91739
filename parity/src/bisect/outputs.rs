//! What could be wrong with a module's output: each is undone, and the difference that is left is measured.

use super::functions::{by_value, factor_of, mean_difference, ravel, reversed, shifted, unravel};
use super::kind::{Kind, Trial};

/// Pieces of a function that is fitted value by value.
const BINS: usize = 64;

/// A module's output beside the recorded one.
pub(super) struct Outputs<'a> {
    /// The recorded values at the kept places.
    pub(super) recorded: &'a [f64],
    /// Ours, whole.
    pub(super) ours: &'a [f32],
    /// The whole shape.
    pub(super) shape: &'a [usize],
    /// Which of our values belong to the recorded ones.
    pub(super) places: &'a [usize],
    /// The axis of channels.
    pub(super) channels: usize,
    /// Our values at the kept places.
    base: Vec<f64>,
    /// Their squared distance from the recorded ones.
    before: f64,
}

impl<'a> Outputs<'a> {
    /// Sets a module's output beside the recorded one.
    pub(super) fn new(
        recorded: &'a [f64],
        ours: &'a [f32],
        shape: &'a [usize],
        places: &'a [usize],
        channels: usize,
    ) -> Self {
        let mut outputs = Self {
            recorded,
            ours,
            shape,
            places,
            channels,
            base: super::arrays::gather(ours, places),
            before: 0.0,
        };
        outputs.before = outputs.squares(&outputs.base);
        outputs
    }

    /// Squared distance of values from the recorded ones.
    pub(super) fn squares(&self, values: &[f64]) -> f64 {
        let pairs = self.recorded.iter().zip(values);
        let squares = pairs
            .map(|(a, b)| (b - a) * (b - a))
            .filter(|square| square.is_finite());
        squares.sum()
    }

    /// Our values at the kept places.
    pub(super) fn base(&self) -> &[f64] {
        &self.base
    }

    /// How far they are from the recorded ones, squared and summed.
    pub(super) fn before(&self) -> f64 {
        self.before
    }

    /// The share of the difference that vanishes with `values`, for which `fitted` numbers were chosen.
    pub(super) fn explained(&self, values: &[f64], fitted: usize) -> f64 {
        let before = self.before;
        let (n, p) = (self.recorded.len() as f64, fitted as f64);
        // What turns numbers into NaN explains nothing.
        let lost = self
            .recorded
            .iter()
            .zip(values)
            .any(|(a, b)| a.is_finite() && !b.is_finite());
        if lost || before <= 0.0 || n <= p + 1.0 {
            return 0.0;
        }
        1.0 - self.squares(values) / (n - p) / (before / n)
    }

    /// Every trial on the output, the simplest first.
    pub(super) fn trials(&self) -> Vec<Trial> {
        let mut trials = Vec::new();
        let mut add = |kind, what: &str, values: &[f64], fitted| {
            trials.push(Trial {
                kind,
                what: format!("the output {what}"),
                explained: Some(self.explained(values, fitted)),
            });
        };
        let ours = &self.base;
        let negated: Vec<f64> = ours.iter().map(|y| -y).collect();
        add(Kind::Sign, "negated", &negated, 0);
        for step in [1, -1] {
            let what = format!("with its channels shifted by {step}");
            let channels = self.shape[self.channels];
            let turned = self.moved(|index| {
                let mut index = index.to_vec();
                index[self.channels] =
                    (index[self.channels] + channels).wrapping_add_signed(step) % channels;
                index
            });
            if channels > 2 {
                add(Kind::Shift, &what, &turned, 0);
            }
        }
        for axis in self.position_axes() {
            for step in [1, -1] {
                let what = format!("shifted by {step} along axis {axis}");
                add(
                    Kind::Shift,
                    &what,
                    &self.moved(|index| shifted(index, self.shape, axis, step)),
                    0,
                );
            }
            if self.shape[axis] > 2 {
                let what = format!("reversed along axis {axis}");
                add(
                    Kind::Permuted,
                    &what,
                    &self.moved(|index| reversed(index, self.shape, axis)),
                    0,
                );
            }
        }
        if let [.., a, b] = self.position_axes()[..]
            && self.shape[a] == self.shape[b]
        {
            let turned = self.moved(|index| {
                let mut index = index.to_vec();
                index.swap(a, b);
                index
            });
            add(
                Kind::Transpose,
                "with rows and columns exchanged",
                &turned,
                0,
            );
        }
        let factor = factor_of(ours, self.recorded);
        let scaled: Vec<f64> = ours.iter().map(|y| y * factor).collect();
        add(Kind::Scale, &format!("times {factor:.4}"), &scaled, 1);
        let offset = mean_difference(ours, self.recorded);
        let moved: Vec<f64> = ours.iter().map(|y| y + offset).collect();
        add(Kind::Offset, &format!("plus {offset:.3e}"), &moved, 1);
        let channels = self.shape[self.channels];
        let by_channel = self.by_channel();
        let (mut offsets, mut factors, mut signs) = (ours.clone(), ours.clone(), ours.clone());
        let mut turned = 0;
        for places in &by_channel {
            let x: Vec<f64> = places.iter().map(|&i| ours[i]).collect();
            let y: Vec<f64> = places.iter().map(|&i| self.recorded[i]).collect();
            let offset = mean_difference(&x, &y);
            let factor = factor_of(&x, &y);
            let sign = if factor < 0.0 { -1.0 } else { 1.0 };
            turned += usize::from(factor < 0.0);
            for &i in places {
                offsets[i] += offset;
                factors[i] *= factor;
                signs[i] *= sign;
            }
        }
        if turned > 0 {
            add(
                Kind::Sign,
                &format!("with {turned} of {channels} channels negated"),
                &signs,
                0,
            );
        }
        add(
            Kind::Permuted,
            "with its channels in another order",
            &self.permuted(ours, &by_channel),
            channels / 4,
        );
        add(
            Kind::Scale,
            "with a factor for each channel",
            &factors,
            channels,
        );
        add(
            Kind::Offset,
            "with an offset for each channel",
            &offsets,
            channels,
        );
        let function = by_value(ours, self.recorded, BINS);
        add(
            Kind::Activation,
            "through another function, value by value",
            &function,
            BINS,
        );
        trials
    }

    /// Axes that count positions: all but the batch and the channels.
    fn position_axes(&self) -> Vec<usize> {
        (1..self.shape.len())
            .filter(|&axis| axis != self.channels && self.shape[axis] > 1)
            .collect()
    }

    /// Our values at the places that `from` gives for the kept ones.
    fn moved(&self, from: impl Fn(&[usize]) -> Vec<usize>) -> Vec<f64> {
        let value = |&place: &usize| {
            let index = from(&unravel(place, self.shape));
            f64::from(self.ours[ravel(&index, self.shape)])
        };
        self.places.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bisect::kind::ranked;

    /// 12 positions of 6 channels, all different.
    fn values() -> Vec<f32> {
        (0..72)
            .map(|i| ((i * i + 3 * i) % 37) as f32 - 17.5)
            .collect()
    }

    fn best(recorded: &[f64], shape: &[usize], channels: usize) -> Trial {
        let ours = values();
        let places: Vec<usize> = (0..72).collect();
        let outputs = Outputs::new(recorded, &ours, shape, &places, channels);
        ranked(outputs.trials()).remove(0)
    }

    #[test]
    fn each_kind_is_told_from_the_others() {
        let y: Vec<f64> = values().into_iter().map(f64::from).collect();
        let map = |f: &dyn Fn(usize) -> f64| (0..72).map(f).collect::<Vec<f64>>();
        for (kind, recorded) in [
            (Kind::Sign, map(&|i| -y[i])),
            (Kind::Sign, map(&|i| if i % 6 == 2 { -y[i] } else { y[i] })),
            (Kind::Scale, map(&|i| 1.7 * y[i])),
            (Kind::Offset, map(&|i| y[i] + 2.0)),
            (Kind::Offset, map(&|i| y[i] + (i % 6) as f64)),
            (Kind::Shift, map(&|i| y[i / 6 * 6 + (i + 5) % 6])),
            (Kind::Permuted, map(&|i| y[i / 6 * 6 + (i % 6 * 5 + 1) % 6])),
            (Kind::Permuted, map(&|i| y[(11 - i / 6) * 6 + i % 6])),
            (Kind::Shift, map(&|i| if i < 66 { y[i + 6] } else { y[i] })),
        ] {
            let best = best(&recorded, &[1, 12, 6], 2);
            assert_eq!(best.kind, kind, "{best:?}");
            assert!(best.explained > Some(0.95), "{best:?}");
        }
    }

    #[test]
    fn exchanged_rows_and_columns_are_a_transpose() {
        let y: Vec<f64> = values().into_iter().map(f64::from).collect();
        let turned: Vec<f64> = (0..72)
            .map(|i| y[(i / 2 % 6) * 12 + i / 12 * 2 + i % 2])
            .collect();
        assert_eq!(best(&turned, &[1, 6, 6, 2], 3).kind, Kind::Transpose);
    }
}
