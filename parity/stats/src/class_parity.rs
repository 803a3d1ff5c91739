//! What the comparison of two classifiers finds.

use serde::{Deserialize, Serialize};

use crate::stat::Stat;

/// Mean, range, median and spread of absolute differences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbsoluteSpread {
    /// Mean absolute difference (MAD).
    pub mean: Stat,
    /// Smallest.
    pub min: Stat,
    /// Largest.
    pub max: Stat,
    /// Median.
    pub median: Stat,
    /// Population standard deviation of the absolute differences.
    pub std: Stat,
}

/// A position at which the two predict different classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disagreement {
    /// Row: the flat index divided by the number of classes.
    pub row: u64,
    /// Position in the sequence.
    pub position: u64,
    /// Class that the reference predicts.
    pub reference_class: usize,
    /// Class that the candidate predicts.
    pub candidate_class: usize,
    /// By how much the reference's probability of its class exceeds that of the candidate's class.
    pub reference_margin: f64,
    /// By how much the candidate's probability of its class exceeds that of the reference's class.
    pub candidate_margin: f64,
    /// Whether the reference's margin is within the tie: noise may turn it.
    #[serde(default)]
    pub near_tie: bool,
}

/// Positions at which the reference itself hardly prefers one class: its two best are within a margin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearTies {
    /// The margin, as a difference of probabilities.
    pub margin: f64,
    /// Positions whose two best classes are within it.
    pub count: u64,
    /// Positions with unequal predicted classes of which the reference's probabilities are within it.
    pub disagreements: u64,
    /// Agreement without near-ties: over the other positions, and those near-ties at which the
    /// candidate's class is beyond the margin. Undefined where there are none.
    pub agreement: Stat,
}

/// The probability of the predicted class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// Mean of the reference's.
    pub reference: Stat,
    /// Mean of the candidate's.
    pub candidate: Stat,
    /// Mean of the difference, candidate minus reference.
    pub difference: Stat,
    /// Mean absolute difference.
    pub mad: Stat,
    /// Largest absolute difference.
    pub max: Stat,
}

/// Cross entropies, means over positions, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossEntropy {
    /// Of the reference's distribution with itself: its entropy.
    pub reference: Stat,
    /// Of the candidate's distribution, with the reference's as target.
    pub candidate: Stat,
    /// The difference: the Kullback-Leibler divergence of the candidate from the reference.
    pub difference: Stat,
    /// The same difference with the reference's predicted class as target: the mean of the
    /// reference's log-probability of it minus the candidate's.
    pub difference_of_class: Stat,
}

/// Agreement at one range of distances from the nearer edge of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeBin {
    /// Smallest distance.
    pub from: u64,
    /// Number of positions.
    pub count: u64,
    /// Share of them with equal predicted classes.
    pub agreement: Stat,
    /// Mean absolute difference of the log-probability of the reference's class.
    pub mad: Stat,
}

/// The comparison of two classifiers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassParity {
    /// Positions compared.
    pub count: u64,
    /// Positions left out because a score is not finite.
    pub skipped: u64,
    /// Differences of the log-probability of the class that the reference predicts.
    pub log_probability: AbsoluteSpread,
    /// Share of positions with equal predicted classes (the first class among equals).
    pub agreement: Stat,
    /// Every position with unequal predicted classes.
    pub disagreements: Vec<Disagreement>,
    /// Near-ties, where a margin was given.
    #[serde(default)]
    pub near_ties: Option<NearTies>,
    /// Root mean square over positions of by how much the margin between the reference's two best
    /// classes differs: the noise that a tie is to be measured by. Undefined with one class.
    #[serde(default = "not_asked")]
    pub margin_noise: Stat,
    /// Confidence.
    pub confidence: Confidence,
    /// Cross entropy.
    pub cross_entropy: CrossEntropy,
    /// Agreement by distance from the sequence's edge, for the bins that hold positions.
    pub by_edge: Vec<EdgeBin>,
}

fn not_asked() -> Stat {
    Stat::Undefined(crate::Reason::NotAsked)
}
