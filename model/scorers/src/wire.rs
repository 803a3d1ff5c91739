//! The wire format of protocol buffers, as far as calibration files need it: varints, 64 bits, lengths and 32 bits
//! (protobuf.dev/programming-guides/encoding).

use crate::Error;

/// The fields of a message, in their order.
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    /// Where `bytes` starts in the file.
    pub(crate) offset: usize,
}

/// A value of a message.
pub(crate) struct Field<'a> {
    kind: u64,
    number: u64,
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    fn fail<T>(&self, reason: &str) -> Result<T, Error> {
        Err(Error::Calibration {
            offset: self.offset,
            reason: reason.to_owned(),
        })
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Error> {
        if length > self.bytes.len() as u64 {
            return self
                .fail("the file ends within a value; it is truncated, or no calibration file");
        }
        let (taken, rest) = self.bytes.split_at(length as usize);
        self.bytes = rest;
        self.offset += taken.len();
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        self.fail("a number has more than 64 bits")
    }

    fn field(&mut self) -> Result<(u64, Field<'a>), Error> {
        let key = self.varint()?;
        let (mut number, offset) = (0, self.offset);
        let bytes = match key & 7 {
            0 => {
                number = self.varint()?;
                &[]
            }
            1 => self.take(8)?,
            2 => {
                let length = self.varint()?;
                self.take(length)?
            }
            5 => self.take(4)?,
            _ => {
                return self.fail(
                    "holds a value of an unknown type; expected DeepMind's calibration file",
                );
            }
        };
        Ok((
            key >> 3,
            Field {
                kind: key & 7,
                number,
                bytes,
                offset,
            },
        ))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.bytes = &[];
        }
        Some(field)
    }
}

impl<'a> Field<'a> {
    fn expect(&self, fits: bool, expected: &str) -> Result<(), Error> {
        if fits {
            return Ok(());
        }
        Err(Error::Calibration {
            offset: self.offset,
            reason: format!("expected {expected}"),
        })
    }

    pub(crate) fn message(&self) -> Result<Fields<'a>, Error> {
        self.expect(self.kind == 2, "a message")?;
        Ok(Fields::new(self.bytes, self.offset))
    }

    pub(crate) fn text(&self) -> Result<String, Error> {
        let text = std::str::from_utf8(self.bytes)
            .ok()
            .filter(|_| self.kind == 2);
        self.expect(text.is_some(), "a text")?;
        Ok(text.unwrap_or_default().to_owned())
    }

    pub(crate) fn number(&self) -> Result<u64, Error> {
        self.expect(self.kind == 0, "a number")?;
        Ok(self.number)
    }

    /// One number, or many in one field.
    pub(crate) fn floats(&self, into: &mut Vec<f32>) -> Result<(), Error> {
        self.expect(
            matches!(self.kind, 2 | 5) && self.bytes.len().is_multiple_of(4),
            "32-bit floats",
        )?;
        into.extend(
            self.bytes
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])),
        );
        Ok(())
    }
}
