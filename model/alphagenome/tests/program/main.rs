//! The program as a user runs it.

mod batches;
mod bigwig;
mod others;
mod predict;
mod refusals;
mod score;
mod subcommands;
mod support;
mod tracks;
