//! `parity scores` on the recorded scores among the fixtures: every case and scorer, from sequence to score.

use std::path::Path;

use serde_json::Value;
use tests::fixtures;
use tests::program::{self, Outcome};

fn convert(scratch: &Path) {
    program::convert_tiny(env!("CARGO_BIN_EXE_tested-convert"), scratch);
}

fn scores(scratch: &Path, arguments: &[&str]) -> Outcome {
    let recording = fixtures::root().join("scores");
    let all = ["scores", "--model", "model", "--recording"].map(Into::into);
    let all = all.into_iter().chain([recording.into_os_string()]);
    let all = all.chain(arguments.iter().map(Into::into));
    let outcome = program::run(program::command(
        env!("CARGO_BIN_EXE_tested-parity"),
        scratch,
        all,
    ));
    outcome.expect_no_panic();
    outcome
}

fn document(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn every_recorded_score_is_met_and_what_is_wrong_is_not() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path();
    convert(at);
    let outcome = scores(at, &["--json"]);
    outcome.expect_code(0);
    let found = document(&outcome);
    assert_eq!(found["scorers"].as_array().unwrap().len(), 133);
    assert!(found["cases"].as_array().unwrap().len() > 15_900);
    for scorer in found["scorers"].as_array().unwrap() {
        let share = scorer["farthest"][1]["share"].as_f64().unwrap();
        assert!(
            share > 0.0 && share <= 1.0,
            "{scorer}: a bound far from what is measured holds nothing"
        );
    }
    // Junctions of near ties, one on each side.
    let ties: u64 = found["scorers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["ties"].as_u64().unwrap())
        .sum();
    assert!(ties <= 10, "{ties}");
    // Without stitching indels are others, and substitutions are not.
    let outcome = scores(at, &["--no-stitching", "--only", "r00", "--json"]);
    outcome.expect_code(1);
    let cases = document(&outcome)["cases"].as_array().unwrap().clone();
    let wrong = |indel: bool| {
        let of = cases.iter().filter(move |case| case["indel"] == indel);
        of.filter(|case| !case["faults"].as_array().unwrap().is_empty())
            .count()
    };
    assert!(
        wrong(true) > 40 && wrong(false) == 0,
        "{} {}",
        wrong(true),
        wrong(false)
    );
    // Another window, and another arithmetic: bounds are those of float32.
    let region = [
        "--region",
        "chr1:40,003-56,386",
        "--only",
        "r00",
        "--case",
        "s11.main",
    ];
    scores(at, &region).expect_code(1);
    let rounded = ["--arithmetic", "xla-cpu-bf16", "--case", "s11.main"];
    scores(at, &rounded)
        .expect_code(2)
        .expect_message(&["no bounds of their own", "--floor"]);
    // JAX beside itself at no distance: nothing in bfloat16 is as near.
    let floor = [&rounded[..], &["--floor", "f32", "--only", "r00"]].concat();
    let outcome = scores(at, &floor);
    outcome.expect_code(1);
    assert!(
        outcome.stdout.contains("JAX is 0.00e0 from itself"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn what_is_no_recording_of_scores_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path();
    convert(at);
    scores(at, &["--case", "none"])
        .expect_code(2)
        .expect_message(&["no case or no scorer is left"]);
    let other = |name: &str, arguments: &[&str], parts: &[&str]| {
        let all = [
            &["scores", "--model", "model", "--recording", name],
            arguments,
        ]
        .concat();
        let outcome = program::run(program::command(
            env!("CARGO_BIN_EXE_tested-parity"),
            at,
            all,
        ));
        outcome.expect_no_panic();
        outcome.expect_code(2).expect_message(parts);
    };
    other("nowhere", &[], &["nowhere", "f32.npz or scores.npz"]);
    let copy = at.join("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(fixtures::root().join("scores")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    let cases = std::fs::read_to_string(copy.join("cases.tsv")).unwrap();
    std::fs::write(copy.join("cases.tsv"), cases.replacen("human", "rat", 1)).unwrap();
    other("copy", &[], &["cases.tsv, s01.main", "`rat`"]);
    std::fs::write(copy.join("cases.tsv"), cases.replacen('\t', " ", 12)).unwrap();
    other("copy", &[], &["cases.tsv, line 2", "fields"]);
    std::fs::write(copy.join("cases.tsv"), cases).unwrap();
    std::fs::write(
        copy.join("scorers.tsv"),
        "scorer\tlist\tname\nr00\trecommended\tNoScorer()\n",
    )
    .unwrap();
    other("copy", &[], &["scores.npz", "NoScorer()"]);
    std::fs::write(copy.join("scores.npz"), "no archive").unwrap();
    other("copy", &[], &["scores.npz"]);
}
