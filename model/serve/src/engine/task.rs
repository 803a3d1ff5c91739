use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use genome::{Interval, Strand, Variant};
use scorers::{IntervalScorer, Organism, OutputType, Predictions, Scorer, Scores};

use super::queue::Key;
use super::{Held, Kind};

/// Who asks: clients take turns. What stands before the engine puts it into a request's extensions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client(pub Arc<str>);

impl Default for Client {
    fn default() -> Self {
        Self("local".into())
    }
}

/// Outputs that are predicted, each with the tracks that are wanted of it, ascending; all of them without.
pub type Wanted = BTreeMap<OutputType, Option<Vec<usize>>>;

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of which organism.
    pub organism: Organism,
    /// What.
    pub task: Task,
    /// Who asks.
    pub client: Client,
    /// When the answer is worth nothing any more.
    pub deadline: Option<Instant>,
}

/// What the model does for a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Predictions of bases.
    PredictSequence {
        /// Of `ACGTN`.
        bases: String,
        /// What is predicted.
        outputs: Wanted,
    },
    /// Predictions of an interval of the genome.
    PredictInterval {
        /// What the model sees.
        interval: Interval,
        /// What is predicted.
        outputs: Wanted,
    },
    /// Predictions of both alleles of a variant.
    PredictVariant {
        /// What the model sees.
        interval: Interval,
        /// The variant.
        variant: Variant,
        /// What is predicted.
        outputs: Wanted,
    },
    /// Scores of an interval.
    ScoreInterval {
        /// What the model sees.
        interval: Interval,
        /// One result each.
        scorers: Vec<IntervalScorer>,
    },
    /// Scores of a variant.
    ScoreVariant {
        /// What the model sees.
        interval: Interval,
        /// The variant.
        variant: Variant,
        /// One result each.
        scorers: Vec<Scorer>,
        /// Whether all predictions of both alleles are wanted too.
        whole: bool,
    },
}

/// What the model gave.
#[derive(Clone, Default)]
pub struct Answered {
    /// One a scorer.
    pub scores: Vec<Scores>,
    /// Of the one sequence, or of REF and ALT. They have the tracks that were wanted alone.
    pub predictions: Vec<Predictions>,
}

/// An answer. Its bytes count until it is dropped.
pub struct Answer {
    /// One a scorer.
    pub scores: Vec<Scores>,
    /// Of the one sequence, or of REF and ALT. They have the tracks that were wanted alone.
    pub predictions: Vec<Predictions>,
    /// Counts its bytes.
    pub held: Held,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("scores", &self.scores.len())
            .field("predictions", &self.predictions.len())
            .finish_non_exhaustive()
    }
}

impl Task {
    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::PredictSequence { .. } => Kind::PredictSequence,
            Self::PredictInterval { .. } => Kind::PredictInterval,
            Self::PredictVariant { .. } => Kind::PredictVariant,
            Self::ScoreInterval { .. } => Kind::ScoreInterval,
            Self::ScoreVariant { .. } => Kind::ScoreVariant,
        }
    }

    /// The interval that the model sees; nothing where it sees a sequence.
    #[must_use]
    pub fn interval(&self) -> Option<&Interval> {
        match self {
            Self::PredictSequence { .. } => None,
            Self::PredictInterval { interval, .. }
            | Self::PredictVariant { interval, .. }
            | Self::ScoreInterval { interval, .. }
            | Self::ScoreVariant { interval, .. } => Some(interval),
        }
    }

    /// The variant, where there is one.
    #[must_use]
    pub fn variant(&self) -> Option<&Variant> {
        match self {
            Self::PredictVariant { variant, .. } | Self::ScoreVariant { variant, .. } => {
                Some(variant)
            }
            _ => None,
        }
    }

    /// Base pairs that the model sees.
    #[must_use]
    pub fn length(&self) -> i64 {
        match self {
            Self::PredictSequence { bases, .. } => bases.len() as i64,
            _ => self.interval().map_or(0, Interval::width),
        }
    }

    /// Bytes that it takes while it waits.
    pub(super) fn bytes(&self) -> u64 {
        let text = match self {
            Self::PredictSequence { bases, .. } => bases.len(),
            _ => self.variant().map_or(0, |variant| {
                variant.reference().len() + variant.alternate().len()
            }),
        };
        // What else there is of a request is small and counted at once.
        text as u64 + 1024
    }
}

impl Request {
    /// What tells whether passes that were planned for another request fit this one.
    pub(super) fn key(&self) -> Key {
        let indel = self
            .task
            .variant()
            .is_some_and(|variant| variant.reference_length() != variant.alternate_length());
        let sequence = || Interval {
            chromosome: String::new(),
            start: 0,
            end: self.task.length(),
            strand: Strand::Unstranded,
        };
        Key {
            organism: self.organism,
            kind: self.task.kind(),
            indel,
            interval: self.task.interval().cloned().unwrap_or_else(sequence),
        }
    }
}

impl Answered {
    /// The answer that holds so many bytes.
    pub(super) fn held(self, mut held: Held) -> Answer {
        held.set(self.bytes());
        Answer {
            scores: self.scores,
            predictions: self.predictions,
            held,
        }
    }

    /// Bytes of the values.
    pub(super) fn bytes(&self) -> u64 {
        let predictions = self.predictions.iter().map(Predictions::bytes);
        let scores = self.scores.iter().map(|scores| {
            let values = scores.values.len() + scores.quantiles.as_ref().map_or(0, Vec::len);
            size_of::<f32>() * values
        });
        predictions.chain(scores).sum::<usize>() as u64
    }
}
