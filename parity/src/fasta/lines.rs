//! Lines, one at a time. They may end as on any system: line feed, carriage return, or both.

use std::io::{self, BufRead};

use super::{FastaError, MAX_TEXT};

/// The lines of a text.
pub(super) struct Lines<R> {
    text: R,
    failed: fn(io::Error) -> FastaError,
    line: Vec<u8>,
    number: usize,
    /// Bytes so far.
    read: u64,
    /// What ended the last one.
    end: Option<u8>,
}

impl<R: BufRead> Lines<R> {
    /// `failed` says that the text cannot be read.
    pub(super) fn new(text: R, failed: fn(io::Error) -> FastaError) -> Self {
        Self {
            text,
            failed,
            line: Vec::new(),
            number: 0,
            read: 0,
            end: None,
        }
    }

    /// The number of the last one, from 1 on.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The next one, without its end and the space around it.
    pub(super) fn next(&mut self) -> Result<Option<&str>, FastaError> {
        self.line.clear();
        let begin = self.read;
        let end = loop {
            let bytes = self.text.fill_buf().map_err(self.failed)?;
            let found = bytes.iter().position(|byte| b"\r\n".contains(byte));
            let count = found.unwrap_or(bytes.len());
            self.line.extend_from_slice(&bytes[..count]);
            let (end, is_last) = (found.map(|at| bytes[at]), bytes.is_empty());
            let count = count + usize::from(end.is_some());
            self.text.consume(count);
            self.read += count as u64;
            if self.read > MAX_TEXT {
                return Err(FastaError::TooLong);
            }
            if end.is_some() || is_last {
                break end;
            }
        };
        if end.is_none() && self.line.is_empty() {
            return Ok(None);
        }
        // A line feed behind a carriage return ends the same line, and none between them.
        let is_rest = self.line.is_empty() && (self.end, end) == (Some(b'\r'), Some(b'\n'));
        self.number += usize::from(!is_rest);
        self.end = end;
        let text = std::str::from_utf8(&self.line);
        let text =
            text.map_err(|error| FastaError::Encoding(begin + error.valid_up_to() as u64))?;
        Ok(Some(text.trim()))
    }
}
