//! Predictions as arrays, as a long table, and as JSON.

use std::io::{self, Cursor, Write as _};

use anyhow::{Context, Result};
use genome::{Interval, Strand};
use results::archive::{Archive, key};
use results::kept::is_paired;
use results::spool::{Piece, Spool};
use results::{Kept, Selected, Selection, Subject, Window, table};
use scorers::{Organism, OutputType, Predictions};
use serde::{Serialize, Serializer};

use super::super::bytes::Written;
use super::super::exchange::Format;
use crate::engine::Held;

/// Predictions, and what is kept of them.
pub struct Predicted {
    /// Of which organism.
    pub organism: Organism,
    /// What they are of.
    pub subject: Subject,
    /// What the model saw.
    pub window: Window,
    /// Which tracks they have.
    pub selection: Selection,
    /// Names of alleles; none where there is no variant.
    pub alleles: &'static [&'static str],
    /// Those of the wanted tracks alone, one an allele.
    pub predictions: Vec<Predictions>,
}

impl Predicted {
    /// The answer, made of what is held.
    ///
    /// # Errors
    /// Where the model did not give what was asked for, or there is no room.
    pub fn write(self, format: Format, held: Held) -> Result<Written> {
        let mut to = Written::new(held);
        if format != Format::Json {
            // Values wait in a spool.
            let values = self.predictions.iter().map(Predictions::bytes);
            to.hold(values.sum::<usize>() as u64)?;
        }
        match format {
            Format::Npz => Ok(to.put(self.npz()?)?),
            Format::Parquet => self.parquet(to),
            _ => self.json(to),
        }
    }

    fn npz(self) -> Result<Vec<u8>> {
        let mut archive = Archive::new(Cursor::new(Vec::new()));
        let mut spool = Spool::in_memory();
        for (allele, predictions) in self.predictions.iter().enumerate() {
            for (output, selected) in &self.selection.0 {
                let key = key(&self.subject.name, self.alleles, allele, *output);
                let given = given(selected);
                if is_paired(*output) {
                    let own = (*output, allele);
                    archive.pair(&key, &Kept::pair(own, &self.window, predictions, &given)?)?;
                    continue;
                }
                let pieces = self.pieces(&mut spool, (*output, allele), predictions)?;
                archive.track(&key, &spool, &pieces.iter().collect::<Vec<_>>())?;
                spool.clear();
            }
        }
        Ok(archive.finish()?.into_inner())
    }

    fn parquet(self, to: Written) -> Result<Written> {
        let mut file = table::create(to, self.alleles)?;
        let (mut spool, mut pieces) = (Spool::in_memory(), Vec::new());
        for (allele, predictions) in self.predictions.iter().enumerate() {
            for output in self.selection.0.keys() {
                pieces.extend(self.pieces(&mut spool, (*output, allele), predictions)?);
            }
        }
        table::append(&mut file, &self.subject, &pieces, &self.selection, &spool)?;
        file.finish()
    }

    fn pieces(
        &self,
        spool: &mut Spool,
        (output, allele): (OutputType, usize),
        predictions: &Predictions,
    ) -> Result<Vec<Piece>> {
        let missing = || format!("the model gave no {output}");
        let track = predictions.tracks.get(&output).with_context(missing)?;
        let given = given(&self.selection.0[&output]);
        spool.put((output, allele), &self.window, track, &given)
    }

    fn json(self, mut to: Written) -> Result<Written> {
        let interval = &self.window.kept;
        let document = Document {
            organism: self.organism.name(),
            name: &self.subject.name,
            interval: Place::new(interval),
            outputs: Outputs(&self),
        };
        serde_json::to_writer(&mut to, &document).map_err(io::Error::from)?;
        writeln!(to)?;
        Ok(to)
    }
}

/// What the selection is among the tracks that the model gave: all of them.
fn given(selected: &Selected) -> Selected {
    Selected {
        tracks: selected.tracks.clone(),
        kept: (0..selected.kept.len()).collect(),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    organism: &'static str,
    name: &'a str,
    interval: Place<'a>,
    outputs: Outputs<'a>,
}

/// Bases from zero, the end not included.
#[derive(Serialize)]
struct Place<'a> {
    chromosome: &'a str,
    start: i64,
    end: i64,
    strand: &'static str,
}

impl<'a> Place<'a> {
    fn new(interval: &'a Interval) -> Self {
        Self {
            chromosome: &interval.chromosome,
            start: interval.start,
            end: interval.end,
            strand: interval.strand.as_str(),
        }
    }
}

struct Outputs<'a>(&'a Predicted);

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.selection.0.iter().map(|(output, selected)| {
            let output = Output {
                of: self.0,
                output: *output,
                selected,
            };
            (output.output.name(), output)
        }))
    }
}

/// One output: what its tracks are, and their values, of the one sequence or of both alleles.
struct Output<'a> {
    of: &'a Predicted,
    output: OutputType,
    selected: &'a Selected,
}

#[derive(Serialize)]
struct TrackName<'a> {
    track: usize,
    name: &'a str,
    strand: &'static str,
}

impl Serialize for Output<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeMap};
        let resolution = self.output.resolution();
        let bins = self.of.window.bins(resolution);
        let tracks = self.selected.kept.iter().map(|at| TrackName {
            track: *at,
            name: &self.selected.tracks.names()[*at],
            strand: self.selected.tracks.strands()[*at].as_str(),
        });
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("resolution", &resolution)?;
        let start = self.of.window.first_base(resolution, bins.start);
        map.serialize_entry("start", &start)?;
        map.serialize_entry("tracks", &tracks.collect::<Vec<_>>())?;
        for (allele, predictions) in self.of.predictions.iter().enumerate() {
            let name = self.of.alleles.get(allele).unwrap_or(&"values");
            let missing = || S::Error::custom(format!("the model gave no {}", self.output));
            match self.output {
                OutputType::ContactMaps => {
                    let contacts = predictions.contact_maps.as_ref().ok_or_else(missing)?;
                    let rows = bins.clone().map(|row| {
                        let row = contacts.row(row).unwrap_or_default();
                        let tracks = contacts.tracks().max(1);
                        let cells = row.chunks_exact(tracks).skip(bins.start).take(bins.len());
                        cells.collect::<Vec<_>>()
                    });
                    map.serialize_entry(name, &Sequence(rows))?;
                }
                OutputType::SpliceJunctions => {
                    let junctions = predictions.junctions.as_ref().ok_or_else(missing)?;
                    let kept = &self.of.window.kept;
                    let listed = junctions.listed(self.of.window.seen.start);
                    let within = listed
                        .filter(|(_, start, end, _)| kept.start <= *start && *end <= kept.end);
                    let listed = within.map(|(strand, start, end, values)| Junction {
                        start,
                        end,
                        strand: Strand::as_str(strand),
                        values,
                    });
                    map.serialize_entry(name, &listed.collect::<Vec<_>>())?;
                }
                _ => {
                    let track = predictions.tracks.get(&self.output).ok_or_else(missing)?;
                    let rows = bins.clone().map(|bin| track.row(bin).unwrap_or_default());
                    map.serialize_entry(name, &Sequence(rows))?;
                }
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Junction<'a> {
    start: i64,
    end: i64,
    strand: &'static str,
    values: &'a [f32],
}

/// What an iterator gives, as a list.
struct Sequence<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for Sequence<I> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.clone())
    }
}
