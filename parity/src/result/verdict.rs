//! What follows from a result.

use serde::{Deserialize, Serialize};

/// Agreement or not, with the reasons.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// True where every deciding check of every case passed.
    pub agree: bool,
    /// One line.
    pub line: String,
    /// Outputs compared.
    pub outputs: usize,
    /// Outputs that passed.
    pub passed: usize,
    /// What decided: the failed checks, worst first, or what was closest to failing.
    pub reasons: Vec<String>,
    /// Accept, validate or fall back, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// What to do with the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Use it.
    Accept,
    /// Check it against the application before use.
    Validate,
    /// Keep using the reference.
    FallBack,
}
