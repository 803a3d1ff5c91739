//! What the program `alphagenome` is made of, from a model, a genome and variants to tables.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | commands, their arguments, exit codes; each command has a file of its own below it |
//! | [`cli::arguments`] | groups of arguments that commands share, and what they open |
//! | [`variants`] | a file of variants, looked through before any is scored |
//! | [`batches`] | a run over many things, batch by batch |
//! | [`work`] | finished batches beside an output, so that a run that was ended goes on |
//! | [`output`] | tables as TSV or VCF |
//!
//! Below stands [`inference`]: the model on any device, and the scores of one variant.

#![forbid(unsafe_code)]

pub mod batches;
pub mod cli;
pub mod failures;
pub mod output;
pub mod variants;
pub mod work;
