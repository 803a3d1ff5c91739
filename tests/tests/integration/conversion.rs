//! The full snapshot, converted.

use std::fs;

use libtest_mimic::{Completion, Failed};
use tests::{fixtures, program};

use crate::gate::{CONVERT, Full, succeed};

/// `convert verify` finds nothing wrong.
pub fn verifies(full: &Full) -> Result<Completion, Failed> {
    let mut command = program::command(CONVERT, &fixtures::repository(), ["verify"]);
    command
        .arg(full.model()?)
        .arg("--snapshot")
        .arg(&full.snapshot);
    succeed(command)?;
    Ok(Completion::Completed)
}

/// Orbax reads the same bytes from the snapshot as stand in the conversion, and they are the drawn ones.
pub fn equals_an_independent_reading(full: &Full) -> Result<Completion, Failed> {
    let Some(python) = &full.python else {
        return Ok(Completion::ignored_with("ALPHAGENOME_PYTHON is not set"));
    };
    let script = fixtures::repository().join("tests/standin/read_checkpoint.py");
    let mut command = std::process::Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script);
    command
        .arg("--snapshot")
        .arg(&full.snapshot)
        .arg("--model")
        .arg(full.model()?);
    if let Some(name) = &full.standin {
        command.args(["--drawn", name]);
    }
    succeed(command)?;
    Ok(Completion::Completed)
}

/// One thread writes what all write.
pub fn does_not_depend_on_threads(full: &Full) -> Result<Completion, Failed> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let out = folder.path().join("model");
    full.convert(&out, &["--threads", "1"])?;
    for (name, path) in tests::folder::files(&full.model()?) {
        let (a, b) = (
            fs::read(path).map_err(|e| e.to_string())?,
            fs::read(out.join(&name)).map_err(|e| e.to_string())?,
        );
        if a != b {
            return Err(format!("{} differs between one thread and all", name.display()).into());
        }
    }
    Ok(Completion::Completed)
}
