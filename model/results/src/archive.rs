//! Predictions as arrays of an `.npz`, which `numpy.load` opens.

use std::io::{self, Seek, Write};

use anyhow::Result;
use npyz::npz::NpzWriter;
use parity::recording::{put_cells, start_array};
use scorers::OutputType;

use crate::kept::Kept;
use crate::spool::{Piece, Spool};

/// An archive in the making.
pub struct Archive<W: Write + Seek>(NpzWriter<W>);

impl<W: Write + Seek> Archive<W> {
    /// An empty one.
    pub fn new(to: W) -> Self {
        Self(NpzWriter::new(to))
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

    /// The array of contacts `[bins, bins, tracks]`, and where it starts; or counts `[junctions, tracks]`, and their places
    /// `@junctions`.
    ///
    /// # Errors
    /// Where the archive cannot be written.
    pub fn pair(&mut self, name: &str, kept: &Kept) -> io::Result<()> {
        self.begin::<f32>(name, &kept.shape, "<f4")?;
        put_cells(self.0.zip_writer(), &kept.values, f32::to_le_bytes)?;
        if kept.output == OutputType::ContactMaps {
            return self.place(name, kept.start);
        }
        let shape = [kept.places.len() / 3, 3];
        self.begin::<i64>(&format!("{name}@junctions"), &shape, "<i8")?;
        put_cells(self.0.zip_writer(), &kept.places, i64::to_le_bytes)
    }

    fn begin<T>(&mut self, name: &str, shape: &[usize], dtype: &str) -> io::Result<()> {
        start_array(self.0.zip_writer(), name, shape, (dtype, size_of::<T>()))
    }

    /// The place of an array's first base, from zero.
    fn place(&mut self, name: &str, start: i64) -> io::Result<()> {
        self.begin::<i64>(&format!("{name}@start"), &[], "<i8")?;
        put_cells(self.0.zip_writer(), &[start], i64::to_le_bytes)
    }

    /// Writes what is left, and gives what it was written to.
    ///
    /// # Errors
    /// Where the archive cannot be written.
    pub fn finish(mut self) -> Result<W> {
        Ok(self.0.zip_writer().finish()?)
    }
}

/// The key of an array: `region/ATAC`, `variant/ref/ATAC`.
#[must_use]
pub fn key(name: &str, alleles: &[&str], allele: usize, output: OutputType) -> String {
    match alleles.get(allele) {
        Some(allele) => format!("{name}/{allele}/{output}"),
        None => format!("{name}/{output}"),
    }
}
