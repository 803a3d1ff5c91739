//! Scales of an axis: where a value stands, and which ticks it gets.

use super::text::{power_of_ten, scientific};

/// Maps values to 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Equal steps.
    Linear(f64, f64),
    /// Equal factors; both ends are positive.
    Log(f64, f64),
}

/// A value with its label.
pub type Tick = (f64, String);

impl Scale {
    /// A linear scale with a little room around the values, which are finite; none without values.
    pub fn linear(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (lo, hi) = range(values)?;
        let room = match hi - lo {
            0.0 if lo == 0.0 => 1.0,
            0.0 => lo.abs() * 0.1,
            width => width * 0.04,
        };
        Some(Self::Linear(lo - room, hi + room))
    }

    /// A linear scale from zero.
    pub fn from_zero(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (_, hi) = range(values)?;
        Some(Self::Linear(0.0, if hi > 0.0 { hi * 1.08 } else { 1.0 }))
    }

    /// A logarithmic scale with a little room around the positive ones of the values; none without such.
    pub fn log(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (lo, hi) = range(values.into_iter().filter(|&x| x > 0.0))?;
        let lo = lo.max(hi * 1e-12).max(f64::MIN_POSITIVE * 4.0);
        let room = (hi / lo).powf(0.04).max(1.3);
        Some(Self::Log(lo / room, (hi * room).min(f64::MAX)))
    }

    /// Where `x` stands between the ends, 0 to 1.
    pub fn at(self, x: f64) -> f64 {
        let share = match self {
            Self::Linear(lo, hi) => (x - lo) / (hi - lo),
            Self::Log(lo, hi) => (x / lo).ln() / (hi / lo).ln(),
        };
        if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        }
    }

    /// Both ends.
    pub fn ends(self) -> (f64, f64) {
        match self {
            Self::Linear(lo, hi) | Self::Log(lo, hi) => (lo, hi),
        }
    }

    /// About `wanted` ticks at round values.
    pub fn ticks(self, wanted: usize) -> Vec<Tick> {
        match self {
            Self::Linear(lo, hi) => linear_ticks(lo, hi, wanted),
            Self::Log(lo, hi) => log_ticks(lo, hi, wanted),
        }
    }
}

fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|x| x.is_finite())
        .fold(None, |range, x| match range {
            None => Some((x, x)),
            Some((lo, hi)) => Some((x.min(lo), x.max(hi))),
        })
}

fn linear_ticks(lo: f64, hi: f64, wanted: usize) -> Vec<Tick> {
    let raw = (hi - lo) / wanted.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|&step| step >= raw * 0.999)
        .unwrap_or(10.0 * power);
    let (first, last) = ((lo / step).ceil(), (hi / step).floor());
    if !step.is_normal() || !(last - first).is_finite() || last - first > 100.0 {
        return Vec::new();
    }
    (0..=(last - first) as i64)
        .map(|i| (first + i as f64) * step)
        .map(|x| (x, linear_label(x, step, lo.abs().max(hi.abs()))))
        .collect()
}

fn linear_label(x: f64, step: f64, largest: f64) -> String {
    if x.abs() < step * 1e-6 {
        return "0".into();
    }
    if !(1e-3..1e5).contains(&largest) {
        let digits = usize::from(largest / step >= 10.0);
        return scientific(x, digits);
    }
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    format!("{x:.decimals$}").replacen('-', "\u{2212}", 1)
}

fn log_ticks(lo: f64, hi: f64, wanted: usize) -> Vec<Tick> {
    let (first, last) = (lo.log10().ceil() as i32, hi.log10().floor() as i32);
    let decades = (last - first + 1).max(0) as usize;
    if decades >= 2 {
        let stride = decades.div_ceil(wanted.max(1)).max(1);
        return (first..=last)
            .step_by(stride)
            .map(|e| (10f64.powi(e), power_of_ten(e)))
            .collect();
    }
    let digits = |digits: &[u8]| -> Vec<Tick> {
        (first - 1..=last + 1)
            .flat_map(|exponent| {
                digits
                    .iter()
                    .map(move |&d| f64::from(d) * 10f64.powi(exponent))
            })
            .filter(|x| (lo..=hi).contains(x))
            .map(|x| (x, scientific(x, 0)))
            .collect()
    };
    let few = digits(&[1, 2, 5]);
    if few.len() > 2 {
        return few;
    }
    let more = digits(&[1, 2, 3, 4, 6, 8]);
    if more.len() > 1 {
        more
    } else {
        // Within a factor of two or so the scale is as good as linear.
        linear_ticks(lo, hi, 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks(5).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            labels(Scale::Linear(-1.0, 1.0)),
            ["\u{2212}1.0", "\u{2212}0.5", "0", "0.5", "1.0"]
        );
        assert_eq!(
            labels(Scale::Log(0.5e-3, 2.0)),
            [
                "10\u{207b}\u{b3}",
                "10\u{207b}\u{b2}",
                "10\u{207b}\u{b9}",
                "1"
            ]
        );
        assert_eq!(
            labels(Scale::Log(1.5e-2, 6e-2)),
            ["2e-2", "3e-2", "4e-2", "6e-2"]
        );
    }

    #[test]
    fn any_values_give_a_scale_or_none() {
        assert_eq!(Scale::linear([f64::NAN]), None);
        assert_eq!(Scale::log([0.0, -1.0]), None);
        for value in [0.0, 1.0, -3.5, 1e300, 5e-324, f64::MAX] {
            let scale = Scale::linear([value]).unwrap();
            assert!((0.0..=1.0).contains(&scale.at(value)), "{value}");
            assert!(scale.ticks(5).len() <= 101);
        }
        for value in [5e-324, 1e-300, 1.0, f64::MAX] {
            let scale = Scale::log([value]).unwrap();
            assert!((0.0..=1.0).contains(&scale.at(value)), "{value}");
            assert!(scale.ticks(5).len() <= 101);
        }
    }
}
