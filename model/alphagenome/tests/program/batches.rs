//! A run that is ended goes on where it was.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Inputs, recorded};

/// Arguments of a run of a dozen small batches, with quantiles: ties among them are drawn by one generator.
fn arguments(out: &'static str) -> Vec<&'static str> {
    let all = [
        "--vcf",
        "variants.vcf",
        "--length",
        "4k",
        "--batch",
        "2",
        "--quantiles",
        "calibration.pb",
        "--out",
        out,
    ];
    all.into()
}

fn inputs() -> Inputs {
    let inputs = Inputs::new();
    let text = fs::read_to_string(recorded("variants.vcf")).unwrap();
    let lines: Vec<_> = text.lines().take(28).collect();
    inputs.write("variants.vcf", lines.join("\n") + "\n");
    fs::copy(recorded("calibration.pb"), inputs.path("calibration.pb")).unwrap();
    inputs
}

#[test]
fn a_killed_run_keeps_its_batches_and_gives_the_same_table() {
    let inputs = inputs();
    let whole = inputs.score(&arguments("whole.tsv"));
    let parts = || {
        let Ok(folder) = fs::read_dir(inputs.path("killed.tsv.partial")) else {
            return Vec::new();
        };
        let mut names: Vec<_> = folder
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| name.starts_with("0000") && name.ends_with(".json"));
        names.sort();
        names
    };
    let (mut kept, mut before) = (0, None);
    for wanted in [1, 3, 4] {
        let mut command = inputs.command("score", &arguments("killed.tsv"));
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        while parts().len() < wanted && begin.elapsed() < Duration::from_secs(120) {
            sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(parts().len() >= wanted.max(kept), "{:?}", parts());
        // The first batch is not written again.
        let first = inputs.path("killed.tsv.partial").join(&parts()[0]);
        let written = fs::metadata(first).unwrap().modified().unwrap();
        assert_eq!(*before.get_or_insert(written), written);
        kept = parts().len();
        assert!(!inputs.path("killed.tsv").exists());
    }
    // Other settings do not go on with these batches.
    let other = [&arguments("killed.tsv")[..], &["--no-stitching"]].concat();
    inputs.score(&other).expect_code(2).expect_message(&[
        "killed.tsv.partial",
        "other settings",
        "(stitching)",
        "--force",
    ]);
    let last = inputs.score(&arguments("killed.tsv"));
    last.expect_code(whole.code())
        .expect_message(&[&format!("note: {} of 24 were finished before", 2 * kept)]);
    let read = |name: &str| fs::read_to_string(inputs.path(name)).unwrap();
    assert!(
        read("whole.tsv") == read("killed.tsv"),
        "the tables are the same"
    );
    assert_eq!(
        inputs.path("whole.tsv.failures.tsv").exists(),
        inputs.path("killed.tsv.failures.tsv").exists()
    );
    assert!(!inputs.path("killed.tsv.partial").exists());
}
