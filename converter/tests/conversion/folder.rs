//! The folder appears whole or not at all.

use std::fs;

use converter::{
    checkpoint::{Checkpoint, Leaf, ReadError},
    convert::Error,
    publish,
};
use serde_json::Value;

use crate::{
    haiku::{SPEC, model},
    memory::{Memory, Settings, converted, tensors, values},
};

fn names(dir: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn forced() -> Settings {
    Settings {
        force: true,
        ..Settings::default()
    }
}

#[test]
fn an_existing_folder_is_refused_and_an_empty_one_is_filled() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("deep/er/out");
    converted(SPEC, &model(), &Settings::default(), &out).unwrap();
    assert_eq!(
        names(&out),
        ["config.json", "conversion.json", "model.safetensors"]
    );
    let again = converted(SPEC, &model(), &Settings::default(), &out);
    assert!(matches!(
        again,
        Err(Error::Publish(publish::Error::Exists { .. }))
    ));
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    converted(SPEC, &model(), &Settings::default(), &empty).unwrap();
    assert_eq!(names(&empty).len(), 3);
    assert_eq!(names(dir.path()), ["deep", "empty"]);
}

#[test]
fn force_replaces_a_conversion_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let shards = Settings {
        max_shard: 100,
        ..Settings::default()
    };
    converted(SPEC, &model(), &shards, &out).unwrap();
    assert!(names(&out).len() > 4);
    converted(SPEC, &model(), &forced(), &out).unwrap();
    assert_eq!(
        names(&out),
        ["config.json", "conversion.json", "model.safetensors"]
    );
    assert_eq!(names(dir.path()), ["out"]);

    fs::write(out.join("notes.txt"), "mine").unwrap();
    let text = converted(SPEC, &model(), &forced(), &out)
        .unwrap_err()
        .to_string();
    assert!(text.contains("it holds notes.txt"), "{text}");
    fs::remove_file(out.join("conversion.json")).unwrap();
    let text = converted(SPEC, &model(), &forced(), &out)
        .unwrap_err()
        .to_string();
    assert!(text.contains("it has no conversion.json"), "{text}");
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let text = converted(SPEC, &model(), &forced(), &file)
        .unwrap_err()
        .to_string();
    assert!(text.contains("it is no folder"), "{text}");
    let root = converted(SPEC, &model(), &forced(), std::path::Path::new("/"));
    assert!(matches!(
        root,
        Err(Error::Publish(publish::Error::NoName { .. }))
    ));
}

/// A checkpoint whose last leaf cannot be read.
struct Broken(Memory);

impl Checkpoint for Broken {
    fn leaves(&self) -> &[Leaf] {
        self.0.leaves()
    }

    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError> {
        if leaf + 1 == self.leaves().len() {
            return Err(ReadError::Other {
                leaf: self.leaves()[leaf].name.clone(),
                source: "it is torn".into(),
            });
        }
        self.0.read_into(leaf, out)
    }
}

#[test]
fn a_failed_conversion_leaves_the_old_folder_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    converted(SPEC, &model(), &Settings::default(), &out).unwrap();
    let before = tensors(&out);
    let text = converted(SPEC, &Broken(model()), &forced(), &out)
        .unwrap_err()
        .to_string();
    assert_eq!(
        text,
        "leaf `0.net/colour_readout/linear.b` cannot be read: it is torn"
    );
    assert_eq!(tensors(&out), before);
    assert_eq!(names(dir.path()), ["out"]);
}

#[test]
fn what_systems_leave_in_folders_is_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    for force in [false, true] {
        fs::create_dir_all(&out).unwrap();
        for litter in [".DS_Store", "._model.safetensors", "Thumbs.db"] {
            fs::write(out.join(litter), "").unwrap();
        }
        let settings = if force { forced() } else { Settings::default() };
        converted(SPEC, &model(), &settings, &out).unwrap();
        assert_eq!(
            names(&out),
            ["config.json", "conversion.json", "model.safetensors"]
        );
        assert_eq!(names(dir.path()), ["out"]);
    }
}

#[test]
fn a_link_stays_and_the_folder_that_it_leads_to_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (link, disk) = (dir.path().join("link"), dir.path().join("disk"));
    fs::create_dir(&disk).unwrap();
    std::os::unix::fs::symlink("disk/out", &link).unwrap();
    // The last as shells complete it.
    for (settings, to) in [
        (Settings::default(), link.clone()),
        (forced(), link.clone()),
        (forced(), link.join("")),
    ] {
        converted(SPEC, &model(), &settings, &to).unwrap();
        assert!(link.is_symlink());
        assert_eq!(names(&disk), ["out"]);
        assert_eq!(names(&disk.join("out")).len(), 3);
    }
    let circle = dir.path().join("circle");
    std::os::unix::fs::symlink("circle", &circle).unwrap();
    let text = converted(SPEC, &model(), &forced(), &circle)
        .unwrap_err()
        .to_string();
    assert!(text.contains("too many links"), "{text}");
}

