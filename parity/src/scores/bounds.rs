//! How far a float32 score may be from the recorded one: `thresholds/scores.toml`.

use anyhow::{Result, anyhow};
use scorers::{Aggregation, Scorer};
use serde::Deserialize;

use crate::outputs::fits;

/// Bounds by scorer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    rule: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Patterns of names as [`name`] gives them.
    scorers: Vec<String>,
    #[serde(default)]
    absolute: f64,
    /// Of the recorded score.
    #[serde(default)]
    score: f64,
    /// Of the larger allele's mean or sum over the same places.
    #[serde(default)]
    active: f64,
}

impl Bounds {
    /// Those that are shipped.
    ///
    /// # Errors
    /// Where they are no TOML of this form.
    pub fn shipped() -> Result<Self> {
        Ok(toml::from_str(include_str!(
            "../../thresholds/scores.toml"
        ))?)
    }

    fn rule(&self, scorer: Scorer) -> Result<&Rule> {
        let name = name(scorer);
        let fitting = |rule: &&Rule| rule.scorers.iter().any(|pattern| fits(pattern, &name));
        let rule = self.rule.iter().find(fitting);
        rule.ok_or_else(|| anyhow!("thresholds/scores.toml has no rule for {name}"))
    }

    /// The scorer of the larger allele's mean or sum, where a scorer's bound is relative to that.
    ///
    /// # Errors
    /// Where no rule fits.
    pub fn sizes(&self, scorer: Scorer) -> Result<Option<Scorer>> {
        let active = self.rule(scorer)?.active > 0.0;
        Ok(active.then(|| active_of(scorer)).flatten())
    }

    /// How far a score may be from the recorded one, given that and the larger allele's mean or sum.
    ///
    /// # Errors
    /// Where no rule fits.
    pub fn of(&self, scorer: Scorer) -> Result<impl Fn(f32, f32) -> f64 + use<>> {
        let rule = self.rule(scorer)?.clone();
        Ok(move |score: f32, size: f32| {
            let [score, size] = [score, size].map(|value| f64::from(value.abs()));
            rule.absolute + rule.score * score + rule.active * size
        })
    }
}

/// `CENTER_MASK/ATAC/DIFF_LOG2_SUM`, `GENE_MASK_LFC/RNA_SEQ`.
fn name(scorer: Scorer) -> String {
    let base = format!("{}/{}", scorer.base(), scorer.output());
    match scorer {
        Scorer::CenterMask { aggregation, .. } => format!("{base}/{aggregation}"),
        _ => base,
    }
}

fn active_of(scorer: Scorer) -> Option<Scorer> {
    let Scorer::CenterMask {
        output,
        width,
        aggregation,
    } = scorer
    else {
        return None;
    };
    let aggregation = match aggregation {
        Aggregation::DiffSum | Aggregation::DiffSumLog2 => Aggregation::ActiveSum,
        _ => Aggregation::ActiveMean,
    };
    Some(Scorer::CenterMask {
        output,
        width,
        aggregation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scorer_has_a_bound_and_relative_ones_have_a_size() {
        let bounds = Bounds::shipped().unwrap();
        for aggregation in Aggregation::ALL {
            for output in scorers::OutputType::ALL {
                let scorer = Scorer::CenterMask {
                    output: *output,
                    width: Some(501),
                    aggregation: *aggregation,
                };
                if scorer.checked().is_err() {
                    continue;
                }
                let bound = bounds.of(scorer).unwrap();
                assert!(bound(1.0, 100.0) > 0.0, "{scorer}");
                // No more than 2e-5 of the larger allele's sum or mean allows, but for what is rounded to float16.
                let most = match output {
                    scorers::OutputType::SpliceSiteUsage => 2e-3,
                    _ => 2e-5,
                };
                assert!(bound(0.0, 1.0) <= most, "{scorer}");
            }
        }
        for organism in [scorers::Organism::Human, scorers::Organism::Mouse] {
            for scorer in Scorer::recommended(organism) {
                assert!(bounds.of(scorer).unwrap()(1.0, 1.0) > 0.0, "{scorer}");
            }
        }
    }
}
