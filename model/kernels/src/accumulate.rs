//! Sums and maxima of a row, in an order that depends on its length alone.

/// Partial results that are kept: two vectors of 512 bits.
const LANES: usize = 32;

/// The sum of `term(x)` over a row, in float32, with [`LANES`] partial sums.
#[inline(always)]
pub(crate) fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += term(x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += term(x);
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

/// The largest element of a row; NaN if there is one, minus infinity if the row is empty.
#[inline(always)]
pub(crate) fn maximum(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, x);
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, larger)
}

/// The larger of two numbers, NaN if either is.
#[inline(always)]
pub(crate) fn larger(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_and_maxima_of_any_length(row in prop::collection::vec(-10.0f32..10.0, 0..200)) {
            let exact: f64 = row.iter().map(|&x| x as f64).sum();
            let size: f64 = row.iter().map(|&x| x.abs() as f64).sum();
            prop_assert!((sum(&row, |x| x) as f64 - exact).abs() <= 1e-6 * size);
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(maximum(&row), largest);
        }
    }

    #[test]
    fn a_maximum_does_not_hide_nan() {
        for place in [0, 31, 32, 40] {
            let mut row = [1.0f32; 41];
            row[place] = f32::NAN;
            assert!(maximum(&row).is_nan());
        }
    }
}
