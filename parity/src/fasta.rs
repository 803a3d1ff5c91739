//! Sequences from FASTA: text, or text in gzip.

mod lines;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read as _};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use lines::Lines;

/// The most text that is read, packed or not: a thousand of the model's longest sequences.
const MAX_TEXT: u64 = 1 << 30;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The first word after `>`.
    pub name: String,
    /// Its letters, lines joined.
    pub letters: String,
}

/// A text that is no FASTA, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FastaError {
    /// Letters before the first `>`.
    #[error("line {0}: letters before the first header; a FASTA record begins with a line `>name`")]
    NoHeader(usize),
    /// Two records of one name.
    #[error("two records are named {0}")]
    Twice(String),
    /// A record without letters.
    #[error("record {0} has no letters")]
    Empty(String),
    /// No record.
    #[error("there is no record in it")]
    NoRecord,
    /// Bytes of another format.
    #[error("holds {0}; expected FASTA text, plain or in gzip")]
    NoText(&'static str),
    /// A byte that no text holds.
    #[error("byte {0} is no UTF-8; expected FASTA text, plain or in gzip")]
    Encoding(u64),
    /// More than any set of sequences for the model.
    #[error("more than {MAX_TEXT} bytes of text; give the sequences to run, not a genome")]
    TooLong,
    /// The file.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// What is packed in it.
    #[error("gzip: {0}")]
    Unpack(io::Error),
}

/// A file that cannot be read, or that is no FASTA.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: FastaError,
}

/// Reads all records of a file, which may be packed by gzip or bgzip.
///
/// # Errors
/// Where it cannot be read or is no FASTA.
pub fn read(path: &Path) -> Result<Vec<Record>, FileError> {
    records(path)?.collect()
}

/// The records of such a file, of which one at a time is in memory.
///
/// # Errors
/// Where it cannot be read or holds another format.
pub fn records(path: &Path) -> Result<impl Iterator<Item = Result<Record, FileError>>, FileError> {
    let named = move |source| FileError {
        path: path.into(),
        source,
    };
    let records = open(path).map_err(named)?;
    Ok(records.map(move |record| record.map_err(named)))
}

fn open(path: &Path) -> Result<Records<Box<dyn BufRead>>, FastaError> {
    let mut file = BufReader::new(File::open(path)?);
    let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    match packed {
        true => {
            let text = BufReader::new(MultiGzDecoder::new(file));
            Records::new(Box::new(text), FastaError::Unpack)
        }
        false => Records::new(Box::new(file), FastaError::Read),
    }
}

/// The records of a text.
struct Records<R> {
    lines: Lines<Chain<Cursor<Vec<u8>>, R>>,
    names: BTreeSet<String>,
    /// The name of the next one, whose header ended the one before.
    next: Option<String>,
}

impl<R: BufRead> Records<R> {
    /// `failed` says that the text cannot be read.
    fn new(mut text: R, failed: fn(io::Error) -> FastaError) -> Result<Self, FastaError> {
        let mut start = Vec::new();
        let read = text.by_ref().take(6).read_to_end(&mut start);
        read.map_err(failed)?;
        Ok(Self {
            lines: Lines::new(Cursor::new(plain(start)?).chain(text), failed),
            names: BTreeSet::new(),
            next: None,
        })
    }

    fn record(&mut self) -> Result<Option<Record>, FastaError> {
        let mut letters = String::new();
        let name = loop {
            let Some(line) = self.lines.next()? else {
                break self.next.take();
            };
            if let Some(header) = line.strip_prefix('>') {
                let name = header.split_whitespace().next().unwrap_or("unnamed");
                if !self.names.insert(name.to_owned()) {
                    return Err(FastaError::Twice(name.to_owned()));
                }
                if let Some(before) = self.next.replace(name.to_owned()) {
                    break Some(before);
                }
            } else if !line.is_empty() && !line.starts_with(';') {
                if self.next.is_none() {
                    return Err(FastaError::NoHeader(self.lines.number()));
                }
                letters.push_str(line);
            }
        };
        match name {
            Some(name) if letters.is_empty() => Err(FastaError::Empty(name)),
            Some(name) => Ok(Some(Record { name, letters })),
            None if self.names.is_empty() => Err(FastaError::NoRecord),
            None => Ok(None),
        }
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Record, FastaError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.record().transpose()
    }
}

