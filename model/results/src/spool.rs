//! Predictions on their way to files. They wait on disk, so that memory stays with one window: a bigWig needs all values of one
//! track, and the model gives all tracks of one window. Answers of a server are bounded, and wait in memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use scorers::{OutputType, Track};

use crate::Window;
use crate::kept::Kept;
use crate::selection::Selected;

/// A store of pieces.
pub struct Spool {
    store: Store,
    length: u64,
}

enum Store {
    File(File, PathBuf),
    Memory(Vec<u8>),
}

/// Values `[tracks, bins]` of one output.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The output.
    pub output: OutputType,
    /// Which allele, from 0; 0 where there is no variant.
    pub allele: usize,
    /// First base of the first bin.
    pub start: i64,
    /// How many bins.
    pub bins: usize,
    tracks: usize,
    offset: u64,
}

impl Piece {
    /// How many tracks.
    pub fn tracks(&self) -> usize {
        self.tracks
    }

    /// First base of a bin, and one after its last.
    pub fn bases(&self, bin: usize) -> (i64, i64) {
        let width = self.output.resolution();
        let start = self.start + (bin * width) as i64;
        (start, start + width as i64)
    }
}

impl Spool {
    /// An empty one in memory, for answers whose size is bounded.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            store: Store::Memory(Vec::new()),
            length: 0,
        }
    }

    /// An empty one on disk.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(true);
        let file = options.open(path);
        Ok(Self {
            store: Store::File(
                file.with_context(|| path.display().to_string())?,
                path.to_owned(),
            ),
            length: 0,
        })
    }

    /// Takes the bins of `track` that the window keeps, of the selected tracks.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn put(
        &mut self,
        own: (OutputType, usize),
        window: &Window,
        track: &Track,
        selected: &Selected,
    ) -> Result<Vec<Piece>> {
        let kept = Kept::track(own, window, track, selected);
        kept.map(|kept| self.add(&kept?)).collect()
    }

    /// Takes an array of tracks.
    ///
    /// # Errors
    /// Where it has another shape, or the file cannot be written.
    pub fn add(&mut self, kept: &Kept) -> Result<Piece> {
        let [tracks, bins] = kept.shape[..] else {
            bail!("an array of {} has no tracks and bins", kept.output)
        };
        let values = kept.values.iter().map(|value| value.to_le_bytes());
        let values: Vec<_> = values.collect();
        let offset = self.length;
        self.length += (4 * values.len()) as u64;
        self.write(offset, values.as_flattened())
            .with_context(|| self.named())?;
        Ok(Piece {
            output: kept.output,
            allele: kept.allele,
            start: kept.start,
            bins,
            tracks,
            offset,
        })
    }

    /// The values of one of the selected tracks.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn track(&self, piece: &Piece, track: usize) -> io::Result<Vec<f32>> {
        self.read(piece.offset + (4 * track * piece.bins) as u64, piece.bins)
    }

    /// The values of all of them, `[bins, tracks]`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn rows(&self, piece: &Piece) -> io::Result<Vec<f32>> {
        let Piece { tracks, bins, .. } = *piece;
        let values = self.read(piece.offset, tracks * bins)?;
        let places = (0..bins).flat_map(|bin| (0..tracks).map(move |track| track * bins + bin));
        Ok(places.map(|at| values[at]).collect())
    }

    fn named(&self) -> String {
        match &self.store {
            Store::File(_, path) => path.display().to_string(),
            Store::Memory(_) => "predictions in memory".into(),
        }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match &mut self.store {
            Store::File(file, _) => {
                file.seek(SeekFrom::Start(offset))?;
                file.write_all(bytes)
            }
            Store::Memory(held) => {
                held.truncate(offset as usize);
                held.extend(bytes);
                Ok(())
            }
        }
    }

    fn read(&self, offset: u64, count: usize) -> io::Result<Vec<f32>> {
        let mut bytes = vec![[0; 4]; count];
        match &self.store {
            Store::File(file, _) => {
                let mut file = file;
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(bytes.as_flattened_mut())?;
            }
            Store::Memory(held) => {
                let mut held = held.get(offset as usize..).unwrap_or_default();
                held.read_exact(bytes.as_flattened_mut())?;
            }
        }
        Ok(bytes.into_iter().map(f32::from_le_bytes).collect())
    }

    /// Forgets all pieces.
    pub fn clear(&mut self) {
        self.length = 0;
    }
}
