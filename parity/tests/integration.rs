//! JAX against JAX on recordings of the full model, which are not shipped; and reports in the programs that read them.
//!
//! `ALPHAGENOME_MULTIQC` names MultiQC's program (`make integration` installs it).
//!
//! `ALPHAGENOME_RECORDINGS` names their folder. Without it every test is skipped and says so, but for
//! `ALPHAGENOME_RUN_INTEGRATION_TESTS=1`, with which that is a failure, as it is when none of the pairs is there. A pair of
//! which a recording is not there is skipped and says which.

mod distances;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    trials.push(Trial::ignorable_test(
        "multiqc::has_every_row_and_failure",
        multiqc,
    ));
    trials.push(Trial::ignorable_test(
        "recorder::tells_what_xla_does_not_run",
        recorder,
    ));
    libtest_mimic::run(&arguments, trials).exit();
}

/// A program that a variable names, or why the test is skipped.
fn program(variable: &str) -> Result<Result<std::ffi::OsString, Completion>, Failed> {
    match env::var_os(variable).filter(|value| !value.is_empty()) {
        Some(program) => Ok(Ok(program)),
        None if demanded() => Err(format!("{variable} is not set: it must name a program").into()),
        None => Ok(Err(Completion::ignored_with(format!(
            "{variable} is not set"
        )))),
    }
}

/// One pair position on a CPU ends before anything is loaded, with one sentence.
fn recorder() -> Result<Completion, Failed> {
    let python = match program("ALPHAGENOME_PYTHON")? {
        Ok(python) => python,
        Err(skipped) => return Ok(skipped),
    };
    let folder = tempfile::tempdir()?;
    let record = |case: &str| -> Result<String, Failed> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorder/record.py");
        let output = Command::new(&python)
            .arg(script)
            .args(["--case", case, "--organism", "mouse", "--checkpoint"])
            .arg(folder.path())
            .arg("--out")
            .arg(folder.path().join("out"))
            .env("JAX_PLATFORMS", "cpu")
            .env_remove("AG_SRC")
            .output()?;
        match output.status.success() {
            true => Err("nothing was refused".into()),
            false => Ok(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    let told = record("rand42:2048:human")?;
    if !told.starts_with("rand42_2048_human: 2048 bp are one pair position")
        || told.lines().count() != 1
    {
        return Err(told.into());
    }
    // What XLA runs is refused for want of a checkpoint or of the model code alone.
    let told = record("rand42:4096:0")?;
    match told.contains("pair position") {
        true => Err(told.into()),
        false => Ok(Completion::Completed),
    }
}

/// Two candidates of one reference, and two levels in one file: MultiQC's own data has every row and every failure of JUnit.
fn multiqc() -> Result<Completion, Failed> {
    let program = match program("ALPHAGENOME_MULTIQC")? {
        Ok(program) => program,
        Err(skipped) => return Ok(skipped),
    };
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings");
    let recording = |name: &str| fixtures.join(name).display().to_string();
    let parity = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_parity"))
            .args(arguments)
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0 | 1) => Ok(output.stdout),
            _ => Err(Failed::from(told)),
        }
    };
    let reference = recording("tiny_cpu_f64");
    let (mut rows, mut failures, mut results) = (0, 0, Vec::new());
    let mut count = |junit: &str| -> Result<(), Failed> {
        let xml = std::fs::read_to_string(junit)?;
        rows += xml.matches("<testcase ").count();
        failures += xml.matches("<failure ").count();
        Ok(())
    };
    for (level, name) in [
        ("2", "tiny_cpu_f32"),
        ("2", "tiny_cpu_bf16"),
        ("4", "tiny_cpu_bf16"),
    ] {
        let candidate = recording(name);
        let (mqc, junit) = (at(&format!("{name}_{level}_mqc.json")), at("junit.xml"));
        let compared = [
            "compare", &reference, &candidate, "--dtype", "f32", "--level", level, "--json",
        ];
        let reports = ["--mqc", &mqc, "--junit", &junit];
        let result = at(&format!("{name}_{level}.result"));
        std::fs::write(&result, parity(&[&compared[..], &reports].concat())?)?;
        results.push(result);
        count(&junit)?;
    }
    let (mqc, junit) = (at("all_mqc.json"), at("junit.xml"));
    let all: Vec<&str> = results.iter().map(String::as_str).collect();
    parity(&[&["verdict"], &all[..], &["--mqc", &mqc, "--junit", &junit]].concat())?;
    count(&junit)?;
    let output = Command::new(program)
        .args(["--strict", "--force", "--outdir", &at("report")])
        .arg(folder.path())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let (mut found, mut failed) = (0, 0);
    for entry in std::fs::read_dir(folder.path().join("report/multiqc_data"))? {
        let entry = entry?;
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("multiqc_alphagenome_parity")
        {
            let table = std::fs::read_to_string(entry.path())?;
            let mut lines = table
                .lines()
                .map(|line| line.split('\t').collect::<Vec<_>>());
            let titles = lines.next().unwrap_or_default();
            let verdict = titles.iter().position(|title| *title == "verdict");
            let verdict = verdict.ok_or("MultiQC's table has no verdict")?;
            for line in lines {
                found += 1;
                failed += usize::from(line.get(verdict) == Some(&"fail"));
            }
        }
    }
    match (found, failed) == (rows, failures) && failures > 0 {
        true => Ok(Completion::Completed),
        false => Err(format!(
            "MultiQC has {found} rows and {failed} failures of {rows} and {failures}"
        )
        .into()),
    }
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
