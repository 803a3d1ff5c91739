//! Runs `parity`.

use std::ffi::OsStr;
use std::path::Path;

use tests::program::{self, Outcome};

/// The program under test.
const PARITY: &str = env!("CARGO_BIN_EXE_tested-parity");
/// The candidate agrees.
pub const AGREE: i32 = 0;
/// The candidate disagrees.
pub const DISAGREE: i32 = 1;
/// Nothing could be said.
pub const COULD_NOT_RUN: i32 = 2;

/// Runs `parity` in `working`.
pub fn run<const N: usize>(working: &Path, arguments: [&dyn AsRef<OsStr>; N]) -> Outcome {
    let outcome = program::run(program::command(
        PARITY,
        working,
        arguments.map(|a| a.as_ref()),
    ));
    outcome.expect_no_panic();
    outcome
}
