//! Arithmetic on arrays at the places that a recording kept.

#[cfg(feature = "burn")]
use std::collections::BTreeMap;

/// `||b - a|| / ||a||` over the places where both are finite; infinite where one alone is, or `a` is zero and `b` is not.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    let (mut difference, mut norm) = (0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        match (a.is_finite(), b.is_finite()) {
            (true, true) => {
                difference += (b - a) * (b - a);
                norm += a * a;
            }
            (false, false) => {}
            _ => return f64::INFINITY,
        }
    }
    match (difference, norm) {
        (0.0, _) => 0.0,
        (_, 0.0) => f64::INFINITY,
        _ => (difference / norm).sqrt(),
    }
}

#[cfg(feature = "burn")]
/// Flat places of a grid of kept indices in a whole array, in the order of the kept values.
pub(super) fn places(shape: &[usize], kept: &BTreeMap<usize, Vec<usize>>) -> Vec<usize> {
    let mut places = vec![0];
    for (axis, &length) in shape.iter().enumerate() {
        let whole: Vec<usize>;
        let indices = match kept.get(&axis) {
            Some(kept) => kept,
            None => {
                whole = (0..length).collect();
                &whole
            }
        };
        places = places
            .iter()
            .flat_map(|place| indices.iter().map(move |index| place * length + index))
            .collect();
    }
    places
}

#[cfg(feature = "burn")]
/// The values at places.
pub(super) fn gather(values: &[f32], places: &[usize]) -> Vec<f64> {
    places
        .iter()
        .map(|&place| f64::from(values[place]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "burn")]
    #[test]
    fn kept_indices_become_places() {
        let kept = BTreeMap::from([(1, vec![0, 2])]);
        assert_eq!(places(&[1, 3, 2], &kept), [0, 1, 4, 5]);
        assert_eq!(places(&[2, 2], &BTreeMap::new()), [0, 1, 2, 3]);
    }

    #[test]
    fn distances_know_what_is_not_finite() {
        assert_eq!(distance(&[3.0, 4.0], &[3.0, 9.0]), 1.0);
        assert_eq!(distance(&[1.0, f64::NAN], &[1.0, f64::NAN]), 0.0);
        assert_eq!(distance(&[1.0, f64::NAN], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(distance(&[0.0], &[1.0]), f64::INFINITY);
    }
}
