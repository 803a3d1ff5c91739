//! Reads databases that TensorStore wrote: walks, lookups, prefixes, and where the values stand.

use std::{collections::BTreeMap, fs, path::PathBuf};

use ocdbt::{Compression, Database, FolderStore, Limits, OpenError, Store, Value};

type Expected = BTreeMap<String, BTreeMap<String, String>>;

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn open(name: &str) -> Database<FolderStore> {
    Database::open(FolderStore::open(data().join(name)).unwrap()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares all entries, every lookup, and every prefix of every key.
fn compare(name: &str) -> Database<FolderStore> {
    let mut all: Expected =
        serde_json::from_slice(&fs::read(data().join("expected.json")).unwrap()).unwrap();
    let expected = all.remove(name).unwrap();
    let database = open(name);
    let entries: Vec<_> = database.entries().collect::<Result<_, _>>().unwrap();
    let keys: Vec<_> = entries
        .iter()
        .map(|entry| String::from_utf8(entry.key.clone()).unwrap())
        .collect();
    assert_eq!(keys, expected.keys().cloned().collect::<Vec<_>>(), "{name}");
    for (index, (entry, (key, value))) in entries.iter().zip(&expected).enumerate() {
        assert_eq!(
            hex(&database.read(&entry.value).unwrap()),
            *value,
            "{name}: {key}"
        );
        assert_eq!(
            database.get(key.as_bytes()).unwrap().as_ref(),
            Some(&entry.value),
            "{name}: {key}"
        );
        for missing in [
            format!("{key}!"),
            key.chars().rev().collect::<String>() + "~",
        ] {
            assert_eq!(
                database.get(missing.as_bytes()).unwrap(),
                None,
                "{name}: {missing}"
            );
        }
        // Walks under a prefix see the same few nodes again and again: some keys will do.
        for end in (0..=key.len()).filter(|_| index % 9 == 0) {
            let under: Vec<_> = database
                .entries_under(&key.as_bytes()[..end])
                .map(|entry| entry.unwrap().key)
                .collect();
            let expected: Vec<_> = keys
                .iter()
                .filter(|other| other.starts_with(&key[..end]))
                .collect();
            assert_eq!(under.len(), expected.len(), "{name}: {}", &key[..end]);
            assert!(under.iter().zip(expected).all(|(a, b)| a == b.as_bytes()));
        }
    }
    database
}

#[test]
fn a_high_tree_of_compressed_nodes() {
    let database = compare("deep");
    assert!(database.version().root.as_ref().unwrap().height >= 3);
    assert_eq!(
        database.config().compression,
        Compression::Zstd { level: 3 }
    );
}

#[test]
fn raw_nodes() {
    let database = compare("raw");
    assert_eq!(database.config().compression, Compression::None);
    assert!(database.version().root.as_ref().unwrap().height >= 1);
}

#[test]
fn numbered_manifests() {
    let database = compare("numbered");
    assert_eq!(database.version().generation, 5);
}

#[test]
fn versions_that_a_version_tree_holds() {
    let database = compare("history");
    assert_eq!(database.config().version_tree_arity_log2, 1);
    assert_eq!(database.version().generation, 5);
}

#[test]
fn files_of_other_databases_by_base_path() {
    let database = compare("merged");
    let value = database.get(b"left/6").unwrap().unwrap();
    let Value::Indirect { file, .. } = value else {
        panic!("{value:?} should stand in a data file")
    };
    assert!(file.path().starts_with("left/d/"), "{file}");
    assert_eq!(file.base(), "left/");
}

#[test]
fn a_database_in_a_folder() {
    let store = FolderStore::open(data()).unwrap();
    let database = Database::open_in(&store, "merged/right/", Limits::default()).unwrap();
    let value = database.get(b"right/6").unwrap().unwrap();
    assert_eq!(database.read(&value).unwrap().len(), 300);
    assert_eq!(database.entries().count(), 12);
}

#[test]
fn numbered_manifests_that_are_missing() {
    let source = FolderStore::open(data().join("numbered")).unwrap();
    let store = ocdbt::MemoryStore::from_iter([(
        "manifest.ocdbt",
        source.read_all("manifest.ocdbt").unwrap().to_vec(),
    )]);
    let error = Database::open(store).unwrap_err();
    assert!(matches!(error, OpenError::NoNumbered { .. }), "{error}");
}

#[test]
fn a_numbered_manifest_of_another_database() {
    let numbered = FolderStore::open(data().join("numbered")).unwrap();
    let other = ocdbt::MemoryStore::example();
    let store = ocdbt::MemoryStore::from_iter([
        (
            "manifest.ocdbt",
            numbered.read_all("manifest.ocdbt").unwrap().to_vec(),
        ),
        (
            "manifest.0000000000000009",
            other.read_all("manifest.ocdbt").unwrap().to_vec(),
        ),
        ("manifest.lock", Vec::new()),
        ("manifest.00000000000000zz", Vec::new()),
    ]);
    let error = Database::open(store).unwrap_err();
    assert!(
        matches!(&error, OpenError::Settings { file, .. } if file == "manifest.0000000000000009"),
        "{error}"
    );
}
