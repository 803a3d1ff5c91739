//! A converted model at work, from sequences and variants to predictions and scores.
//!
//! | module | what it does |
//! |---|---|
//! | [`machine`] | the model on any device |
//! | [`kept`] | passes whose embeddings stay on the device, and heads on what is put together of them |
//! | [`pool`] | work for several devices: a queue, order, and devices that fail |
//! | [`predictor`] | a model with its tracks: a batch of sequences in, [`scorers::Predictions`] out |
//! | [`fine`] | which bases a pass computes at 1 bp |
//! | [`channels`] | which channels of an output are tracks, and what is known of each |
//! | [`alleles`] | the predictions of both alleles of a variant: stitched indels, splice sites, junctions |
//! | [`intervals`] | the scores of an interval |
//! | [`tables`] | genes, splice and polyadenylation sites: read, and held against genome and organism |
//! | [`scorer_list`] | the scorers that are run: recommended, or of a TOML file |
//! | [`scoring`] | all of these together: the scores of one variant |
//!
//! Below stand `model` (the network), `genome` (coordinates and files) and `scorers` (masks, aggregation, tables); above, the
//! programs `alphagenome` and `parity`.

#![forbid(unsafe_code)]

pub mod alleles;
pub mod channels;
pub mod fine;
pub mod intervals;
pub mod kept;
pub mod machine;
pub mod pool;
pub mod predictor;
pub mod scorer_list;
pub mod scoring;
pub mod tables;
