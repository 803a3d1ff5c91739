//! Recordings: write then read, and everything that can be wrong with one.

use std::collections::BTreeMap;
use std::path::Path;

use half::f16;
use parity::recording::{
    Array, CaseEntry, DType, Manifest, Recording, RecordingError, RecordingWriter, Values,
};

fn manifest() -> Manifest {
    let text = r#"{"format": 1, "framework": "test", "compute_dtype": "float32", "cases":
        [{"name": "x", "file": "x.npz", "sequence_length": 1, "organism_index": 0, "outputs": {}}]}"#;
    Manifest::parse(text, Path::new("manifest.json")).unwrap()
}

fn case(name: &str) -> CaseEntry {
    CaseEntry {
        name: name.into(),
        file: format!("{name}.npz"),
        sequence_length: 6,
        organism_index: 1,
        outputs: BTreeMap::new(),
        variant: None,
        more: BTreeMap::new(),
    }
}

fn arrays() -> BTreeMap<String, Array> {
    let array = |name: &str, shape: &[usize], values| {
        (name.to_string(), Array::full(shape.to_vec(), values))
    };
    let sampled = Array {
        full_shape: vec![1, 4, 4, 2],
        kept: BTreeMap::from([(1, vec![0, 3]), (2, vec![1])]),
        values: Values::Bf16(vec![0x3f80, 0x7fc0, 0xff80, 0x0001]),
    };
    BTreeMap::from([
        array(
            "f64",
            &[1, 2],
            Values::F64(vec![1.0 / 3.0, f64::NEG_INFINITY]),
        ),
        array(
            "f32",
            &[1, 3, 1],
            Values::F32(vec![0.1, -0.0, f32::MIN_POSITIVE]),
        ),
        array("f16", &[2], Values::F16(vec![f16::MAX, f16::NEG_ONE])),
        array("i32", &[1, 2, 2], Values::I32(vec![-1, 0, 7, i32::MAX])),
        array("bool", &[3], Values::Bool(vec![true, false, true])),
        ("taps/model/block".to_string(), sampled),
    ])
}

fn written(folder: &Path) -> Recording {
    let mut writer = RecordingWriter::create(folder, manifest()).unwrap();
    writer
        .case(case("one"), &[0, 1, 2, 3, 4, 4], &arrays())
        .unwrap();
    writer.finish().unwrap();
    Recording::open(folder).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let recording = written(folder.path());
    assert!(recording.manifest.taps);
    let mut one = recording.case("one").unwrap();
    assert_eq!(one.sequence().unwrap(), [0, 1, 2, 3, 4, 4]);
    for (name, expected) in arrays() {
        assert_eq!(one.array(&name).unwrap(), expected, "{name}");
    }
    let outputs = &one.entry().outputs;
    assert_eq!(outputs["f64"].dtype, DType::Float64);
    assert!(!outputs["f64"].all_finite && outputs["f32"].all_finite);
    assert_eq!(outputs["f64"].mean, Some(1.0 / 3.0));
    assert_eq!(outputs["taps/model/block"].shape, [1, 4, 4, 2]);
    assert_eq!(outputs["taps/model/block"].dtype, DType::Bfloat16);
    // No half-written file stays behind.
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 2);
}

#[test]
fn a_recording_holds_no_time() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let file = std::fs::File::open(folder.path().join("one.npz")).unwrap();
    let mut archive = npyz::zip::ZipArchive::new(file).unwrap();
    assert!(archive.len() > 6);
    for at in 0..archive.len() {
        let entry = archive.by_index(at).unwrap();
        let time = entry.last_modified();
        let fixed = (1980, 1, 1, 0, 0, 0);
        let (year, month, day) = (time.year(), time.month(), time.day());
        let found = (year, month, day, time.hour(), time.minute(), time.second());
        assert_eq!(found, fixed, "{}", entry.name());
    }
}

#[test]
fn a_recording_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let again = RecordingWriter::create(folder.path(), manifest())
        .err()
        .unwrap();
    assert!(
        again.to_string().contains("holds a recording already"),
        "{again}"
    );
}

