//! Where a score stands among those of common variants: DeepMind's calibration file.

use std::collections::BTreeMap;

use genome::Strand;

use crate::random::Generator;
use crate::scores::{ScoredBy, Scores};
use crate::wire::Fields;
use crate::{Error, Scorer, Tracks};

/// The seed of 0.3.0's generator.
const SEED: u32 = 42;
/// Prefixes of ontology terms by their number in the SDK's messages.
const ONTOLOGIES: [&str; 6] = ["", "CLO", "UBERON", "CL", "EFO", "NTR"];

/// Quantiles of scores for the scorers that have some, and the generator that draws among equal ones.
///
/// A score that equals several quantiles gets one of them by chance. As in 0.3.0 one generator serves all calls, so results
/// depend on the order in which scores come.
#[derive(Clone, Debug)]
pub struct Calibration {
    scorers: BTreeMap<String, Quantiles>,
    generator: Generator,
}

#[derive(Clone, Debug, Default)]
struct Quantiles {
    probabilities: Vec<f32>,
    /// `[tracks, probabilities]`
    values: Vec<f32>,
    tracks: Vec<CalibratedTrack>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct CalibratedTrack {
    name: String,
    strand: Strand,
    ontology: Option<String>,
}

impl Calibration {
    /// Reads a serialised `CalibrationScores` message.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut scorers = BTreeMap::new();
        for field in Fields::new(bytes, 0) {
            let (number, value) = field?;
            if number != 1 {
                continue;
            }
            let entry = value.message()?;
            let (mut name, mut quantiles) = (String::new(), Quantiles::default());
            for field in entry {
                match field? {
                    (1, value) => name = value.text()?,
                    (2, value) => quantiles = Quantiles::parse(value.message()?)?,
                    _ => {}
                }
            }
            quantiles.check(&name)?;
            scorers.insert(name, quantiles);
        }
        if scorers.is_empty() {
            return Err(Error::Calibration {
                offset: 0,
                reason: "holds no scorer; expected DeepMind's calibration file".into(),
            });
        }
        Ok(Self {
            scorers,
            generator: Generator::new(SEED),
        })
    }

    /// The same with a generator of another seed.
    pub fn seeded(self, seed: u32) -> Self {
        Self {
            generator: Generator::new(seed),
            ..self
        }
    }

    /// Names of the scorers that have quantiles.
    pub fn scorers(&self) -> impl Iterator<Item = &str> {
        self.scorers.keys().map(String::as_str)
    }

    /// Whether results depend on earlier ones: some quantiles of a track are equal.
    pub fn draws(&self) -> bool {
        let ties = |quantiles: &Quantiles| {
            (0..quantiles.tracks.len()).any(|track| {
                let values = quantiles.of(track);
                values.windows(2).any(|pair| pair[0] == pair[1])
            })
        };
        self.scorers.values().any(ties)
    }

    /// Where the generator stands, for [`Calibration::resume`] in another process.
    pub fn state(&self) -> String {
        self.generator.state()
    }

    /// Goes on where the generator stood.
    pub fn resume(&mut self, state: &str) -> Result<(), Error> {
        let resumed = self.generator.resume(state);
        resumed.ok_or_else(|| Error::Calibration {
            offset: 0,
            reason: format!("{state:?} is no state of a generator"),
        })
    }

    /// Whether there are quantiles for `scorer`, whose output has these tracks.
    ///
    /// Fails where the tracks are not those of the file.
    pub fn check(&self, scorer: Scorer, tracks: &Tracks) -> Result<bool, Error> {
        let name = scorer.to_string();
        let Some(quantiles) = self.scorers.get(&name) else {
            return Ok(false);
        };
        match scorer {
            Scorer::SpliceJunction => quantiles.check_tracks(&name, &tracks.for_junctions())?,
            _ => quantiles.check_tracks(&name, tracks)?,
        }
        Ok(true)
    }

