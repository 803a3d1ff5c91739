//! `parity bisect` on two recordings, as a user runs it. With a model it is tested where there is one (`tests/`).

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::Case;

fn bisect(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_parity");
    Command::new(program)
        .arg("bisect")
        .args(arguments)
        .output()
        .unwrap()
}

fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings");
    root.join(name).display().to_string()
}

#[test]
fn two_recordings_show_the_propagated_error_alone() {
    let (f32_, bf16) = (fixture("tiny_cpu_f32"), fixture("tiny_cpu_bf16"));
    let page = tempfile::tempdir().unwrap();
    let html = page.path().join("path.html").display().to_string();
    let arguments = ["--recording", &f32_, "--candidate", &bf16, "--html", &html];
    let output = bisect(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        table.contains("the error jumps nowhere") && !table.contains("at fault is"),
        "{table}"
    );
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(
        page.contains("<svg") && page.contains("no module is at fault"),
        "{page}"
    );
    // Where nothing differs, a line says so: zero has no place on the axis.
    assert!(!page.contains(">0</text>"), "{page}");
    let arguments = ["--recording", &f32_, "--candidate", &f32_, "--html", &html];
    assert_eq!(bisect(&arguments).status.code(), Some(0));
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains(">0</text>"), "{page}");
    let json = bisect(&["--recording", &f32_, "--candidate", &bf16, "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let rows = json["cases"][0]["rows"].as_array().unwrap();
    assert_eq!(
        rows[0]["module"],
        "alphagenome/sequence_encoder/dna_embedder"
    );
    assert!(rows.iter().all(|row| row["local"].is_null()));
    let errors: Vec<f64> = rows
        .iter()
        .filter_map(|row| row["propagated"].as_f64())
        .collect();
    assert!(
        errors.len() > 60 && errors.iter().all(|error| (1e-4..0.1).contains(error)),
        "{errors:?}"
    );
    assert!(json["cases"][0]["culprit"].is_null());
}

/// A module that adds an error of its own is named, and none that only hands it on.
#[test]
fn a_jump_of_the_error_between_two_recordings_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let modules = [
        "sequence_encoder/dna_embedder",
        "sequence_encoder/downres_block_0",
        "transformer_tower/mha_block",
    ];
    let record = |name: &str, errors: [f32; 3]| {
        let output = |(module, error): (&str, f32)| {
            let name: &'static str = format!("taps/alphagenome/{module}").leak();
            let value = |i: usize| {
                (i as f32).sin() * (1.0 + error * if i.is_multiple_of(2) { 1.0 } else { -1.0 })
            };
            (name, vec![1, 16, 4], (0..64).map(value).collect())
        };
        let outputs = modules.into_iter().zip(errors).map(output).collect();
        Case::of(outputs).record(&folder.path().join(name))
    };
    let reference = record("a", [0.0; 3]);
    let candidate = record("b", [3e-7, 1e-4, 1.5e-4]);
    let output = bisect(&["--recording", &reference, "--candidate", &candidate]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        table.contains("the error jumps first in sequence_encoder/downres_block_0")
            && table.contains("nowhere else"),
        "{table}"
    );
    let output = bisect(&[
        "--recording",
        &reference,
        "--candidate",
        &candidate,
        "--json",
    ]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let jumps = &json["cases"][0]["also"];
    assert_eq!(
        *jumps,
        serde_json::json!(["alphagenome/sequence_encoder/downres_block_0"])
    );
    let missing = record("c", [3e-7, f32::NAN, 3e-7]);
    let output = bisect(&["--recording", &reference, "--candidate", &missing]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn what_cannot_be_searched_is_told() {
    let (taps, none) = (fixture("tiny_cpu_f32"), fixture("suite_tiny_cpu_f32"));
    for (arguments, expected) in [
        (
            vec!["--recording", none.as_str(), "--candidate", &taps],
            "holds no module outputs",
        ),
        (
            vec!["--recording", taps.as_str(), "--candidate", &none],
            "holds no module outputs",
        ),
        (
            vec!["--recording", "/nowhere", "--candidate", &taps],
            "/nowhere",
        ),
        (
            vec![
                "--recording",
                taps.as_str(),
                "--candidate",
                &taps,
                "--case",
                "none",
            ],
            "none",
        ),
    ] {
        let output = bisect(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            String::from_utf8(output.stderr).unwrap().contains(expected),
            "{arguments:?}"
        );
    }
}
