//! A genome in a FASTA file, plain or compressed with bgzip, read at random through its indexes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use noodles_bgzf::{self as bgzf, gzi};
use noodles_fasta::{fai, io::Indexer};

use crate::alleles::Bases;
use crate::text::keep;
use crate::{Error, Interval};

/// An open FASTA file. Reads are serialised, so that one may serve several threads.
pub struct Fasta {
    path: PathBuf,
    sequences: HashMap<String, fai::Record>,
    names: Vec<String>,
    source: Mutex<Source>,
}

enum Source {
    Plain(BufReader<File>),
    Bgzf(bgzf::io::IndexedReader<BufReader<File>>),
}

impl Fasta {
    /// Opens `path` with its `.fai`, and its `.gzi` where it is compressed. An index that is absent, or older than the
    /// genome, is made and kept beside it; where that cannot be written it serves this process alone.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut head = Vec::new();
        let opened = || File::open(path).map_err(Error::io(path, "cannot be opened"));
        let file = opened()?;
        let kind = file.metadata().map_err(Error::io(path, "cannot be read"))?;
        if !kind.is_file() {
            return Err(Error::content(
                path,
                "is no regular file, and sequences are read at random: write them to a file",
            ));
        }
        file.take(18)
            .read_to_end(&mut head)
            .map_err(Error::io(path, "cannot be read"))?;
        let compressed = head.starts_with(&[0x1f, 0x8b]);
        if compressed && head.get(12..14) != Some(b"BC") {
            return Err(Error::content(
                path,
                "is compressed with gzip, which cannot be read at random; use `gunzip` and then `bgzip`",
            ));
        }
        if compressed {
            crate::text::check_end(path)?;
        }
        let index = associated(
            path,
            "fai",
            read_index,
            || index(path, compressed),
            |to, index| fai::io::Writer::new(to).write_index(index),
        )?;
        let file = BufReader::new(opened()?);
        let source = if compressed {
            let blocks = associated(
                path,
                "gzi",
                |to| gzi::fs::read(to),
                || block_index(path),
                |to, index| gzi::io::Writer::new(to).write_index(index),
            )?;
            Source::Bgzf(bgzf::io::IndexedReader::new(file, blocks))
        } else {
            Source::Plain(file)
        };
        let records: &[fai::Record] = index.as_ref();
        // Keeps what is computed from an index within 64 bits; no genome comes near.
        let sane = |record: &fai::Record| {
            [
                record.length(),
                record.position(),
                record.line_width().get(),
            ]
            .iter()
            .all(|n| *n < 1 << 40)
        };
        if !records.iter().all(sane) {
            return Err(Error::content(
                path,
                "has an index with impossible numbers; remove the .fai and it is made again",
            ));
        }
        let names: Vec<_> = records
            .iter()
            .map(|record| record.name().to_string())
            .collect();
        if names.is_empty() {
            return Err(Error::content(path, "has no sequence; is it a FASTA file?"));
        }
        let sequences = names.iter().cloned().zip(records.iter().cloned()).collect();
        Ok(Self {
            path: path.to_owned(),
            sequences,
            names,
            source: Mutex::new(source),
        })
    }

    /// Names of the sequences, in the file's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of bases of a sequence.
    pub fn length(&self, chromosome: &str) -> Result<i64, Error> {
        Ok(self.record(chromosome)?.length() as i64)
    }

    fn record(&self, chromosome: &str) -> Result<&fai::Record, Error> {
        self.sequences
            .get(chromosome)
            .ok_or_else(|| Error::Chromosome {
                path: self.path.clone(),
                name: chromosome.to_owned(),
                hint: crate::chromosomes::hint(chromosome, &self.names),
            })
    }

    fn read(&self, record: &fai::Record, start: u64, end: u64) -> Result<Vec<u8>, Error> {
        let offset = |base: u64| {
            let (bases, width) = (record.line_base_count().get(), record.line_width().get());
            record.position() + base / bases * width + base % bases
        };
        let (from, to) = (offset(start), offset(end - 1) + 1);
        let mut raw = vec![0; (to - from) as usize];
        let mut source = self
            .source
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let done = match &mut *source {
            Source::Plain(file) => file
                .seek(SeekFrom::Start(from))
                .and_then(|_| file.read_exact(&mut raw)),
            Source::Bgzf(file) => file
                .seek(SeekFrom::Start(from))
                .and_then(|_| file.read_exact(&mut raw)),
        };
        done.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Error::content(
                &self.path,
                "ends before its index says: the file is truncated",
            ),
            _ => Error::Io {
                path: self.path.clone(),
                action: "cannot be read",
                source,
            },
        })?;
        raw.retain(|byte| !matches!(byte, b'\n' | b'\r'));
        if raw.len() as u64 != end - start || raw.contains(&b'>') {
            return Err(Error::content(
                &self.path,
                "does not fit its .fai index; remove the index and it is made again",
            ));
        }
        raw.make_ascii_uppercase();
        Ok(raw)
    }
}

