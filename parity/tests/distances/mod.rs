//! Holds `parity compare` against distances that were measured independently in numpy.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Reference, candidate, case, and per embedding (1 bp, 128 bp, pair) relative L2 and, where given, 1 - r.
pub type Row = (
    &'static str,
    &'static str,
    &'static str,
    [(&'static str, Option<&'static str>); 3],
);

const EMBEDDINGS: [&str; 3] = ["embeddings_1bp", "embeddings_128bp", "embeddings_pair"];

/// The result of `parity compare --json`.
pub fn compare(reference: &Path, candidate: &Path, more: &[&str]) -> Value {
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
pub fn rounded(x: f64, like: &str) -> String {
    let digits = like.split('e').next().unwrap().len().saturating_sub(2);
    format!("{x:.digits$e}")
}

/// Compares the embeddings of one pair, to the digits given. The published figures take the first named as the reference.
pub fn check(root: &Path, (reference, candidate, case, expected): &Row) {
    let (a, b) = (root.join(reference), root.join(candidate));
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
    }
}
