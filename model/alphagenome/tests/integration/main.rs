//! DeepMind's SDK as a client of `alphagenome serve`; Snakemake and Slurm over `alphagenome score`.
//!
//! `ALPHAGENOME_SDK` names a Python interpreter that has the SDK, `ALPHAGENOME_WORKFLOW` a folder with the programs of
//! `workflow/requirements.txt` (`make integration` installs both). Without them the tests are skipped and say so, but for
//! `ALPHAGENOME_RUN_INTEGRATION_TESTS=1`, with which that is a failure. Slurm's is skipped, too, where `tests/slurm/start.sh` cannot start
//! it. `ALPHAGENOME_WORKFLOW_VARIANTS`, `_KILLS` and `_PAUSE` (seconds) make it longer.

#[cfg(unix)]
mod slurm;
#[cfg(unix)]
mod workflow;

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tests::fixtures::{self, Form};

const PROGRAM: &str = env!("CARGO_BIN_EXE_alphagenome");

fn main() {
    let mut arguments = Arguments::from_args();
    // Each takes all cores.
    arguments.test_threads = Some(1);
    let mut trials = vec![Trial::ignorable_test("sdk", sdk)];
    #[cfg(unix)]
    trials.extend([
        Trial::ignorable_test("workflow::local", workflow::local),
        Trial::ignorable_test("workflow::slurm", slurm::slurm),
    ]);
    libtest_mimic::run(&arguments, trials).exit();
}

fn sdk() -> Result<Completion, Failed> {
    let python = match named("ALPHAGENOME_SDK")? {
        Ok(python) => python,
        Err(skipped) => return Ok(skipped),
    };
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("model");
    convert(&model)?;
    let mut client = Command::new(python);
    client
        .args(["-m", "unittest", "--verbose", "test_client"])
        .current_dir(fixtures::repository().join("tests/sdk"))
        .env("ALPHAGENOME_PROGRAM", PROGRAM)
        .env("ALPHAGENOME_TINY_MODEL", &model)
        .env("ALPHAGENOME_SCRATCH", folder.path());
    succeed(&mut client)?;
    Ok(Completion::Completed)
}

/// The value of a variable, or why a test is skipped without it.
fn named(variable: &str) -> Result<Result<OsString, Completion>, Failed> {
    if let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) {
        return Ok(Ok(value));
    }
    match env::var("ALPHAGENOME_RUN_INTEGRATION_TESTS").as_deref() {
        Ok("1") => Err(format!("{variable} is not set").into()),
        _ => Ok(Err(Completion::ignored_with(format!(
            "{variable} is not set"
        )))),
    }
}

/// Converts the tiny snapshot.
fn convert(model: &Path) -> Result<(), Failed> {
    let mut convert = Command::new(PROGRAM);
    convert
        .arg("convert")
        .arg("--snapshot")
        .arg(Form::Ocdbt.path());
    convert.arg("--metadata").arg(fixtures::metadata());
    succeed(convert.arg("--out").arg(model))
}

fn succeed(command: &mut Command) -> Result<(), Failed> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}\n{told}", output.status).into())
}
