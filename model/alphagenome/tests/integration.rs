//! DeepMind's SDK as a client of `alphagenome serve`.
//!
//! `ALPHAGENOME_SDK` names a Python interpreter that has it (`make integration` installs it). Without it the test is skipped and
//! says so, but for `ALPHAGENOME_RUN_INTEGRATION_TESTS=1`, with which that is a failure.

use std::env;
use std::process::Command;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tests::fixtures::{self, Form};

const PROGRAM: &str = env!("CARGO_BIN_EXE_alphagenome");

fn main() {
    let arguments = Arguments::from_args();
    let trials = vec![Trial::ignorable_test("sdk", sdk)];
    libtest_mimic::run(&arguments, trials).exit();
}

fn sdk() -> Result<Completion, Failed> {
    let Some(python) = env::var_os("ALPHAGENOME_SDK").filter(|value| !value.is_empty()) else {
        return match env::var("ALPHAGENOME_RUN_INTEGRATION_TESTS").as_deref() {
            Ok("1") => Err("ALPHAGENOME_SDK is not set: it must name an interpreter".into()),
            _ => Ok(Completion::ignored_with("ALPHAGENOME_SDK is not set")),
        };
    };
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("model");
    let mut convert = Command::new(PROGRAM);
    convert
        .arg("convert")
        .arg("--snapshot")
        .arg(Form::Ocdbt.path());
    convert.arg("--metadata").arg(fixtures::metadata());
    succeed(convert.arg("--out").arg(&model))?;
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

fn succeed(command: &mut Command) -> Result<(), Failed> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}\n{told}", output.status).into())
}
