//! The program as a user runs it: outputs, files and exit codes.

mod support;

use std::process::{Command, Stdio};

use serde_json::Value;
use support::{find, fixture, json, numpy, parity, result_file, text};

/// Figures from numpy on the same files (`tests/data/two_frameworks.py`).
#[test]
fn recordings_of_any_framework_compare() {
    let output = parity(&["compare", &numpy("a"), &numpy("b"), "--json"]);
    let result = json(&output);
    assert_eq!(output.status.code(), Some(0));
    let near = |value: &Value, expected: f64| {
        let value = value.as_f64().unwrap();
        assert!(
            (value - expected).abs() <= 1e-9 * expected.abs(),
            "{value} is not {expected}"
        );
    };
    // Case 0 is ... the manifest's order: ref, then alt.
    let tracks = find(&result, 0, "atac/predictions_1bp");
    near(&tracks["summary"]["relative_l2"], 0.000_202_516_084_649_46);
    near(
        &tracks["summary"]["max"]["difference"]
            .as_f64()
            .map(f64::abs)
            .into(),
        0.001_900_196_075_439_453_1,
    );
    assert_eq!(tracks["summary"]["finite"], 64);
    assert_eq!(tracks["padding"]["tracks"], 1);
    // Column-major in the file, int64 indices.
    let logits = find(&result, 1, "splice_sites_classification/logits");
    near(
        &logits["summary"]["relative_l2"],
        0.000_244_465_838_142_916_6,
    );
    assert_eq!(logits["compared_shape"], serde_json::json!([1, 32, 5]));
    assert_eq!(logits["classes"]["count"], 32);
    // A constant has no correlation, and is judged by its distance.
    let constant = find(&result, 0, "constant");
    assert_eq!(constant["summary"]["pearson"]["undefined"], "constant");
    let names: Vec<_> = constant["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "non_finite_mismatches",
            "within",
            "constant_relative_l2",
            "track_relative_l2",
            "track_shape_l2",
            "window_relative_l2"
        ]
    );
    // The two alleles of one variant.
    let effect = &result["runs"][0]["variants"][0];
    assert_eq!(effect["id"], "snp");
    let effects = &effect["outputs"][0]["effects"];
    near(&effects["relative_l2"], 0.000_342_719_263_253_297_4);
    near(&effects["sign_agreement"], 1.0);
}

#[test]
fn a_disagreement_ends_with_1_and_names_what_fails() {
    let (f64_, bf16) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_bf16"));
    let output = parity(&["compare", &f64_, &bf16, "--dtype", "f32"]);
    assert_eq!(output.status.code(), Some(1));
    let table = text(&output.stdout);
    assert!(
        table.contains("FAIL") && table.contains("the candidate disagrees"),
        "{table}"
    );
    assert!(table.contains("pearson"), "{table}");
}

