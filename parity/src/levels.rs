//! The bounds of the levels: read from TOML files, three of which are shipped.

use std::path::Path;

use parity_stats::Tolerance;
use serde::{Deserialize, Serialize};

use crate::outputs::fits;
use crate::recording::DType;

/// The profiles that are shipped, by name.
pub const PROFILES: [(&str, &str); 3] = [
    ("default", include_str!("../thresholds/default.toml")),
    ("strict", include_str!("../thresholds/strict.toml")),
    ("tight", include_str!("../thresholds/tight.toml")),
];

/// The levels there are.
pub const LEVELS: std::ops::RangeInclusive<u8> = 1..=4;

/// Bounds by level, dtype and output.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// The profile's name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What decides about bias.
    #[serde(default)]
    pub bias: BiasRule,
    /// When a candidate is accepted.
    #[serde(default)]
    pub decision: DecisionRule,
    rule: Vec<Rule>,
    /// Where JAX against JAX stands with these bounds.
    #[serde(default)]
    pub jax: Vec<JaxAgainstJax>,
}

/// How bias is tested; it is reported and decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BiasRule {
    /// The largest mean difference that counts as none, in standard deviations of the reference.
    pub margin: f64,
    /// Significance level.
    pub alpha: f64,
}

impl Default for BiasRule {
    /// A hundredth of a standard deviation, at 0.05.
    fn default() -> Self {
        Self {
            margin: 0.01,
            alpha: 0.05,
        }
    }
}

/// When `parity verdict` accepts, validates or falls back: see [`crate::decision`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRule {
    /// Agreement above this is accepted.
    pub accept: f64,
    /// Agreement from this on is to be validated.
    pub validate: f64,
    /// Up to this many times the floor's limit is to be validated.
    pub floor_factor: f64,
}

impl Default for DecisionRule {
    /// 99 %, 95 %, twice the limit.
    fn default() -> Self {
        Self {
            accept: 0.99,
            validate: 0.95,
            floor_factor: 2.0,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    level: u8,
    dtype: Option<DType>,
    outputs: Vec<String>,
    within: Option<Within>,
    pearson: Option<f64>,
    relative_l2: Option<f64>,
    constant_l2: Option<f64>,
    outliers: Option<f64>,
    t_test_p: Option<f64>,
    steps: Option<u64>,
    tie: Option<f64>,
    tie_per_difference: Option<f64>,
}

/// What one output has to reach. An absent bound decides nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bounds {
    /// The share of values within a tolerance.
    pub within: Option<Within>,
    /// The least Pearson correlation.
    pub pearson: Option<f64>,
    /// The largest relative L2 distance.
    pub relative_l2: Option<f64>,
    /// The largest relative L2 distance of an output that is constant and has no correlation.
    pub constant_l2: Option<f64>,
    /// The largest share of differences beyond five standard deviations.
    pub outliers: Option<f64>,
    /// The least p of the paired t-test.
    pub t_test_p: Option<f64>,
    /// The most representable steps between two values.
    pub steps: Option<u64>,
    /// Splice positions may differ only where the probability is this near the cut.
    pub tie: Option<f64>,
    /// The same as a multiple of the largest difference of any probability: a perturbation of at most `e` cannot swap two
    /// that are more than `2 e` apart.
    pub tie_per_difference: Option<f64>,
}

/// At least `share` of the values within `absolute + relative |reference|`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Allowed at zero.
    pub absolute: f64,
    /// Allowed in proportion.
    pub relative: f64,
    /// The share that must be inside, 0 to 1.
    pub share: f64,
}

impl Within {
    /// Its tolerance, as the statistics take it.
    pub fn tolerance(&self) -> Tolerance {
        Tolerance {
            absolute: self.absolute,
            relative: self.relative,
        }
    }
}

/// A bound that JAX fails against JAX, measured on recordings of the full model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JaxAgainstJax {
    /// Compute dtype.
    pub dtype: DType,
    /// The outputs it is about.
    pub outputs: Vec<String>,
    /// The check, as results name it.
    pub check: String,
    /// What JAX reaches.
    pub value: String,
    /// The two settings of JAX.
    pub pair: String,
}

/// Why bounds could not be read.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the message of each variant says what its fields hold"
)]
pub enum ThresholdsError {
    #[error("{path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
    #[error("{path}: the thresholds cannot be read: {message}")]
    Parse { path: String, message: String },
    #[error("{path}: rule {index}: {message}")]
    Rule {
        path: String,
        index: usize,
        message: String,
    },
    #[error("no profile {name}; there are {known}, or give a file with --thresholds")]
    NoProfile { name: String, known: String },
}

