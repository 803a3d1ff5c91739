//! An array that is read in blocks has the numbers of one that is held.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::output::compare_streams;
use super::{CaseInfo, Settings, compare_case};
use crate::levels::Thresholds;
use crate::recording::{Array, CaseEntry, DType, Manifest, Recording, RecordingWriter, Values};

const NAME: &str = "embeddings_1bp";
/// More values than a block has, and no multiple of it.
const SHAPE: [usize; 3] = [1, 70_001, 64];

/// A recording of one output; `seed` decides the noise on it. With some NaN and infinity.
fn record(folder: &Path, seed: u64) -> Recording {
    let manifest = r#"{"format": 1, "framework": "test", "compute_dtype": "float32", "cases":
        [{"name": "x", "file": "x.npz", "sequence_length": 1, "organism_index": 0, "outputs": {}}]}"#;
    let manifest = Manifest::parse(manifest, Path::new("manifest.json")).unwrap();
    let mut state = seed;
    let mut values: Vec<f32> = (0..SHAPE.iter().product::<usize>())
        .map(|index| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let noise = (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
            (index as f32 * 0.37).sin() + 1e-3 * noise
        })
        .collect();
    (values[5], values[4_200_000]) = (f32::NAN, f32::INFINITY);
    values[1_000_000] += if seed == 1 { 0.5 } else { 0.0 };
    let mut writer = RecordingWriter::create(folder, manifest).unwrap();
    let case = CaseEntry {
        name: "case".into(),
        file: "case.npz".into(),
        sequence_length: 20,
        organism_index: 0,
        outputs: BTreeMap::new(),
        variant: None,
        more: BTreeMap::new(),
    };
    let array = Array::full(SHAPE.to_vec(), Values::F32(values));
    writer
        .case(case, &[0; 20], &BTreeMap::from([(NAME.to_owned(), array)]))
        .unwrap();
    writer.finish().unwrap();
    Recording::open(folder).unwrap()
}

/// Without notes, which a case adds.
fn json_checks(checks: &[crate::result::Check]) -> Value {
    let mut checks = checks.to_vec();
    checks.iter_mut().for_each(|check| check.note = None);
    serde_json::to_value(checks).unwrap()
}

/// Equal, numbers to 1e-12 of their size: sums are made in another order.
fn same(a: &Value, b: &Value, at: &str) {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!(
                (a - b).abs() <= 1e-12 * a.abs().max(1e-3),
                "{at}: {a} and {b}"
            );
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            a.iter()
                .zip(b)
                .enumerate()
                .for_each(|(i, (a, b))| same(a, b, &format!("{at}[{i}]")));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            a.iter()
                .for_each(|(key, a)| same(a, &b[key], &format!("{at}.{key}")));
        }
        _ => assert_eq!(a, b, "{at}"),
    }
}

#[test]
fn blocks_give_what_the_whole_gives() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [a, b] = [0, 1].map(|side: usize| record(folders[side].path(), side as u64));
    let settings = Settings {
        level: 2,
        dtype: DType::Float32,
        sides: 2,
        thresholds: Thresholds::profile("default").unwrap(),
        floor: None,
        known: None,
        tables: true,
        only: None,
    };
    let (mut reference, mut candidate) = (a.case("case").unwrap(), b.case("case").unwrap());
    let mut streamed = compare_streams(NAME, &mut reference, &mut candidate, &settings).unwrap();
    super::judge::not_finite(&mut streamed, 0, None);
    let info = CaseInfo {
        name: "case".into(),
        sequence_length: 20,
        organism_index: 0,
    };
    let whole = compare_case(
        &info,
        &mut reference,
        &mut candidate,
        &settings,
        &mut |_| {},
    )
    .unwrap();
    let whole = &whole.outputs[0];
    let json = |value| serde_json::to_value(value).unwrap();
    same(&json(&whole.summary), &json(&streamed.summary), "summary");
    assert_eq!(whole.max_place, streamed.max_place);
    assert_eq!(
        whole.max_place.as_deref(),
        Some(&[0, 1_000_000 / 64, 1_000_000 % 64][..])
    );
    // By the floor too, which allows for chance.
    let effective = [whole, &streamed].map(|output| output.effective.unwrap());
    assert!(
        (effective[0] / effective[1]).ln().abs() < 0.2,
        "{effective:?}"
    );
    // Where all of it is judged: in blocks as in one piece.
    same(
        &json_checks(&whole.checks),
        &json_checks(&streamed.checks),
        "checks",
    );
    assert_eq!(whole.pass, streamed.pass);
    assert!(streamed.notes.iter().any(|note| note.contains("blocks")));
}
