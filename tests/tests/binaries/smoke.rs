//! `parity smoke` over files of many sequences, and over a pipe.

use std::fs;
use std::process::Command;

use tempfile::TempDir;
use tests::program;

use crate::parity::{self, AGREE};

/// The tiny model as `model`, and sequences of `length`.
fn place(count: usize, length: usize) -> TempDir {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    program::convert_tiny(env!("CARGO_BIN_EXE_tested-convert"), scratch.path());
    let letters = "ACGT".repeat(length / 4);
    let record = |number| format!(">s{number}\n{letters}\n");
    let text: String = (0..count).map(record).collect();
    fs::write(scratch.path().join("sequences.fa"), text).expect("written");
    scratch
}

#[test]
fn a_sequence_at_a_time_is_in_memory() {
    // The model sees the same of both; the second file has 64 MiB.
    let [short, long] = [1 << 11, 1 << 19].map(|length| {
        let scratch = place(128, length);
        let outcome = parity::run(
            scratch.path(),
            [
                &"smoke",
                &"--model",
                &"model",
                &"--sequences",
                &"sequences.fa",
            ],
        );
        outcome.expect_code(AGREE);
        outcome.peak_anonymous
    });
    assert!(
        long < short + (32 << 20),
        "{long} bytes, {short} for short ones"
    );
}

#[cfg(unix)]
#[test]
fn sequences_come_from_a_pipe_too() {
    let scratch = place(3, 2048);
    let mut piped = Command::new("sh");
    let script = "cat sequences.fa | exec \"$0\" smoke --model model --sequences /dev/stdin";
    piped.args(["-c", script, env!("CARGO_BIN_EXE_tested-parity")]);
    piped.current_dir(scratch.path());
    let outcome = program::run(piped);
    outcome.expect_no_panic().expect_code(AGREE);
    assert!(
        outcome.stdout.starts_with("3 of 3 sequences pass"),
        "{outcome}"
    );
    outcome.expect_message(&["3 sequences in the file, 1000 asked for"]);
}
