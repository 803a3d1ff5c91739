//! `parity compare` on JAX against JAX gives the distances that were measured independently in numpy, to the digits given.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Reference, candidate, case, and per embedding (1 bp, 128 bp, pair) relative L2 and, where given, 1 - r.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    [(&'static str, Option<&'static str>); 3],
);

const EMBEDDINGS: [&str; 3] = ["embeddings_1bp", "embeddings_128bp", "embeddings_pair"];

const SHIPPED: [Row; 1] = [(
    "tiny_cpu_f64",
    "tiny_cpu_f32",
    "rand42_4096_human",
    // The published table has 3.1e-7 for the last, which is 3.046e-7: rounded twice, by way of 3.05e-7.
    [("5.42e-7", None), ("4.88e-7", None), ("3.05e-7", None)],
)];

const HUMAN: &str = "rand42_4096_human";
const MOUSE: &str = "rand123_16384_mouse";
const LONG: &str = "rand42_131072_human";

const FULL: [Row; 9] = [
    (
        "gpu_f32_highest",
        "cpu_f32_taps",
        HUMAN,
        [
            ("2.6e-4", Some("4.2e-8")),
            ("3.5e-4", None),
            ("2.8e-4", None),
        ],
    ),
    (
        "gpu_f32_highest",
        "cpu_f32_rounded",
        HUMAN,
        [
            ("1.5e-4", Some("1.3e-8")),
            ("2.0e-4", None),
            ("1.0e-4", None),
        ],
    ),
    (
        "gpu_f32_highest",
        "cpu_f32",
        MOUSE,
        [
            ("1.4e-4", Some("1.3e-8")),
            ("2.0e-4", None),
            ("1.5e-4", None),
        ],
    ),
    (
        "gpu_f32_highest",
        "cpu_f32_rounded",
        MOUSE,
        [
            ("6.7e-5", Some("2.7e-9")),
            ("9.1e-5", None),
            ("3.4e-5", None),
        ],
    ),
    (
        "gpu_bf16",
        "gpu_bf16_noexcess",
        HUMAN,
        [
            ("1.86e-2", Some("2.1e-4")),
            ("1.55e-2", Some("1.5e-4")),
            ("1.51e-2", Some("1.4e-4")),
        ],
    ),
    (
        "gpu_bf16_taps",
        "gpu_bf16_noexcess_taps",
        LONG,
        [
            ("1.82e-2", Some("2.0e-4")),
            ("1.50e-2", Some("1.4e-4")),
            ("1.50e-2", Some("1.4e-4")),
        ],
    ),
    // The published table has 1.48e-2 here, which is the 131,072 bp case's; numpy gives 1.47e-2 on this one too.
    (
        "gpu_bf16_taps",
        "gpu_bf16_notune",
        HUMAN,
        [
            ("1.47e-2", Some("1.3e-4")),
            ("1.17e-2", Some("8.5e-5")),
            ("1.03e-2", Some("6.7e-5")),
        ],
    ),
    (
        "gpu_bf16",
        "cpu_bf16_taps",
        HUMAN,
        [
            ("1.96e-2", Some("2.3e-4")),
            ("1.61e-2", Some("1.6e-4")),
            ("1.52e-2", Some("1.5e-4")),
        ],
    ),
    (
        "gpu_f32_highest",
        "gpu_bf16",
        HUMAN,
        [
            ("3.27e-2", Some("6.5e-4")),
            ("2.88e-2", Some("5.2e-4")),
            ("3.85e-2", Some("9.2e-4")),
        ],
    ),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings")
}

fn compare(reference: &Path, candidate: &Path, more: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(["compare", "--json"])
        .args([reference, candidate])
        .args(more)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("{e}: {}", String::from_utf8_lossy(&output.stderr));
    })
}

/// `x` with as many digits as `like`, which is `d.dde-d`.
fn rounded(x: f64, like: &str) -> String {
    let digits = like.split('e').next().unwrap().len().saturating_sub(2);
    format!("{x:.digits$e}")
}

fn check(root: &Path, rows: &[Row]) -> usize {
    let mut compared = 0;
    for (reference, candidate, case, expected) in rows {
        let (a, b) = (root.join(reference), root.join(candidate));
        if !a.is_dir() || !b.is_dir() {
            continue;
        }
        // The published figures take the first named as the reference.
        let result = compare(&a, &b, &["--case", case, "--only", "embeddings_"]);
        let outputs = result["runs"][0]["cases"][0]["outputs"].as_array().unwrap();
        for (name, (l2, correlation)) in EMBEDDINGS.iter().zip(expected) {
            let output = outputs
                .iter()
                .find(|output| output["name"] == *name)
                .unwrap();
            let figure = |key: &str| output["summary"][key].as_f64().unwrap();
            let place = format!("{reference} {candidate} {case} {name}");
            assert_eq!(rounded(figure("relative_l2"), l2), *l2, "{place}");
            if let Some(correlation) = correlation {
                assert_eq!(
                    rounded(figure("one_minus_pearson"), correlation),
                    *correlation,
                    "{place}"
                );
            }
            compared += 1;
        }
    }
    compared
}

#[test]
fn shipped_pairs() {
    assert_eq!(check(&fixtures(), &SHIPPED), 3);
}

/// "Every tap and output is under 8e-7, but for the float16 usage: 5.6e-6."
#[test]
fn every_output_of_the_tiny_model_is_at_its_float32_noise() {
    let root = fixtures();
    let result = compare(&root.join("tiny_cpu_f64"), &root.join("tiny_cpu_f32"), &[]);
    let outputs = result["runs"][0]["cases"][0]["outputs"].as_array().unwrap();
    let mut seen = 0;
    for output in outputs {
        let Some(l2) = output["summary"]["relative_l2"].as_f64() else {
            continue;
        };
        if output["name"] == "splice_sites_usage/predictions" {
            assert_eq!(rounded(l2, "5.6e-6"), "5.6e-6");
        } else {
            assert!(l2 < 8e-7, "{}: {l2:e}", output["name"]);
        }
        seen += 1;
    }
    assert!(seen > 90, "{seen} outputs");
}

/// The recordings of the full model are not shipped; ALPHAGENOME_RECORDINGS names them.
#[test]
#[ignore = "needs ALPHAGENOME_RECORDINGS, a folder of recordings of the full model"]
fn full_pairs() {
    let root =
        std::env::var_os("ALPHAGENOME_RECORDINGS").expect("ALPHAGENOME_RECORDINGS is not set");
    let compared = check(Path::new(&root), &FULL);
    assert!(
        compared > 0,
        "{} holds no two of the recordings",
        Path::new(&root).display()
    );
    eprintln!("{compared} of {} distances compared", FULL.len() * 3);
}
