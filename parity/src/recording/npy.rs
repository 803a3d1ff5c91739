//! Values out of a `.npy` stream: npyz reads the header, this reads the data in blocks.

use std::io::Read;

use half::f16;
use npyz::{DType as NpyType, NpyFile, Order};

use super::{DType, Values};

/// Bytes decoded at a time.
const BLOCK: usize = 1 << 20;

/// An opened array: its stored shape and type, and the data still to come.
pub struct NpyStream<R: Read> {
    shape: Vec<usize>,
    dtype: DType,
    fortran: bool,
    left: usize,
    data: R,
    bytes: Vec<u8>,
}

impl<R: Read> NpyStream<R> {
    /// Checks the header against the types that may stand there; a `bfloat16` is stored as `uint16`, or as NumPy writes the
    /// arrays of ml_dtypes and JAX.
    ///
    /// # Errors
    /// In words, where the stored type is another one or the byte order is big-endian.
    pub fn new(file: NpyFile<R>, expected: &[DType]) -> Result<Self, String> {
        let descr = match file.dtype() {
            NpyType::Plain(descr) => descr.to_string(),
            other => {
                return Err(format!(
                    "holds records ({}); expected plain numbers",
                    other.descr()
                ));
            }
        };
        if descr.starts_with('>') {
            return Err(format!(
                "is stored big-endian ({descr}); write it little-endian"
            ));
        }
        let dtype = expected
            .iter()
            .copied()
            .find(|&dtype| {
                numpy_type(dtype) == descr || (dtype == DType::Bfloat16 && descr == UNNAMED_BF16)
            })
            .ok_or_else(|| wrong_type(&descr, expected))?;
        let shape = file
            .shape()
            .iter()
            .map(|&d| usize::try_from(d).map_err(|_| format!("axis of length {d} is too large")))
            .collect::<Result<Vec<_>, _>>()?;
        let left = shape
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d))
            .ok_or("its shape is too large")?;
        let fortran =
            file.order() == Order::Fortran && shape.iter().filter(|&&d| d > 1).count() > 1;
        Ok(Self {
            shape,
            dtype,
            fortran,
            left,
            data: file.into_inner(),
            bytes: Vec::new(),
        })
    }

    /// The stored shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// True where the values come column-major, so that blocks are no ranges of the row-major array.
    pub fn is_fortran(&self) -> bool {
        self.fortran
    }

    /// The next values, at most `limit` of them; `None` after the last.
    ///
    /// # Errors
    /// Where the file ends early or its checksum is wrong.
    pub fn next_block(&mut self, limit: usize) -> std::io::Result<Option<Values>> {
        if self.left == 0 {
            // Reading to the end is what makes the archive check its checksum.
            std::io::copy(&mut self.data, &mut std::io::sink())?;
            return Ok(None);
        }
        let n = self.left.min(limit.max(1));
        self.bytes.resize(n * self.dtype.size(), 0);
        self.data.read_exact(&mut self.bytes)?;
        self.left -= n;
        decode(&self.bytes, self.dtype).map(Some)
    }

    /// All values, row-major.
    ///
    /// # Errors
    /// As [`Self::next_block`].
    pub fn read_all(mut self) -> std::io::Result<Values> {
        let per_block = BLOCK / self.dtype.size();
        let mut all = decode(&[], self.dtype)?;
        while let Some(block) = self.next_block(per_block)? {
            append(&mut all, block);
        }
        Ok(if self.fortran {
            all.gather(&row_major_places(&self.shape))
        } else {
            all
        })
    }
}

/// What NumPy writes for a bfloat16, whose name it does not know: two bytes of anything.
const UNNAMED_BF16: &str = "<V2";

/// Says what stands there instead of the `expected` types.
fn wrong_type(descr: &str, expected: &[DType]) -> String {
    let stored = expected
        .iter()
        .map(|&dtype| format!("{dtype} ({})", numpy_type(dtype)))
        .collect::<Vec<_>>()
        .join(" or ");
    let hint = match descr.contains('V') {
        false => "",
        true if descr == UNNAMED_BF16 => {
            ", which is how NumPy writes bfloat16: let the manifest say bfloat16 for it, or store x.astype(numpy.float32)"
        }
        true => {
            ", bytes without a type, as NumPy writes types that are not its own: store x.astype(numpy.float32)"
        }
    };
    format!("has numpy type {descr}{hint}; expected {stored}")
}

