//! `convert`: from an Orbax checkpoint to safetensors.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
