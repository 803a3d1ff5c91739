//! `parity explain` as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn parity(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(arguments)
        .output()
        .unwrap()
}

fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings");
    root.join(name).display().to_string()
}

fn result(folder: &Path, arguments: &[&str]) -> PathBuf {
    let path = folder.join("result.json");
    std::fs::write(&path, parity(arguments).stdout).unwrap();
    path
}

#[test]
fn a_red_result_names_what_failed_its_cause_and_the_next_command() {
    let folder = tempfile::tempdir().unwrap();
    let (f32_, bf16) = (fixture("tiny_cpu_f32"), fixture("tiny_cpu_bf16"));
    let path = result(
        folder.path(),
        &["compare", &f32_, &bf16, "--dtype", "f32", "--json"],
    );
    let path = path.display().to_string();
    let output = parity(&["explain", &path]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "the candidate disagrees",
        "No noise floor was given",
        "What failed, worst first",
        "is the first module, in the order of the data",
        "as small as another precision makes them",
        &format!("parity bisect --recording {f32_} --against {bf16} --case "),
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    let json: Value =
        serde_json::from_slice(&parity(&["explain", &path, "--json"]).stdout).unwrap();
    assert_eq!(json["schema"], "parity-explanation");
    assert_eq!(json["agree"], false);
}

#[test]
fn a_green_result_ends_with_0_and_asks_for_the_floor() {
    let folder = tempfile::tempdir().unwrap();
    let (f64_, f32_) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    let path = result(folder.path(), &["compare", &f64_, &f32_, "--json"]);
    let output = parity(&["explain", &path.display().to_string()]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("Nothing failed.") && text.contains("parity floor"),
        "{text}"
    );
}

#[test]
fn what_is_no_result_is_told() {
    let manifest = format!("{}/manifest.json", fixture("tiny_cpu_f32"));
    for path in [manifest.as_str(), "/nowhere"] {
        let output = parity(&["explain", path]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains(path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("invariance.json");
    let document = r#"{"schema": "parity-invariance", "schema_version": 1, "agree": true}"#;
    std::fs::write(&path, document).unwrap();
    for command in ["explain", "verdict"] {
        let output = parity(&[command, &path.display().to_string()]);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            text.contains("no result of level1 to level4 or compare"),
            "{text}"
        );
        assert!(
            text.contains("`parity-invariance` is another document"),
            "{text}"
        );
    }
}
