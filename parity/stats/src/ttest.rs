//! The paired t-test, as it is usually misapplied to the elements of a tensor.

use serde::{Deserialize, Serialize};

use crate::stat::{Reason, Stat};
use crate::student;

/// Student's paired t-test of the differences against a mean of zero.
///
/// It assumes independent differences. Elements of a tensor that share a channel or a position
/// are not independent, so with enough of them it rejects any two computations that differ at
/// all: the equivalence test
/// with standard errors by cluster allows for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TTest {
    /// `mean(d) / (s / sqrt(n))` with the sample standard deviation `s` (divided by `n - 1`).
    pub t: Stat,
    /// Degrees of freedom, `n - 1`.
    pub freedom: Stat,
    /// Two-sided probability of so large a `|t|` if the mean is zero.
    pub p: Stat,
}

/// The t-test of `n` differences with this mean and population standard deviation (divided by
/// `n`). Undefined below two values, and where all differences are equal.
#[must_use]
pub fn paired(n: u64, mean: Stat, std: Stat) -> TTest {
    let none = |reason| {
        let undefined = Stat::Undefined(reason);
        TTest {
            t: undefined,
            freedom: undefined,
            p: undefined,
        }
    };
    if n < 2 {
        return none(if n == 0 {
            Reason::Empty
        } else {
            Reason::TooFew
        });
    }
    let (Stat::Defined(mean), Stat::Defined(std)) = (mean, std) else {
        return none(Reason::NotFinite);
    };
    if std == 0.0 {
        return none(Reason::ConstantDifference);
    }
    let freedom = (n - 1) as f64;
    let t = mean / std * freedom.sqrt();
    TTest {
        t: Stat::of(t),
        freedom: Stat::Defined(freedom),
        p: Stat::of(student::two_sided(t, freedom)),
    }
}
