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
    assert!(!text(&same.stderr).contains("different checkpoints"));
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
    // NaN and infinity on both sides that nothing explains.
    assert_eq!(same.status.code(), Some(1));
    let result = json(&same);
    let passes = |name| find(&result, 0, name)["pass"] == true;
    assert!(passes("atac/predictions_1bp") && !passes("embeddings_1bp"));
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
    assert!(text(&output.stdout).contains("0 of 1 outputs pass"));
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
    let ramp = |factor: f32| (0..40u8).map(|x| f32::from(x) * factor).collect::<Vec<_>>();
    let record = |name: &str, atac: f32, dnase: f32| {
        let output = |head, factor| (head, vec![1, 20, 2], ramp(factor));
        let outputs = vec![
            output("atac/predictions_1bp", atac),
            output("dnase/predictions_1bp", dnase),
        ];
        Case::of(outputs).record(&folder.path().join(name))
    };
    let (one, twin, other) = (
        record("one", 1.0, 1.0),
        record("twin", 1.0, 1.001),
        record("other", 1.000_001, 1.0),
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

/// A recording beside itself, or beside one that holds the same values, measures no noise.
#[test]
fn a_floor_of_equal_recordings_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let one = scaled(folder.path(), "one", 1.0);
    let twin = scaled(folder.path(), "twin", 1.0);
    let other = scaled(folder.path(), "other", 1.001);
    let floor = folder.path().join("floor.json");
    let out = floor.display().to_string();
    for recordings in [
        vec![&one, &one],
        vec![&one, &twin],
        vec![&one, &other, &one],
    ] {
        let mut arguments = vec!["floor"];
        arguments.extend(recordings.into_iter().map(String::as_str));
        arguments.extend(["--out", &out]);
        let output = parity(&arguments);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        assert!(
            message.contains("the same values in every output"),
            "{message}"
        );
        assert!(!floor.exists());
    }
    let compare = parity(&["compare", &one, &one]);
    assert!(text(&compare.stderr).contains("shows nothing"));
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
        sides: 2,
        thresholds: Thresholds::profile("default").unwrap(),
        floor: None,
        known: None,
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

/// NaN on both sides is padding only in whole tracks of unscaled predictions; elsewhere, or throughout, it shows no agreement.
#[test]
fn nan_on_both_sides_is_no_agreement() {
    let folder = tempfile::tempdir().unwrap();
    let nan = f32::NAN;
    let fine: Vec<f32> = (0..40u8).map(f32::from).collect();
    let track: Vec<f32> = (0..40u8)
        .map(|i| if i % 2 == 1 { nan } else { f32::from(i) })
        .collect();
    let mut spot = fine.clone();
    spot[7] = nan;
    let mut infinite = fine.clone();
    infinite[7] = f32::INFINITY;
    for (index, (output, values, code, said)) in [
        ("atac/predictions_1bp", fine, 0, "agrees"),
        (
            "atac/predictions_1bp",
            track.clone(),
            0,
            "not judged: 1 tracks",
        ),
        (
            "atac/predictions_1bp",
            spot,
            1,
            "unexpected_non_finite 1 > 0",
        ),
        (
            "atac/predictions_1bp",
            infinite,
            1,
            "unexpected_non_finite 1 > 0",
        ),
        (
            "atac/scaled_predictions_1bp",
            track.clone(),
            1,
            "unexpected_non_finite 20 > 0",
        ),
        ("embeddings_1bp", track, 1, "unexpected_non_finite 20 > 0"),
        (
            "atac/predictions_1bp",
            vec![nan; 40],
            1,
            "finite_values 0 < 1",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let record = |side: &str| {
            let place = folder.path().join(format!("{side}{index}"));
            Case::of(vec![(output, vec![1, 20, 2], values.clone())]).record(&place)
        };
        let (a, b) = (record("a"), record("b"));
        for level in ["1", "2"] {
            let found = parity(&["compare", &a, &b, "--level", level]);
            let table = text(&found.stdout);
            assert_eq!(found.status.code(), Some(code), "{output} {table}");
            assert!(table.contains(said), "{output} {said}: {table}");
        }
    }
}

#[test]
fn recordings_without_values_agree_with_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let empty = |name: &str| Case::of(Vec::new()).record(&folder.path().join(name));
    let output = parity(&["compare", &empty("a"), &empty("b")]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.contains("no finite value was compared"), "{table}");
}

/// Means of zero make tracks of zeros, which are named: those that the reference predicts and those that it does not.
#[test]
fn tracks_that_are_zero_on_one_side_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let record = |name: &str, mean: [f32; 6]| {
        let values = (0..120)
            .map(|i| mean[i % 6] * (1.0 + (i as f32 * 0.7).sin().abs()))
            .collect();
        Case::of(vec![("atac/predictions_1bp", vec![1, 20, 6], values)])
            .record(&folder.path().join(name))
    };
    let reference = record("a", [0.5, 0.25, 0.5, 0.0, f32::NAN, f32::NAN]);
    let candidate = record("b", [0.5, 0.0, 0.5, 0.0, 0.0, 0.0]);
    let output = parity(&["compare", &reference, &candidate, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let result = json(&output);
    let output = find(&result, 0, "atac/predictions_1bp");
    let checks = output["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|check| check["name"] == "zeroed_tracks")
        .unwrap();
    assert_eq!(
        (&check["value"], &check["pass"]),
        (&3.0.into(), &false.into())
    );
    assert_eq!(
        check["note"],
        "zero throughout, and not in the reference: track 1; tracks 4 to 5"
    );
    let told = parity(&["compare", &reference, &candidate]);
    assert!(text(&told.stdout).contains(
        "zeroed_tracks 3 > 0 (zero throughout, and not in the reference: track 1; tracks 4 to 5)"
    ));
    let same = json(&parity(&["compare", &reference, &reference, "--json"]));
    assert!(!same.to_string().contains("zeroed_tracks"));
    // Without padding, too.
    let reference = record("c", [0.5, 0.25, 0.5, 0.5, 0.5, 0.5]);
    let candidate = record("d", [0.5, 0.25, 0.5, 0.5, 0.0, 0.5]);
    let told = parity(&["compare", &reference, &candidate]);
    assert!(text(&told.stdout).contains("zeroed_tracks 1 > 0"));
}
