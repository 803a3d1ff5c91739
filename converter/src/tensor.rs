//! Element types and tensors as plain little-endian bytes.

use std::fmt;

/// An element type, as safetensors knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 32 bits.
    I32,
    /// Unsigned, 32 bits.
    U32,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 64 bits.
    U64,
    /// IEEE half precision.
    F16,
    /// The upper half of a float32.
    Bf16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
}

/// Every element type with its size in bytes, its name in numpy and its name in safetensors.
const TABLE: [(Dtype, usize, &str, &str); 13] = [
    (Dtype::Bool, 1, "bool", "BOOL"),
    (Dtype::I8, 1, "int8", "I8"),
    (Dtype::U8, 1, "uint8", "U8"),
    (Dtype::I16, 2, "int16", "I16"),
    (Dtype::U16, 2, "uint16", "U16"),
    (Dtype::I32, 4, "int32", "I32"),
    (Dtype::U32, 4, "uint32", "U32"),
    (Dtype::I64, 8, "int64", "I64"),
    (Dtype::U64, 8, "uint64", "U64"),
    (Dtype::F16, 2, "float16", "F16"),
    (Dtype::Bf16, 2, "bfloat16", "BF16"),
    (Dtype::F32, 4, "float32", "F32"),
    (Dtype::F64, 8, "float64", "F64"),
];

impl Dtype {
    fn row(self) -> &'static (Dtype, usize, &'static str, &'static str) {
        // The table lists the variants in the order of their declaration; a test holds it to that.
        &TABLE[self as usize]
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        self.row().1
    }

    /// Numpy's name: `float32`.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Safetensors' name: `F32`.
    pub fn safetensors_name(self) -> &'static str {
        self.row().3
    }

    /// Reads numpy's or safetensors' name; `f32` and `bf16` do too.
    pub fn by_name(name: &str) -> Option<Dtype> {
        let lower = name.to_ascii_lowercase();
        let found = TABLE
            .iter()
            .find(|row| row.2 == lower || row.3.to_ascii_lowercase() == lower);
        found.map(|row| row.0)
    }

    /// Whether it is a floating-point type: only those are cast by `--dtype`.
    pub fn is_float(self) -> bool {
        matches!(self, Dtype::F16 | Dtype::Bf16 | Dtype::F32 | Dtype::F64)
    }
}

impl From<orbax::DType> for Dtype {
    fn from(dtype: orbax::DType) -> Dtype {
        match dtype {
            orbax::DType::Bool => Dtype::Bool,
            orbax::DType::I8 => Dtype::I8,
            orbax::DType::U8 => Dtype::U8,
            orbax::DType::I16 => Dtype::I16,
            orbax::DType::U16 => Dtype::U16,
            orbax::DType::I32 => Dtype::I32,
            orbax::DType::U32 => Dtype::U32,
            orbax::DType::I64 => Dtype::I64,
            orbax::DType::U64 => Dtype::U64,
            orbax::DType::F16 => Dtype::F16,
            orbax::DType::BF16 => Dtype::Bf16,
            orbax::DType::F32 => Dtype::F32,
            orbax::DType::F64 => Dtype::F64,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A tensor's type without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Lengths of the axes, slowest first.
    pub shape: Vec<usize>,
    /// The elements' type.
    pub dtype: Dtype,
}

impl TensorType {
    /// Number of elements, or `None` past `usize`.
    pub fn checked_elements(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1usize, |product, &axis| product.checked_mul(axis))
    }

    /// Number of bytes, or `None` past `usize`.
    pub fn checked_bytes(&self) -> Option<usize> {
        self.checked_elements()?.checked_mul(self.dtype.size())
    }

    /// Number of bytes of a type whose size was checked before (a plan holds no other).
    pub fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.size()
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.dtype, Shape(&self.shape))
    }
}

/// Prints a shape as `[2, 1536]`.
pub struct Shape<'a>(pub &'a [usize]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0).finish()
    }
}

/// A tensor in row-major order, its elements little-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Shape and element type.
    pub kind: TensorType,
    /// The elements; `kind.bytes()` bytes.
    pub data: Vec<u8>,
}

impl Tensor {
    /// The elements as f64, exactly where the type allows (64-bit integers round).
    pub fn to_f64(&self) -> Vec<f64> {
        to_f64(self.kind.dtype, &self.data)
    }
}

