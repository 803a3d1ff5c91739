//! Checkpoints as Orbax's managers leave them, through the program: steps, items, saves that were not finished.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    command::{command, fixture, text},
    memory::tensors,
};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

fn run(dir: &TempDir, arguments: &[&str]) -> Output {
    command(dir).args(arguments).output().unwrap()
}

#[track_caller]
fn fine(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The parameters and the state of the tiny model, as two items of a step.
fn items(step: &Path) {
    let whole = fixture("snapshots/zarr");
    let tree: Value = serde_json::from_slice(&fs::read(whole.join("_METADATA")).unwrap()).unwrap();
    for (collection, item) in [("0", "params"), ("1", "state")] {
        let folder = step.join(item);
        fs::create_dir_all(&folder).unwrap();
        let mut tree = tree.clone();
        let leaves = tree["tree_metadata"].as_object_mut().unwrap();
        leaves.retain(|_, leaf| leaf["key_metadata"][0]["key"] == collection);
        for leaf in leaves.values_mut() {
            leaf["key_metadata"].as_array_mut().unwrap().remove(0);
        }
        fs::write(folder.join("_METADATA"), tree.to_string()).unwrap();
        for array in whole.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            let name = array.file_name().unwrap().to_string_lossy().into_owned();
            if let Some(name) = name.strip_prefix(&format!("{collection}.")) {
                copy(&array, &folder.join(name));
            }
        }
    }
    fs::write(step.join("_CHECKPOINT_METADATA"), "{}").unwrap();
}

