//! JAX against JAX on recordings of the full model, which are not shipped.
//!
//! `ALPHAGENOME_RECORDINGS` names their folder. Without it every test is skipped and says so, but for
//! `ALPHAGENOME_RUN_INTEGRATION_TESTS=1`, with which that is a failure, as it is when none of the pairs is there. A pair of
//! which a recording is not there is skipped and says which.

mod distances;

use std::env;
use std::path::{Path, PathBuf};

use distances::{Row, check};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

const HUMAN: &str = "rand42_4096_human";
const MOUSE: &str = "rand123_16384_mouse";
const LONG: &str = "rand42_131072_human";

const FULL: [Row; 9] = [
    (
        "gpu_f32_highest",
        "cpu_f32_taps",
        HUMAN,
        [
            ("2.6e-4", Some("4.2e-8")),
            ("3.5e-4", None),
            ("2.8e-4", None),
        ],
    ),
    (
        "gpu_f32_highest",
        "cpu_f32_rounded",
        HUMAN,
        [
            ("1.5e-4", Some("1.3e-8")),
            ("2.0e-4", None),
            ("1.0e-4", None),
        ],
    ),
    (
        "gpu_f32_highest",
        "cpu_f32",
        MOUSE,
        [
            ("1.4e-4", Some("1.3e-8")),
            ("2.0e-4", None),
            ("1.5e-4", None),
        ],
    ),
    (
        "gpu_f32_highest",
        "cpu_f32_rounded",
        MOUSE,
        [
            ("6.7e-5", Some("2.7e-9")),
            ("9.1e-5", None),
            ("3.4e-5", None),
        ],
    ),
    (
        "gpu_bf16",
        "gpu_bf16_noexcess",
        HUMAN,
        [
            ("1.86e-2", Some("2.1e-4")),
            ("1.55e-2", Some("1.5e-4")),
            ("1.51e-2", Some("1.4e-4")),
        ],
    ),
    (
        "gpu_bf16_taps",
        "gpu_bf16_noexcess_taps",
        LONG,
        [
            ("1.82e-2", Some("2.0e-4")),
            ("1.50e-2", Some("1.4e-4")),
            ("1.50e-2", Some("1.4e-4")),
        ],
    ),
    // The published table has 1.48e-2 here, which is the 131,072 bp case's; numpy gives 1.47e-2 on this one too.
    (
        "gpu_bf16_taps",
        "gpu_bf16_notune",
        HUMAN,
        [
            ("1.47e-2", Some("1.3e-4")),
            ("1.17e-2", Some("8.5e-5")),
            ("1.03e-2", Some("6.7e-5")),
        ],
    ),
    (
        "gpu_bf16",
        "cpu_bf16_taps",
        HUMAN,
        [
            ("1.96e-2", Some("2.3e-4")),
            ("1.61e-2", Some("1.6e-4")),
            ("1.52e-2", Some("1.5e-4")),
        ],
    ),
    (
        "gpu_f32_highest",
        "gpu_bf16",
        HUMAN,
        [
            ("3.27e-2", Some("6.5e-4")),
            ("2.88e-2", Some("5.2e-4")),
            ("3.85e-2", Some("9.2e-4")),
        ],
    ),
];

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = FULL
        .iter()
        .map(|row| {
            let name = format!("distances::{}_{}_{}", row.0, row.1, row.2);
            Trial::ignorable_test(name, move || pair(row))
        })
        .collect();
    trials.push(Trial::ignorable_test("distances::some_pair_is_there", some));
    libtest_mimic::run(&arguments, trials).exit();
}

fn demanded() -> bool {
    env::var("ALPHAGENOME_RUN_INTEGRATION_TESTS").as_deref() == Ok("1")
}

/// The folder of recordings, or why the test is skipped. A relative path is taken from the repository's root.
fn recordings() -> Result<Result<PathBuf, Completion>, Failed> {
    let Some(value) = env::var_os("ALPHAGENOME_RECORDINGS").filter(|value| !value.is_empty())
    else {
        let reason = "ALPHAGENOME_RECORDINGS is not set: it must name a folder of recordings of the full model";
        return match demanded() {
            true => Err(reason.into()),
            false => Ok(Err(Completion::ignored_with(reason))),
        };
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(value);
    match path.is_dir() {
        true => Ok(Ok(path)),
        false => Err(format!("ALPHAGENOME_RECORDINGS: there is no {}", path.display()).into()),
    }
}

/// The first recording of the pair that is not there.
fn missing(root: &Path, row: &Row) -> Option<String> {
    [row.0, row.1]
        .into_iter()
        .map(|name| root.join(name))
        .find(|path| !path.join("manifest.json").is_file())
        .map(|path| format!("{} is no recording", path.display()))
}

fn pair(row: &Row) -> Result<Completion, Failed> {
    let root = match recordings()? {
        Ok(root) => root,
        Err(skipped) => return Ok(skipped),
    };
    if let Some(reason) = missing(&root, row) {
        return Ok(Completion::ignored_with(reason));
    }
    check(&root, row);
    Ok(Completion::Completed)
}

fn some() -> Result<Completion, Failed> {
    let root = match recordings()? {
        Ok(root) => root,
        Err(skipped) => return Ok(skipped),
    };
    if FULL.iter().any(|row| missing(&root, row).is_none()) {
        return Ok(Completion::Completed);
    }
    let reason = format!(
        "{} holds none of the pairs of recordings of the full model",
        root.display()
    );
    match demanded() {
        true => Err(reason.into()),
        false => Ok(Completion::ignored_with(reason)),
    }
}
