//! What the program `alphagenome` is made of, from a model, a genome and variants to tables.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | commands, their arguments, exit codes; each command has a file of its own below it |
//! | [`cli::arguments`] | groups of arguments that commands share, and what they open |
//! | [`regions`] | regions, and the windows that the model sees for them |
//! | [`predicted`] | predictions as bigWig, npz or Parquet |
//! | [`variants`] | a file of variants, looked through before any is scored |
//! | [`setup`], [`scored`] | variants on devices, and what becomes of their scores |
//! | [`shards`] | shares of a run, and one output of them |
//! | [`estimate`] | what a run is expected to take |
//! | [`batches`] | a run over many things, batch by batch |
//! | [`work`] | finished batches beside an output, so that a run that was ended goes on |
//! | [`output`] | tables as TSV, Parquet or VCF |
//! | [`pending`] | what other threads make, and what becomes of their panics |
//! | [`pages`], [`mutagenesis`] | pages of a run over variants, and the picture of saturation mutagenesis |
//!
//! Below stand [`results`], what results are written as, and [`inference`]: the model on any device, and the scores of one variant.

#![forbid(unsafe_code)]

pub mod batches;
pub mod cli;
pub mod estimate;
pub mod failures;
pub mod mutagenesis;
pub mod output;
pub mod pages;
pub mod pending;
pub mod predicted;
pub mod regions;
pub mod scored;
pub mod setup;
pub mod shards;
pub mod variants;
pub mod work;
