//! What is concluded from a result, and how it is told.

mod support;

use std::process::Command;

use support::{Case, find, fixture, json, parity, result_file, text};

/// Agreement above 99 % is not accepted where the level's checks fail: its own exit code says so.
#[test]
fn what_disagrees_is_validated() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_bf16"));
    let (path, output) = result_file(folder.path(), "r.json", &["compare", &a, &b, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let verdict = parity(&["verdict", &path.display().to_string()]);
    assert_eq!(verdict.status.code(), Some(3), "{}", text(&verdict.stdout));
    assert!(text(&verdict.stdout).contains("fail a check of the level"));
}

#[test]
fn tables_fit_the_width_and_sum_heads_up() {
    let folder = tempfile::tempdir().unwrap();
    let floor = folder.path().join("floor.json").display().to_string();
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    parity(&["floor", &a, &b, "--out", &floor]);
    let table = |columns: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_parity"))
            .args(["compare", &a, &b, "--floor", &floor])
            .env("COLUMNS", columns)
            .output()
            .unwrap();
        text(&output.stdout)
    };
    let (narrow, wide) = (table("80"), table("400"));
    // A path does not break.
    let long: Vec<_> = narrow
        .lines()
        .filter(|line| line.chars().count() > 80 && !line.contains("tests/fixtures"))
        .collect();
    assert_eq!(long, [""; 0]);
    assert!(narrow.contains("columns left out") && !wide.contains("columns left out"));
    assert!(wide.contains("t-test p") && !narrow.contains("t-test p"));
    // What the floor's limit allows is said where it is used.
    assert!(
        wide.contains(
            "limit 1.25 x what chance and other cases allow: one false alarm in 100000 outputs"
        ),
        "{wide}"
    );
    assert!(wide.contains("1.00 of 1.62"), "{wide}");
    let heads = wide.split("by organism and head").nth(1).unwrap();
    for line in ["embeddings", "rna_seq", "splice_sites_junction", "taps"] {
        assert!(heads.contains(line), "{heads}");
    }
    assert!(heads.contains("61 of 61"), "{heads}");
}

/// Values within the tolerance, and another class at every second position: classes decide.
#[test]
fn agreement_of_classes_decides() {
    let folder = tempfile::tempdir().unwrap();
    let record = |name: &str, swap: bool| {
        let row = |i: usize| match swap && i % 2 == 1 {
            true => [0.250, 0.252, 0.2, 0.2, 0.1],
            false => [0.252, 0.250, 0.2, 0.2, 0.1],
        };
        let values: Vec<f32> = (0..20).flat_map(row).collect();
        let output = (
            "splice_sites_classification/predictions",
            vec![1, 20, 5],
            values,
        );
        Case::of(vec![output]).record(&folder.path().join(name))
    };
    let (a, b) = (record("a", false), record("b", true));
    let compare = ["compare", &a, &b, "--level", "3", "--json"];
    let (path, _) = result_file(folder.path(), "r.json", &compare);
    let verdict = parity(&["verdict", &path.display().to_string()]);
    assert_eq!(verdict.status.code(), Some(1));
    let table = text(&verdict.stdout);
    assert!(table.contains("the least is 50.0000 %"), "{table}");
}

/// Another class where the reference's two best are closer than JAX is to JAX is no disagreement, and is counted; a third
/// class is one.
#[test]
fn near_ties_do_not_disagree() {
    let folder = tempfile::tempdir().unwrap();
    let record = |name: &str, tie: [f32; 5]| {
        let row = |i: usize| match i % 2 {
            0 => [0.5, 0.2, 0.1, 0.1, 0.1],
            _ => tie,
        };
        let values: Vec<f32> = (0..20).flat_map(row).collect();
        let output = (
            "splice_sites_classification/predictions",
            vec![1, 20, 5],
            values,
        );
        Case::of(vec![output]).record(&folder.path().join(name))
    };
    let reference = record("a", [0.2501, 0.2500, 0.2, 0.2, 0.0999]);
    for (name, row, code, said) in [
        (
            "b",
            [0.2500, 0.2501, 0.2, 0.2, 0.0999],
            0,
            "10 positions with another class are near-ties",
        ),
        (
            "c",
            [0.2495, 0.2495, 0.2501, 0.2, 0.0509],
            1,
            "the least is 50.0000 %",
        ),
    ] {
        let candidate = record(name, row);
        let compare = ["compare", &reference, &candidate, "--level", "1", "--json"];
        let (path, _) = result_file(folder.path(), &format!("{name}.json"), &compare);
        let verdict = parity(&["verdict", &path.display().to_string()]);
        let table = text(&verdict.stdout);
        assert_eq!(verdict.status.code(), Some(code), "{table}");
        assert!(table.contains(said), "{table}");
    }
}