/// Where each row-major element of `shape` stands in column-major order.
fn row_major_places(shape: &[usize]) -> Vec<usize> {
    let total: usize = shape.iter().product();
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut index = vec![0; shape.len()];
    let mut places = Vec::with_capacity(total);
    for _ in 0..total {
        places.push(index.iter().zip(&strides).map(|(i, s)| i * s).sum());
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    places
}

/// How numpy names the type that values of `dtype` are stored in.
pub(super) fn numpy_type(dtype: DType) -> &'static str {
    match dtype {
        DType::Float64 => "<f8",
        DType::Float32 => "<f4",
        DType::Float16 => "<f2",
        DType::Bfloat16 => "<u2",
        DType::Int32 => "<i4",
        DType::Int64 => "<i8",
        DType::Uint8 => "|u1",
        DType::Bool => "|b1",
    }
}

fn decode(bytes: &[u8], dtype: DType) -> std::io::Result<Values> {
    fn cells<const N: usize, T>(bytes: &[u8], make: impl Fn([u8; N]) -> T) -> Vec<T> {
        let (cells, _) = bytes.as_chunks::<N>();
        cells.iter().map(|&cell| make(cell)).collect()
    }
    Ok(match dtype {
        DType::Float64 => Values::F64(cells(bytes, f64::from_le_bytes)),
        DType::Float32 => Values::F32(cells(bytes, f32::from_le_bytes)),
        DType::Float16 => Values::F16(cells(bytes, f16::from_le_bytes)),
        DType::Bfloat16 => Values::Bf16(cells(bytes, u16::from_le_bytes)),
        DType::Int32 => Values::I32(cells(bytes, i32::from_le_bytes)),
        DType::Int64 => {
            let wide = cells(bytes, i64::from_le_bytes);
            let narrow = wide.into_iter().map(|x| {
                i32::try_from(x)
                    .map_err(|_| std::io::Error::other(format!("holds {x}, beyond 32 bits")))
            });
            Values::I32(narrow.collect::<Result<_, _>>()?)
        }
        DType::Uint8 => Values::I32(bytes.iter().map(|&b| i32::from(b)).collect()),
        DType::Bool => Values::Bool(bytes.iter().map(|&b| b != 0).collect()),
    })
}

/// Appends a block of the same type.
fn append(all: &mut Values, block: Values) {
    match (all, block) {
        (Values::F64(a), Values::F64(b)) => a.extend(b),
        (Values::F32(a), Values::F32(b)) => a.extend(b),
        (Values::F16(a), Values::F16(b)) => a.extend(b),
        (Values::Bf16(a), Values::Bf16(b)) => a.extend(b),
        (Values::I32(a), Values::I32(b)) => a.extend(b),
        (Values::Bool(a), Values::Bool(b)) => a.extend(b),
        _ => unreachable!("blocks of one array have one type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An array of two cells, as NumPy writes it.
    fn opened(descr: &str, expected: DType) -> Result<Values, String> {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}");
        header.extend(std::iter::repeat_n(' ', 117 - header.len()));
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([0x80, 0x3f, 0x00, 0xc0]);
        let file = NpyFile::new(bytes.as_slice()).map_err(|e| e.to_string())?;
        let stream = NpyStream::new(file, &[expected])?;
        stream.read_all().map_err(|e| e.to_string())
    }

    #[test]
    fn bfloat16_is_read_as_numpy_writes_it() {
        let values = Values::Bf16(vec![0x3f80, 0xc000]);
        assert_eq!(opened("<V2", DType::Bfloat16), Ok(values.clone()));
        assert_eq!(opened("<u2", DType::Bfloat16), Ok(values));
    }

    #[test]
    fn types_that_numpy_has_no_name_for_are_explained() {
        let error = opened("<V2", DType::Float32).unwrap_err();
        assert_eq!(
            error,
            "has numpy type <V2, which is how NumPy writes bfloat16: let the manifest say bfloat16 for it, or store \
             x.astype(numpy.float32); expected float32 (<f4)"
        );
        let error = opened("|V1", DType::Float32).unwrap_err();
        assert!(error.contains("|V1, bytes without a type"), "{error}");
    }
}
