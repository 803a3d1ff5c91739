//! Conversions from end to end: a made-up Haiku model, the tiny AlphaGenome, and what can be wrong between them and a spec.

mod alphagenome;
mod command;
mod folder;
mod foreign;
mod haiku;
mod interruption;
mod levels;
mod memory;
mod messages;
mod pytorch;
mod verification;
mod violations;
