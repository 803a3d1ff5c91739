//! Lines of a plain or gzip-compressed file, with their numbers; and files that are kept beside others.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::Error;

/// The empty block that ends every BGZF file (SAM specification, 4.1.2).
const BGZF_END: [u8; 28] = [
    0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];

/// Lines of a text file. Gzip and BGZF are told by their first bytes, not by the name.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    number: u64,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io(path, "cannot be opened"))?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let head = file.fill_buf().map_err(Error::io(path, "cannot be read"))?;
        let compressed = head.starts_with(&[0x1f, 0x8b]);
        if compressed && head.get(12..14) == Some(b"BC") {
            check_end(path)?;
        }
        let reader: Box<dyn BufRead + Send> = if compressed {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
            number: 0,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the line that was read last, from one.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn fail(&self, reason: impl Into<String>) -> Error {
        Error::line(&self.path, self.number, reason)
    }

    /// Reads the next line into `line`, without its end. False at the end of the file.
    pub(crate) fn next(&mut self, line: &mut String) -> Result<bool, Error> {
        line.clear();
        let read = self
            .reader
            .read_line(line)
            .map_err(|source| match source.kind() {
                io::ErrorKind::UnexpectedEof => Error::Truncated {
                    path: self.path.clone(),
                    line: self.number,
                },
                io::ErrorKind::InvalidData => {
                    Error::line(&self.path, self.number + 1, "is not UTF-8 text")
                }
                _ => Error::Io {
                    path: self.path.clone(),
                    action: "cannot be read",
                    source,
                },
            })?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        while line.ends_with(['\n', '\r']) {
            line.pop();
        }
        Ok(true)
    }
}

/// The text of a file, plain or compressed with gzip or bgzip; every line ends with a line feed.
///
/// # Errors
/// Where it cannot be read, is truncated, or is no text.
pub fn read_text(path: &Path) -> Result<String, Error> {
    let mut lines = Lines::open(path)?;
    let (mut text, mut line) = (String::new(), String::new());
    while lines.next(&mut line)? {
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// Writes a file that saves work the next time, under its final name only when it is whole. A genome often lies where the user
/// may not write: then there is none.
pub(crate) fn keep(path: &Path, bytes: &[u8]) {
    let unfinished = path.with_added_extension(format!("{}.tmp", std::process::id()));
    if fs::write(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, path))
        .is_err()
    {
        let _ = fs::remove_file(&unfinished);
    }
}

/// Fails where a BGZF file lacks its last block: bgzip always writes it, so what was cut off may be whole blocks.
pub(crate) fn check_end(path: &Path) -> Result<(), Error> {
    use std::io::{Seek, SeekFrom};
    let read = || -> io::Result<bool> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut end = [0; BGZF_END.len()];
        file.seek(SeekFrom::Start(length.saturating_sub(end.len() as u64)))?;
        Ok(file.read_exact(&mut end).is_ok() && end == BGZF_END)
    };
    if read().map_err(Error::io(path, "cannot be read"))? {
        return Ok(());
    }
    Err(Error::content(
        path,
        "the BGZF data has no end-of-file block: the file is truncated; copy or compress it again",
    ))
}