#[test]
fn what_cannot_run_ends_with_2_and_one_line() {
    let a = numpy("a");
    for (arguments, expected) in [
        (vec!["compare", "/nowhere", a.as_str()], "no such recording"),
        (
            vec!["compare", a.as_str(), a.as_str(), "--profile", "lax"],
            "no profile lax",
        ),
        (
            vec!["compare", a.as_str(), a.as_str(), "--case", "none"],
            "has no such case; there are snp_alt, snp_ref",
        ),
        (vec!["drift", "/nowhere", "/nowhere"], "/nowhere"),
        (
            vec!["compare", a.as_str(), a.as_str(), "--floor", "/nowhere"],
            "parity floor",
        ),
        (vec!["floor", a.as_str()], "2"),
    ] {
        let output = parity(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = text(&output.stderr);
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert!(output.stdout.is_empty());
    }
}

#[cfg(feature = "burn")]
#[test]
fn without_a_model_the_first_steps_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(["level2", "--dtype", "f32"])
        .current_dir(folder.path())
        .env_remove("ALPHAGENOME_RECORDINGS")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    for expected in [
        "convert --hub",
        "parity level2 --dtype f32",
        "ALPHAGENOME_RECORDINGS",
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn floors_are_measured_and_judge() {
    let folder = tempfile::tempdir().unwrap();
    let floor = folder.path().join("floor.json").display().to_string();
    let (f64_, f32_) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    let output = parity(&["floor", &f64_, &f32_, "--out", &floor]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // The same pair is at a ratio of 1.
    let output = parity(&["compare", &f64_, &f32_, "--floor", &floor, "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let result = json(&output);
    let entry = &find(&result, 0, "embeddings_1bp")["floor"];
    assert_eq!(entry["ratio"], 1.0);
    // A limit far below 1 fails it, and bfloat16 is far outside.
    let output = parity(&[
        "compare",
        &f64_,
        &f32_,
        "--floor",
        &floor,
        "--floor-limit",
        "0.5",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let result = folder.path().join("result.json");
    let bf16 = fixture("tiny_cpu_bf16");
    let output = parity(&[
        "compare",
        &f64_,
        &bf16,
        "--floor",
        &floor,
        "--json",
        "--case",
        "rand42_4096_human",
    ]);
    assert_eq!(output.status.code(), Some(1));
    std::fs::write(&result, &output.stdout).unwrap();
    let verdict = parity(&["verdict", &result.display().to_string()]);
    assert_eq!(verdict.status.code(), Some(1));
    assert!(
        text(&verdict.stdout).contains("verdict: fall back"),
        "{}",
        text(&verdict.stdout)
    );
}

#[test]
fn verdict_and_drift_read_results() {
    let folder = tempfile::tempdir().unwrap();
    let (f64_, f32_, bf16) = (
        fixture("tiny_cpu_f64"),
        fixture("tiny_cpu_f32"),
        fixture("tiny_cpu_bf16"),
    );
    let (old, _) = result_file(
        folder.path(),
        "old.json",
        &["compare", &f64_, &f32_, "--json"],
    );
    let (new, _) = result_file(
        folder.path(),
        "new.json",
        &["compare", &f64_, &bf16, "--json"],
    );
    let (old, new) = (old.display().to_string(), new.display().to_string());
    let verdict = parity(&["verdict", &old]);
    assert_eq!(verdict.status.code(), Some(0), "{}", text(&verdict.stdout));
    assert!(text(&verdict.stdout).contains("verdict: accept"));
    let same = parity(&["drift", &old, &old]);
    assert_eq!(same.status.code(), Some(0));
    let drift = parity(&["drift", &old, &new, "--json"]);
    assert_eq!(drift.status.code(), Some(1));
    assert_eq!(json(&drift)["drifted"], true);
    let back = parity(&["drift", &new, &old]);
    assert_eq!(back.status.code(), Some(0), "{}", text(&back.stdout));
    // A result of something else is told apart.
    let other = parity(&["verdict", &format!("{f64_}/manifest.json")]);
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("no result of level1 to level4 or compare"));
}

#[test]
fn junit_and_multiqc_files_hold_every_output() {
    let folder = tempfile::tempdir().unwrap();
    let (junit, mqc) = (
        folder.path().join("junit.xml"),
        folder.path().join("parity_mqc.json"),
    );
    let output = parity(&[
        "compare",
        &numpy("a"),
        &numpy("b"),
        "--junit",
        &junit.display().to_string(),
        "--mqc",
        &mqc.display().to_string(),
    ]);
    assert_eq!(output.status.code(), Some(0));
    let junit = std::fs::read_to_string(junit).unwrap();
    assert_eq!(junit.matches("<testcase ").count(), 6);
    assert!(junit.contains(r#"tests="6" failures="0""#), "{junit}");
    let mqc: Value = serde_json::from_str(&std::fs::read_to_string(mqc).unwrap()).unwrap();
    assert_eq!(mqc["plot_type"], "table");
    assert_eq!(mqc["data"].as_object().unwrap().len(), 6);
}

#[test]
fn a_closed_pipe_is_success() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_parity"))
        .args([
            "compare",
            &fixture("tiny_cpu_f64"),
            &fixture("tiny_cpu_f32"),
            "--json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

/// JAX's float32 on two constant-prone patterns: homopolymers neither crash nor pass unseen.
#[test]
fn the_suite_of_patterns_compares() {
    let suite = fixture("suite_tiny_cpu_f32");
    let output = parity(&["compare", &suite, &suite, "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let result = json(&output);
    let cases = result["runs"][0]["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 26);
    for case in cases {
        for output in case["outputs"].as_array().unwrap() {
            assert_eq!(output["summary"]["identical"], true);
            assert!(
                !output["checks"].as_array().unwrap().is_empty(),
                "{}",
                output["name"]
            );
        }
    }
}

#[test]
fn a_missing_file_is_told_once() {
    let recording = fixture("tiny_cpu_f32");
    let missing = parity(&[
        "compare",
        &recording,
        &recording,
        "--thresholds",
        "nowhere.toml",
    ]);
    assert_eq!(missing.status.code(), Some(2));
    let told = text(&missing.stderr);
    assert!(told.starts_with("parity: nowhere.toml: "), "{told}");
    assert_eq!(told.matches("No such file").count(), 1, "{told}");
}
