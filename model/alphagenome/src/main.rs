//! `alphagenome`: see `alphagenome --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    alphagenome::cli::main()
}