/// The first bytes of a text, without a byte order mark.
fn plain(start: Vec<u8>) -> Result<Vec<u8>, FastaError> {
    const OTHERS: [(&[u8], &str); 6] = [
        (&[0xff, 0xfe], "UTF-16 text"),
        (&[0xfe, 0xff], "UTF-16 text"),
        (b"BZh", "bzip2 data"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz data"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd data"),
        (b"PK\x03\x04", "a zip archive"),
    ];
    if let Some((_, name)) = OTHERS.iter().find(|(bytes, _)| start.starts_with(bytes)) {
        return Err(FastaError::NoText(name));
    }
    match start.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => Ok(rest.to_vec()),
        None => Ok(start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Record>, String> {
        let records = Records::new(text.as_bytes(), FastaError::Read).and_then(Iterator::collect);
        records.map_err(|error: FastaError| error.to_string())
    }

    #[test]
    fn records_join_their_lines() {
        let records = parse(">a first\nACgt\n\nNN\r\n>b\nT\n").unwrap();
        assert_eq!(records[0].name, "a");
        assert_eq!(records[0].letters, "ACgtNN");
        assert_eq!(records[1].letters, "T");
    }

    fn read_bytes(bytes: &[u8]) -> Result<Vec<Record>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn files_of_every_system_hold_the_same_records() {
        const PLAIN: &[u8] = b">a first\nACgt\nNN\n>b\nT\n";
        let plain = read_bytes(PLAIN).unwrap();
        assert_eq!((plain[0].letters.as_str(), plain.len()), ("ACgtNN", 2));
        let gzip = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            std::io::Write::write_all(&mut encoder, bytes).unwrap();
            encoder.finish().unwrap()
        };
        // bgzip writes one member after another; the last is empty.
        let members = [gzip(&PLAIN[..7]), gzip(&PLAIN[7..]), gzip(b"")].concat();
        let swapped = |end: &str| {
            String::from_utf8_lossy(PLAIN)
                .replace('\n', end)
                .into_bytes()
        };
        for bytes in [
            [b"\xef\xbb\xbf", PLAIN].concat(),
            swapped("\r"),
            swapped("\r\n"),
            gzip(PLAIN),
            gzip(&[b"\xef\xbb\xbf".as_slice(), &swapped("\r")].concat()),
            members.clone(),
        ] {
            assert_eq!(read_bytes(&bytes).unwrap(), plain, "{bytes:?}");
        }
        let cut = read_bytes(&members[..members.len() - 30]).unwrap_err();
        assert!(cut.contains("gzip: "), "{cut}");
    }

    #[test]
    fn other_formats_are_named() {
        for (bytes, expected) in [
            (
                b"\xff\xfe>\0a\0".as_slice(),
                "holds UTF-16 text; expected FASTA",
            ),
            (b"BZh91AY", "holds bzip2 data"),
            (b">a\nAC\xe9", "byte 5 is no UTF-8"),
        ] {
            let error = read_bytes(bytes).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_no_fasta_is_refused() {
        for (text, expected) in [
            ("ACGT", "line 1: letters before the first header"),
            ("\r\n\r\n \nA", "line 4: letters before"),
            ("\r\rA", "line 3: letters before"),
            (">a\nA\n>a\nC", "two records are named a"),
            (">a\n>b\nC", "record a has no letters"),
            (">a\nC\n>b", "record b has no letters"),
            ("\n", "there is no record in it"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_record_is_given_before_those_behind_it_are_read() {
        let text = b">a\nAC\n>b\nG\n\xff\n".as_slice();
        let mut records = Records::new(text, FastaError::Read).unwrap();
        assert_eq!(records.next().unwrap().unwrap().letters, "AC");
        let error = records.next().unwrap().unwrap_err();
        assert!(matches!(error, FastaError::Encoding(11)), "{error}");
    }
}
