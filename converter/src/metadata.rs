//! AlphaGenome's track metadata: what each output channel was measured on.
//!
//! The weights say nothing of it. It comes as one file of protobuf text an organism, beside the JAX code, and holds the
//! means that turn predictions into experimental units.

mod error;
mod lexer;
mod messages;
mod text_format;
mod track;
mod widths;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde::{Serialize, Serializer, ser::SerializeStruct};

pub use error::Error;
pub use track::{OutputType, Strand, Track};
pub use widths::HeadWidth;

/// The published files have 2.6 MB and 0.8 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The organisms in the order of their index in the model, with the name that their files go by.
const ORGANISMS: [(&str, &str); 2] = [
    ("human", "ORGANISM_HOMO_SAPIENS"),
    ("mouse", "ORGANISM_MUS_MUSCULUS"),
];

/// Version of the JSON that [`Tracks`] serialises to.
const FORMAT_VERSION: u32 = 1;

/// The track metadata of a model; serialises to `tracks.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracks {
    organisms: Vec<OrganismTracks>,
}

/// The track metadata of one organism.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrganismTracks {
    /// Its short name: `human`.
    pub name: &'static str,
    /// Its name in AlphaGenome's protocol: `ORGANISM_HOMO_SAPIENS`.
    pub organism: &'static str,
    /// Its index in the model's organism-specific weights.
    pub index: usize,
    /// The tracks of each output in channel order; for splice junctions the tissues. An output that the file does not
    /// describe is absent.
    pub outputs: BTreeMap<OutputType, Vec<Track>>,
}

impl Serialize for Tracks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Tracks", 2)?;
        json.serialize_field("format_version", &FORMAT_VERSION)?;
        json.serialize_field("organisms", &self.organisms)?;
        json.end()
    }
}

/// Reads the metadata of every organism from the folder `dir`.
///
/// # Errors
/// A missing, unreadable or oversized file; text that is not UTF-8 or not the protobuf text of a `MetadataResponse`, with
/// line and column; values that have no meaning, such as an infinite mean.
pub fn read_dir(dir: &Path) -> Result<Tracks, Error> {
    let organisms = ORGANISMS
        .iter()
        .enumerate()
        .map(|(index, &(name, organism))| {
            let file_name = format!("OutputMetadataResponse_{organism}.textproto");
            let outputs = read_file(&dir.join(&file_name)).map_err(|error| match error {
                Error::Read { source, .. } if source.kind() == ErrorKind::NotFound => {
                    Error::MissingFile {
                        dir: dir.to_owned(),
                        file_name,
                        organism: name,
                    }
                }
                other => other,
            })?;
            Ok(OrganismTracks {
                name,
                organism,
                index,
                outputs,
            })
        });
    Ok(Tracks {
        organisms: organisms.collect::<Result<_, Error>>()?,
    })
}

fn read_file(path: &Path) -> Result<messages::Outputs, Error> {
    let unreadable = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    // A pipe would keep everyone waiting.
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(std::io::Error::other("not a regular file")));
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit: MAX_FILE_BYTES,
        });
    }
    read_bytes(&bytes).map_err(|fault| Error::Malformed {
        path: path.to_owned(),
        line: fault.position.line,
        column: fault.position.column,
        problem: fault.problem,
    })
}

fn read_bytes(bytes: &[u8]) -> Result<messages::Outputs, error::Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let position = error::Position::of(&valid, valid.len());
        let problem = format!("byte 0x{:02x} is not UTF-8", bytes[error.valid_up_to()]);
        error::Fault::new(position, problem)
    })?;
    messages::read_response(text)
}

impl Tracks {
    /// The organisms in the order of their index.
    pub fn organisms(&self) -> &[OrganismTracks] {
        &self.organisms
    }

    /// Checks that the metadata describes the model's `heads`, channel by channel.
    ///
    /// As in JAX: every head's output must be described for at least one organism, and each organism that describes it must
    /// have as many tracks as the head has channels (padding included). Splice junctions must be described for every
    /// organism, and the one with most tissues sets the width. Outputs that no head makes are ignored.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with every disagreement.
    pub fn validate(&self, heads: &[HeadWidth]) -> Result<(), Error> {
        let mismatches: Vec<String> = heads
            .iter()
            .flat_map(|head| head.mismatches(&self.organisms))
            .collect();
        if mismatches.is_empty() {
            Ok(())
        } else {
            Err(Error::Mismatch { mismatches })
        }
    }
}

impl OrganismTracks {
    /// For each channel of an output, the channel that holds the same track of the other strand: element `i` of the
    /// prediction for a reverse complement belongs at `reindexing[i]`. `None` if the output is not described.
    ///
    /// Positive tracks exchange places with negative ones in order, unstranded ones stay. Splice junctions, `n` tissues,
    /// have `2 n` channels: the positive strand, then the negative (JAX: `metadata.strand_reindexing`).
    ///
    /// # Errors
    /// [`Error::UnpairedStrands`] if there are more tracks on one strand than on the other.
    pub fn strand_reindexing(&self, output_type: OutputType) -> Result<Option<Vec<usize>>, Error> {
        let Some(tracks) = self.outputs.get(&output_type) else {
            return Ok(None);
        };
        let count = tracks.len();
        if output_type == OutputType::SpliceJunctions {
            return Ok(Some((count..2 * count).chain(0..count).collect()));
        }
        let on = |strand| {
            (0..count)
                .filter(move |&i| tracks[i].strand == Some(strand))
                .collect::<Vec<_>>()
        };
        let (positive, negative) = (on(Strand::Positive), on(Strand::Negative));
        if positive.len() != negative.len() {
            return Err(Error::UnpairedStrands {
                output_type: output_type.name(),
                organism: self.name,
                positive: positive.len(),
                negative: negative.len(),
            });
        }
        let mut reindexing: Vec<usize> = (0..count).collect();
        for (&plus, &minus) in positive.iter().zip(&negative) {
            reindexing[plus] = minus;
            reindexing[minus] = plus;
        }
        Ok(Some(reindexing))
    }
}

#[cfg(test)]
mod tests;
