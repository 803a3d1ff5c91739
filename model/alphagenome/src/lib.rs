//! What the program `alphagenome` is made of, from a model, a genome and variants to tables.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | commands, their arguments, exit codes; each command has a file of its own below it |
//! | [`cli::arguments`] | groups of arguments that commands share, and what they open |
//! | [`predictor`] | an open model with its tracks: a batch of sequences in, [`scorers::Predictions`] out |
//! | [`channels`] | which channels of an output are tracks, and what is known of each |
//! | [`alleles`] | the predictions of both alleles of a variant: stitched indels, splice sites, junctions |
//! | [`tables`] | genes, splice and polyadenylation sites: read, and held against genome and organism |
//! | [`scorer_list`] | the scorers that are run: recommended, or of a TOML file |
//! | [`scoring`] | all of these together: the scores of one variant |
//! | [`variants`] | a file of variants, looked through before any is scored |
//! | [`batches`] | a run over many things, batch by batch |
//! | [`work`] | finished batches beside an output, so that a run that was ended goes on |
//! | [`output`] | tables as TSV or VCF |
//!
//! Below stand `genome` (coordinates and files) and `scorers` (masks, aggregation, tables), which know no model; and
//! [`parity::run::Machine`], the model on any device.

#![forbid(unsafe_code)]

pub mod alleles;
pub mod batches;
pub mod channels;
pub mod cli;
pub mod failures;
pub mod output;
pub mod predictor;
pub mod scorer_list;
pub mod scoring;
pub mod tables;
pub mod variants;
pub mod work;
