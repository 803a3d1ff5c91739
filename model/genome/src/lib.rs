//! Genomic coordinates and the files that a genome comes in.
//!
//! Coordinates are those of DeepMind's SDK: [`Interval`] is 0-based and half-open, a [`Variant`] names its first base from
//! one. [`alleles`] puts a variant into the sequence of an interval as `alphagenome_research` 0.3.0 does. Files are read
//! with the noodles crates: [`fasta`] at random, [`variants`], [`gtf`] and the tables of [`splice_sites`] and [`polya`] from
//! start to end.
#![forbid(unsafe_code)]

pub mod alleles;
pub mod annotation;
mod cache;
pub mod chromosomes;
mod error;
pub mod fasta;
pub mod gtf;
mod interval;
pub mod polya;
pub mod splice_sites;
mod tables;
mod text;
mod variant;
pub mod variants;

pub use annotation::Annotation;
pub use error::Error;
pub use interval::{Interval, Strand};
pub use text::read_text;
pub use variant::Variant;
