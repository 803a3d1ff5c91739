//! Variant effects: whether two models agree on what a variant changes.

use serde::{Deserialize, Serialize};

use crate::moments::Moments;
use crate::rank::spearman;
use crate::stat::Stat;
use crate::values::{LengthMismatch, Values, same_length};

/// An effect (ALT minus REF) at one place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Flat index.
    pub index: u64,
    /// The reference model's effect.
    pub reference: f64,
    /// The candidate model's effect.
    pub candidate: f64,
}

/// The comparison of two models' effects, over the places where all four values are finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectParity {
    /// Places compared.
    pub count: u64,
    /// Places left out because a value is not finite.
    pub skipped: u64,
    /// Places where the reference model's effect is not zero.
    pub changed: u64,
    /// Share of all places where both effects have one sign (negative, zero, positive).
    pub sign_agreement: Stat,
    /// The same share among the places where the reference model's effect is not zero.
    pub sign_agreement_changed: Stat,
    /// Spearman's rank correlation of the effects, ties averaged.
    pub spearman: Stat,
    /// Pearson's correlation of the effects.
    pub pearson: Stat,
    /// Relative L2 distance of the effects.
    pub relative_l2: Stat,
    /// The place of the reference model's largest absolute effect (the first among equals).
    pub largest_reference: Option<Effect>,
    /// The place of the candidate model's largest absolute effect.
    pub largest_candidate: Option<Effect>,
    /// The place where the effects are farthest apart.
    pub largest_difference: Option<Effect>,
}

/// The outputs of one model for the two alleles.
#[derive(Clone, Copy, Debug)]
pub struct Alleles<'a> {
    /// Output for the reference allele.
    pub reference_allele: Values<'a>,
    /// Output for the alternative allele.
    pub alternative_allele: Values<'a>,
}

impl Alleles<'_> {
    fn effects(&self) -> Result<Vec<f64>, LengthMismatch> {
        same_length(self.reference_allele, self.alternative_allele)?;
        let alleles = self.reference_allele.to_f64().into_iter();
        Ok(alleles
            .zip(self.alternative_allele.to_f64())
            .map(|(r, a)| a - r)
            .collect())
    }
}

/// Compares the effects ALT - REF of two models. Holds all effects at once.
///
/// # Errors
/// [`LengthMismatch`] where any two of the four arrays differ in length.
pub fn effect_parity(
    reference: Alleles<'_>,
    candidate: Alleles<'_>,
) -> Result<EffectParity, LengthMismatch> {
    let (x, y) = (reference.effects()?, candidate.effects()?);
    same_length(Values::F64(&x), Values::F64(&y))?;
    let total = x.len() as u64;
    let effects: Vec<Effect> = (0u64..)
        .zip(x.into_iter().zip(y))
        .filter(|(_, (x, y))| x.is_finite() && y.is_finite())
        .map(|(index, (reference, candidate))| Effect {
            index,
            reference,
            candidate,
        })
        .collect();
    let pairs: Vec<(f64, f64)> = effects.iter().map(|e| (e.reference, e.candidate)).collect();
    let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let same = |x: f64, y: f64| (x > 0.0) == (y > 0.0) && (x < 0.0) == (y < 0.0);
    let count = effects.len() as u64;
    let changed = pairs.iter().filter(|(x, _)| *x != 0.0).count() as u64;
    let agree = pairs.iter().filter(|(x, y)| same(*x, *y)).count() as f64;
    let agree_changed = pairs
        .iter()
        .filter(|(x, y)| *x != 0.0 && same(*x, *y))
        .count() as f64;
    let moments = Moments::of_pairs(&pairs);
    Ok(EffectParity {
        count,
        skipped: total - count,
        changed,
        sign_agreement: Stat::mean(agree, count),
        sign_agreement_changed: Stat::mean(agree_changed, changed),
        spearman: spearman(&x, &y),
        pearson: moments.pearson().0,
        relative_l2: moments.relative_l2(),
        largest_reference: first_largest(&effects, |e| e.reference.abs()),
        largest_candidate: first_largest(&effects, |e| e.candidate.abs()),
        largest_difference: first_largest(&effects, |e| (e.candidate - e.reference).abs()),
    })
}

fn first_largest(effects: &[Effect], size: impl Fn(&Effect) -> f64) -> Option<Effect> {
    effects
        .iter()
        .copied()
        .reduce(|best, e| if size(&e) > size(&best) { e } else { best })
}
