//! Damages the tiny snapshots at random, and converts what is left.
//!
//! Every run must end in an error that names a file, a key or an offset, or in tensors equal to the good ones. There is
//! one exception that no reader can help: the format carries no checksum of array bytes, so damage there can give other
//! values. Then the ledger must tell: its digests differ from the good ones.

use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use converter::checkpoint::OrbaxCheckpoint;
use converter::convert::{Request, convert};
use converter::parallel::Resources;
use converter::plan::Plan;
use converter::snapshot;
use converter::spec::{ALPHAGENOME, Spec};
use converter::tensor::Dtype;
use serde_json::Value;
use tests::fixtures::{Form, Snapshot};
use tests::folder;

/// Damaged places for each of the three forms.
const PLACES: u64 = 400;

/// Numbers that are the same on every machine: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(Cell<u64>);

impl Random {
    fn next(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut z = self.0.get();
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// What a conversion gave.
struct Good {
    tensors: Vec<u8>,
    source_digest: Value,
}

/// Converts as the program does, without its process.
fn run(folder: &Path, out: &Path) -> Result<Good, String> {
    let text = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    };
    let spec = Spec::parse(ALPHAGENOME, &[]).map_err(|e| text(&e))?;
    let snapshot = snapshot::resolve(folder, None).map_err(|e| text(&e))?;
    let checkpoint = OrbaxCheckpoint::open(&snapshot).map_err(|e| text(&e))?;
    let plan = Plan::new(
        &spec,
        converter::checkpoint::Checkpoint::leaves(&checkpoint),
        Dtype::F32,
    )
    .map_err(|e| text(&e))?;
    convert(&Request {
        checkpoint: &checkpoint,
        spec: &spec,
        plan: &plan,
        dtype: Dtype::F32,
        tracks: None,
        repo: None,
        revision: None,
        out: out.into(),
        force: true,
        max_shard: u64::MAX,
        resources: Resources {
            threads: 1,
            memory: 256 << 20,
        },
        progress: &|_| {},
    })
    .map_err(|e| text(&e))?;
    let ledger = fs::read(out.join("conversion.json")).expect("the ledger");
    let ledger: Value = serde_json::from_slice(&ledger).expect("the ledger is JSON");
    Ok(Good {
        tensors: fs::read(out.join("model.safetensors")).expect("the tensors"),
        source_digest: ledger["source"]["digest"].clone(),
    })
}

/// Damages one place of `bytes`; returns what was done.
fn damage(bytes: &mut Vec<u8>, random: &Random) -> String {
    let at = random.below(bytes.len());
    match random.below(8) {
        0 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            let end = (at + 1 + random.below(64)).min(bytes.len());
            bytes.drain(at..end);
            format!("bytes {at} to {end} taken out")
        }
        2 => {
            let byte = random.next() as u8;
            bytes.insert(at, byte);
            format!("byte {byte} put in at {at}")
        }
        3 => {
            let end = (at + 1 + random.below(16)).min(bytes.len());
            bytes[at..end].fill(0xff);
            format!("bytes {at} to {end} set")
        }
        _ => {
            let bit = random.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
    }
}

/// Whether a message helps to find the fault.
fn names_a_place(message: &str, file: &Path) -> bool {
    let name = file.file_name().expect("a file").to_string_lossy();
    let words = [
        "alphagenome",
        "_METADATA",
        "manifest",
        "offset",
        "byte",
        "key",
        ".zarray",
        "zarr.json",
    ];
    message.contains(&*name) || words.iter().any(|word| message.contains(word))
}

/// Files that a conversion reads: those that it cannot do without. Of a merged database much is history.
fn targets(snapshot: &Snapshot, form: Form, out: &Path) -> Vec<PathBuf> {
    let aside = snapshot.scratch().join("aside");
    let is_read = |path: &PathBuf| {
        let file = snapshot.path.join(path);
        fs::rename(&file, &aside).expect("a file of ours");
        let result = run(&snapshot.path, out);
        fs::rename(&aside, &file).expect("a file of ours");
        result.is_err()
    };
    let orbax_only = [
        "_sharding",
        "_CHECKPOINT_METADATA",
        "commit_success.txt",
        "process_0",
    ];
    let files = folder::files(&snapshot.path).into_keys();
    // Of plain arrays every file is read.
    files
        .filter(|path| !orbax_only.iter().any(|name| path.ends_with(name)))
        .filter(|path| form == Form::Zarr || is_read(path))
        .collect()
}

#[track_caller]
fn survives(form: Form) {
    let snapshot = form.copy();
    let out = snapshot.scratch().join("out");
    let good = run(&snapshot.path, &out).expect("the fixture converts");
    let files = targets(&snapshot, form, &out);
    let random = Random(Cell::new(form as u64 + 1));
    let (mut refused, mut equal, mut told) = (0, 0, 0);
    for number in 0..PLACES {
        let file = &files[random.below(files.len())];
        let name = file.to_string_lossy().into_owned();
        let before = fs::read(snapshot.file(&name)).expect("a file");
        if before.is_empty() {
            continue;
        }
        let mut done = String::new();
        snapshot.edit(&name, |bytes| done = damage(bytes, &random));
        let what = format!("{form:?}, place {number}: {name}: {done}");
        let result = catch_unwind(AssertUnwindSafe(|| run(&snapshot.path, &out)));
        match result.unwrap_or_else(|_| panic!("{what}: it panicked")) {
            Err(message) => {
                assert!(names_a_place(&message, file), "{what}: {message}");
                refused += 1;
            }
            Ok(made) if made.tensors == good.tensors => equal += 1,
            Ok(made) => {
                assert_ne!(
                    made.source_digest, good.source_digest,
                    "{what}: other values, the same digest"
                );
                assert!(
                    holds_array_bytes(file),
                    "{what}: other values, and no array bytes were touched"
                );
                told += 1;
            }
        }
        fs::write(snapshot.file(&name), before).expect("a file of ours");
    }
    eprintln!(
        "{form:?}: {refused} refused, {equal} equal to the good one, {told} with other values and another digest"
    );
    assert!(
        refused > PLACES / 4,
        "hardly any damage was seen: the test does not bite"
    );
}

/// Whether array bytes lie in a file: a data file of the database, or a chunk of a plain array.
fn holds_array_bytes(file: &Path) -> bool {
    let name = file.file_name().expect("a file").to_string_lossy();
    let data_file = file
        .parent()
        .is_some_and(|folder| folder.ends_with("ocdbt.process_0/d"));
    let chunk = name
        .chars()
        .all(|letter| letter.is_ascii_digit() || letter == '.');
    data_file || chunk
}

#[test]
fn a_database_of_zarr_arrays_survives_damage() {
    survives(Form::Ocdbt);
}

#[test]
fn a_database_of_sharded_arrays_survives_damage() {
    survives(Form::OcdbtZarr3);
}

#[test]
fn plain_arrays_survive_damage() {
    survives(Form::Zarr);
}