#[test]
fn parameters_and_state_in_two_items_are_one_model() {
    let dir = tempfile::tempdir().unwrap();
    items(&dir.path().join("run/0"));
    let whole = fixture("snapshots/zarr");
    fine(&run(
        &dir,
        &["--snapshot", whole.to_str().unwrap(), "--out", "whole"],
    ));
    for path in ["run", "run/0"] {
        fine(&run(
            &dir,
            &["--snapshot", path, "--out", "items", "--force"],
        ));
        assert_eq!(
            tensors(&dir.path().join("items")),
            tensors(&dir.path().join("whole"))
        );
        fine(&run(&dir, &["verify", "items", "--snapshot", path]));
    }
    let shown = fine(&run(&dir, &["inspect", "--snapshot", "run"]));
    assert!(
        shown.contains("\nparams\n") && shown.contains("\nstate\n"),
        "{shown}"
    );
    assert!(shown.contains("670 leaves"), "{shown}");
    let shown = fine(&run(&dir, &["inspect", "--snapshot", "run", "--json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["items"], json!(["params", "state"]));
    assert_eq!(shown["leaves"][0]["path"][0], "params");
    // One item alone is a tree that the spec does not know, which is one sentence.
    let alone = run(&dir, &["--snapshot", "run/0/params", "--out", "alone"]);
    assert_eq!(alone.status.code(), Some(2));
    let told = text(&alone.stderr);
    assert_eq!(
        told.lines().filter(|line| line.starts_with("  - ")).count(),
        1,
        "{told}"
    );
}

#[test]
fn paths_that_are_offered_work() {
    let dir = tempfile::tempdir().unwrap();
    for step in ["0", "100"] {
        let step = dir.path().join("steps").join(step);
        copy(&fixture("snapshots/ocdbt"), &step.join("default"));
        fs::write(step.join("_CHECKPOINT_METADATA"), "{}").unwrap();
    }
    copy(
        &fixture("snapshots/ocdbt"),
        &dir.path().join("steps/200.orbax-checkpoint-tmp-1700000000"),
    );
    let told = run(&dir, &["--snapshot", "steps", "--dry-run"]);
    assert_eq!(told.status.code(), Some(2));
    let told = text(&told.stderr);
    let (offered, aside) = told.split_once("left aside:").unwrap();
    assert!(
        aside.contains("200.orbax-checkpoint-tmp-1700000000"),
        "{told}"
    );
    let offered: Vec<PathBuf> = offered
        .lines()
        .filter_map(|line| line.strip_prefix("  ").map(PathBuf::from))
        .collect();
    assert_eq!(offered.len(), 2, "{told}");
    for path in offered {
        fine(&run(
            &dir,
            &["--snapshot", path.to_str().unwrap(), "--dry-run"],
        ));
    }
}

#[test]
fn an_unfinished_save_is_named_and_not_converted() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture("snapshots/ocdbt"), &dir.path().join("run/10"));
    let tmp = "run/11.orbax-checkpoint-tmp-1700000000";
    copy(&fixture("snapshots/ocdbt"), &dir.path().join(tmp));
    let taken = run(&dir, &["--snapshot", "run", "--dry-run"]);
    fine(&taken);
    let told = text(&taken.stderr);
    assert!(
        told.contains("1700000000: an unfinished save, left aside"),
        "{told}"
    );
    for command in [&["--snapshot", tmp][..], &["inspect", "--snapshot", tmp]] {
        let refused = run(&dir, command);
        assert_eq!(refused.status.code(), Some(2));
        let told = text(&refused.stderr);
        assert!(
            told.contains("an unfinished save, which may lack values"),
            "{told}"
        );
    }
}

/// The tiny model with what else a tree may hold.
fn with_more(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("more");
    copy(&fixture("snapshots/zarr"), &path);
    let file = path.join("_METADATA");
    let mut tree: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let entry = |key: &str, value_type: &str, skip: bool| {
        json!({
            "key_metadata": [{"key": key, "key_type": 2}],
            "value_metadata": {"value_type": value_type, "skip_deserialize": skip},
        })
    };
    let leaves = tree["tree_metadata"].as_object_mut().unwrap();
    leaves.insert("s".into(), entry("s", "string", false));
    leaves.insert("n".into(), entry("n", "None", true));
    leaves.insert("q".into(), entry("q", "jax.Array", false));
    fs::write(&file, tree.to_string()).unwrap();
    fs::write(path.join("_strings.json"), r#"{"s": "hello"}"#).unwrap();
    fs::create_dir(path.join("q")).unwrap();
    let array = json!({"chunks": [3, 4], "compressor": null, "dtype": "int4", "fill_value": null, "filters": null,
        "order": "C", "shape": [3, 4], "zarr_format": 2});
    fs::write(path.join("q/.zarray"), array.to_string()).unwrap();
    fs::write(path.join("q/0.0"), [1; 12]).unwrap();
    path
}

#[test]
fn what_is_left_out_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_more(&dir);
    let path = path.to_str().unwrap();
    let shown = fine(&run(&dir, &["inspect", "--snapshot", path]));
    for row in [
        "\ns ",
        " string \"hello\"\n",
        "\nq ",
        " [3, 4]  ",
        "  int4\n",
        "  None\n",
    ] {
        assert!(shown.contains(row), "{row}: {shown}");
    }
    assert!(
        shown.contains("670 leaves and 3 values that no conversion reads"),
        "{shown}"
    );
    let shown = fine(&run(&dir, &["inspect", "--snapshot", path, "--json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let others = shown["others"].as_array().unwrap();
    let others: Vec<_> = others
        .iter()
        .map(|other| (&other["name"], &other["what"]))
        .collect();
    let expected = [
        (&json!("s"), &json!("string \"hello\"")),
        (&json!("n"), &json!("None")),
        (&json!("q"), &json!("int4 [3, 4]")),
    ];
    assert_eq!(others, expected);

    let converted = run(&dir, &["--snapshot", path, "--out", "out"]);
    fine(&converted);
    let told = text(&converted.stderr);
    assert!(
        told.contains("note: 3 values that cannot be converted left out: s (string \"hello\"), n (None), q (an array of dtype int4 [3, 4])"),
        "{told}"
    );
    let ledger = fs::read(dir.path().join("out/conversion.json")).unwrap();
    let ledger: Value = serde_json::from_slice(&ledger).unwrap();
    assert_eq!(ledger["ignored"], json!(["n", "q", "s"]));
    assert_eq!(ledger["source"]["leaves"], 670);
    fine(&run(&dir, &["verify", "out", "--snapshot", path]));
    let plan = fine(&run(&dir, &["--snapshot", path, "--dry-run"]));
    assert!(plan.contains("\ns  ignored: string \"hello\"\n"), "{plan}");
}

#[test]
fn diff_sees_what_is_no_array() {
    let dir = tempfile::tempdir().unwrap();
    let a = with_more(&dir);
    let b = dir.path().join("b");
    copy(&a, &b);
    let diff = || run(&dir, &["diff", "more", "b", "--json"]);
    let same = diff();
    fine(&same);
    assert!(
        text(&same.stderr).contains(
            "q is an array of dtype int4 [3, 4] on both sides; its values are not compared"
        )
    );
    fs::write(b.join("_strings.json"), r#"{"s": "other"}"#).unwrap();
    let differs = diff();
    assert_eq!(differs.status.code(), Some(1));
    let differs: Value = serde_json::from_slice(&differs.stdout).unwrap();
    assert_eq!(
        differs["differences"],
        json!([{"difference": "type", "name": "s", "a": "string \"hello\"", "b": "string \"other\""}])
    );
    assert_eq!(differs["not_compared"], json!(["q"]));
}

#[test]
fn the_built_in_spec_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(fine(&run(&dir, &["spec"])), converter::spec::ALPHAGENOME);
}
