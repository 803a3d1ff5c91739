//! `parity record`, `smoke` and `level2` in shares, merged to what one run gives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::fixtures;
use tests::program::{self, Outcome};

const RECORD: &str = "record --model model --sequences reads.fa --budget 512";
const SMOKE: &str = "smoke --model model --sequences reads.fa";

/// The tiny model as `model`, and sequences, one of which is none.
fn place() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    program::convert_tiny(env!("CARGO_BIN_EXE_tested-convert"), scratch.path());
    let read = |index: usize| {
        let pattern = ["ACGTTGCA", "GATTACAT", "CCGGTATA", "TTAGGCAN"][index % 4];
        format!(">read{index}\n{}\n", pattern.repeat(256 * (1 + index % 2)))
    };
    let reads: String = (0..5).map(read).collect();
    fs::write(scratch.path().join("reads.fa"), &reads).expect("written");
    fs::write(
        scratch.path().join("faulty.fa"),
        format!("{reads}>odd\nAC-T\n"),
    )
    .expect("written");
    scratch
}

fn parity(working: &Path, arguments: &str) -> Outcome {
    let parity = env!("CARGO_BIN_EXE_tested-parity");
    let outcome = program::run(program::command(parity, working, arguments.split(' ')));
    outcome.expect_no_panic();
    outcome
}

/// Makes all shares of a run.
fn shares(working: &Path, command: &str, of: u64, out: &str) {
    for number in (1..=of).rev() {
        parity(
            working,
            &format!("{command} --shard {number}/{of} --out {out}"),
        )
        .expect_code(0);
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        (name, fs::read(&path).expect("read"))
    };
    fs::read_dir(folder).expect("a folder").map(read).collect()
}

/// A result without times and the command line.
fn result(outcome: &Outcome) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| name != "seconds" && name != "arguments");
                fields.values_mut().for_each(strip);
            }
            Value::Array(all) => all.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome}"));
    strip(&mut value);
    value
}

#[test]
fn recordings_of_shares_have_the_bytes_of_one() {
    let scratch = place();
    let here = scratch.path();
    parity(here, &format!("{RECORD} --out whole")).expect_code(0);
    let whole = files(&here.join("whole"));
    assert_eq!(whole.len(), 6);
    for of in [1, 3, 16] {
        shares(here, RECORD, of, &format!("shares{of}"));
        parity(here, &format!("merge shares{of} --out merged{of}")).expect_code(0);
        assert!(
            files(&here.join(format!("merged{of}"))) == whole,
            "{of} shares"
        );
    }
    // Equal cost: no share of three has more than half of the base pairs.
    let own =
        |number: u64| files(&here.join(format!("shares3/shard-00000{number}-of-000003"))).len() - 4;
    let counts = [1, 2, 3].map(own);
    assert!(
        counts.iter().sum::<usize>() == 5 && counts.iter().all(|&count| count > 0),
        "{counts:?}"
    );
}

#[test]
fn results_of_shares_are_those_of_one_run() {
    let scratch = place();
    let here = scratch.path();
    let [one, suite] = ["tiny_cpu_f32", "suite_tiny_cpu_f32"]
        .map(|name| fixtures::recording(name).display().to_string());
    let smoke = "smoke --model model --sequences faulty.fa";
    let level = format!("level2 --model model --recording {one} --recording {suite}");
    let strict = format!("{level} --floor-limit 2 --arithmetic xla-gpu-bf16 --dtype f32");
    for (name, command, code) in [
        ("smoke", smoke, 1),
        ("level", level.as_str(), 0),
        ("strict", strict.as_str(), 1),
    ] {
        let whole = parity(here, &format!("{command} --json"));
        whole.expect_code(code);
        for of in [1, 3, 16] {
            shares(here, command, of, &format!("{name}{of}"));
            let merged = parity(here, &format!("merge {name}{of} --json"));
            merged.expect_code(code);
            assert!(result(&merged) == result(&whole), "{name} in {of} shares");
        }
    }
    parity(here, "merge smoke3 --out x")
        .expect_code(2)
        .expect_message(&["leave --out away"]);
    parity(here, "merge smoke3 --junit x")
        .expect_code(2)
        .expect_message(&["which has no --junit"]);
    parity(here, "merge level3 --junit junit.xml").expect_code(0);
    assert!(here.join("junit.xml").is_file());
}

