//! Scores of variants, held to those that DeepMind's code gave.
//!
//! A [`Recorded`] has the inputs and the scores; [`run`] has the model score its cases; [`compare`] holds one scorer of one case to what
//! was recorded, within [`Bounds`]; [`summary`] sums cases up and holds them to JAX's distance from itself.

mod bounds;
pub mod compare;
mod recorded;
pub mod run;
pub mod summary;

pub use bounds::Bounds;
pub use recorded::{Case, Recorded, Side};
