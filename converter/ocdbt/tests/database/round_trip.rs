//! Whatever the test writer writes is read back, and no damage to it is ever taken for good or ends in a panic.

use std::collections::BTreeMap;

use crate::writer::{self, FILE, Style};
use ocdbt::{Database, FileTable, Limits, Manifest, MemoryStore, Node, Store};
use proptest::{collection, prelude::*};

/// Few letters, so that keys share prefixes and are prefixes of each other.
fn entries() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    let key = collection::vec(
        prop_oneof![Just(b'a'), Just(b'/'), Just(0), Just(0xff)],
        0..12,
    );
    let value = collection::vec(any::<u8>(), 0..40);
    collection::btree_map(key, value, 1..120)
}

fn style() -> impl Strategy<Value = Style> {
    (2usize..9, 0usize..45, 0u64..2).prop_map(|(fan, inline, compression)| Style {
        fan,
        inline,
        compression,
    })
}

/// Reads everything there is.
fn contents(store: MemoryStore) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, String> {
    let database = Database::open(store).map_err(|error| error.to_string())?;
    let mut contents = BTreeMap::new();
    for entry in database.entries() {
        let entry = entry.map_err(|error| error.to_string())?;
        let value = database
            .read(&entry.value)
            .map_err(|error| error.to_string())?;
        contents.insert(entry.key, value.to_vec());
    }
    Ok(contents)
}

proptest! {
    #[test]
    fn a_database_is_read_back(entries in entries(), style in style(), others in collection::vec(any::<Vec<u8>>(), 5)) {
        let store = writer::database(&entries, style);
        prop_assert_eq!(contents(store.clone()), Ok(entries.clone()));
        let database = Database::open(store).unwrap();
        for (key, value) in &entries {
            let found = database.get(key).unwrap().expect("every key is found");
            prop_assert_eq!(&*database.read(&found).unwrap(), value.as_slice());
            let under: Vec<_> = database.entries_under(key).map(|entry| entry.unwrap().key).collect();
            let expected: Vec<_> = entries.keys().filter(|other| other.starts_with(key)).cloned().collect();
            prop_assert_eq!(under, expected);
        }
        for key in others.iter().filter(|key| !entries.contains_key(*key)) {
            prop_assert_eq!(database.get(key).unwrap(), None);
        }
    }

    #[test]
    fn damage_is_seen_or_harms_a_value_outside(
        entries in entries(), style in style(), place in any::<prop::sample::Index>(), flip in 1u8..=255, in_manifest: bool,
    ) {
        let store = writer::database(&entries, style);
        let name = if in_manifest { "manifest.ocdbt" } else { FILE };
        let mut bytes = store.read_all(name).unwrap().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        let mut damaged = store;
        damaged.insert(name, bytes);
        if let Ok(found) = contents(damaged) {
            // Only values outside the nodes carry no checksum.
            prop_assert!(!in_manifest);
            prop_assert!(found.keys().eq(entries.keys()));
            let different = found.iter().filter(|(key, value)| entries[*key] != **value).count();
            prop_assert_eq!(different, 1);
        }
    }

    #[test]
    fn a_cut_is_seen(entries in entries(), style in style(), place in any::<prop::sample::Index>(), in_manifest: bool) {
        let store = writer::database(&entries, style);
        let name = if in_manifest { "manifest.ocdbt" } else { FILE };
        let bytes = store.read_all(name).unwrap().to_vec();
        let mut cut = store;
        cut.insert(name, &bytes[..place.index(bytes.len())]);
        prop_assert!(contents(cut).is_err());
    }

    #[test]
    fn bytes_of_any_kind_do_not_panic(bytes in collection::vec(prop_oneof![any::<u8>(), 0u8..4], 0..200), height in 0u8..3) {
        let limits = Limits::default();
        let _ = FileTable::parse(&bytes, "base/", &limits);
        let _ = Manifest::parse_body(&bytes, "base/", &limits);
        let _ = Node::parse_body(bytes.clone().into(), height, "base/", &limits);
        let _ = Node::parse(&writer::envelope(writer::NODE, 0, &bytes), height, "", &limits);
        let _ = Manifest::parse(&bytes, "", &limits);
    }

    #[test]
    fn bodies_with_damage_do_not_panic(
        entries in entries(), place in any::<prop::sample::Index>(), byte: u8, inner: bool,
    ) {
        let entries: Vec<_> = entries.into_iter().collect();
        let mut body = match inner {
            false => writer::leaf(&entries, 20, &mut Vec::new()),
            true => {
                let child = |(key, _): &(Vec<u8>, Vec<u8>)| writer::append(&mut Vec::new(), 0, b"", key, 1);
                writer::interior(1, 0, &entries.iter().map(child).collect::<Vec<_>>())
            }
        };
        let place = place.index(body.len());
        body[place] = byte;
        let _ = Node::parse_body(body.into(), u8::from(inner), "", &Limits::default());
    }
}
