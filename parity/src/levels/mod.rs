//! The bounds of the levels: read from TOML files, three of which are shipped.

mod bounds;
mod error;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::outputs::fits;
use crate::recording::DType;

use bounds::Rule;
pub use bounds::{Bounds, Each, Within};
pub use error::ThresholdsError;

/// The profiles that are shipped, by name.
pub const PROFILES: [(&str, &str); 3] = [
    ("default", include_str!("../../thresholds/default.toml")),
    ("strict", include_str!("../../thresholds/strict.toml")),
    ("tight", include_str!("../../thresholds/tight.toml")),
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
    /// Two classes whose probabilities the reference has no farther apart are a near-tie, where no floor says how far noise
    /// moves them.
    #[serde(default)]
    pub class_tie: ClassTie,
}

/// The margin of a near-tie by compute dtype: four times the root mean square by which the margin between the two best
/// splice-site classes differs from JAX to JAX.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassTie {
    /// For float32 and float64.
    pub float32: f64,
    /// For bfloat16 and float16.
    pub bfloat16: f64,
}

impl Default for ClassTie {
    /// 1.6e-4 and 0.016: GPU against CPU 3.9e-5 and 4.0e-3, times four.
    fn default() -> Self {
        Self {
            float32: 1.6e-4,
            bfloat16: 0.016,
        }
    }
}

impl ClassTie {
    /// That of a dtype.
    pub fn of(&self, dtype: DType) -> f64 {
        match dtype {
            DType::Bfloat16 | DType::Float16 => self.bfloat16,
            _ => self.float32,
        }
    }
}

impl Default for DecisionRule {
    /// 99 %, 95 %, twice the limit.
    fn default() -> Self {
        Self {
            accept: 0.99,
            validate: 0.95,
            floor_factor: 2.0,
            class_tie: ClassTie::default(),
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
        let rule = self
            .rule
            .iter()
            .find(|rule| rule.fits(level, dtype, output))?;
        Some(rule.bounds())
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
