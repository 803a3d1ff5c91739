//! Kinds of faults, and how much of a difference each explains.

use serde::{Deserialize, Serialize};

/// What is likely wrong with a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A matrix is transposed, or rows and columns of pairs are.
    Transpose,
    /// Channels, heads, kernel positions, organisms or whole weights stand in another order, or two of them are exchanged.
    Permuted,
    /// A sign is turned.
    Sign,
    /// Something is multiplied by another factor.
    Scale,
    /// Something is added that should not be, or the other way round.
    Offset,
    /// Positions are shifted.
    Shift,
    /// The number that a norm adds before its root has another size.
    Epsilon,
    /// A step is left out: weights are zero throughout, or a number of the configuration switches it off.
    Dropped,
    /// Another activation or another form of one.
    Activation,
    /// Neighbours are pooled in another way: their mean, the largest or the first of them.
    Pooling,
    /// Another precision.
    Precision,
}

impl Kind {
    /// In a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Transpose => "transpose",
            Self::Permuted => "permuted channels",
            Self::Sign => "sign",
            Self::Scale => "scale",
            Self::Offset => "offset",
            Self::Shift => "shift by one",
            Self::Epsilon => "epsilon",
            Self::Dropped => "left out",
            Self::Activation => "other activation",
            Self::Pooling => "other pooling",
            Self::Precision => "other precision",
        }
    }
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The kind of fault that it undoes.
    pub kind: Kind,
    /// What was done, in words, with the weight's key where it was done to one.
    pub what: String,
    /// The share of the squared local difference that vanishes, with an allowance for fitted numbers.
    ///
    /// Nothing where the weights alone tell it: what is zero throughout, or was rounded away, cannot be put back.
    pub explained: Option<f64>,
}

/// The least share that a kind must explain to be named.
#[cfg(feature = "burn")]
pub(super) const NAMED: f64 = 0.5;
/// What explains this much needs no fit of many numbers beside it.
#[cfg(feature = "burn")]
pub(super) const ENOUGH: f64 = 0.98;
/// What explains this much puts the module right: nothing else need be tried.
#[cfg(feature = "burn")]
pub(super) const MENDED: f64 = 0.9999;
/// Trials within this of the best one are as good; the simplest of them is named.
#[cfg(feature = "burn")]
const TIE: f64 = 0.005;

/// What a trial counts: weights that tell it themselves count as much as one that explains everything.
#[cfg(feature = "burn")]
fn score(trial: &Trial) -> f64 {
    trial.explained.unwrap_or(1.0)
}

/// The trials by what they explain, best first, one a kind and way; what explains nothing is left out.
#[cfg(feature = "burn")]
pub(super) fn ranked(mut trials: Vec<Trial>) -> Vec<Trial> {
    trials.retain(|trial| trial.explained.is_none_or(|explained| explained > 0.05));
    // Trials come with the simplest first, and a later one must be better by more than a tie.
    let mut ranked: Vec<Trial> = Vec::new();
    while !trials.is_empty() {
        let best = trials.iter().map(score).fold(f64::MIN, f64::max);
        let index = trials
            .iter()
            .position(|trial| score(trial) >= best - TIE)
            .unwrap_or(0);
        ranked.push(trials.remove(index));
    }
    ranked.truncate(6);
    ranked
}
