//! Shades for a heat map: nine classes of equal ratio.

use std::fmt::Write;

use super::text::{escape, scientific};

/// A scale of shades over positive values; zero takes the lightest.
#[derive(Clone, Copy)]
pub(super) struct Heat {
    low: f64,
    high: f64,
}

impl Heat {
    /// Number of shades.
    pub(super) const CLASSES: usize = 9;
    /// The style's names for them, lightest first.
    pub(super) const NAMES: [&str; Self::CLASSES] =
        ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8"];

    /// The shades for these values; none without values.
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let high = values.clone().filter(|x| x.is_finite()).fold(None, max)?;
        let positive = values.filter(|&x| x > 0.0 && x.is_finite());
        let low = positive.fold(high, f64::min);
        Some(Self {
            low: low.max(high * 1e-6),
            high,
        })
    }

    /// The shade of a value.
    pub(super) fn class(&self, x: f64) -> usize {
        if self.high <= self.low || x <= self.low {
            return if x >= self.high && self.high > 0.0 {
                Self::CLASSES / 2
            } else {
                0
            };
        }
        let share = (x / self.low).ln() / (self.high / self.low).ln();
        ((share * Self::CLASSES as f64) as usize).min(Self::CLASSES - 1)
    }

    /// The lowest value, as printed.
    pub(super) fn low(&self) -> String {
        scientific(self.low, 1)
    }

    /// The highest.
    pub(super) fn high(&self) -> String {
        scientific(self.high, 1)
    }

    /// The shades of a family of styles, with their range.
    pub(super) fn legend(&self, name: &str, family: &str) -> String {
        let mut out = format!(
            "<span>{} {} <svg class=\"ramp\" viewBox=\"0 0 90 10\" aria-hidden=\"true\">",
            escape(name),
            self.low()
        );
        for i in 0..Self::CLASSES {
            let x = i * 10;
            let _ = write!(out, "<path class=\"{family}{i}\" d=\"M{x} 0h10v10h-10z\"/>");
        }
        let _ = write!(out, "</svg> {}</span>", self.high());
        out
    }
}

fn max(so_far: Option<f64>, x: f64) -> Option<f64> {
    Some(so_far.map_or(x, |y| y.max(x)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_cover_the_range() {
        let heat = Heat::of([1e-3, 1e-2, 1.0].into_iter()).unwrap();
        assert_eq!(
            (heat.class(1e-3), heat.class(1.0), heat.class(0.0)),
            (0, 8, 0)
        );
        assert!(Heat::of([f64::NAN].into_iter()).is_none());
        let flat = Heat::of([0.0, 0.0].into_iter()).unwrap();
        assert_eq!(flat.class(0.0), 0);
        let one = Heat::of([0.5].into_iter()).unwrap();
        assert_eq!(one.class(0.5), 4);
    }
}
