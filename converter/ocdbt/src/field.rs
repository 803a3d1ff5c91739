use thiserror::Error;

/// Why a field of a body cannot be read. Offsets count from the start of the (decompressed) body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FieldError {
    /// The body ends inside a field.
    #[error("body offset {offset}: {field} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The field's name in the format's description.
        field: &'static str,
        /// Where the field starts.
        offset: usize,
        /// How many bytes it takes.
        needed: u64,
        /// How many bytes there are.
        left: usize,
    },
    /// A variable-length integer does not fit its type.
    #[error("body offset {offset}: {field} must be an integer of at most {bits} bits")]
    TooWide {
        /// The field's name in the format's description.
        field: &'static str,
        /// Where the field starts.
        offset: usize,
        /// The width of its type.
        bits: u32,
    },
    /// An array has more elements than there are bytes left.
    #[error("body offset {offset}: {count} times {field} cannot stand in the {left} bytes left")]
    TooMany {
        /// The field's name in the format's description.
        field: &'static str,
        /// Where the array starts.
        offset: usize,
        /// How many elements it should have.
        count: u64,
        /// How many bytes there are.
        left: usize,
    },
    /// Bytes are left after the last field.
    #[error("body offset {offset}: {left} bytes are left after the last field, expected none")]
    Trailing {
        /// Where the body should have ended.
        offset: usize,
        /// How many bytes are left.
        left: usize,
    },
}

/// Reads the fields of a body in order. Nothing is allocated for a count before that many bytes are known to be there.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.offset
    }

    pub(crate) fn bytes(
        &mut self,
        field: &'static str,
        count: u64,
    ) -> Result<&'a [u8], FieldError> {
        let left = self.left();
        if count > left as u64 {
            return Err(FieldError::Truncated {
                field,
                offset: self.offset,
                needed: count,
                left,
            });
        }
        let start = self.offset;
        self.offset += count as usize;
        Ok(&self.bytes[start..self.offset])
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], FieldError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(field, N as u64)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, FieldError> {
        Ok(self.array::<1>(field)?[0])
    }

    pub(crate) fn uuid(&mut self, field: &'static str) -> Result<[u8; 16], FieldError> {
        self.array(field)
    }

    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32, FieldError> {
        Ok(i32::from_le_bytes(self.array(field)?))
    }

    fn u64(&mut self, field: &'static str) -> Result<u64, FieldError> {
        Ok(u64::from_le_bytes(self.array(field)?))
    }

    /// Reads an unsigned LEB128 integer of at most `bits` bits.
    pub(crate) fn varint(&mut self, field: &'static str, bits: u32) -> Result<u64, FieldError> {
        let offset = self.offset;
        let mut value = 0u64;
        for shift in (0..bits).step_by(7) {
            let byte = self.u8(field)?;
            let part = u64::from(byte & 0x7f);
            if shift + 7 > bits && part >> (bits - shift) != 0 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(FieldError::TooWide {
            field,
            offset,
            bits,
        })
    }

    /// Reads an array's length, and checks that so many elements of at least `element_bytes` bytes can follow.
    pub(crate) fn count(
        &mut self,
        field: &'static str,
        element_bytes: u64,
    ) -> Result<usize, FieldError> {
        let offset = self.offset;
        let count = self.varint(field, 64)?;
        let left = self.left();
        match count.checked_mul(element_bytes) {
            Some(needed) if needed <= left as u64 => Ok(count as usize),
            _ => Err(FieldError::TooMany {
                field,
                offset,
                count,
                left,
            }),
        }
    }

    pub(crate) fn varints(
        &mut self,
        field: &'static str,
        bits: u32,
        count: usize,
    ) -> Result<Vec<u64>, FieldError> {
        self.fits(field, count, 1)?;
        (0..count).map(|_| self.varint(field, bits)).collect()
    }

    pub(crate) fn u64s(
        &mut self,
        field: &'static str,
        count: usize,
    ) -> Result<Vec<u64>, FieldError> {
        self.fits(field, count, 8)?;
        (0..count).map(|_| self.u64(field)).collect()
    }

    fn fits(
        &self,
        field: &'static str,
        count: usize,
        element_bytes: usize,
    ) -> Result<(), FieldError> {
        let left = self.left();
        if count > left / element_bytes {
            return Err(FieldError::TooMany {
                field,
                offset: self.offset,
                count: count as u64,
                left,
            });
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), FieldError> {
        match self.left() {
            0 => Ok(()),
            left => Err(FieldError::Trailing {
                offset: self.offset,
                left,
            }),
        }
    }
}
