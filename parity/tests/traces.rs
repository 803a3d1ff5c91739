//! `parity trace-diff` as a user runs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

fn diff(a: &Path, b: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parity"))
        .arg("trace-diff")
        .args([a, b])
        .args(more)
        .output()
        .unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn zip(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    let file = std::fs::File::create(&path).unwrap();
    let mut encoder = GzEncoder::new(file, Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
    path
}

/// As XLA's profiler writes it: names last, derived lines that tell the same time again.
fn jax() -> String {
    let op = |ts: u32, dur: u32, name: &str, path: &str| json!({"ph": "X", "pid": 3, "tid": 1, "ts": ts, "dur": dur, "name": name, "args": {"tf_op": path}});
    json!({"displayTimeUnit": "ns", "metadata": {"a": [1, {"b": 2}]}, "traceEvents": [
        op(0, 30, "gemm_fusion.1", "jit(f)/alphagenome/mha_block/dot_general:"),
        op(40, 10, "loop_add_fusion_7", "jit(f)/alphagenome/mha_block/add:"),
        op(60, 60, "gemm_fusion.2", "jit(f)/alphagenome/mlp_block/dot_general:"),
        {"ph": "X", "pid": 3, "tid": 2, "ts": 0, "dur": 120, "name": "jit_f"},
        {"ph": "X", "pid": 7, "tid": 1, "ts": 0, "dur": 500, "name": "host work"},
        {"ph": "M", "pid": 3, "name": "process_name", "args": {"name": "/device:GPU:0"}},
        {"ph": "M", "pid": 3, "tid": 1, "name": "thread_name", "args": {"name": "Stream #13(Compute)"}},
        {"ph": "M", "pid": 3, "tid": 2, "name": "thread_name", "args": {"name": "XLA Modules"}},
    ]})
    .to_string()
}

/// As PyTorch's profiler writes it: modules around, text for numbers, begin and end.
fn torch() -> String {
    json!([
        {"ph": "X", "cat": "gpu_user_annotation", "pid": 0, "tid": 7, "ts": 0.5, "dur": 100.0, "name": "alphagenome/mha_block"},
        {"ph": "X", "cat": "kernel", "pid": 0, "tid": 7, "ts": 1, "dur": 60, "name": "void gemm_fusion<128, 4>(float*)"},
        {"ph": "X", "cat": "kernel", "pid": 0, "tid": 7, "ts": "70", "dur": "5", "name": "copy_kernel"},
        {"ph": "B", "cat": "kernel", "pid": 0, "tid": "stream 8", "ts": 200, "name": "gemm_fusion", "args": {"module": "alphagenome/mlp_block"}},
        {"ph": "E", "pid": 0, "tid": "stream 8", "ts": 230},
        {"ph": "i", "pid": 0, "tid": 7, "ts": 3, "name": "an instant"},
    ])
    .to_string()
}

fn row<'a>(rows: &'a Value, module: &str, kernel: &str) -> &'a Value {
    let rows = rows.as_array().unwrap();
    let found = rows
        .iter()
        .find(|row| row["module"] == module && row["kernel"] == kernel);
    found.unwrap_or_else(|| panic!("no {module} {kernel} in {rows:?}"))
}

#[test]
fn traces_of_two_frameworks_meet() {
    let folder = tempfile::tempdir().unwrap();
    let a = zip(folder.path(), "jax.json.gz", &jax());
    let b = write(folder.path(), "torch.json", &torch());
    let output = diff(&a, &b, &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["place"], "device");
    // The derived line is left out, the host's work is another place.
    assert_eq!(result["busy"], json!([100.0, 95.0]));
    assert_eq!(result["a"]["left_out"], 1);
    let gemm = row(&result["kernels"], "alphagenome/mha_block", "gemm_fusion");
    assert_eq!(
        gemm["a"],
        json!({"count": 1, "microseconds": 30.0, "share": 0.3})
    );
    assert_eq!(gemm["b"]["microseconds"], 60.0);
    assert_eq!(gemm["ratio"], 2.0);
    let mlp = row(&result["kernels"], "alphagenome/mlp_block", "gemm_fusion");
    assert_eq!(mlp["ratio"], 0.5);
    assert_eq!(result["only_a"]["kernels"], json!(["loop_add_fusion"]));
    assert_eq!(result["only_b"]["kernels"], json!(["copy_kernel"]));
    let modules = result["modules"].as_array().unwrap();
    let mha = modules
        .iter()
        .find(|row| row["module"] == "alphagenome/mha_block")
        .unwrap();
    assert_eq!(mha["b"]["count"], 2);
    let table = diff(&a, &b, &[]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("in A alone, 1 kernels: loop_add_fusion"),
        "{table}"
    );
    assert!(table.contains("2.000"), "{table}");
    let exact = diff(&a, &b, &["--json", "--exact-names"]);
    let exact: Value = serde_json::from_slice(&exact.stdout).unwrap();
    row(&exact["kernels"], "alphagenome/mha_block", "gemm_fusion.1");
}