#[test]
fn a_result_given_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    let (path, _) = result_file(folder.path(), "r.json", &["compare", &a, &b, "--json"]);
    let path = path.display().to_string();
    let once = parity(&["verdict", &path]);
    let twice = parity(&["verdict", &path, &path]);
    assert_eq!(text(&once.stdout), text(&twice.stdout));
    assert!(text(&twice.stderr).contains("counts once"));
}

#[test]
fn the_worst_stands_first_and_for_its_head() {
    let folder = tempfile::tempdir().unwrap();
    let ramp = || (0..40u8).map(f32::from);
    let record = |name: &str, fine: Vec<f32>, coarse: Vec<f32>, other: Vec<f32>| {
        let shape = vec![1, 20, 2];
        Case::of(vec![
            ("atac/predictions_1bp", shape.clone(), fine),
            ("atac/predictions_128bp", shape.clone(), coarse),
            ("dnase/predictions_1bp", shape, other),
        ])
        .record(&folder.path().join(name))
    };
    let a = record("a", ramp().collect(), ramp().collect(), ramp().collect());
    let mut fine: Vec<f32> = ramp().collect();
    fine[0] = 0.05;
    let coarse = ramp().map(|x| x * 1.004).collect();
    let other = ramp().map(|x| x * 3.0).collect();
    let b = record("b", fine, coarse, other);
    let result = json(&parity(&["compare", &a, &b, "--json"]));
    let head = &result["heads"][0];
    assert_eq!(
        (&head["head"], &head["outputs"]),
        (&"atac".into(), &2.into())
    );
    assert_eq!(head["passed"], 1);
    // The one is farther, the other has fewer values within the tolerance.
    assert!((head["worst_relative_l2"].as_f64().unwrap() - 0.004).abs() < 1e-6);
    assert_eq!(head["worst"], "a case atac/predictions_128bp");
    assert_eq!(head["least_within"], 0.975);
    let reasons = result["verdict"]["reasons"].as_array().unwrap();
    let first = reasons[0].as_str().unwrap();
    assert!(first.contains("dnase/predictions_1bp"), "{first}");
}

/// A track that level 2 lets pass, and that all values together do not show, is beyond the floor of the farthest track.
#[test]
fn the_floor_holds_the_farthest_track() {
    let folder = tempfile::tempdir().unwrap();
    let record = |name: &str, noise: f32, wrong: f32| {
        let mut state = noise.to_bits();
        let value = |i: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let random = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let size = 1.0 + (i * 7919 % 101) as f32 / 101.0;
            let off = if i % 400 == 5 { 1.0 + wrong } else { 1.0 };
            size * off * (1.0 + noise * random)
        };
        let values = (0..64 * 400).map(value).collect();
        let output = ("rna_seq/predictions_1bp", vec![1, 64, 400], values);
        Case::of(vec![output]).record(&folder.path().join(name))
    };
    let jax = ["a", "b"].map(|name| record(name, if name == "a" { 1e-5 } else { 1.1e-5 }, 0.0));
    let floor = folder.path().join("floor.json").display().to_string();
    let made = parity(&["floor", &jax[0], &jax[1], "--out", &floor]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    for (name, wrong, code) in [("sound", 0.0, 0), ("wrong", 1e-4, 1)] {
        let candidate = record(name, 1.2e-5, wrong);
        let compare = ["compare", &jax[0], &candidate, "--floor", &floor];
        let table = text(&parity(&compare).stdout);
        let (path, output) = result_file(
            folder.path(),
            &format!("{name}.json"),
            &[&compare[..], &["--json"]].concat(),
        );
        assert_eq!(output.status.code(), Some(code), "{table}");
        let result = json(&output);
        let found = find(&result, 0, "rna_seq/predictions_1bp");
        assert_eq!(found["floor"]["pass"], true, "{}", found["floor"]);
        let checks = found["checks"].as_array().unwrap();
        let failing: Vec<_> = checks
            .iter()
            .filter(|check| check["pass"] == false)
            .collect();
        let verdict = parity(&["verdict", &path.display().to_string()]);
        assert_eq!(verdict.status.code() == Some(0), code == 0);
        if code == 1 {
            assert_eq!(failing.len(), 1, "{failing:?}");
            assert_eq!(failing[0]["name"], "track_floor_ratio");
            assert_eq!(failing[0]["farthest"]["track"], 5);
            assert!(
                table.contains("track_floor_ratio") && table.contains("track 5"),
                "{table}"
            );
            let told = text(&verdict.stdout);
            assert!(told.contains("the farthest is track 5"), "{told}");
        }
    }
}
