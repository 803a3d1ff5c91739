//! A disk that is full.

use std::process::Command;

use libtest_mimic::{Completion, Failed};
use tests::fixtures::Form;
use tests::program;

use crate::gate::CONVERT;

/// Ends the shell that cannot make a small disk, so that a refusal by the system is told from one by `convert`.
const NO_DISK: i32 = 77;

/// On a disk of one megabyte `convert` says what happened and leaves nothing; on one of 64 it succeeds.
pub fn full() -> Result<Completion, Failed> {
    if !cfg!(target_os = "linux") {
        return Ok(Completion::ignored_with(
            "a small disk is made with Linux's mount namespaces",
        ));
    }
    let outcome = on_a_disk("1m")?;
    if outcome.code() == NO_DISK {
        return Ok(Completion::ignored_with(format!(
            "this user may not mount: {}",
            outcome.stderr.trim()
        )));
    }
    outcome
        .expect_no_panic()
        .expect_code(2)
        .expect_message(&["model.safetensors", "the disk is full"]);
    if !outcome.stdout.contains("left: nothing") {
        return Err(format!("something was left on the full disk: {outcome}").into());
    }
    on_a_disk("64m")?.expect_code(0);
    Ok(Completion::Completed)
}

fn on_a_disk(size: &str) -> Result<program::Outcome, Failed> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let script = format!(
        r#"mount -t tmpfs -o size={size} none "$1" || exit {NO_DISK}
           "$2" --snapshot "$3" --out "$1/out"; code=$?
           [ -z "$(ls -A "$1")" ] && echo 'left: nothing' || ls -laR "$1"
           exit $code"#
    );
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        &script,
        "sh",
    ]);
    command
        .arg(scratch.path())
        .arg(CONVERT)
        .arg(Form::Ocdbt.path());
    let outcome = program::run(command);
    // `unshare` itself ends with 1 where the system has no namespaces for this user.
    if outcome.code() == 1 && outcome.stderr.starts_with("unshare") {
        return Ok(program::Outcome {
            status: exit_status(NO_DISK),
            ..outcome
        });
    }
    Ok(outcome)
}

#[cfg(unix)]
fn exit_status(code: i32) -> std::process::ExitStatus {
    std::os::unix::process::ExitStatusExt::from_raw(code << 8)
}

#[cfg(not(unix))]
fn exit_status(code: i32) -> std::process::ExitStatus {
    std::os::windows::process::ExitStatusExt::from_raw(code as u32)
}
