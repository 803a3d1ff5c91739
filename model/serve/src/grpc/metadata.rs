//! What tracks are.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use genome::Strand;
use scorers::{Organism, OutputType, ScoredBy, Scorer, Scores, Tracks};

use super::Encoded;
use super::messages::described::{JunctionMetadata, TrackMetadata, VariantMetadata};
use super::messages::{self, Biosample, BiosampleType, Endedness, OntologyTerm, OntologyType};

/// The tracks of an output as the messages have them, encoded.
pub type Described = Arc<Table>;

/// The tracks of an output, encoded.
pub struct Table {
    /// Each by itself.
    pub tracks: Vec<Encoded>,
    /// All of them, as the metadata of variants and intervals have them.
    pub all: Encoded,
}

impl Table {
    fn new(form: Form, tracks: &Tracks) -> Self {
        let numbers = 0..tracks.len();
        if form == Form::Junctions {
            return Self {
                tracks: numbers
                    .map(|at| Encoded::new(&junction(tracks, at)))
                    .collect(),
                all: Encoded::default(),
            };
        }
        let track_metadata: Vec<_> = numbers.map(|at| track(tracks, at)).collect();
        Self {
            tracks: track_metadata.iter().map(Encoded::new).collect(),
            // The number of this field is the same in both.
            all: Encoded::new(&VariantMetadata {
                track_metadata,
                ..VariantMetadata::default()
            }),
        }
    }
}

/// Which table of an output's tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Tracks as the model has them.
    Tracks,
    /// Those of junctions.
    Junctions,
    /// Tracks of both strands as one.
    Merged,
    /// Those of the scores of junctions.
    Scored,
}

/// Tables that were encoded.
#[derive(Default)]
pub struct Tables(RwLock<HashMap<(Organism, OutputType, Form), Described>>);

impl Tables {
    /// A table; `tracks` is what it is made of.
    pub fn get(
        &self,
        organism: Organism,
        output: OutputType,
        form: Form,
        tracks: &Tracks,
    ) -> Described {
        let key = (organism, output, form);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&key) {
            return found.clone();
        }
        drop(known);
        let made = Arc::new(Table::new(form, tracks));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(key).or_insert(made).clone()
    }

    /// The table of scores, which `merged` says to be of both strands' tracks as one.
    pub fn of(&self, organism: Organism, scores: &Scores, merged: bool) -> Described {
        let (output, junctions) = match &scores.by {
            ScoredBy::Variant { scorer, .. } => {
                (scorer.output(), *scorer == Scorer::SpliceJunction)
            }
            ScoredBy::Interval(scorer) => (scorer.output, false),
        };
        let form = match (junctions, merged) {
            (true, _) => Form::Scored,
            (_, true) => Form::Merged,
            _ => Form::Tracks,
        };
        self.get(organism, output, form, &scores.tracks)
    }
}

/// A strand's number.
pub fn strand(strand: Strand) -> i32 {
    let strand = match strand {
        Strand::Positive => messages::Strand::Positive,
        Strand::Negative => messages::Strand::Negative,
        Strand::Unstranded => messages::Strand::Unstranded,
    };
    strand.into()
}

fn track(tracks: &Tracks, at: usize) -> TrackMetadata {
    let value = |column: &str| tracks.column(column)?[at].clone();
    use messages::described as d;
    TrackMetadata {
        name: tracks.names()[at].clone(),
        strand: strand(tracks.strands()[at]),
        ontology_term: ontology(tracks, at).map(|term| d::OntologyTerm {
            ontology_type: term.ontology_type,
            id: term.id,
        }),
        biosample: biosample(tracks, at).map(|sample| d::Biosample {
            r#type: sample.r#type,
            name: sample.name,
            stage: sample.stage,
        }),
        assay: value("Assay title"),
        gtex_tissue: value("gtex_tissue"),
        histone_mark_code: value("histone_mark"),
        transcription_factor_code: value("transcription_factor"),
        data_source: value("data_source"),
        endedness: value("endedness").and_then(|text| match text.as_str() {
            "single" => Some(Endedness::Single.into()),
            "paired" => Some(Endedness::Paired.into()),
            _ => None,
        }),
        genetically_modified: value("genetically_modified").map(|text| text == "True"),
        nonzero_mean: value("nonzero_mean").and_then(|text| text.parse().ok()),
    }
}

fn junction(tracks: &Tracks, at: usize) -> JunctionMetadata {
    let track = track(tracks, at);
    JunctionMetadata {
        name: track.name,
        ontology_term: track.ontology_term,
        biosample: track.biosample,
        gtex_tissue: track.gtex_tissue,
        data_source: track.data_source,
        assay: track.assay,
    }
}

fn biosample(tracks: &Tracks, at: usize) -> Option<Biosample> {
    let value = |column: &str| tracks.column(column)?[at].clone();
    let kind = value("biosample_type")?;
    let name = format!("BIOSAMPLE_TYPE_{}", kind.to_ascii_uppercase());
    Some(Biosample {
        r#type: BiosampleType::from_str_name(&name)?.into(),
        name: value("biosample_name").unwrap_or_default(),
        stage: value("biosample_life_stage"),
    })
}

fn ontology(tracks: &Tracks, at: usize) -> Option<OntologyTerm> {
    let curie = tracks.column("ontology_curie")?[at].as_deref()?;
    let (kind, id) = curie.split_once(':')?;
    let kind = OntologyType::from_str_name(&format!("ONTOLOGY_TYPE_{kind}"))?;
    Some(OntologyTerm {
        ontology_type: kind.into(),
        id: id.parse().ok()?,
    })
}

/// A term as tracks have it: `CL:0000001`.
pub fn curie(term: &OntologyTerm) -> Option<String> {
    let kind = OntologyType::try_from(term.ontology_type).ok()?;
    let prefix = kind.as_str_name().strip_prefix("ONTOLOGY_TYPE_")?;
    let known = kind != OntologyType::Unspecified;
    known.then(|| format!("{prefix}:{:07}", term.id))
}
