use std::fmt;

/// The type of an array's elements. They are stored little-endian.
///
/// # Examples
///
/// ```
/// use orbax::DType;
///
/// assert_eq!(DType::BF16.size(), 2);
/// assert_eq!(DType::BF16.to_string(), "bfloat16");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// One byte, 0 or 1.
    Bool,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of a 32-bit float.
    BF16,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
}

/// Name (also zarr v3's), zarr v2's name, type.
const NAMES: [(&str, &str, DType); 13] = [
    ("bool", "|b1", DType::Bool),
    ("int8", "|i1", DType::I8),
    ("int16", "<i2", DType::I16),
    ("int32", "<i4", DType::I32),
    ("int64", "<i8", DType::I64),
    ("uint8", "|u1", DType::U8),
    ("uint16", "<u2", DType::U16),
    ("uint32", "<u4", DType::U32),
    ("uint64", "<u8", DType::U64),
    ("float16", "<f2", DType::F16),
    // TensorStore's own: NumPy has no name for it.
    ("bfloat16", "bfloat16", DType::BF16),
    ("float32", "<f4", DType::F32),
    ("float64", "<f8", DType::F64),
];

impl DType {
    /// Returns how many bytes an element takes.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::BF16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Returns the name that JAX and zarr v3 use.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(orbax::DType::F32.name(), "float32");
    /// ```
    pub fn name(self) -> &'static str {
        // The table has every type.
        NAMES
            .iter()
            .find(|names| names.2 == self)
            .map_or("", |names| names.0)
    }

    /// A single byte has no order, so that any letter may stand for it.
    pub(crate) fn from_v2(name: &str) -> Option<Self> {
        let single = name
            .strip_prefix(['<', '>'])
            .filter(|rest| matches!(*rest, "b1" | "i1" | "u1"));
        let single = single.map(|rest| format!("|{rest}"));
        let name = single.as_deref().unwrap_or(name);
        NAMES
            .iter()
            .find(|names| names.1 == name)
            .map(|names| names.2)
    }

    pub(crate) fn from_v3(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|names| names.0 == name)
            .map(|names| names.2)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
