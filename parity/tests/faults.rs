//! What must not pass: each fault ends as it should and is named.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Case, find, fixture, json, numpy, parity, result_file, text};

/// A copy of a fixture recording with another manifest.
fn copy(from: &str, to: &Path, edit: impl Fn(&mut Value)) -> String {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let path = to.join("manifest.json");
    let mut manifest = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut manifest);
    std::fs::write(&path, manifest.to_string()).unwrap();
    to.display().to_string()
}

#[test]
fn recordings_of_other_weights_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, digest: &str| {
        copy(&numpy("a"), &folder.path().join(name), |manifest| {
            manifest["checkpoint_digest"] = digest.into();
        })
    };
    let (a, b, c) = (
        with("a", "blake3:aa"),
        with("b", "blake3:bb"),
        with("c", "blake3:aa"),
    );
    let other = parity(&["compare", &a, &b]);
    assert!(text(&other.stderr).contains("of different checkpoints, blake3:aa and blake3:bb"));
    assert!(text(&other.stdout).contains("OF DIFFERENT CHECKPOINTS"));
    let same = parity(&["compare", &a, &c]);
    assert!(same.stderr.is_empty(), "{}", text(&same.stderr));
    assert!(text(&same.stdout).contains("the same checkpoint, blake3:aa"));
    let unknown = parity(&["compare", &a, &numpy("a")]);
    assert!(text(&unknown.stdout).contains("the candidate has no checkpoint digest"));
    let out = folder.path().join("floor.json").display().to_string();
    let floor = parity(&["floor", &a, &b, "--out", &out]);
    assert_eq!(floor.status.code(), Some(2));
    assert!(text(&floor.stderr).contains("of different checkpoints"));
    assert!(!Path::new(&out).exists());
}

/// NaN in whole tracks is padding; one NaN more on one side fails even level 1.
#[test]
fn nan_elsewhere_fails_level_1() {
    let recording = |folder: &Path, extra: bool| {
        let mut values: Vec<f32> = (0..40u8).map(f32::from).collect();
        values[8] = f32::INFINITY;
        values[20] = f32::NAN;
        if extra {
            values[7] = f32::NAN;
        }
        let padding = (0..40u8).map(|i| match i % 2 {
            0 => f32::NAN,
            _ => f32::from(i),
        });
        let shape = vec![1, 20, 2];
        Case::of(vec![
            ("atac/predictions_1bp", shape.clone(), padding.collect()),
            ("embeddings_1bp", shape, values),
        ])
        .record(folder)
    };
    let folder = tempfile::tempdir().unwrap();
    let one = recording(&folder.path().join("one"), false);
    let more = recording(&folder.path().join("more"), true);
    let same = parity(&["compare", &one, &one, "--level", "1", "--json"]);
    assert_eq!(same.status.code(), Some(0));
    let result = json(&same);
    // One whole track, and one NaN outside.
    let padding = |name| find(&result, 0, name)["padding"].clone();
    let expected = serde_json::json!({"tracks": 1, "elsewhere": 0});
    assert_eq!(padding("atac/predictions_1bp"), expected);
    let expected = serde_json::json!({"tracks": 0, "elsewhere": 1});
    assert_eq!(padding("embeddings_1bp"), expected);
    for (a, b) in [(&one, &more), (&more, &one)] {
        let differ = parity(&["compare", a, b, "--level", "1"]);
        assert_eq!(differ.status.code(), Some(1));
        let table = text(&differ.stdout);
        assert!(
            table.contains("1 differ") && table.contains("NaN or infinity on one side alone"),
            "{table}"
        );
        // And whoever decides falls back.
        let compare = ["compare", a, b, "--level", "1", "--json"];
        let (path, _) = result_file(folder.path(), "result.json", &compare);
        let verdict = parity(&["verdict", &path.display().to_string()]);
        assert_eq!(verdict.status.code(), Some(1));
    }
}

fn ramp() -> Vec<f32> {
    (0..40u8).map(f32::from).collect()
}

const RAMP: &str = "embeddings_1bp";

/// A recording of the ramp, of every value times `factor`.
fn scaled(folder: &Path, name: &str, factor: f32) -> String {
    let values = ramp().iter().map(|x| x * factor).collect();
    Case::of(vec![(RAMP, vec![1, 20, 2], values)]).record(&folder.join(name))
}

