//! Runs the program, and makes recordings to run it on.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use parity::recording::{Array, CaseEntry, Manifest, RecordingWriter, Values};
use serde_json::Value;

pub fn parity(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_parity"))
        .args(arguments)
        .env_remove("ALPHAGENOME_RECORDINGS")
        .output()
        .unwrap()
}

pub fn numpy(side: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/two_frameworks")
        .join(side);
    path.display().to_string()
}

pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/recordings")
        .join(name);
    path.display().to_string()
}

pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn find<'a>(result: &'a Value, case: usize, name: &str) -> &'a Value {
    let outputs = result["runs"][0]["cases"][case]["outputs"]
        .as_array()
        .unwrap();
    outputs
        .iter()
        .find(|output| output["name"] == name)
        .unwrap()
}

pub fn result_file(folder: &Path, name: &str, arguments: &[&str]) -> (PathBuf, Output) {
    let output = parity(arguments);
    let path = folder.join(name);
    std::fs::write(&path, &output.stdout).unwrap();
    (path, output)
}

/// A case that a test makes up.
pub struct Case {
    /// 0 human, 1 mouse.
    pub organism: usize,
    /// The sequence.
    pub sequence: Vec<u8>,
    /// Output, shape, values.
    pub outputs: Vec<(&'static str, Vec<usize>, Vec<f32>)>,
}

impl Case {
    /// A human case of 20 bp.
    pub fn of(outputs: Vec<(&'static str, Vec<usize>, Vec<f32>)>) -> Self {
        Self {
            organism: 0,
            sequence: vec![0; 20],
            outputs,
        }
    }

    /// Records it in float32.
    pub fn record(&self, folder: &Path) -> String {
        self.record_as(folder, |values| Values::F32(values.to_vec()))
    }

    /// Records it in another type, or times something.
    pub fn record_as(&self, folder: &Path, of: impl Fn(&[f32]) -> Values) -> String {
        let manifest = r#"{"format": 1, "framework": "test", "compute_dtype": "float32", "cases":
            [{"name": "x", "file": "x.npz", "sequence_length": 1, "organism_index": 0, "outputs": {}}]}"#;
        let manifest = Manifest::parse(manifest, Path::new("manifest.json")).unwrap();
        let mut writer = RecordingWriter::create(folder, manifest).unwrap();
        let array = |values: &Vec<f32>, shape: &Vec<usize>| Array::full(shape.clone(), of(values));
        let arrays: BTreeMap<String, Array> = self
            .outputs
            .iter()
            .map(|(name, shape, values)| (name.to_string(), array(values, shape)))
            .collect();
        let case = CaseEntry {
            name: "case".into(),
            file: "case.npz".into(),
            sequence_length: self.sequence.len(),
            organism_index: self.organism,
            outputs: BTreeMap::new(),
            variant: None,
            more: BTreeMap::new(),
        };
        writer.case(case, &self.sequence, &arrays).unwrap();
        writer.finish().unwrap();
        folder.display().to_string()
    }
}
