//! The terms of AlphaGenome's track loss, with the reference's predictions as the target.

use serde::{Deserialize, Serialize};

use crate::stat::{Reason, Stat};
use crate::values::{LengthMismatch, Values, same_length};

/// What the loss adds to every argument of a logarithm and to every total.
const EPSILON: f64 = 1e-7;

/// How to compute the loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossOptions {
    /// Number of tracks, the last axis.
    pub tracks: usize,
    /// Positions of one segment, in which the multinomial is normalised.
    pub resolution: usize,
    /// Weight of the positional term in the loss.
    pub positional_weight: f64,
}

/// The terms of the loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossTerms {
    /// The Poisson term of the segments' totals, divided by the resolution.
    pub poisson: Stat,
    /// The multinomial term: the cross entropy of the positions within a segment.
    pub multinomial: Stat,
    /// `poisson + positional_weight * multinomial`.
    pub loss: Stat,
}

/// The loss of a candidate against the reference as target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackLoss {
    /// Loss of the candidate against the reference.
    pub candidate: LossTerms,
    /// Loss of the reference against itself: the least that any candidate reaches, to `1e-7`.
    pub reference: LossTerms,
    /// `candidate - reference` of each term: what the differences cost.
    pub excess: LossTerms,
    /// Tracks left out because a value of theirs is not finite or a prediction is negative.
    pub skipped: usize,
}

/// An array that does not divide into segments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LossError {
    /// The number of elements is no multiple of `tracks * resolution`.
    #[error(
        "{len} values do not divide into segments of {resolution} positions of {tracks} tracks: \
         pass whole sequences and a resolution that divides their length"
    )]
    Segments {
        /// Number of elements.
        len: usize,
        /// Positions of a segment.
        resolution: usize,
        /// Number of tracks.
        tracks: usize,
    },
    /// The arrays differ in length.
    #[error(transparent)]
    Length(#[from] LengthMismatch),
}

/// The Poisson and multinomial terms of `multinomial_loss` (alphagenome_research,
/// `model/losses.py`), in float64, for arrays `[..., positions, tracks]` with the reference's
/// predictions in place of the measured track. A track with a value that is not finite (padding)
/// or a negative prediction (outside the loss's domain) in either array is masked.
///
/// # Errors
/// [`LossError`] where the arrays do not divide into segments or differ in length.
pub fn track_loss(
    reference: Values<'_>,
    candidate: Values<'_>,
    options: LossOptions,
) -> Result<TrackLoss, LossError> {
    let len = same_length(reference, candidate)?;
    let LossOptions {
        tracks, resolution, ..
    } = options;
    let segment = tracks
        .checked_mul(resolution)
        .filter(|segment| *segment > 0);
    let Some(segment) = segment.filter(|segment| len % segment == 0) else {
        return Err(LossError::Segments {
            len,
            resolution,
            tracks,
        });
    };
    let (target, prediction) = (reference.to_f64(), candidate.to_f64());
    let mut kept = vec![true; tracks];
    for values in [&target, &prediction] {
        for row in values.chunks_exact(tracks) {
            for (kept, x) in kept.iter_mut().zip(row) {
                *kept &= x.is_finite() && *x >= 0.0;
            }
        }
    }
    let tracks_kept = kept.iter().filter(|kept| **kept).count();
    let terms = |prediction: &[f64]| {
        let mut sums = Sums {
            poisson: 0.0,
            multinomial: 0.0,
        };
        for (target, prediction) in target
            .chunks_exact(segment)
            .zip(prediction.chunks_exact(segment))
        {
            for track in (0..tracks).filter(|&track| kept[track]) {
                let column = |values: &[f64]| -> Vec<f64> {
                    values.iter().skip(track).step_by(tracks).copied().collect()
                };
                sums.add(&column(target), &column(prediction));
            }
        }
        sums.terms((len / segment * tracks_kept) as u64, options)
    };
    let (candidate, reference) = (terms(&prediction), terms(&target));
    let minus = |x: Stat, y: Stat| match (x, y) {
        (Stat::Defined(x), Stat::Defined(y)) => Stat::of(x - y),
        (Stat::Undefined(reason), _) | (_, Stat::Undefined(reason)) => Stat::Undefined(reason),
    };
    let excess = LossTerms {
        poisson: minus(candidate.poisson, reference.poisson),
        multinomial: minus(candidate.multinomial, reference.multinomial),
        loss: minus(candidate.loss, reference.loss),
    };
    Ok(TrackLoss {
        candidate,
        reference,
        excess,
        skipped: tracks - tracks_kept,
    })
}

/// Sums over segments and tracks.
struct Sums {
    poisson: f64,
    multinomial: f64,
}

impl Sums {
    /// Adds one track's segment.
    fn add(&mut self, target: &[f64], prediction: &[f64]) {
        let total_target: f64 = target.iter().sum();
        let total: f64 = prediction.iter().sum();
        let least = total_target - total_target * (total_target + EPSILON).ln();
        self.poisson += total - total_target * (total + EPSILON).ln() - least;
        self.multinomial += target
            .iter()
            .zip(prediction)
            .map(|(t, p)| -t * (p / (total + EPSILON) + EPSILON).ln())
            .sum::<f64>();
    }

    /// Means: the Poisson term over segments, the multinomial one over positions.
    fn terms(&self, segments: u64, options: LossOptions) -> LossTerms {
        if segments == 0 {
            let none = Stat::Undefined(Reason::Empty);
            return LossTerms {
                poisson: none,
                multinomial: none,
                loss: none,
            };
        }
        let positions = segments as f64 * options.resolution as f64;
        let (poisson, multinomial) = (self.poisson / positions, self.multinomial / positions);
        LossTerms {
            poisson: Stat::of(poisson),
            multinomial: Stat::of(multinomial),
            loss: Stat::of(poisson + options.positional_weight * multinomial),
        }
    }
}
