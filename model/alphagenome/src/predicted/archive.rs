//! Predictions as arrays of an `.npz`, which `numpy.load` opens.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use anyhow::{Context, Result};
use npyz::npz::NpzWriter;
use parity::recording::{put_cells, start_array};
use scorers::{ContactMap, Junctions};

use super::spool::{Piece, Spool};
use crate::regions::Window;
use crate::selection::Selected;

/// An archive in the making.
pub struct Archive(NpzWriter<BufWriter<File>>);

impl Archive {
    /// An empty one.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let writer = NpzWriter::create(path);
        Ok(Self(writer.with_context(|| path.display().to_string())?))
    }

    /// The array `[bins, tracks]` of pieces that follow each other, and where it starts.
    ///
    /// # Errors
    /// Where the archive cannot be written.
    pub fn track(&mut self, name: &str, spool: &Spool, pieces: &[&Piece]) -> io::Result<()> {
        let bins = pieces.iter().map(|piece| piece.bins).sum();
        let [first, ..] = pieces else { return Ok(()) };
        let tracks = first.tracks();
        self.begin::<f32>(name, &[bins, tracks], "<f4")?;
        for piece in pieces {
            put_cells(self.0.zip_writer(), &spool.rows(piece)?, f32::to_le_bytes)?;
        }
        self.place(name, first.start)
    }

    /// The array `[bins, bins, tracks]` of contacts, rows and columns as far as the window keeps them.
    ///
    /// # Errors
    /// Where the archive cannot be written.
    pub fn contacts(
        &mut self,
        name: &str,
        window: &Window,
        map: &ContactMap,
        selected: &Selected,
    ) -> io::Result<()> {
        let (bins, tracks) = (window.bins(2048), map.tracks());
        let shape = [bins.len(), bins.len(), selected.kept.len()];
        self.begin::<f32>(name, &shape, "<f4")?;
        for row in bins.clone() {
            let missing = || io::Error::other(format!("{name}: row {row} was not predicted"));
            let row = map.row(row).ok_or_else(missing)?;
            let row = &row[bins.start * tracks..bins.end * tracks];
            put_cells(self.0.zip_writer(), &selected.of(row), f32::to_le_bytes)?;
        }
        self.place(name, window.first_base(2048, bins.start))
    }

    /// Counts `[junctions, tracks]`, and `@junctions` `[junctions, 3]`: first base of the intron, one after its last, and 1 or -1
    /// for the strand. Those whose introns the window keeps.
    ///
    /// # Errors
    /// Where the archive cannot be written.
    pub fn junctions(
        &mut self,
        name: &str,
        window: &Window,
        junctions: &Junctions,
        selected: &Selected,
    ) -> io::Result<()> {
        let (mut places, mut counts) = (Vec::new(), Vec::new());
        for (strand, start, end, values) in junctions.listed(window.seen.start) {
            if window.kept.start <= start && end <= window.kept.end {
                let strand = if strand == genome::Strand::Negative {
                    -1
                } else {
                    1
                };
                places.extend([start, end, strand]);
                counts.extend(selected.of(values));
            }
        }
        let count = places.len() / 3;
        self.begin::<f32>(name, &[count, selected.kept.len()], "<f4")?;
        put_cells(self.0.zip_writer(), &counts, f32::to_le_bytes)?;
        self.begin::<i64>(&format!("{name}@junctions"), &[count, 3], "<i8")?;
        put_cells(self.0.zip_writer(), &places, i64::to_le_bytes)
    }

    fn begin<T>(&mut self, name: &str, shape: &[usize], dtype: &str) -> io::Result<()> {
        start_array(self.0.zip_writer(), name, shape, (dtype, size_of::<T>()))
    }

    /// The place of an array's first base, from zero.
    fn place(&mut self, name: &str, start: i64) -> io::Result<()> {
        self.begin::<i64>(&format!("{name}@start"), &[], "<i8")?;
        put_cells(self.0.zip_writer(), &[start], i64::to_le_bytes)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Where the archive cannot be written.
    pub fn finish(mut self) -> Result<()> {
        let file = self.0.zip_writer().finish()?;
        Ok(file.into_inner()?.sync_data()?)
    }
}