impl Thresholds {
    /// A shipped profile.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn profile(name: &str) -> Result<Self, ThresholdsError> {
        let (_, text) = PROFILES
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| ThresholdsError::NoProfile {
                name: name.into(),
                known: PROFILES.map(|(name, _)| name).join(", "),
            })?;
        Self::parse(text, name)
    }

    /// The bounds of a user's own file.
    ///
    /// # Errors
    /// Where it cannot be read or holds a bound that makes no sense.
    pub fn read(path: &Path) -> Result<Self, ThresholdsError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ThresholdsError::Io {
            path: name.clone(),
            source,
        })?;
        Self::parse(&text, &name)
    }

    fn parse(text: &str, path: &str) -> Result<Self, ThresholdsError> {
        let thresholds: Self = toml::from_str(text).map_err(|e| ThresholdsError::Parse {
            path: path.into(),
            message: e.to_string(),
        })?;
        for (index, rule) in thresholds.rule.iter().enumerate() {
            if let Some(message) = rule.fault() {
                return Err(ThresholdsError::Rule {
                    path: path.into(),
                    index: index + 1,
                    message,
                });
            }
        }
        Ok(thresholds)
    }

    /// The bounds of `output` at `level`, for a model that computes in `dtype`; float64 is held to float32's. `None` where
    /// no rule fits.
    pub fn bounds(&self, level: u8, dtype: DType, output: &str) -> Option<Bounds> {
        let dtype = match dtype {
            DType::Float64 => DType::Float32,
            DType::Float16 => DType::Bfloat16,
            other => other,
        };
        let rule = self.rule.iter().find(|rule| {
            rule.level == level
                && rule.dtype.is_none_or(|d| d == dtype)
                && rule.outputs.iter().any(|pattern| fits(pattern, output))
        })?;
        Some(Bounds {
            within: rule.within,
            pearson: rule.pearson,
            relative_l2: rule.relative_l2,
            constant_l2: rule.constant_l2,
            outliers: rule.outliers,
            t_test_p: rule.t_test_p,
            steps: rule.steps,
            tie: rule.tie,
            tie_per_difference: rule.tie_per_difference,
        })
    }

    /// What JAX reaches against JAX on `check` of `output`, where it fails.
    pub fn jax_fails(&self, dtype: DType, output: &str, check: &str) -> Option<&JaxAgainstJax> {
        self.jax.iter().find(|entry| {
            entry.dtype == dtype
                && entry.check == check
                && entry.outputs.iter().any(|pattern| fits(pattern, output))
        })
    }
}

impl Rule {
    fn fault(&self) -> Option<String> {
        if !LEVELS.contains(&self.level) {
            return Some(format!("level {}; expected 1 to 4", self.level));
        }
        if self.outputs.is_empty() {
            return Some("no outputs; write [\"*\"] for all".into());
        }
        if self
            .dtype
            .is_some_and(|d| d != DType::Float32 && d != DType::Bfloat16)
        {
            return Some("dtype must be float32 or bfloat16".into());
        }
        let shares = [
            ("pearson", self.pearson),
            ("within.share", self.within.map(|w| w.share)),
            ("outliers", self.outliers),
            ("t_test_p", self.t_test_p),
        ];
        let distances = [
            ("relative_l2", self.relative_l2),
            ("constant_l2", self.constant_l2),
            ("within.absolute", self.within.map(|w| w.absolute)),
            ("within.relative", self.within.map(|w| w.relative)),
            ("tie", self.tie),
            ("tie_per_difference", self.tie_per_difference),
        ];
        let outside = |bound: &(&str, Option<f64>), high: f64| {
            bound.1.is_some_and(|x| !(0.0..=high).contains(&x))
        };
        if let Some((name, _)) = shares.iter().find(|bound| outside(bound, 1.0)) {
            return Some(format!("{name} must lie between 0 and 1"));
        }
        let (name, _) = distances.iter().find(|bound| outside(bound, f64::MAX))?;
        Some(format!("{name} must not be negative"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_profiles_hold_the_published_bounds() {
        for (name, _) in PROFILES {
            assert_eq!(Thresholds::profile(name).unwrap().name, name);
        }
        let default = Thresholds::profile("default").unwrap();
        let bound = |dtype, output| default.bounds(2, dtype, output).unwrap();
        let f32_1bp = bound(DType::Float32, "embeddings_1bp");
        assert_eq!(f32_1bp.pearson, Some(0.9999));
        assert_eq!(
            f32_1bp.within,
            Some(Within {
                absolute: 1e-2,
                relative: 1e-2,
                share: 0.99
            })
        );
        assert_eq!(
            bound(DType::Float32, "embeddings_pair").pearson,
            Some(0.999)
        );
        assert_eq!(
            bound(DType::Bfloat16, "embeddings_128bp").pearson,
            Some(0.9995)
        );
        assert_eq!(
            bound(DType::Bfloat16, "embeddings_pair").pearson,
            Some(0.999)
        );
        assert_eq!(
            bound(DType::Bfloat16, "taps/alphagenome/x"),
            Bounds::default()
        );
        assert_eq!(f32_1bp.t_test_p, None);
        let strict = Thresholds::profile("strict").unwrap();
        let bf16 = strict.bounds(2, DType::Bfloat16, "embeddings_1bp").unwrap();
        assert_eq!((bf16.pearson, bf16.t_test_p), (Some(0.9999), Some(0.01)));
        let level = |n| {
            default
                .bounds(n, DType::Float32, "x")
                .unwrap()
                .within
                .unwrap()
        };
        assert_eq!((level(3).share, level(3).absolute), (0.95, 1e-3));
        assert_eq!((level(4).share, level(4).relative), (0.90, 1e-4));
        assert_eq!(default.bounds(1, DType::Float32, "x"), None);
    }

    #[test]
    fn bounds_that_make_no_sense_are_refused() {
        for (rule, expected) in [
            ("level = 7\noutputs = ['*']", "level 7"),
            ("level = 2\noutputs = []", "no outputs"),
            (
                "level = 2\noutputs = ['*']\npearson = 1.5",
                "pearson must lie",
            ),
            (
                "level = 2\noutputs = ['*']\nrelative_l2 = -1.0",
                "relative_l2 must not",
            ),
            (
                "level = 2\noutputs = ['*']\npearsom = 0.9",
                "unknown field `pearsom`",
            ),
        ] {
            let error = Thresholds::parse(&format!("name = 'x'\n[[rule]]\n{rule}"), "x.toml");
            let message = error.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