/// Decodes elements to f64; 64-bit integers round, every other type is exact.
pub fn to_f64(dtype: Dtype, data: &[u8]) -> Vec<f64> {
    fn each<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        data.as_chunks::<N>()
            .0
            .iter()
            .map(|bytes| read(*bytes))
            .collect()
    }
    match dtype {
        Dtype::Bool | Dtype::U8 => data.iter().map(|&b| f64::from(b)).collect(),
        Dtype::I8 => each(data, |b| f64::from(i8::from_le_bytes(b))),
        Dtype::I16 => each(data, |b| f64::from(i16::from_le_bytes(b))),
        Dtype::U16 => each(data, |b| f64::from(u16::from_le_bytes(b))),
        Dtype::I32 => each(data, |b| f64::from(i32::from_le_bytes(b))),
        Dtype::U32 => each(data, |b| f64::from(u32::from_le_bytes(b))),
        Dtype::I64 => each(data, |b| i64::from_le_bytes(b) as f64),
        Dtype::U64 => each(data, |b| u64::from_le_bytes(b) as f64),
        Dtype::F16 => each(data, |b| half::f16::from_le_bytes(b).to_f64()),
        Dtype::Bf16 => each(data, |b| half::bf16::from_le_bytes(b).to_f64()),
        Dtype::F32 => each(data, |b| f64::from(f32::from_le_bytes(b))),
        Dtype::F64 => each(data, f64::from_le_bytes),
    }
}

/// Encodes f64 values: floats round to nearest even, once.
pub fn from_f64(dtype: Dtype, values: &[f64]) -> Vec<u8> {
    fn each<const N: usize>(values: &[f64], write: impl Fn(f64) -> [u8; N]) -> Vec<u8> {
        values.iter().flat_map(|&value| write(value)).collect()
    }
    match dtype {
        Dtype::Bool => each(values, |v| [u8::from(v != 0.0)]),
        Dtype::I8 => each(values, |v| (v as i8).to_le_bytes()),
        Dtype::U8 => each(values, |v| (v as u8).to_le_bytes()),
        Dtype::I16 => each(values, |v| (v as i16).to_le_bytes()),
        Dtype::U16 => each(values, |v| (v as u16).to_le_bytes()),
        Dtype::I32 => each(values, |v| (v as i32).to_le_bytes()),
        Dtype::U32 => each(values, |v| (v as u32).to_le_bytes()),
        Dtype::I64 => each(values, |v| (v as i64).to_le_bytes()),
        Dtype::U64 => each(values, |v| (v as u64).to_le_bytes()),
        Dtype::F16 => each(values, |v| half::f16::from_f32(to_odd(v)).to_le_bytes()),
        Dtype::Bf16 => each(values, |v| half::bf16::from_f32(to_odd(v)).to_le_bytes()),
        Dtype::F32 => each(values, |v| (v as f32).to_le_bytes()),
        Dtype::F64 => each(values, f64::to_le_bytes),
    }
}

/// Rounds to f32 so that a second rounding, to 16 bits, gives what one rounding would: an inexact result is the
/// neighbour towards zero with its last bit set (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums",
/// 2008).
fn to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) == value || value.is_nan() {
        return nearest;
    }
    let beyond = f64::from(nearest).abs() > value.abs();
    f32::from_bits((nearest.to_bits() - u32::from(beyond)) | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, at);
            assert_eq!(Dtype::by_name(row.2), Some(row.0));
            assert_eq!(Dtype::by_name(row.3), Some(row.0));
        }
    }

    #[test]
    fn sizes_past_usize_are_noticed() {
        let kind = TensorType {
            shape: vec![1 << 62, 2],
            dtype: Dtype::F32,
        };
        assert_eq!(kind.checked_elements(), Some(1 << 63));
        assert_eq!(kind.checked_bytes(), None);
        assert_eq!(
            TensorType {
                shape: vec![],
                dtype: Dtype::F32
            }
            .bytes(),
            4
        );
    }

    #[test]
    fn f64_rounds_to_bfloat16_once() {
        // Just above the middle between two bfloat16: f32 rounds onto the middle, which would then tie to even.
        let above_middle = 1.0 + f64::powi(2.0, -8) + f64::powi(2.0, -40);
        assert_eq!(
            from_f64(Dtype::Bf16, &[above_middle]),
            half::bf16::from_f32(1.0078125).to_le_bytes()
        );
        assert_eq!(
            from_f64(Dtype::Bf16, &[-above_middle]),
            half::bf16::from_f32(-1.0078125).to_le_bytes()
        );
        assert_eq!(
            from_f64(Dtype::Bf16, &[1.0 + f64::powi(2.0, -8)]),
            half::bf16::ONE.to_le_bytes()
        );
        assert_eq!(
            from_f64(Dtype::F16, &[1e300]),
            half::f16::INFINITY.to_le_bytes()
        );
        assert_eq!(from_f64(Dtype::F16, &[0.1]), [0x66, 0x2e]);
        assert!(to_f64(Dtype::Bf16, &from_f64(Dtype::Bf16, &[f64::NAN]))[0].is_nan());
    }
}
