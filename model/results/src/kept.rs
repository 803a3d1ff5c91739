//! What is kept of predictions: arrays that go to files one after the other, or wait in a file for others.

use std::io::{self, BufRead, Read, Write};
use std::iter::once;

use anyhow::{Context, Result, bail};
use parity::recording::put_cells;
use scorers::{ContactMap, Junctions, OutputType, Predictions, Track};
use serde::{Deserialize, Serialize};

use crate::selection::{Selected, Selection};
use crate::{Subject, Window};

/// Bins of an array of tracks at most.
const BINS: usize = 4096;

/// What a pass of the model was of.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Passed {
    /// The region or variant, by the name that it was given.
    pub subject: Subject,
    /// Base pairs of its chromosome.
    pub bases: i64,
    /// Whether it is the region's last pass. A variant has one.
    pub last: bool,
}

/// An array of one output and allele.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The output.
    pub output: OutputType,
    /// Which allele, from 0; 0 where there is no variant.
    pub allele: usize,
    /// First base of the first bin, from 0.
    pub start: i64,
    /// `[tracks, bins]`; of contacts `[bins, bins, tracks]`, and of junctions `[junctions, tracks]`.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Vec<f32>,
    /// Of junctions `[junctions, 3]`: first base of the intron, one after its last, and 1 or -1 for the strand.
    pub places: Vec<i64>,
}

/// Whether an output's values belong to pairs of places.
#[must_use]
pub fn is_paired(output: OutputType) -> bool {
    [OutputType::ContactMaps, OutputType::SpliceJunctions].contains(&output)
}

impl Kept {
    /// What a window keeps of the selected outputs, allele by allele; of tracks some thousand bins at a time.
    pub fn all<'a>(
        selection: &'a Selection,
        window: &'a Window,
        predictions: &'a [Predictions],
    ) -> impl Iterator<Item = Result<Self>> + 'a {
        let alleles = predictions.iter().enumerate();
        alleles.flat_map(move |(allele, predictions)| {
            let outputs = selection.0.iter();
            outputs.flat_map(move |(output, selected)| {
                Self::of((*output, allele), window, predictions, selected)
            })
        })
    }

    fn of<'a>(
        (output, allele): (OutputType, usize),
        window: &'a Window,
        predictions: &'a Predictions,
        selected: &'a Selected,
    ) -> Box<dyn Iterator<Item = Result<Self>> + 'a> {
        let own = (output, allele);
        if is_paired(output) {
            return Box::new(once(Self::pair(own, window, predictions, selected)));
        }
        match predictions.tracks.get(&output) {
            Some(track) => Box::new(Self::track(own, window, track, selected)),
            None => Box::new(once(Err(anyhow::anyhow!("the model gave no {output}")))),
        }
    }

    /// The bins of `track` that the window keeps, of the selected tracks.
    pub fn track<'a>(
        (output, allele): (OutputType, usize),
        window: &'a Window,
        track: &'a Track,
        selected: &'a Selected,
    ) -> impl Iterator<Item = Result<Self>> + 'a {
        let resolution = output.resolution();
        let bins = window.bins(resolution);
        bins.clone().step_by(BINS).map(move |first| {
            let count = BINS.min(bins.end - first);
            let tracks = selected.kept.len();
            let mut values = vec![0.0; tracks * count];
            for at in 0..count {
                let row = track.row(first + at);
                let row = row.with_context(|| format!("the model gave no bin of {output}"))?;
                for (place, track) in selected.kept.iter().enumerate() {
                    values[place * count + at] = row[*track];
                }
            }
            Ok(Self {
                output,
                allele,
                start: window.first_base(resolution, first),
                shape: vec![tracks, count],
                values,
                places: Vec::new(),
            })
        })
    }

    /// Contacts or junctions, whichever `output` is: contacts as far as the window keeps rows and columns, junctions whose introns it
    /// keeps.
    ///
    /// # Errors
    /// Where they were not predicted.
    pub fn pair(
        (output, allele): (OutputType, usize),
        window: &Window,
        predictions: &Predictions,
        selected: &Selected,
    ) -> Result<Self> {
        let mut kept = Self {
            output,
            allele,
            start: window.first_base(2048, window.bins(2048).start),
            shape: Vec::new(),
            values: Vec::new(),
            places: Vec::new(),
        };
        match (output, &predictions.contact_maps, &predictions.junctions) {
            (OutputType::ContactMaps, Some(map), _) => kept.contacts(window, map, selected)?,
            (OutputType::SpliceJunctions, _, Some(junctions)) => {
                kept.junctions(window, junctions, selected);
            }
            _ => bail!("the model gave no {output}"),
        }
        Ok(kept)
    }

    fn contacts(&mut self, window: &Window, map: &ContactMap, selected: &Selected) -> Result<()> {
        let (bins, tracks) = (window.bins(2048), map.tracks());
        self.shape = vec![bins.len(), bins.len(), selected.kept.len()];
        for row in bins.clone() {
            let values = map.row(row);
            let values = values.with_context(|| format!("row {row} was not predicted"))?;
            let values = &values[bins.start * tracks..bins.end * tracks];
            self.values.extend(selected.of(values, tracks));
        }
        Ok(())
    }

    fn junctions(&mut self, window: &Window, junctions: &Junctions, selected: &Selected) {
        for (strand, start, end, values) in junctions.listed(window.seen.start) {
            if window.kept.start <= start && end <= window.kept.end {
                let strand = match strand {
                    genome::Strand::Negative => -1,
                    _ => 1,
                };
                self.places.extend([start, end, strand]);
                self.values.extend(selected.of(values, values.len()));
            }
        }
        self.shape = vec![self.places.len() / 3, selected.kept.len()];
    }

    /// Writes it: a line of JSON (output, allele, start, shape, number of places), then values and places, little-endian.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (name, places) = (self.output.name(), self.places.len());
        let head = (name, self.allele, self.start, &self.shape, places);
        serde_json::to_writer(&mut *to, &head)?;
        to.write_all(b"\n")?;
        put_cells(to, &self.values, f32::to_le_bytes)?;
        put_cells(to, &self.places, i64::to_le_bytes)
    }

    /// Reads what [`Kept::write`] wrote; nothing where it ends.
    ///
    /// # Errors
    /// Where that cannot be read, or it is cut off.
    pub fn read(from: &mut impl BufRead) -> Result<Option<Self>> {
        let mut line = Vec::new();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let head = serde_json::from_slice(&line).context("an array does not say what it is")?;
        let (name, allele, start, shape, places): (String, _, _, Vec<usize>, usize) = head;
        let output = OutputType::parse(&name);
        let count = shape
            .iter()
            .try_fold(1, |all: usize, n| all.checked_mul(*n));
        Ok(Some(Self {
            output: output.with_context(|| format!("{name} is no output"))?,
            allele,
            start,
            values: numbers(from, count, f32::from_le_bytes)?,
            places: numbers(from, Some(places), i64::from_le_bytes)?,
            shape,
        }))
    }
}

