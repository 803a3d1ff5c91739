//! `convert`: from an Orbax checkpoint to safetensors.

use std::process::ExitCode;

fn main() -> ExitCode {
    converter::cli::main()
}
