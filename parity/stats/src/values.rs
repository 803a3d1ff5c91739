//! A view of a slice of numbers of any type that recordings hold.

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use serde::{Deserialize, Serialize};

/// A borrowed, flat array of numbers. Every statistic reads it as float64, which holds each of
/// these types exactly.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// IEEE 754 binary32.
    F32(&'a [f32]),
    /// IEEE 754 binary64.
    F64(&'a [f64]),
    /// IEEE 754 binary16.
    F16(&'a [f16]),
    /// bfloat16 as its bits: the upper half of a binary32.
    Bf16(&'a [u16]),
    /// Signed 32-bit integers.
    I32(&'a [i32]),
    /// Booleans, read as 0 and 1.
    Bool(&'a [bool]),
}

/// A floating-point type in which a model computes, for distances in units in the last place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloatType {
    /// IEEE 754 binary32.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE 754 binary16.
    F16,
}

impl<'a> Values<'a> {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::Bf16(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::Bool(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that one element takes.
    #[must_use]
    pub fn element_size(&self) -> usize {
        match self {
            Self::F32(_) | Self::I32(_) => 4,
            Self::F64(_) => 8,
            Self::F16(_) | Self::Bf16(_) => 2,
            Self::Bool(_) => 1,
        }
    }

    /// The type in which distances in units in the last place are natural: the type itself for the
    /// three floating-point types of [`FloatType`], binary32 for the rest.
    #[must_use]
    pub fn float_type(&self) -> FloatType {
        match self {
            Self::F16(_) => FloatType::F16,
            Self::Bf16(_) => FloatType::Bf16,
            _ => FloatType::F32,
        }
    }

    /// The element at `index` as float64, or `None` past the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f64> {
        match self {
            Self::F32(v) => v.get(index).map(|&x| f64::from(x)),
            Self::F64(v) => v.get(index).copied(),
            Self::F16(v) => v.get(index).map(|x| x.to_f64()),
            Self::Bf16(v) => v.get(index).map(|&x| bf16_bits(x)),
            Self::I32(v) => v.get(index).map(|&x| f64::from(x)),
            Self::Bool(v) => v.get(index).map(|&x| f64::from(u8::from(x))),
        }
    }

    /// The elements of `range`; a range past the end is cut to the elements there are.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Values<'a> {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        match *self {
            Self::F32(v) => Values::F32(&v[range]),
            Self::F64(v) => Values::F64(&v[range]),
            Self::F16(v) => Values::F16(&v[range]),
            Self::Bf16(v) => Values::Bf16(&v[range]),
            Self::I32(v) => Values::I32(&v[range]),
            Self::Bool(v) => Values::Bool(&v[range]),
        }
    }

    /// Copies the elements from `start` on into `out`, as float64, as many as `out` holds.
    /// The caller has checked that there are that many.
    #[inline(always)]
    pub(crate) fn read(&self, start: usize, out: &mut [f64]) {
        let range = start..start + out.len();
        match self {
            Self::F32(v) => convert(&v[range], out, f64::from),
            Self::F64(v) => out.copy_from_slice(&v[range]),
            Self::F16(v) => {
                let mut part = [0f32; 256];
                for (from, to) in v[range].chunks(256).zip(out.chunks_mut(256)) {
                    from.convert_to_f32_slice(&mut part[..from.len()]);
                    convert(&part[..from.len()], to, f64::from);
                }
            }
            Self::Bf16(v) => convert(&v[range], out, bf16_bits),
            Self::I32(v) => convert(&v[range], out, f64::from),
            Self::Bool(v) => convert(&v[range], out, |x| f64::from(u8::from(x))),
        }
    }

    /// All elements as float64.
    #[must_use]
    pub fn to_f64(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.len()];
        self.read(0, &mut out);
        out
    }
}

#[inline(always)]
fn bf16_bits(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

#[inline(always)]
fn convert<T: Copy>(from: &[T], to: &mut [f64], f: impl Fn(T) -> f64) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = f(from);
    }
}

/// Two arrays of different lengths cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the reference has {reference} values and the candidate {candidate}: compare arrays of one shape"
)]
pub struct LengthMismatch {
    /// Number of values of the reference.
    pub reference: usize,
    /// Number of values of the candidate.
    pub candidate: usize,
}

/// The common length of two arrays.
///
/// # Errors
/// [`LengthMismatch`] where they differ.
pub fn same_length(reference: Values<'_>, candidate: Values<'_>) -> Result<usize, LengthMismatch> {
    if reference.len() == candidate.len() {
        Ok(reference.len())
    } else {
        Err(LengthMismatch {
            reference: reference.len(),
            candidate: candidate.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_as_float64() {
        let halves = [f16::from_f32(1.5), f16::NEG_INFINITY];
        assert_eq!(Values::F16(&halves).to_f64(), [1.5, f64::NEG_INFINITY]);
        assert_eq!(Values::Bf16(&[0x3f80, 0xc000]).to_f64(), [1.0, -2.0]);
        assert_eq!(Values::I32(&[-3, 7]).to_f64(), [-3.0, 7.0]);
        assert_eq!(Values::Bool(&[true, false]).to_f64(), [1.0, 0.0]);
        assert_eq!(Values::F32(&[0.1]).to_f64(), [f64::from(0.1f32)]);
        for values in [Values::F16(&halves), Values::Bf16(&[0x3f80, 0xc000])] {
            assert_eq!(values.get(1), values.to_f64().get(1).copied());
            assert_eq!(values.get(2), None);
            assert_eq!(values.slice(1..9).len(), 1);
            assert_eq!(values.slice(5..9).len(), 0);
        }
    }

    #[test]
    fn long_half_arrays_read_across_parts() {
        let halves: Vec<f16> = (0..1000).map(|i| f16::from_f32(i as f32)).collect();
        let read = Values::F16(&halves).to_f64();
        assert!(read.iter().enumerate().all(|(i, &x)| x == i as f64));
    }
}
