//! The value of a statistic: a finite number, or the reason why there is none.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A statistic that is either a finite number or undefined for a stated reason.
///
/// Serialises as a plain number, or as `{"undefined": "constant"}`: never as NaN or infinity.
///
/// ```
/// use parity_stats::{Reason, Stat};
///
/// assert_eq!(Stat::of(0.5).value(), Some(0.5));
/// assert_eq!(Stat::of(f64::NAN), Stat::Undefined(Reason::NotFinite));
/// assert_eq!(Stat::ratio(1.0, 0.0, Reason::ZeroNorm), Stat::Undefined(Reason::ZeroNorm));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stat {
    /// A finite number.
    Defined(f64),
    /// No number exists.
    Undefined(Reason),
}

/// Why a statistic has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no finite pair of values.
    #[error("no finite values")]
    Empty,
    /// There are fewer values (or clusters, or blocks) than the statistic needs.
    #[error("too few values")]
    TooFew,
    /// The differences depend on each other over so much of the sequence that fewer than six blocks
    /// of positions are left: no standard error keeps what it promises.
    #[error("too few independent blocks of positions")]
    TooFewBlocks,
    /// One of the arrays is constant, so it has no variance to correlate or divide by.
    #[error("constant")]
    Constant,
    /// The differences are all equal, so their variance, which the statistic divides by, is zero.
    #[error("constant difference")]
    ConstantDifference,
    /// The reference is zero everywhere and the candidate is not.
    #[error("the reference has norm zero")]
    ZeroNorm,
    /// The result exceeds the range of a float64.
    #[error("not finite")]
    NotFinite,
    /// The statistic was not asked for.
    #[error("not asked for")]
    NotAsked,
}

impl Stat {
    /// `value` where it is finite, otherwise [`Reason::NotFinite`].
    #[must_use]
    pub fn of(value: f64) -> Self {
        if value.is_finite() {
            Self::Defined(value)
        } else {
            Self::Undefined(Reason::NotFinite)
        }
    }

    /// `numerator / denominator`, undefined for `reason` where the denominator is zero.
    #[must_use]
    pub fn ratio(numerator: f64, denominator: f64, reason: Reason) -> Self {
        if denominator == 0.0 {
            Self::Undefined(reason)
        } else {
            Self::of(numerator / denominator)
        }
    }

    /// The mean of `count` values that sum to `sum`, undefined where there are none.
    #[must_use]
    pub fn mean(sum: f64, count: u64) -> Self {
        Self::ratio(sum, count as f64, Reason::Empty)
    }

    /// The number, if there is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Defined(value) => Some(value),
            Self::Undefined(_) => None,
        }
    }

    /// The reason why there is no number, if there is none.
    #[must_use]
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Defined(_) => None,
            Self::Undefined(reason) => Some(reason),
        }
    }

    /// Applies `f` to the number; an undefined statistic stays undefined.
    #[must_use]
    pub fn map(self, f: impl FnOnce(f64) -> f64) -> Self {
        match self {
            Self::Defined(value) => Self::of(f(value)),
            undefined => undefined,
        }
    }
}

impl std::fmt::Display for Stat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Defined(value) => value.fmt(f),
            Self::Undefined(reason) => write!(f, "undefined: {reason}"),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Repr {
    Number(f64),
    Undefined { undefined: Reason },
}

impl Serialize for Stat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Defined(value) if value.is_finite() => Repr::Number(value),
            Self::Defined(_) => Repr::Undefined {
                undefined: Reason::NotFinite,
            },
            Self::Undefined(undefined) => Repr::Undefined { undefined },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Repr::deserialize(deserializer)? {
            Repr::Number(value) => Self::of(value),
            Repr::Undefined { undefined } => Self::Undefined(undefined),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_nan() {
        let written = serde_json::to_string(&[
            Stat::Defined(1.5),
            Stat::Defined(f64::NAN),
            Stat::Undefined(Reason::Constant),
        ])
        .unwrap();
        assert_eq!(
            written,
            r#"[1.5,{"undefined":"not_finite"},{"undefined":"constant"}]"#
        );
        let read: Vec<Stat> = serde_json::from_str(&written).unwrap();
        assert_eq!(read[0], Stat::Defined(1.5));
        assert_eq!(read[2], Stat::Undefined(Reason::Constant));
    }
}