    /// Gives `scores` its quantiles. Scorers that the file lacks, and scores of intervals, get none.
    ///
    /// Fails where the tracks are not those of the file: name, strand and ontology term must agree.
    pub fn apply(&mut self, scores: &mut Scores) -> Result<(), Error> {
        let ScoredBy::Variant { scorer, .. } = &scores.by else {
            return Ok(());
        };
        let name = scorer.to_string();
        let Some(quantiles) = self.scorers.get(&name) else {
            return Ok(());
        };
        quantiles.check_tracks(&name, &scores.tracks)?;
        let tracks = scores.tracks.len();
        let mut found = vec![f32::NAN; scores.values.len()];
        for track in 0..tracks {
            let table = quantiles.of(track);
            let ties = table.windows(2).any(|pair| pair[0] == pair[1]);
            for at in (track..scores.values.len()).step_by(tracks) {
                let value = scores.values[at];
                if value.is_nan() {
                    continue;
                }
                let left = table.partition_point(|quantile| *quantile < value);
                let index = if ties {
                    let right = table.partition_point(|quantile| *quantile <= value);
                    self.generator.integer(left as u32, right as u32) as usize
                } else {
                    left
                };
                found[at] = quantiles.probabilities[index.min(table.len() - 1)];
            }
        }
        scores.quantiles = Some(found);
        Ok(())
    }
}

impl Quantiles {
    fn parse(fields: Fields<'_>) -> Result<Self, Error> {
        let mut quantiles = Self::default();
        for field in fields {
            match field? {
                (1, value) => value.floats(&mut quantiles.values)?,
                (2, value) => value.floats(&mut quantiles.probabilities)?,
                (3, value) => {
                    for field in value.message()? {
                        if let (1, value) = field? {
                            quantiles
                                .tracks
                                .push(CalibratedTrack::parse(value.message()?)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(quantiles)
    }

    fn of(&self, track: usize) -> &[f32] {
        let length = self.probabilities.len();
        &self.values[track * length..][..length]
    }

    fn check(&self, name: &str) -> Result<(), Error> {
        let fail = |reason: String| {
            Err(Error::Calibration {
                offset: 0,
                reason: format!("scorer {name}: {reason}"),
            })
        };
        let (found, expected) = (
            self.values.len(),
            self.probabilities.len() * self.tracks.len(),
        );
        if found != expected || self.probabilities.is_empty() {
            return fail(format!(
                "{found} quantiles, expected {} probabilities for each of {} tracks",
                self.probabilities.len(),
                self.tracks.len()
            ));
        }
        if (0..self.tracks.len()).any(|track| !self.of(track).is_sorted()) {
            return fail("the quantiles of a track are not in ascending order".to_owned());
        }
        Ok(())
    }

    fn check_tracks(&self, scorer: &str, tracks: &Tracks) -> Result<(), Error> {
        let fail = |detail: String| {
            Err(Error::CalibrationTracks {
                scorer: scorer.to_owned(),
                detail,
            })
        };
        if self.tracks.len() != tracks.len() {
            return fail(format!(
                "{} tracks in the file, {} in the model",
                self.tracks.len(),
                tracks.len()
            ));
        }
        let ontologies = tracks.column("ontology_curie");
        for (at, known) in self.tracks.iter().enumerate() {
            let own = CalibratedTrack {
                name: tracks.names()[at].clone(),
                strand: tracks.strands()[at],
                ontology: ontologies.and_then(|column| column[at].clone()),
            };
            if *known != own {
                return fail(format!(
                    "track {at} is {known:?} in the file and {own:?} in the model"
                ));
            }
        }
        Ok(())
    }
}

impl CalibratedTrack {
    fn parse(fields: Fields<'_>) -> Result<Self, Error> {
        let mut track = Self::default();
        for field in fields {
            match field? {
                (1, value) => track.name = value.text()?,
                (2, value) => {
                    track.strand = match value.number()? {
                        1 => Strand::Positive,
                        2 => Strand::Negative,
                        _ => Strand::Unstranded,
                    }
                }
                (3, value) => track.ontology = Some(ontology(value.message()?)?),
                _ => {}
            }
        }
        Ok(track)
    }
}

/// `CL:0000001` of its kind and its number, which has seven digits.
fn ontology(fields: Fields<'_>) -> Result<String, Error> {
    let (mut kind, mut number, offset) = (0, 0, fields.offset);
    for field in fields {
        match field? {
            (1, value) => kind = value.number()? as usize,
            (2, value) => number = value.number()?,
            _ => {}
        }
    }
    let prefix = ONTOLOGIES.get(kind).filter(|prefix| !prefix.is_empty());
    let prefix = prefix.ok_or_else(|| Error::Calibration {
        offset,
        reason: format!("ontology {kind} is not known"),
    })?;
    Ok(format!("{prefix}:{number:07}"))
}
