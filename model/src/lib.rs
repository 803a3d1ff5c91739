//! AlphaGenome's forward pass in Burn

mod cpu;
pub mod layers;
pub mod operations;
pub mod precision;
pub mod splice_sites;

pub use operations::Operations;
pub use precision::Arithmetic;