impl Bases for Fasta {
    fn bases(&self, interval: &Interval) -> Result<Vec<u8>, Error> {
        let record = self.record(&interval.chromosome)?;
        let length = record.length() as i64;
        // An interval that ends where the chromosome starts is allowed, as in the SDK: it is all N.
        if interval.start >= length || interval.end < 0 {
            return Err(Error::Outside {
                interval: interval.clone(),
                length,
            });
        }
        let (start, end) = (interval.start.max(0), interval.end.min(length));
        let mut bases = vec![b'N'; interval.width() as usize];
        if end > start {
            let inside = self.read(record, start as u64, end as u64)?;
            let at = (start - interval.start) as usize;
            bases[at..at + inside.len()].copy_from_slice(&inside);
        }
        Ok(bases)
    }
}

/// The index beside `path`, or a new one, kept there under its final name only when it is whole.
fn associated<I>(
    path: &Path,
    extension: &str,
    read: impl FnOnce(&Path) -> io::Result<I>,
    make: impl FnOnce() -> Result<I, Error>,
    write: impl FnOnce(&mut Vec<u8>, &I) -> io::Result<()>,
) -> Result<I, Error> {
    let beside = path.with_added_extension(extension);
    let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    if beside.exists() && modified(&beside) >= modified(path) {
        return read(&beside).map_err(Error::io(
            &beside,
            "is no index that can be read; remove it and it is made again",
        ));
    }
    let index = make()?;
    let mut bytes = Vec::new();
    write(&mut bytes, &index).map_err(Error::io(&beside, "cannot be made"))?;
    keep(&beside, &bytes);
    Ok(index)
}

/// Reads a `.fai`. Its lines say where sequences lie, and what is cut off of them would be missing from the genome.
fn read_index(path: &Path) -> io::Result<fai::Index> {
    let text = std::fs::read(path)?;
    let line = |number: usize, reason: &dyn std::fmt::Display| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("line {number}: {reason}"),
        )
    };
    let mut records: Vec<fai::Record> = Vec::new();
    for (at, bytes) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = at + 1;
        if !bytes.ends_with(b"\n") {
            return Err(line(number, &"is cut off"));
        }
        let index = fai::io::Reader::new(bytes).read_index();
        let index = index.map_err(|error| line(number, &error))?;
        records.extend_from_slice(index.as_ref());
    }
    match records.is_empty() {
        true => Err(line(1, &"there is none")),
        false => Ok(fai::Index::from(records)),
    }
}

fn index(path: &Path, compressed: bool) -> Result<fai::Index, Error> {
    let file = File::open(path).map_err(Error::io(path, "cannot be opened"))?;
    let mut reader: Box<dyn io::BufRead> = if compressed {
        Box::new(bgzf::io::Reader::new(BufReader::new(file)))
    } else {
        Box::new(BufReader::new(file))
    };
    let head = reader
        .fill_buf()
        .map_err(Error::io(path, "cannot be read"))?;
    if head.first().is_some_and(|byte| *byte != b'>') {
        return Err(Error::content(
            path,
            "is no FASTA file: its first line does not begin with `>`; give the sequences as FASTA, plain or compressed with bgzip",
        ));
    }
    let mut indexer = Indexer::new(reader);
    let mut records = Vec::new();
    loop {
        match indexer.index_record() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return Ok(fai::Index::from(records)),
            Err(error) => {
                let number = records.len() + 1;
                return Err(Error::content(
                    path,
                    format!(
                        "cannot be indexed: sequence {number}: {error}; a sequence has bases, in lines of one length but for \
                         the last: wrap the file anew, as with `seqkit seq -w 60`"
                    ),
                ));
            }
        }
    }
}

/// Where each block but the first starts: compressed and uncompressed offset, as `bgzip -r` writes them.
fn block_index(path: &Path) -> Result<gzi::Index, Error> {
    let fail = Error::io(path, "cannot be indexed");
    let walk = || -> io::Result<Vec<(u64, u64)>> {
        let mut file = BufReader::new(File::open(path)?);
        let (mut blocks, mut compressed, mut uncompressed) = (Vec::new(), 0u64, 0u64);
        let mut header = [0; 18];
        loop {
            match file.read_exact(&mut header) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(blocks),
                other => other?,
            }
            let size = u64::from(u16::from_le_bytes([header[16], header[17]])) + 1;
            if !header.starts_with(&[0x1f, 0x8b]) || &header[12..14] != b"BC" || size < 26 {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a block is no BGZF block",
                ));
            }
            let mut length = [0; 4];
            file.seek_relative(size as i64 - 22)?;
            file.read_exact(&mut length)?;
            compressed += size;
            uncompressed += u64::from(u32::from_le_bytes(length));
            blocks.push((compressed, uncompressed));
        }
    };
    let mut blocks = walk().map_err(fail)?;
    // What the last block leads to is the end of the file.
    blocks.pop();
    Ok(gzi::Index::from(blocks))
}
