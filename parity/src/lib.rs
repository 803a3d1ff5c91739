//! Compares a model with recorded reference outputs, or two recordings with each other, and gives a verdict.
//!
//! The way of the data: a [`recording`] is read, two arrays are brought to their common positions ([`sample`], [`align`]),
//! compared ([`compare`]) with the statistics of `parity-stats`, judged by the bounds of a level ([`levels`]) or by JAX's
//! distance to itself ([`floor`]), and written as a [`result`] that the reports ([`report`]) read.

#![forbid(unsafe_code)]

pub mod align;
#[cfg(feature = "burn")]
pub mod attention;
pub mod bisect;
pub mod cli;
#[cfg(feature = "burn")]
pub mod closeness;
pub mod commands;
pub mod compare;
pub mod decision;
pub mod evidence;
pub mod exit;
pub mod explain;
pub mod fasta;
pub mod file;
pub mod floor;
#[cfg(feature = "burn")]
pub mod invariance;
pub mod levels;
pub mod order;
pub mod outputs;
#[cfg(feature = "burn")]
pub mod precision;
mod progress;
pub mod recording;
pub mod report;
pub mod result;
#[cfg(feature = "burn")]
pub mod run;
pub mod sample;
#[cfg(feature = "burn")]
pub mod scores;
#[cfg(feature = "burn")]
pub mod shares;
pub mod trace;
pub mod verdict;
pub mod weights;