#[test]
fn a_share_that_was_killed_goes_on_and_a_finished_one_is_skipped() {
    let scratch = place();
    let here = scratch.path();
    parity(here, &format!("{RECORD} --out whole")).expect_code(0);
    shares(here, RECORD, 1, "shares");
    let first = format!("{RECORD} --shard 1/1 --out shares");
    parity(here, &first)
        .expect_code(0)
        .expect_message(&["share 1/1 is finished"]);
    // Killed in the writing of the third line.
    let share = here.join("shares/shard-000001-of-000001");
    let items = share.join("items.jsonl");
    let text = fs::read_to_string(&items).expect("read");
    let kept: usize = text.split_inclusive('\n').take(2).map(str::len).sum();
    fs::write(&items, &text[..kept + 100]).expect("written");
    fs::remove_file(share.join("finished.json")).expect("removed");
    parity(here, "merge shares --out merged")
        .expect_code(2)
        .expect_message(&["1/1 (begun)"]);
    parity(here, &first)
        .expect_code(0)
        .expect_message(&["2 of 5 were finished before"]);
    assert_eq!(fs::read_to_string(&items).expect("read"), text);
    // An archive that is not as it was written.
    fs::write(share.join("read3.npz"), "other").expect("written");
    let told = [
        "shard-000001-of-000001",
        "item 3",
        "not as it was written",
        "--shard 1/1 again",
    ];
    parity(here, "merge shares --out merged")
        .expect_code(2)
        .expect_message(&told);
    parity(here, &first)
        .expect_code(0)
        .expect_message(&["3 of 5 were finished before"]);
    parity(here, "merge shares --out merged").expect_code(0);
    assert!(files(&here.join("merged")) == files(&here.join("whole")));
}

#[test]
fn shares_are_not_mixed_and_none_is_missing_or_double() {
    let scratch = place();
    let here = scratch.path();
    shares(here, SMOKE, 3, "shares");
    let refused = |command: &str, words: &[&str]| {
        parity(here, command).expect_code(2).expect_message(words);
    };
    let again = |more: &str| format!("{SMOKE} {more} --out shares");
    refused(
        &again("--shard 4/4"),
        &["a share of 3 lies here, and this one is of 4"],
    );
    refused(
        &again("--shard 2/3 --length 4096"),
        &["(length)", "shares are not mixed"],
    );
    refused(
        &format!("{RECORD} --shard 2/3 --out shares"),
        &["command", "shares are not mixed"],
    );
    fs::rename(here.join("model/tracks.json"), here.join("tracks.json")).expect("moved");
    refused(&again("--shard 2/3"), &["(model)", "shares are not mixed"]);
    fs::rename(here.join("tracks.json"), here.join("model/tracks.json")).expect("moved");
    let [one, two] =
        [1, 2].map(|number| here.join(format!("shares/shard-00000{number}-of-000003")));
    // One that was made elsewhere, with other options.
    parity(
        here,
        &format!("{SMOKE} --shard 2/3 --length 4096 --out others"),
    )
    .expect_code(0);
    let aside = here.join("aside");
    fs::rename(&two, &aside).expect("moved");
    refused("merge shares", &["1 of 3 shares are not finished: 2/3"]);
    fs::rename(here.join("others/shard-000002-of-000003"), &two).expect("moved");
    refused(
        "merge shares",
        &["share 2/3 was made from other inputs", "(length)"],
    );
    // One of them twice.
    fs::remove_dir_all(&two).expect("removed");
    fs::create_dir(&two).expect("made");
    for (name, bytes) in files(&one) {
        fs::write(two.join(name), bytes).expect("written");
    }
    let outcome = parity(here, "merge shares");
    outcome
        .expect_code(2)
        .expect_message(&["shard-000002-of-000003", "this is share 1/3"]);
    assert!(
        !outcome.stderr.contains("makes what is missing"),
        "{outcome}"
    );
    refused(
        &again("--shard 2/3"),
        &["this is share 1/3, in the place of share 2/3", "remove it"],
    );
    fs::remove_dir_all(&two).expect("removed");
    fs::rename(&aside, &two).expect("moved");
    parity(here, "merge shares").expect_code(0);
    // A seal that was changed.
    let seal = two.join("finished.json");
    let text = fs::read_to_string(&seal)
        .expect("read")
        .replacen("2/3", "1/3", 1);
    fs::write(&seal, text).expect("written");
    refused(
        "merge shares",
        &[
            "finished.json is not as it was written",
            "--shard 2/3 again",
        ],
    );
    refused("merge model", &["there is no share here"]);
}
