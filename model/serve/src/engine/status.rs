use std::sync::Arc;
use std::time::Duration;

use scorers::Organism;
use tonic::Code;

use super::{Error, Request};

/// How things stand. All is zero where nothing is asked for and no answer is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Requests that wait.
    pub queued: usize,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Bytes of requests that arrive.
    pub arriving_bytes: u64,
    /// Requests that are being answered.
    pub running: usize,
    /// Bytes of answers that are being made or not yet dropped.
    pub held_bytes: u64,
    /// Workers that have a model.
    pub workers: usize,
    /// Whether everything is refused.
    pub closing: bool,
}

/// How a model does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelStatus {
    /// Where it runs.
    pub device: Arc<str>,
    /// Whether it takes requests.
    pub works: bool,
    /// Requests that it failed on, and another model answered.
    pub faults: u64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Predictions of a sequence.
    PredictSequence,
    /// Predictions of an interval.
    PredictInterval,
    /// Predictions of both alleles of a variant.
    PredictVariant,
    /// Scores of an interval.
    ScoreInterval,
    /// Scores of a variant.
    ScoreVariant,
}

impl Kind {
    /// The name, in snake case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PredictSequence => "predict_sequence",
            Self::PredictInterval => "predict_interval",
            Self::PredictVariant => "predict_variant",
            Self::ScoreInterval => "score_interval",
            Self::ScoreVariant => "score_variant",
        }
    }
}

/// A request that has ended.
#[derive(Clone, Debug)]
pub struct Event {
    /// What was asked for.
    pub kind: Kind,
    /// Of which organism.
    pub organism: Organism,
    /// Base pairs that the model sees.
    pub length: i64,
    /// [`Code::Ok`], or why there is no answer.
    pub outcome: Code,
    /// How long it waited.
    pub waited: Duration,
    /// How long it ran.
    pub ran: Duration,
    /// The worker that ran it.
    pub worker: Option<usize>,
    /// Whether it was answered with what ran for another request.
    pub shared: bool,
}

/// Who is told of events; it must not block.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

impl Event {
    pub(super) fn new(
        request: &Request,
        outcome: Result<(), &Error>,
        (waited, ran): (Duration, Duration),
        worker: Option<usize>,
    ) -> Self {
        Self {
            kind: request.task.kind(),
            organism: request.organism,
            length: request.task.length(),
            outcome: outcome.map_or_else(Error::code, |()| Code::Ok),
            waited,
            ran,
            worker,
            shared: worker.is_some() && outcome.is_ok() && ran.is_zero(),
        }
    }
}
