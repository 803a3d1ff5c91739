//! Predictions as arrays of an `.npz`, which `numpy.load` opens.

use std::io::{self, Seek, Write};

use anyhow::{Result, bail};
use npyz::npz::NpzWriter;
use parity::recording::{put_cells, start_array};
use scorers::{ContactMap, Junctions, OutputType, Predictions};

use crate::Window;
use crate::selection::Selected;
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

    /// Contacts or junctions, whichever `output` is.
    ///
    /// # Errors
    /// Where they were not predicted, or the archive cannot be written.
    pub fn pair(
        &mut self,
        key: &str,
        window: &Window,
        predictions: &Predictions,
        (output, selected): (OutputType, &Selected),
    ) -> Result<()> {
        match (output, &predictions.contact_maps, &predictions.junctions) {
            (OutputType::ContactMaps, Some(map), _) => self.contacts(key, window, map, selected)?,
            (OutputType::SpliceJunctions, _, Some(junctions)) => {
                self.junctions(key, window, junctions, selected)?
            }
            _ => bail!("the model gave no {output}"),
        }
        Ok(())
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
            put_cells(
                self.0.zip_writer(),
                &selected.of(row, tracks),
                f32::to_le_bytes,
            )?;
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
                counts.extend(selected.of(values, values.len()));
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

    /// Writes what is left, and gives what it was written to.
    ///
    /// # Errors
    /// Where the archive cannot be written.
    pub fn finish(mut self) -> Result<W> {
        Ok(self.0.zip_writer().finish()?)
    }
}

/// Whether an output's values belong to pairs of places.
#[must_use]
pub fn is_paired(output: OutputType) -> bool {
    [OutputType::ContactMaps, OutputType::SpliceJunctions].contains(&output)
}

/// The key of an array: `region/ATAC`, `variant/ref/ATAC`.
#[must_use]
pub fn key(name: &str, alleles: &[&str], allele: usize, output: OutputType) -> String {
    match alleles.get(allele) {
        Some(allele) => format!("{name}/{allele}/{output}"),
        None => format!("{name}/{output}"),
    }
}
