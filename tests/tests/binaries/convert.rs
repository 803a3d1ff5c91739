//! Runs `convert` and judges refusals.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tests::fixtures::{Form, Snapshot};
use tests::folder;
use tests::program::{self, Outcome};

/// The program under test.
pub const CONVERT: &str = env!("CARGO_BIN_EXE_tested-convert");
/// The exit code of input that cannot be converted.
pub const BAD_INPUT: i32 = 2;
/// Anonymous memory that no refusal may exceed: 400 MB.
const MEMORY_BOUND: u64 = 400_000_000;
/// Address space of every run, so that a huge allocation fails at once instead of filling the machine.
const ADDRESS_SPACE_KB: u64 = 8_000_000;

/// A `convert` command that runs in `working`.
pub fn command<const N: usize>(working: &Path, arguments: [&dyn AsRef<OsStr>; N]) -> Command {
    let arguments: Vec<OsString> = arguments
        .iter()
        .map(|a| a.as_ref().to_os_string())
        .collect();
    if cfg!(target_os = "linux") {
        let limited = format!("ulimit -v {ADDRESS_SPACE_KB} && exec \"$0\" \"$@\"");
        let shell = ["-c".into(), limited.into(), OsString::from(CONVERT)];
        program::command("sh", working, shell.into_iter().chain(arguments))
    } else {
        program::command(CONVERT, working, arguments)
    }
}

/// Runs `convert --snapshot SNAPSHOT --out OUT` and whatever else.
pub fn run<const N: usize>(snapshot: &Path, out: &Path, more: [&dyn AsRef<OsStr>; N]) -> Outcome {
    let mut command = command(
        &std::env::temp_dir(),
        [&"--snapshot", &snapshot, &"--out", &out],
    );
    command.args(more.iter().map(|a| a.as_ref()));
    program::run(command)
}

fn working(out: &Path) -> &Path {
    out.parent().expect("the output stands in a scratch folder")
}

/// Fails unless `convert` refuses the snapshot as bad input, with every one of `words` in its message, leaves nothing
/// where the output would be, and keeps to the bound on memory.
#[track_caller]
pub fn refuses(snapshot: &Snapshot, words: &[&str]) {
    let out = snapshot.scratch().join("out");
    let outcome = run(&snapshot.path, &out, []);
    expect_refusal(&outcome, words);
    expect_nothing_left(&out);
}

/// Fails unless the outcome is a refusal of bad input with every one of `words`.
#[track_caller]
pub fn expect_refusal(outcome: &Outcome, words: &[&str]) {
    outcome
        .expect_no_panic()
        .expect_code(BAD_INPUT)
        .expect_message(words);
    assert!(
        outcome.peak_anonymous <= MEMORY_BOUND,
        "{} bytes of anonymous memory: {outcome}",
        outcome.peak_anonymous
    );
}

/// Fails where there is an output, or part of one, at `out` or beside it.
#[track_caller]
pub fn expect_nothing_left(out: &Path) {
    assert!(
        !out.exists() || folder::contents(out).is_empty(),
        "{}: something was written",
        out.display()
    );
    let name = out
        .file_name()
        .expect("it has a name")
        .to_string_lossy()
        .into_owned();
    for entry in std::fs::read_dir(working(out)).expect("the scratch folder") {
        let found = entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        assert!(
            found == name || !found.contains(&name),
            "{found} was left beside the output"
        );
    }
}

/// A zstd frame of a few kilobytes that unpacks to `size` zeros.
pub fn packed_zeros(size: u64) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("an encoder");
    std::io::copy(&mut std::io::repeat(0).take(size), &mut encoder).expect("zeros pack well");
    encoder.finish().expect("the frame ends")
}

/// The tensors and settings that a good conversion of the tiny snapshot gives.
pub fn good() -> &'static BTreeMap<PathBuf, Vec<u8>> {
    static GOOD: OnceLock<BTreeMap<PathBuf, Vec<u8>>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let out = scratch.path().join("out");
        run(&Form::Ocdbt.path(), &out, []).expect_code(0);
        folder::contents(&out)
    })
}
