//! Arguments that name nothing, or that nothing would come of.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use parity::compare::{CaseInfo, InMemory, Settings, compare_case};
use parity::levels::Thresholds;
use parity::recording::{Array, DType, Recording, Values};
use parity::result::OutputResult;
use parity::sample::at;
use support::{fixture, parity, result_file, text};

const HUMAN: &str = "rand42_4096_human";

#[test]
fn a_case_or_an_output_that_is_not_there_is_an_error_with_the_names() {
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    for (wrong, words) in [
        (["--only", "embedings"], "no output's name in"),
        (
            ["--case", "rand43_4096_human"],
            "has no such case; there is rand42_4096_human",
        ),
        // Of the candidate alone: a case that one side lacks is not compared.
        (
            ["--case", "nrun5_8192_mouse"],
            "tiny_cpu_f64 has no such case",
        ),
    ] {
        let output = parity(&["compare", &a, &b, wrong[0], wrong[1]]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
        let message = text(&output.stderr);
        assert!(message.contains(words), "{message}");
        assert!(message.contains("rand42_4096_human") || message.contains("embeddings_1bp"));
    }
}

/// Of two cases that are named one is mistyped: the other alone would pass for both.
#[test]
fn one_mistyped_case_of_two_is_an_error() {
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    let cases = ["--case", "rand42_4096_human", "--case", "rand42_4096_huamn"];
    let output = parity(&[&["compare", &a, &b][..], &cases].concat());
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
}

#[test]
fn a_finished_result_takes_no_arguments_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (fixture("tiny_cpu_f64"), fixture("tiny_cpu_f32"));
    let (path, _) = result_file(folder.path(), "r.json", &["compare", &a, &b, "--json"]);
    let path = path.display().to_string();
    for flag in [
        ["--floor", "/nope"],
        ["--floor-limit", "2"],
        ["--model", "/nope"],
        ["--recording", "/nope"],
        ["--device", "cuda"],
        ["--arithmetic", "xla-cpu-f32"],
        ["--dtype", "bf16"],
        ["--case", "x"],
        ["--only", "x"],
    ] {
        let output = parity(&["verdict", &path, flag[0], flag[1]]);
        assert_eq!(output.status.code(), Some(2), "{flag:?}");
        let message = text(&output.stderr);
        assert!(
            message.contains("cannot be used with") && message.contains(flag[0]),
            "{message}"
        );
    }
    // What the decision itself reads still counts.
    let output = parity(&["verdict", &path, "--profile", "strict"]);
    assert_ne!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

/// A judgement of an output is the same whatever else is shown, with tables or without.
#[test]
fn checks_are_the_same_with_and_without_the_other_outputs() {
    let settings = |only: Option<&str>, tables| Settings {
        level: 2,
        dtype: DType::Float32,
        sides: 2,
        thresholds: Thresholds::profile("default").unwrap(),
        floor: None,
        known: None,
        tables,
        only: only.map(Into::into),
    };
    let open = |name: &str| Recording::open(Path::new(&fixture(name))).unwrap();
    // Far enough from each other that splice sites differ, and some checks fail.
    for (a, b) in [
        ("tiny_cpu_f64", "tiny_cpu_bf16"),
        ("tiny_cpu_f32", "suite_tiny_cpu_bf16"),
    ] {
        let (mut a, mut b) = (open(a).case(HUMAN).unwrap(), open(b).case(HUMAN).unwrap());
        let info = CaseInfo {
            name: HUMAN.into(),
            sequence_length: 4096,
            organism_index: 0,
        };
        let mut judged = |only: Option<&str>, tables| {
            let settings = settings(only, tables);
            let case = compare_case(&info, &mut a, &mut b, &settings, &mut |_| {}).unwrap();
            case.outputs
        };
        let open = |output: &OutputResult| {
            let notes = output.notes.iter();
            notes
                .filter(|note| note.starts_with("not judged"))
                .cloned()
                .collect::<Vec<_>>()
        };
        let all = judged(None, true);
        assert!(all.iter().any(|output| !output.pass));
        for output in &all {
            for tables in [true, false] {
                let alone = judged(Some(&output.name), tables);
                let alone = alone
                    .iter()
                    .find(|alone| alone.name == output.name)
                    .unwrap();
                let place = format!("{} with tables {tables}", output.name);
                assert_eq!(alone.checks, output.checks, "{place}");
                assert_eq!(alone.pass, output.pass, "{place}");
                assert_eq!(open(alone), open(output), "{place}");
            }
        }
    }
}

/// Ties of splice sites are told by probabilities: where a side kept some only, a difference is not judged, and says so; but what the
/// other side knows to be far from the cut fails.
#[test]
fn sampled_probabilities_leave_splice_sites_open() {
    const POSITIONS: &str = "splice_sites_junction/splice_site_positions";
    const PROBABILITIES: &str = "splice_sites_classification/predictions";
    let recording = Recording::open(Path::new(&fixture("tiny_cpu_f32"))).unwrap();
    let mut case = recording.case(HUMAN).unwrap();
    let [positions, probabilities] =
        [POSITIONS, PROBABILITIES].map(|name| case.array(name).unwrap());
    let side = |positions: &Array, probabilities: &Array| InMemory {
        name: HUMAN.into(),
        arrays: BTreeMap::from([
            (POSITIONS.to_owned(), positions.clone()),
            (PROBABILITIES.to_owned(), probabilities.clone()),
        ]),
    };
    let classes = probabilities.full_shape[2];
    let kept = BTreeMap::from([(1, vec![0, 1])]);
    let sampled = Array {
        values: at(&probabilities, &kept).into_owned(),
        kept,
        full_shape: probabilities.full_shape.clone(),
    };
    let Values::I32(sites) = &positions.values else {
        panic!("positions are integers")
    };
    let row: Vec<i32> = sites[..positions.full_shape[2]].to_vec();
    let donor = |position: i32| probabilities.values.to_f64()[position as usize * classes];
    let mut others: Vec<i32> = (0..4096).filter(|site| !row.contains(site)).collect();
    others.sort_by(|&a, &b| donor(b).total_cmp(&donor(a)));
    // In the place of the lowest donor the next one, and the last of all.
    let chosen = row.iter().copied().filter(|&site| site >= 0);
    let lowest = chosen
        .min_by(|&a, &b| donor(a).total_cmp(&donor(b)))
        .unwrap();
    for (other, open) in [(others[0], true), (others[others.len() - 1], false)] {
        let mut changed = sites.clone();
        let first = &mut changed[..row.len()];
        first
            .iter_mut()
            .filter(|site| **site == lowest)
            .for_each(|site| *site = other);
        first[..].sort_by_key(|&site| if site < 0 { i32::MAX } else { site });
        let changed = Array {
            values: Values::I32(changed),
            ..positions.clone()
        };
        let info = CaseInfo {
            name: HUMAN.into(),
            sequence_length: 4096,
            organism_index: 0,
        };
        let settings = Settings {
            level: 2,
            dtype: DType::Float32,
            sides: 2,
            thresholds: Thresholds::profile("default").unwrap(),
            floor: None,
            known: None,
            tables: false,
            only: Some(POSITIONS.into()),
        };
        let mut a = side(&positions, &probabilities);
        let mut b = side(&changed, &sampled);
        let case = compare_case(&info, &mut a, &mut b, &settings, &mut |_| {}).unwrap();
        let output = &case.outputs[0];
        let judged = output
            .checks
            .iter()
            .any(|check| check.name == "sites_beyond_ties");
        assert_eq!((judged, output.pass), (!open, open), "{:?}", output.checks);
        assert_eq!(
            output
                .notes
                .iter()
                .any(|note| note.starts_with("not judged")),
            open
        );
    }
}
