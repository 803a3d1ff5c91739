//! The program's commands, messages and exit codes.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(path)
}

pub fn command(dir: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convert"));
    command.current_dir(dir.path());
    command
}

pub fn convert(dir: &TempDir, arguments: &[&str]) -> Output {
    let snapshot = fixture("snapshots/ocdbt");
    command(dir)
        .arg("--snapshot")
        .arg(snapshot)
        .args(arguments)
        .output()
        .unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_default_place_is_printed_and_parity_finds_it_there() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = fixture("metadata");
    let output = convert(&dir, &["--metadata", metadata.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let out = dir.path().join("alphagenome-model");
    assert!(
        text(&output.stdout).contains(&*out.to_string_lossy()),
        "{}",
        text(&output.stdout)
    );
    assert_eq!(text(&output.stderr), "");
    assert!(out.join("tracks.json").is_file());
    let again = convert(&dir, &[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("alphagenome-model exists already; --force replaces it"));
}

#[test]
fn without_metadata_the_output_says_what_is_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    let output = convert(&dir, &["--json"]);
    assert!(
        text(&output.stderr).contains("unscaled tracks are unavailable"),
        "{}",
        text(&output.stderr)
    );
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        summary["unscaled_tracks"]
            .as_str()
            .unwrap()
            .starts_with("unavailable")
    );
    let ledger = std::fs::read(dir.path().join("alphagenome-model/conversion.json")).unwrap();
    let ledger: Value = serde_json::from_slice(&ledger).unwrap();
    assert_eq!(
        (&ledger["tracks"], &ledger["digest_algorithm"]),
        (&Value::Null, &Value::from("blake3"))
    );
    assert!(!dir.path().join("alphagenome-model/tracks.json").exists());
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = convert(&dir, &["--dry-run", "--fold", "rms_batch_norm"]);
    let table = text(&output.stdout);
    assert!(table.starts_with("source  "), "{table}");
    assert!(
        table.ends_with("670 leaves become 589 tensors, 4.5 MiB\n"),
        "{table}"
    );
    assert!(
        table.contains("fold norm (epsilon 1e-5, f64), squeeze to 1 axis"),
        "{table}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let json: Value =
        serde_json::from_slice(&convert(&dir, &["--dry-run", "--json"]).stdout).unwrap();
    assert_eq!(json["jobs"].as_array().unwrap().len(), 670);
}

#[test]
fn inspect_lists_the_tree() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = fixture("snapshots/ocdbt_zarr3");
    let inspect = |more: &[&str]| {
        let mut inspect = command(&dir);
        inspect
            .args(["inspect", "--snapshot"])
            .arg(&snapshot)
            .args(more)
            .output()
            .unwrap()
    };
    let tree = text(&inspect(&[]).stdout);
    assert!(tree.contains("\n[1]\n"), "{tree}");
    assert!(tree.contains("670 leaves, 4.6 MiB"), "{tree}");
    let json: Value = serde_json::from_slice(&inspect(&["--json"]).stdout).unwrap();
    assert_eq!(json["leaves"].as_array().unwrap().len(), 670);
    assert_eq!(json["bytes"], 4_773_732);
    let leaf = &json["leaves"][0];
    assert_eq!(
        (&leaf["zarr"], &leaf["shard_shape"]),
        (&3.into(), &leaf["chunk_shape"])
    );
}

#[test]
fn diff_compares_like_with_like() {
    let dir = tempfile::tempdir().unwrap();
    convert(&dir, &["--out", "a"]);
    convert(&dir, &["--out", "b"]);
    convert(&dir, &["--out", "c", "--dtype", "bf16"]);
    let diff = |a: &Path, b: &Path, more: &[&str]| {
        command(&dir)
            .arg("diff")
            .arg(a)
            .arg(b)
            .args(more)
            .output()
            .unwrap()
    };
    let (a, b) = (Path::new("a"), Path::new("b"));
    assert_eq!(diff(a, b, &[]).status.code(), Some(0));
    let types = diff(a, Path::new("c"), &["--top", "1"]);
    assert_eq!(types.status.code(), Some(1));
    assert!(
        text(&types.stdout).ends_with("670 arrays differ, 1 shown\n"),
        "{}",
        text(&types.stdout)
    );
    let forms = diff(&fixture("snapshots/ocdbt"), &fixture("snapshots/zarr"), &[]);
    assert_eq!(
        (forms.status.code(), text(&forms.stdout).as_str()),
        (Some(0), "670 arrays are equal\n")
    );
    let mixed = diff(a, &fixture("snapshots/zarr"), &[]);
    assert_eq!(mixed.status.code(), Some(2));
    assert!(text(&mixed.stderr).contains("`convert verify MODEL --snapshot PATH` compares those"));

    let path = dir.path().join("b/model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&1e30f32.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let values: Value = serde_json::from_slice(&diff(a, b, &["--json"]).stdout).unwrap();
    let found = &values["differences"][0];
    assert_eq!(
        (found["differing"].as_u64(), found["at"].as_u64()),
        (Some(1), Some(511))
    );
    assert!(found["largest"].as_f64().unwrap() > 9e29);
}

#[test]
fn another_spec_is_used_and_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let spec = dir.path().join("mine.toml");
    let renamed = converter::spec::ALPHAGENOME.replace(
        "name = \"alphagenome\"",
        "name = \"mine\"\ntarget_root = \"root\"",
    );
    std::fs::write(&spec, renamed).unwrap();
    let output = convert(&dir, &["--spec", "mine.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let tensors = crate::memory::tensors(&dir.path().join("alphagenome-model"));
    assert!(tensors.keys().all(|name| name.starts_with("root/")));
    let mut verify = command(&dir);
    verify
        .args(["verify", "alphagenome-model", "--snapshot"])
        .arg(fixture("snapshots/ocdbt"));
    let output = verify.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("was made with another spec (`mine`"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(
        verify
            .args(["--spec", "mine.toml"])
            .status()
            .unwrap()
            .code(),
        Some(0)
    );
}

#[test]
fn bad_arguments_and_files_end_in_code_2() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bad.toml"), "format_version = \"one\"").unwrap();
    for (arguments, expected) in [
        (
            &["--spec", "missing.toml"][..],
            "missing.toml: No such file",
        ),
        (
            &["--spec", "bad.toml"],
            "bad.toml: the spec cannot be read: TOML parse error at line 1",
        ),
        (
            &["--spec", "/dev/zero"],
            "/dev/zero: more than 4.0 MiB, which no mapping spec takes",
        ),
        (
            &["--fold", "rms_batch_nrm"],
            "did you mean `rms_batch_norm`?",
        ),
        (&["--max-shard-size", "big"], "`big` is no size"),
        (&["-@", "0"], "0 is not in 1.."),
        (
            &["--memory", "1KiB"],
            "more than the 1.0 KiB that --memory allows",
        ),
        (&["--out", "/proc/nowhere/out"], "/proc/nowhere"),
        (&["--hub", "a/b"], "cannot be used with"),
        (&["--metadata", "nowhere"], "nowhere"),
    ] {
        let output = convert(&dir, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).contains(expected),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
    assert_eq!(command(&dir).output().unwrap().status.code(), Some(2));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [&["--dry-run"][..], &["--dry-run", "--json"]] {
        let mut command = command(&dir);
        command
            .arg("--snapshot")
            .arg(fixture("snapshots/ocdbt"))
            .args(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(
            !text(&output.stderr).contains("error"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_stdout_or_stderr_does_not_undo_a_conversion() {
    let dir = tempfile::tempdir().unwrap();
    let full = || {
        std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let run = |out: &str, more: &[&str], stdout: Stdio, stderr: Stdio| {
        command(&dir)
            .arg("--snapshot")
            .arg(fixture("snapshots/ocdbt"))
            .args(["--out", out])
            .args(more)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap()
    };
    for (out, more) in [("text", &[][..]), ("json", &["--json"])] {
        let output = run(out, more, full().into(), Stdio::piped());
        assert_eq!(output.status.code(), Some(0));
        let note = text(&output.stderr);
        assert!(
            note.contains("stdout") && note.contains("the conversion is complete"),
            "{note}"
        );
        assert!(dir.path().join(out).join("conversion.json").is_file());
    }
    assert_eq!(
        run("silent", &[], Stdio::piped(), full().into())
            .status
            .code(),
        Some(0)
    );
    // Where the output is all there is, it is missed.
    let plan = run("none", &["--dry-run"], full().into(), Stdio::piped());
    assert_eq!(plan.status.code(), Some(2));
}

#[test]
fn a_closed_pipe_does_not_change_a_verdict() {
    let dir = tempfile::tempdir().unwrap();
    convert(&dir, &["--out", "a"]);
    convert(&dir, &["--out", "b", "--dtype", "bf16"]);
    let mut child = command(&dir)
        .args(["diff", "a", "b", "--top", "1000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
