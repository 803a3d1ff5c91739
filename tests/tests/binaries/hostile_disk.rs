//! Outputs that are in the way, and a process that is killed while it writes. A full disk is among the integration tests,
//! for it needs a disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use tests::fixtures::Form;
use tests::folder;

use crate::convert;

/// The tensors that a folder holds, if it holds a conversion.
fn conversion(out: &Path) -> Option<BTreeMap<PathBuf, Vec<u8>>> {
    Some(folder::contents(out)).filter(|files| !files.is_empty())
}

#[test]
fn an_output_that_exists_stays_without_force() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    fs::create_dir(&out).expect("a folder");
    fs::write(out.join("model.safetensors"), "precious").expect("a file of ours");
    let outcome = convert::run(&Form::Ocdbt.path(), &out, []);
    assert_ne!(outcome.expect_no_panic().code(), 0);
    outcome.expect_message(&["--force"]);
    assert_eq!(
        fs::read(out.join("model.safetensors")).expect("it is there"),
        b"precious"
    );
}

#[test]
fn force_replaces_a_whole_output() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    convert::run(&Form::Ocdbt.path(), &out, [&"--max-shard-size", &"500KB"]).expect_code(0);
    assert!(folder::contents(&out).len() > 5, "there should be shards");
    convert::run(&Form::Ocdbt.path(), &out, [&"--force"]).expect_code(0);
    assert!(
        &folder::contents(&out) == convert::good(),
        "shards of the old output were left among the new"
    );
}

#[test]
fn an_output_below_a_file() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let file = scratch.path().join("file");
    fs::write(&file, "").expect("a file of ours");
    let outcome = convert::run(&Form::Ocdbt.path(), &file.join("out"), []);
    assert_ne!(outcome.expect_no_panic().code(), 0);
    outcome.expect_message(&["file"]);
}

/// Kills `convert` after `delay`; returns whether it was still running.
fn killed_after(delay: Duration, out: &Path) -> bool {
    let snapshot = Form::Ocdbt.path();
    let working = out.parent().expect("it has a folder");
    let mut child = convert::command(
        working,
        [&"--snapshot", &snapshot, &"--out", &out, &"--force"],
    )
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .expect("the program starts");
    thread::sleep(delay);
    let running = child.try_wait().expect("a child of ours").is_none();
    child.kill().expect("a child of ours");
    child.wait().expect("a child of ours");
    running
}

#[test]
fn a_kill_at_any_time_leaves_the_old_output_or_the_new() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    convert::run(&Form::Ocdbt.path(), &out, [&"--dtype", &"bf16"]).expect_code(0);
    let old = conversion(&out).expect("a conversion");
    let begin = Instant::now();
    convert::run(&Form::Ocdbt.path(), &scratch.path().join("timed"), []).expect_code(0);
    let whole = begin.elapsed();

    let mut kills = 0;
    for step in 0..40 {
        let found = conversion(&out);
        if found.as_ref() != Some(&old) {
            fs::remove_dir_all(&out).expect("a folder of ours");
            for (name, bytes) in &old {
                fs::create_dir_all(&out).expect("a folder");
                fs::write(out.join(name), bytes).expect("a file of ours");
            }
        }
        kills += usize::from(killed_after(whole * step / 32, &out));
        let found = conversion(&out).expect("an output, old or new");
        assert!(
            found == old || &found == convert::good(),
            "a mixed output after {step}/32 of the time: {:?}",
            found.keys()
        );
    }
    assert!(
        kills >= 10,
        "only {kills} runs were killed before their end"
    );
    // What a killed run leaves must not stand in the way of the next.
    convert::run(&Form::Ocdbt.path(), &out, [&"--force"]).expect_code(0);
    assert!(&folder::contents(&out) == convert::good());
}

#[test]
fn a_kill_where_nothing_was_leaves_nothing_or_all() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    for milliseconds in (0..60).step_by(3) {
        killed_after(Duration::from_millis(milliseconds), &out);
        if let Some(found) = conversion(&out) {
            assert!(
                &found == convert::good(),
                "a partial output after {milliseconds} ms: {:?}",
                found.keys()
            );
            fs::remove_dir_all(&out).expect("a folder of ours");
        }
    }
}
