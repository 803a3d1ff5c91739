//! The Burn model as a candidate: which recordings belong to it, how it computes, what it gives for a case.

mod candidate;
mod choose;
mod fit;
mod guide;
mod passes;
mod side;
mod taps;

pub use candidate::{Candidate, compute_dtype};
pub use choose::{Chosen, Wish, arithmetic_for, choose};
pub use guide::RECORDINGS_VARIABLE;
pub use passes::{Job, Pass, passes};
pub(crate) use taps::Modules;
