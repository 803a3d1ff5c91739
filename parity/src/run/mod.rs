//! The Burn model as a candidate: which recordings belong to it, how it computes, what it gives for a case.

mod candidate;
mod choose;
mod taps;

pub use candidate::{Candidate, provenance};
pub use choose::{Chosen, RECORDINGS_VARIABLE, Wish, arithmetic_for, choose};
