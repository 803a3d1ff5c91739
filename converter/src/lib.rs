//! Convert an Orbax checkpoint to safetensors through a declarative mapping.
//!
//! A [`spec::Spec`] says which leaves become which tensors; a [`plan::Plan`] works that out for one checkpoint and checks
//! it before any data is read; [`convert::convert`] runs it.

#![forbid(unsafe_code)]

// The command line names the library as any other program does.
extern crate self as converter;

pub mod checkpoint;
pub mod cli;
mod config;
pub mod convert;
pub mod converted;
pub mod diff;
pub mod digest;
mod disk;
pub mod hub;
pub mod interrupt;
pub mod job;
pub mod ledger;
pub mod means;
pub mod metadata;
mod owner;
pub mod parallel;
pub mod plan;
pub mod publish;
pub mod safetensors_file;
pub mod snapshot;
pub mod spec;
pub mod tensor;
pub mod text;
pub mod transform;
pub mod verify;