/// Replaces text in the manifest of a fresh recording and gives the message of what fails first.
fn broken(from: &str, to: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let path = folder.path().join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    first_error(folder.path()).unwrap_err().to_string()
}

fn first_error(folder: &Path) -> Result<(), RecordingError> {
    let recording = Recording::open(folder)?;
    for entry in &recording.manifest.cases {
        let mut case = recording.case(&entry.name)?;
        case.sequence()?;
        for name in entry.outputs.keys() {
            case.array(name)?;
        }
    }
    Ok(())
}

#[test]
fn a_manifest_that_does_not_fit_is_one_clear_error() {
    let cases = [
        (
            r#""format": 1"#,
            r#""format": 2"#,
            "recording format 2 is not known",
        ),
        (r#""format": 1"#, r#""formal": 1"#, "missing field `format`"),
        (r#""float32""#, r#""float23""#, "unknown variant `float23`"),
        (
            r#""compute_dtype": "float32""#,
            r#""compute_dtype": "bool""#,
            "compute_dtype bool is no floating type",
        ),
        (
            "one.npz",
            "../one.npz",
            "is no plain file name beside the manifest",
        ),
        (
            "one.npz",
            "two.npz",
            "there is no file two.npz beside the manifest",
        ),
        (
            r#""sequence_length": 6"#,
            r#""sequence_length": 7"#,
            "has shape [6]; the manifest says [7]",
        ),
        (
            r#""dtype": "float64""#,
            r#""dtype": "float32""#,
            "has numpy type <f8; expected float32 (<f4)",
        ),
        (
            r#""dtype": "int32""#,
            r#""dtype": "bfloat16""#,
            "has numpy type <i4; expected bfloat16 (<u2)",
        ),
        (r#""i32""#, r#""i23""#, "is missing from the archive"),
        ("3\n", "9\n", "the manifest's shape"),
    ];
    for (from, to, expected) in cases {
        let message = broken(from, to);
        assert!(message.contains(expected), "{from} -> {to}: {message}");
    }
}

#[test]
fn a_damaged_archive_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let archive = folder.path().join("one.npz");
    let whole = std::fs::read(&archive).unwrap();
    std::fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    let message = first_error(folder.path()).unwrap_err().to_string();
    assert!(message.contains("no readable .npz archive"), "{message}");
    // Any single damaged byte is either told or changes nothing that is read.
    let expected = arrays();
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&archive, &damaged).unwrap();
        let recording = Recording::open(folder.path()).unwrap();
        let Ok(mut case) = recording.case("one") else {
            continue;
        };
        for (name, expected) in &expected {
            if let Ok(array) = case.array(name) {
                // NaN is not equal to itself, and bits are.
                assert_eq!(
                    array.values, expected.values,
                    "{name} with byte {at} damaged"
                );
            }
        }
    }
}

#[test]
fn indices_must_ascend_inside_the_axis() {
    for (kept, reason) in [
        (vec![3, 0], "ascend"),
        (vec![0, 4], "below 4"),
        (vec![1, 1], "ascend"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RecordingWriter::create(folder.path(), manifest()).unwrap();
        let array = Array {
            full_shape: vec![1, 4, 1],
            kept: BTreeMap::from([(1, kept)]),
            values: Values::F32(vec![1.0, 2.0]),
        };
        let arrays = BTreeMap::from([("x".to_string(), array)]);
        writer.case(case("one"), &[0; 6], &arrays).unwrap();
        writer.finish().unwrap();
        let message = first_error(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("x@axis1") && message.contains(reason),
            "{message}"
        );
    }
}

#[test]
fn a_folder_of_recordings_is_found() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b", "a"] {
        written(&folder.path().join(name));
    }
    std::fs::create_dir(folder.path().join("other")).unwrap();
    let found = Recording::discover(folder.path()).unwrap();
    let names: Vec<_> = found.iter().map(Recording::name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        Recording::discover(&folder.path().join("a")).unwrap().len(),
        1
    );
    let none = Recording::discover(&folder.path().join("other")).unwrap_err();
    assert!(none.to_string().contains("no such recording"), "{none}");
}
