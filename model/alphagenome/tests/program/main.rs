//! The program as a user runs it.

mod batches;
mod others;
mod refusals;
mod score;
mod subcommands;
mod support;
