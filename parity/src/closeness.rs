//! How near two arrays of the model are, without copies: for checks of the model against itself.

use std::borrow::Cow;

use model::Values;
use serde::Serialize;

/// How near two arrays are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Closeness {
    /// Values compared.
    pub values: u64,
    /// Values that are not the same number; NaN is the same as NaN.
    pub differing: u64,
    /// Places where one alone is finite.
    pub not_finite: u64,
    /// `a.b / (|a| |b|)`; 1 where nothing differs, nothing where one of them is zero throughout.
    pub cosine: Option<f64>,
    /// `|b - a| / |a|`; 0 where nothing differs, nothing where it is infinite.
    pub relative_l2: Option<f64>,
    /// The largest `|b - a|`.
    pub largest: f64,
}

impl Closeness {
    /// Compares `b` with `a`, value by value.
    pub fn of(pairs: impl Iterator<Item = (f32, f32)>) -> Self {
        let (mut values, mut differing, mut not_finite) = (0, 0, 0);
        let (mut of_a, mut of_b, mut both, mut apart, mut largest) = (0.0, 0.0, 0.0, 0.0, 0f64);
        for (a, b) in pairs {
            values += 1;
            differing += u64::from(a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()));
            if !(a.is_finite() && b.is_finite()) {
                not_finite += u64::from(a.is_finite() != b.is_finite() || a.is_nan() != b.is_nan());
                continue;
            }
            let (a, b) = (f64::from(a), f64::from(b));
            of_a += a * a;
            of_b += b * b;
            both += a * b;
            apart += (b - a) * (b - a);
            largest = largest.max((b - a).abs());
        }
        let equal = differing == 0;
        let norms = f64::sqrt(of_a) * f64::sqrt(of_b);
        let finite = |x: f64| x.is_finite().then_some(x);
        Self {
            values,
            differing,
            not_finite,
            cosine: if equal {
                Some(1.0)
            } else {
                finite(both / norms)
            },
            relative_l2: match (equal, not_finite) {
                (true, _) => Some(0.0),
                (false, 0) => finite(f64::sqrt(apart) / f64::sqrt(of_a)),
                _ => None,
            },
            largest,
        }
    }

    /// As far apart as can be: `values` that have nothing to be compared with.
    pub fn lost(values: u64) -> Self {
        Self {
            values,
            differing: values.max(1),
            not_finite: 0,
            cosine: None,
            relative_l2: None,
            largest: 0.0,
        }
    }

    /// Whether every value is the same.
    pub fn equal(&self) -> bool {
        self.differing == 0
    }

    /// The relative L2 distance, infinite where it has none.
    pub fn distance(&self) -> f64 {
        self.relative_l2.unwrap_or(f64::INFINITY)
    }
}

/// Values `from..from + count` as float32, copied only where they are of another type.
pub fn floats(values: &Values, from: usize, count: usize) -> Cow<'_, [f32]> {
    let range = from..from + count;
    match values {
        Values::F32(values) => Cow::Borrowed(&values[range]),
        Values::F16(values) => Cow::Owned(values[range].iter().map(|x| x.to_f32()).collect()),
        Values::Bf16(values) => Cow::Owned(values[range].iter().map(|x| x.to_f32()).collect()),
        Values::I32(values) => Cow::Owned(values[range].iter().map(|&x| x as f32).collect()),
        Values::Bool(values) => Cow::Owned(values[range].iter().map(|&x| f32::from(x)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(a: &[f32], b: &[f32]) -> Closeness {
        Closeness::of(a.iter().copied().zip(b.iter().copied()))
    }

    #[test]
    fn distances_and_angles() {
        let found = of(&[3.0, 4.0], &[3.0, 9.0]);
        assert_eq!((found.values, found.differing), (2, 1));
        assert_eq!((found.relative_l2, found.largest), (Some(1.0), 5.0));
        assert!((found.cosine.unwrap() - 45.0 / (5.0 * 90f64.sqrt())).abs() < 1e-15);
    }

    #[test]
    fn what_is_not_finite_counts_apart() {
        let nan = f32::NAN;
        let same = of(&[1.0, nan, f32::INFINITY], &[1.0, nan, f32::INFINITY]);
        assert!(same.equal() && same.relative_l2 == Some(0.0) && same.cosine == Some(1.0));
        let other = of(&[1.0, nan], &[1.0, 2.0]);
        assert_eq!((other.not_finite, other.relative_l2), (1, None));
        assert_eq!(other.distance(), f64::INFINITY);
        let signs = of(&[0.0], &[-0.0]);
        assert!(!signs.equal() && signs.cosine.is_none());
    }
}
