//! Rounding to bfloat16, kept as float32.

/// `x` rounded to the nearest bfloat16, ties to even; NaN stays NaN.
#[inline(always)]
pub(crate) fn to_bfloat16(x: f32) -> f32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000;
    f32::from_bits(if x.is_nan() {
        bits | 0x0040_0000
    } else {
        rounded
    })
}

/// Rounds in place.
#[inline(always)]
pub(crate) fn round_all(values: &mut [f32]) {
    for x in values {
        *x = to_bfloat16(*x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_even_and_specials_stay() {
        // 1 + 2^-8 lies half way between 1 and 1 + 2^-7; 1 + 3 * 2^-8 half way to 1 + 2^-6.
        assert_eq!(to_bfloat16(1.0 + 0.5f32.powi(8)), 1.0);
        assert_eq!(to_bfloat16(1.0 + 3.0 * 0.5f32.powi(8)), 1.015_625);
        assert_eq!(to_bfloat16(-2.7), -2.703_125);
        assert_eq!(to_bfloat16(f32::MAX), f32::INFINITY);
        assert_eq!(to_bfloat16(f32::NEG_INFINITY), f32::NEG_INFINITY);
        assert_eq!(to_bfloat16(-0.0).to_bits(), (-0.0f32).to_bits());
        assert!(to_bfloat16(f32::NAN).is_nan());
        assert!(to_bfloat16(f32::from_bits(0x7f80_0001)).is_nan());
    }
}