#[test]
fn time_inside_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let slice = |ts: u32, dur: u32, name: &str| json!({"ph": "X", "pid": 1, "tid": 1, "ts": ts, "dur": dur, "name": name});
    // Not in the order of time.
    let events = json!([
        slice(10, 30, "inner"),
        slice(0, 100, "outer"),
        slice(12, 5, "innermost"),
        slice(60, 20, "inner")
    ]);
    let a = write(folder.path(), "a.json", &events.to_string());
    let result: Value = serde_json::from_slice(&diff(&a, &a, &["--json"]).stdout).unwrap();
    assert_eq!(result["busy"], json!([100.0, 100.0]));
    let time = |kernel: &str| row(&result["kernels"], "", kernel)["a"]["microseconds"].clone();
    assert_eq!(
        [time("outer"), time("inner"), time("innermost")],
        [json!(50.0), json!(45.0), json!(5.0)]
    );
}

#[test]
fn what_is_no_trace_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good.json", &torch());
    let zipped = zip(folder.path(), "zipped.json.gz", &jax());
    let half = std::fs::read(&zipped).unwrap();
    std::fs::write(&zipped, &half[..half.len() / 2]).unwrap();
    let deep = format!("[{{\"ph\": {}", "[".repeat(100_000));
    for (name, text, expected) in [
        ("empty.json", String::new(), "EOF"),
        ("words.json", "hello".into(), "expected value"),
        ("number.json", "7".into(), "an array of events"),
        ("object.json", "{\"a\": 1}".into(), "no `traceEvents`"),
        ("nothing.json", "[]".into(), "0 events"),
        (
            "instants.json",
            "[{\"ph\": \"i\", \"ts\": 1}, 7, null]".into(),
            "3 events, and none is a slice",
        ),
        (
            "nan.json",
            "[{\"ph\": \"X\", \"name\": \"a\", \"ts\": \"nan\", \"dur\": -1}]".into(),
            "none is a slice",
        ),
        (
            "cut.json",
            "{\"traceEvents\": [{\"ph\": \"X\"".into(),
            "EOF",
        ),
        ("rest.json", "[] x".into(), "trailing"),
        ("deep.json", deep, "recursion limit"),
        (
            "kind.json",
            "{\"traceEvents\": 3}".into(),
            "an array of events",
        ),
    ] {
        let bad = write(folder.path(), name, &text);
        let output = diff(&good, &bad, &[]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {message}");
        assert!(
            message.contains(expected) && message.contains(name),
            "{name}: {message}"
        );
        assert!(
            !message.contains("panicked") && output.stdout.is_empty(),
            "{name}: {message}"
        );
    }
    for bad in [
        zipped,
        folder.path().join("nowhere.json"),
        folder.path().to_path_buf(),
    ] {
        let output = diff(&bad, &good, &[]);
        assert_eq!(output.status.code(), Some(2), "{}", bad.display());
        assert!(
            !String::from_utf8(output.stderr)
                .unwrap()
                .contains("panicked")
        );
    }
}

/// The format lets the closing bracket be missing.
#[test]
fn an_array_without_an_end_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let whole = torch();
    let a = write(folder.path(), "a.json", whole.trim_end_matches(']'));
    let output = diff(&a, &a, &["--json"]);
    assert_eq!(output.status.code(), Some(0));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["a"]["cut"], true);
    assert_eq!(result["busy"][0], 95.0);
}