#[test]
fn an_output_that_is_missing_or_of_another_shape_fails() {
    let folder = tempfile::tempdir().unwrap();
    let other = ("embeddings_128bp", vec![1, 20, 2], ramp());
    let both = Case::of(vec![(RAMP, vec![1, 20, 2], ramp()), other.clone()]);
    let without = Case::of(vec![other.clone()]);
    let turned = Case::of(vec![(RAMP, vec![1, 2, 20], ramp()), other]);
    let both = both.record(&folder.path().join("both"));
    for (candidate, name, reason) in [
        (without, "without", "the candidate does not have it"),
        (turned, "turned", "shape [1, 2, 20], expected [1, 20, 2]"),
    ] {
        let candidate = candidate.record(&folder.path().join(name));
        let output = parity(&["compare", &both, &candidate, "--level", "1"]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let table = text(&output.stdout);
        assert!(
            table.contains(&format!("fails: {RAMP}: {reason}")),
            "{table}"
        );
        assert!(table.contains("1 of 2 outputs pass"), "{table}");
    }
}

#[test]
fn nothing_compared_is_no_agreement() {
    let folder = tempfile::tempdir().unwrap();
    let tap = Case::of(vec![("taps/model/block", vec![1, 20, 2], ramp())]);
    let tap = tap.record(&folder.path().join("tap"));
    let output = parity(&["compare", &tap, &scaled(folder.path(), "plain", 1.0)]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("0 of 0 outputs pass"));
}

#[test]
fn other_sequences_and_organisms_are_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let case = || Case::of(vec![(RAMP, vec![1, 20, 2], ramp())]);
    let one = case().record(&folder.path().join("one"));
    let sequence = Case {
        sequence: vec![1; 20],
        ..case()
    };
    let mouse = Case {
        organism: 1,
        ..case()
    };
    for (case, name, reason) in [
        (sequence, "sequence", "different sequences"),
        (mouse, "mouse", "different organisms"),
    ] {
        let other = case.record(&folder.path().join(name));
        let output = parity(&["compare", &one, &other]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(text(&output.stderr).contains(reason), "{name}");
    }
}

/// Within the tolerance everywhere, and farther than a constant may be: it has no correlation that could say so.
#[test]
fn a_constant_is_judged_by_its_distance() {
    let folder = tempfile::tempdir().unwrap();
    let constant = |name: &str, value: f32| {
        Case::of(vec![(RAMP, vec![1, 20, 2], vec![value; 40])]).record(&folder.path().join(name))
    };
    let one = constant("one", 1.0);
    for (name, value, code) in [("near", 1.0005, 0), ("far", 1.005, 1)] {
        let output = parity(&["compare", &one, &constant(name, value)]);
        assert_eq!(output.status.code(), Some(code), "{name}");
    }
    let far = folder.path().join("far").display().to_string();
    let table = text(&parity(&["compare", &one, &far]).stdout);
    assert!(
        table.contains("constant_relative_l2 0.005 > 0.001"),
        "{table}"
    );
}

#[test]
fn where_the_floor_is_zero_only_equality_passes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, twin, other) = (
        scaled(folder.path(), "one", 1.0),
        scaled(folder.path(), "twin", 1.0),
        scaled(folder.path(), "other", 1.000_001),
    );
    let floor = folder.path().join("floor.json").display().to_string();
    assert_eq!(
        parity(&["floor", &one, &twin, "--out", &floor])
            .status
            .code(),
        Some(0)
    );
    for (candidate, code) in [(&twin, 0), (&other, 1)] {
        let output = parity(&["compare", &one, candidate, "--floor", &floor]);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stdout));
    }
}

#[test]
fn what_goes_farther_or_away_is_a_drift() {
    let folder = tempfile::tempdir().unwrap();
    let one = scaled(folder.path(), "one", 1.0);
    let result = |name: &str, factor: f32| {
        let candidate = scaled(folder.path(), name, factor);
        let compare = ["compare", &one, &candidate, "--json"];
        let (path, output) = result_file(folder.path(), &format!("{name}.json"), &compare);
        assert_eq!(output.status.code(), Some(0));
        path.display().to_string()
    };
    let (near, far) = (result("near", 1.000_01), result("far", 1.000_1));
    let drift = parity(&["drift", &near, &far]);
    assert_eq!(drift.status.code(), Some(1));
    assert!(text(&drift.stdout).contains("farther"));
    assert_eq!(parity(&["drift", &far, &near]).status.code(), Some(0));
    assert_eq!(
        parity(&["drift", &near, &far, "--limit", "20"])
            .status
            .code(),
        Some(0)
    );
    // One output less.
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    let compare = |name: &str, only: &str| {
        let arguments = ["compare", &a, &b, "--json", "--only", only];
        let (path, _) = result_file(folder.path(), name, &arguments);
        path.display().to_string()
    };
    let (all, some) = (
        compare("all", "embeddings"),
        compare("some", "embeddings_1"),
    );
    let drift = parity(&["drift", &all, &some]);
    assert_eq!(drift.status.code(), Some(1));
    assert!(text(&drift.stdout).contains("missing"));
    assert_eq!(parity(&["drift", &some, &all]).status.code(), Some(0));
}

/// At equal positions the mask says which tissues an organism has: one value of it must not differ.
#[test]
fn a_junction_mask_must_be_equal() {
    use parity::compare::{Settings, compare_pair};
    use parity::levels::Thresholds;
    use parity::recording::{Array, DType, Values};
    use parity::sample::common;

    let settings = Settings {
        level: 2,
        dtype: DType::Float32,
        thresholds: Thresholds::profile("default").unwrap(),
        floor: None,
        tables: false,
        only: None,
    };
    let mask = |last| {
        Array::full(
            vec![1, 1, 2, 2],
            Values::Bool(vec![true, false, true, last]),
        )
    };
    let passes = |last| {
        let (a, b) = (mask(true), mask(last));
        let pair = common(&a, &b).unwrap();
        let name = "splice_sites_junction/splice_junction_mask";
        let dtypes = (DType::Bool, DType::Bool);
        compare_pair(name, &pair, a.full_shape.clone(), dtypes, &settings).pass
    };
    assert!(passes(true) && !passes(false));
}