fn numbers<const N: usize, T>(
    from: &mut impl Read,
    count: Option<usize>,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>> {
    let length = count.and_then(|count| count.checked_mul(N));
    let length = length.context("an array is larger than memory")?;
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        bail!("an array is cut off: {} of {length} bytes", bytes.len());
    }
    let (numbers, _) = bytes.as_chunks();
    Ok(numbers.iter().map(|bytes| number(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_read_as_they_were_written() {
        let track = Kept {
            output: OutputType::ChipTf,
            allele: 1,
            start: -128,
            shape: vec![2, 3],
            values: vec![0.5, -0.0, f32::NAN, f32::INFINITY, 1e-40, 7.0],
            places: Vec::new(),
        };
        let junctions = Kept {
            output: OutputType::SpliceJunctions,
            shape: vec![1, 2],
            values: vec![1.0, 2.0],
            places: vec![10, 20, -1],
            ..track.clone()
        };
        let mut bytes = Vec::new();
        for kept in [&track, &junctions] {
            kept.write(&mut bytes).unwrap();
        }
        let mut from = &bytes[..];
        let bits = |kept: &Kept| kept.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let first = Kept::read(&mut from).unwrap().unwrap();
        assert_eq!(bits(&first), bits(&track));
        assert_eq!((first.start, &first.shape), (-128, &track.shape));
        assert_eq!(Kept::read(&mut from).unwrap(), Some(junctions));
        assert_eq!(Kept::read(&mut from).unwrap(), None);
        for end in 1..bytes.len() {
            let mut from = &bytes[..end];
            let all = std::iter::from_fn(|| Kept::read(&mut from).transpose());
            let whole = all.collect::<Result<Vec<_>>>();
            assert!(whole.is_err() || whole.unwrap().len() == 1, "{end} bytes");
        }
        let huge = format!("[\"ATAC\",0,0,[{},2],0]\n", usize::MAX);
        assert!(Kept::read(&mut huge.as_bytes()).is_err());
    }
}
