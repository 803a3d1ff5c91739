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
        &format!("parity bisect --recording {f32_} --candidate {bf16} --case "),
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    let json: Value =
        serde_json::from_slice(&parity(&["explain", &path, "--json"]).stdout).unwrap();
    assert_eq!(json["schema"], "parity-explanation");
    assert_eq!(json["agree"], false);
}

/// A result with every failing distance scaled to `largest`, and correlations that go with it.
fn with_distances(folder: &Path, result: &mut Value, largest: f64) -> String {
    let outputs = |result: &mut Value, change: &mut dyn FnMut(&mut Value)| {
        for case in result["runs"][0]["cases"].as_array_mut().unwrap() {
            case["outputs"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .for_each(&mut *change);
        }
    };
    let mut most = 0f64;
    outputs(result, &mut |output| {
        most = most.max(output["summary"]["relative_l2"].as_f64().unwrap_or(0.0));
    });
    outputs(result, &mut |output| {
        if let Some(l2) = output["summary"]["relative_l2"].as_f64() {
            // The nearest outputs of a precision are a tenth as far as the farthest.
            output["summary"]["relative_l2"] = (largest * (l2 / most).max(0.1)).into();
        }
    });
    let path = folder.join("scaled.json");
    std::fs::write(&path, result.to_string()).unwrap();
    path.display().to_string()
}

#[test]
fn a_precision_is_named_by_its_size_before_any_part_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let (f32_, bf16) = (fixture("tiny_cpu_f32"), fixture("tiny_cpu_bf16"));
    let arguments = ["compare", &f32_, &bf16, "--dtype", "f32", "--json"];
    let path = result(folder.path(), &arguments);
    let mut found: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (largest, expected) in [
        (3e-2, Some("bfloat16 on one side alone")),
        (1.2e-3, Some("TF32, or bfloat16 operands")),
        (4e-4, Some("TF32, or bfloat16 operands")),
        (1e-5, None),
        (3e-1, None),
    ] {
        let path = with_distances(folder.path(), &mut found, largest);
        let text = String::from_utf8(parity(&["explain", &path]).stdout).unwrap();
        let causes = text
            .split_once("most specific first:")
            .unwrap()
            .1
            .trim_start();
        match expected {
            Some(words) => {
                assert!(
                    causes.starts_with("The differences are as small"),
                    "{largest}: {causes}"
                );
                assert!(
                    causes.lines().next().unwrap().contains(words),
                    "{largest}: {causes}"
                );
            }
            None => assert!(!causes.contains("another precision"), "{largest}: {causes}"),
        }
    }
}

#[test]
fn logits_for_predictions_are_told_by_their_figures_or_their_range() {
    let folder = tempfile::tempdir().unwrap();
    let f32_ = fixture("tiny_cpu_f32");
    let path = result(folder.path(), &["compare", &f32_, &f32_, "--json"]);
    let found: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (figures, expected) in [
        (None, "The logits were given for the predictions"),
        (
            Some(-3.0),
            "Values lie outside of what the output's last activation allows",
        ),
    ] {
        let mut found = found.clone();
        found["verdict"]["agree"] = false.into();
        let outputs = found["runs"][0]["cases"][0]["outputs"]
            .as_array_mut()
            .unwrap();
        let place = |name: &str| {
            outputs
                .iter()
                .position(|output| output["name"] == name)
                .unwrap()
        };
        let (logits, predictions) = (
            place("splice_sites_usage/logits"),
            place("splice_sites_usage/predictions"),
        );
        let given = outputs[logits]["summary"]["candidate"].clone();
        let output = &mut outputs[predictions];
        output["pass"] = false.into();
        output["summary"]["relative_l2"] = 4.0.into();
        output["summary"]["pearson"] = 0.7.into();
        match figures {
            None => output["summary"]["candidate"] = given,
            Some(least) => output["summary"]["candidate"]["min"] = f64::into(least),
        }
        let path = folder.path().join("logits.json");
        std::fs::write(&path, found.to_string()).unwrap();
        let text = parity(&["explain", &path.display().to_string()]).stdout;
        let text = String::from_utf8(text).unwrap();
        let causes = text
            .split_once("most specific first:")
            .unwrap()
            .1
            .trim_start();
        assert!(causes.starts_with(expected), "{causes}");
    }
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
