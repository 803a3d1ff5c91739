//! Sequences from FASTA: text, or text in gzip.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

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

/// A text that is no FASTA.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
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
    Encoding(usize),
    /// More than any set of sequences for the model.
    #[error("more than {MAX_TEXT} bytes of text; give the sequences to run, not a genome")]
    TooLong,
}

/// A file that cannot be read, or that is no FASTA.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Reads all records of a file, which may be packed by gzip or bgzip.
///
/// # Errors
/// Where it cannot be read or is no FASTA.
pub fn read(path: &Path) -> Result<Vec<Record>, FileError> {
    let records = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
        let mut file = BufReader::new(File::open(path)?);
        let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let bytes = match packed {
            true => bounded(MultiGzDecoder::new(file)).map_err(|e| format!("gzip: {e}"))?,
            false => bounded(file)?,
        };
        Ok(parse(text(&bytes)?)?)
    };
    records().map_err(|source| FileError {
        path: path.into(),
        source,
    })
}

fn bounded(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_TEXT + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_TEXT {
        true => Err(std::io::Error::other(FastaError::TooLong)),
        false => Ok(bytes),
    }
}

/// The text of a file's bytes, without a byte order mark.
fn text(bytes: &[u8]) -> Result<&str, FastaError> {
    const OTHERS: [(&[u8], &str); 6] = [
        (&[0xff, 0xfe], "UTF-16 text"),
        (&[0xfe, 0xff], "UTF-16 text"),
        (b"BZh", "bzip2 data"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz data"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd data"),
        (b"PK\x03\x04", "a zip archive"),
    ];
    if let Some((_, name)) = OTHERS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(FastaError::NoText(name));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| FastaError::Encoding(error.valid_up_to()))
}

/// Reads all records. Lines may end as on any system: line feed, carriage return, or both.
///
/// # Errors
/// Where the text is no FASTA.
pub fn parse(text: &str) -> Result<Vec<Record>, FastaError> {
    let mut records: Vec<Record> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let lines = text.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    });
    for (number, line) in lines.enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('>') {
            let name = header
                .split_whitespace()
                .next()
                .unwrap_or("unnamed")
                .to_string();
            if !seen.insert(name.clone()) {
                return Err(FastaError::Twice(name));
            }
            records.push(Record {
                name,
                letters: String::new(),
            });
        } else if !line.is_empty() && !line.starts_with(';') {
            match records.last_mut() {
                Some(record) => record.letters.push_str(line),
                None => return Err(FastaError::NoHeader(number + 1)),
            }
        }
    }
    if records.is_empty() {
        return Err(FastaError::NoRecord);
    }
    match records.iter().find(|record| record.letters.is_empty()) {
        Some(record) => Err(FastaError::Empty(record.name.clone())),
        None => Ok(records),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(parse("ACGT"), Err(FastaError::NoHeader(1)));
        assert_eq!(parse(">a\nA\n>a\nC"), Err(FastaError::Twice("a".into())));
        assert_eq!(parse(">a\n>b\nC"), Err(FastaError::Empty("a".into())));
        assert_eq!(parse("\n"), Err(FastaError::NoRecord));
    }
}
