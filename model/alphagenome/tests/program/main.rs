//! The program as a user runs it.

mod batches;
mod bigwig;
mod others;
mod pages;
mod predict;
mod predict_shards;
mod refusals;
mod score;
mod serve;
mod shards;
mod subcommands;
mod support;
mod tracks;