#[test]
fn too_little_memory_is_said_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        memory: 300,
        ..Settings::default()
    };
    let error = converted(SPEC, &model(), &settings, &dir.path().join("out")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("needs 384 B of memory, more than the 300 B that --memory allows"),
        "{text}"
    );
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn shards_hold_the_same_tensors_and_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let (one, many) = (dir.path().join("one"), dir.path().join("many"));
    converted(SPEC, &model(), &Settings::default(), &one).unwrap();
    let shards = Settings {
        max_shard: 150,
        ..Settings::default()
    };
    let ledger = converted(SPEC, &model(), &shards, &many).unwrap();
    assert_eq!(tensors(&one), tensors(&many));
    let index = fs::read(many.join("model.safetensors.index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["metadata"]["total_size"], ledger.output.bytes);
    for (name, entry) in &ledger.tensors {
        assert_eq!(index["weight_map"][name], entry.file.as_str());
    }
    let files = &ledger.output.files;
    assert_eq!(
        files[0],
        format!("model-00001-of-{:05}.safetensors", files.len())
    );
    // The reference reader agrees with every file.
    for file in files {
        let bytes = fs::read(many.join(file)).unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(
            read.len(),
            ledger
                .tensors
                .values()
                .filter(|entry| entry.file == *file)
                .count()
        );
    }
}

#[test]
fn damaged_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    converted(SPEC, &model(), &Settings::default(), &out).unwrap();
    let path = out.join("model.safetensors");
    let good = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        converter::safetensors_file::Model::open(&out)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&good[..4]).contains("shorter than 8 bytes"));
    assert!(refused(&good[..good.len() - 1]).contains("but its header speaks of"));
    let mut long = good.clone();
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refused(&long).contains("does not fit the file"));
    let gap = String::from_utf8_lossy(&good[8..])
        .find("data_offsets\":[0")
        .unwrap()
        + 8
        + 15;
    let mut shifted = good.clone();
    shifted[gap] = b'1';
    assert!(
        refused(&shifted).contains("is damaged"),
        "{}",
        refused(&shifted)
    );
}

/// A checkpoint whose reader has a defect.
struct Defective(Memory);

impl Checkpoint for Defective {
    fn leaves(&self) -> &[Leaf] {
        self.0.leaves()
    }

    fn read_into(&self, _: usize, _: &mut [u8]) -> Result<(), ReadError> {
        panic!("a defect")
    }
}

#[test]
fn a_panic_ends_the_conversion_instead_of_hanging_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let checkpoint = Defective(model());
    let convert = || converted(SPEC, &checkpoint, &Settings::default(), &out).map(drop);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(convert));
    assert!(result.is_err());
    assert_eq!(names(dir.path()), [""; 0]);
}

const LARGE: &str = "
format_version = 1
name = 'large'
collections.params = [0]
[[blocks]]
name = 'all'
modules = [{ at = 'net', tensors = [
  { source = 'params:kept', shape = ['rows', 'columns'] },
  { source = 'params:turned', shape = ['rows', 'columns'], transforms = [{ op = 'permute', axes = [1, 0] }] },
] }]
";

/// Bytes are digested and written a mebibyte at a time.
#[test]
fn tensors_of_several_blocks_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let shape = [700, 1001];
    let model = Memory::default()
        .with(0, "net", "kept", &shape, 0.0)
        .with(0, "net", "turned", &shape, 5.0);
    let ledger = converted(LARGE, &model, &Settings::default(), &out).unwrap();
    let tensors = tensors(&out);
    for (leaf, name) in ["net/kept", "net/turned"].into_iter().enumerate() {
        let mut data = vec![0; model.leaves()[leaf].kind.bytes()];
        model.read_into(leaf, &mut data).unwrap();
        let entry = &ledger.tensors[name];
        assert_eq!(
            entry.sources[0].digest,
            blake3::hash(&data).to_hex().as_str()
        );
        let written = blake3::hash(&tensors[name].data).to_hex();
        assert_eq!(entry.digest, written.as_str());
    }
    let kept: Vec<f64> = (0..700 * 1001).map(f64::from).collect();
    assert_eq!(values(&tensors, "net/kept"), (shape.to_vec(), kept));
    let turned =
        (0..1001).flat_map(|column| (0..700).map(move |row| f64::from(5 + row * 1001 + column)));
    assert_eq!(
        values(&tensors, "net/turned"),
        (vec![1001, 700], turned.collect())
    );
}
