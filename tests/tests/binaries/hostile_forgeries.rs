//! Forged OCDBT databases: checksums are right, what they guard is not.

use std::fs;

use tests::fixtures::{Form, Snapshot};
use tests::forge::{self, Forgery, MANIFEST, MISSING, NODE, Place};

use crate::convert;

/// A snapshot whose database is about to be forged, and the values to put in.
fn forgeable() -> (Snapshot, Forgery, Place) {
    let snapshot = Form::Ocdbt.copy();
    for folder in ["d", "ocdbt.process_0"] {
        fs::remove_dir_all(snapshot.file(folder)).expect("a folder of ours");
    }
    let mut forgery = Forgery::default();
    let root = forgery.values(&forge::values_of_zarr(&Form::Zarr.path()));
    (snapshot, forgery, root)
}

#[test]
fn a_forged_good_database_converts() {
    let (snapshot, forgery, root) = forgeable();
    forgery.finish(&snapshot.path, root, 0);
    let out = snapshot.scratch().join("out");
    convert::run(&snapshot.path, &out, []).expect_code(0);
    let made = fs::read(out.join("model.safetensors")).expect("the tensors");
    assert!(made == convert::good()[std::path::Path::new("model.safetensors")]);
}

#[test]
fn a_forged_tree_of_two_levels_converts() {
    let (snapshot, mut forgery, root) = forgeable();
    let top = forgery.interior(1, &[(b"", root)]);
    forgery.finish(&snapshot.path, top, 1);
    convert::run(&snapshot.path, &snapshot.scratch().join("out"), []).expect_code(0);
}

#[test]
fn a_wrong_magic_version_or_compression_with_a_right_checksum() {
    for (magic, version, compression) in [
        (NODE, 0, 0),
        (0x0cdb_3a2b, 0, 0),
        (MANIFEST, 1, 0),
        (MANIFEST, u64::MAX, 0),
        (MANIFEST, 0, 2),
    ] {
        let (snapshot, forgery, root) = forgeable();
        let body = forge::manifest_body(&forgery.path, root, 0);
        forgery.write(
            &snapshot.path,
            &forge::envelope(magic, version, compression, &body),
        );
        convert::refuses(&snapshot, &["manifest.ocdbt"]);
    }
}

#[test]
fn a_node_of_another_magic() {
    let (snapshot, mut forgery, _) = forgeable();
    let sealed = forge::envelope(0x0cdb_1234, 0, 0, b"\0\0\0");
    let offset = forgery.bytes(&sealed);
    let root = Place {
        offset,
        length: sealed.len() as u64,
        keys: 1,
        tree_bytes: 0,
        value_bytes: 0,
    };
    forgery.finish(&snapshot.path, root, 0);
    convert::refuses(&snapshot, &[forge::DATA_FILE]);
}

#[test]
fn offsets_and_lengths_near_the_end_of_the_numbers() {
    for (offset, length) in [
        (u64::MAX - 1, 100),
        (0, u64::MAX - 1),
        (u64::MAX - 7, u64::MAX - 7),
        (1 << 63, 1 << 63),
        (MISSING, 1),
        (0, 0),
        (0, 1 << 40),
    ] {
        let (snapshot, forgery, root) = forgeable();
        forgery.finish(
            &snapshot.path,
            Place {
                offset,
                length,
                ..root
            },
            0,
        );
        convert::refuses(&snapshot, &[]);
    }
}

#[test]
fn values_beyond_their_file() {
    for (offset, length) in [(u64::MAX, 4), (4, u64::MAX), (1 << 50, 4), (0, 1 << 50)] {
        let (snapshot, mut forgery, _) = forgeable();
        let values = forge::values_of_zarr(&Form::Zarr.path());
        let mut entries: Vec<(&[u8], u64, u64)> = Vec::new();
        for (key, value) in &values {
            let place = forgery.bytes(value);
            entries.push((key, place, value.len() as u64));
        }
        let chunk = entries
            .iter()
            .position(|entry| !entry.0.ends_with(b"/.zarray"))
            .expect("a chunk");
        (entries[chunk].1, entries[chunk].2) = (offset, length);
        let root = forgery.leaf(&entries);
        forgery.finish(&snapshot.path, root, 0);
        convert::refuses(&snapshot, &[forge::DATA_FILE]);
    }
}

#[test]
fn counts_near_the_end_of_the_numbers() {
    for count in [1_u64 << 20, 1 << 32, 1 << 62, u64::MAX] {
        // Files in a table, keys in a node: a reader that allocates before it counts bytes dies here.
        for body in [
            {
                let mut body = vec![0];
                forge::varint(&mut body, count);
                body
            },
            {
                let mut body = vec![0];
                body.extend(forge::table(forge::DATA_FILE));
                forge::varint(&mut body, count);
                body
            },
        ] {
            let (snapshot, mut forgery, _) = forgeable();
            let root = forgery.node(&body, 1);
            forgery.finish(&snapshot.path, root, 0);
            convert::refuses(&snapshot, &[forge::DATA_FILE]);
        }
    }
}

#[test]
fn a_number_of_too_many_bytes() {
    let (snapshot, mut forgery, _) = forgeable();
    let root = forgery.node(&[&[0][..], &[0xff; 11]].concat(), 1);
    forgery.finish(&snapshot.path, root, 0);
    convert::refuses(&snapshot, &[forge::DATA_FILE]);
}

#[test]
fn a_tree_that_holds_itself() {
    // The node's own place is known before it is written: nothing comes before it in the file.
    let (snapshot, _, _) = forgeable();
    let mut forgery = Forgery::default();
    let mut guess = Place {
        offset: 0,
        length: 0,
        keys: 1,
        tree_bytes: 1,
        value_bytes: 0,
    };
    for _ in 0..3 {
        let body = forgery.interior_body(1, &[(b"", guess)]);
        guess.length = forge::envelope(NODE, 0, 0, &body).len() as u64;
    }
    let body = forgery.interior_body(1, &[(b"", guess)]);
    let root = forgery.node(&body, 1);
    assert_eq!(root.length, guess.length);
    for height in [1, 200] {
        forgery.finish(&snapshot.path, root, height);
        convert::refuses(&snapshot, &[forge::DATA_FILE]);
    }
}

#[test]
fn a_tree_that_is_too_deep() {
    let (snapshot, mut forgery, mut top) = forgeable();
    for height in 1..=255 {
        top = forgery.interior(height, &[(b"", top)]);
    }
    forgery.finish(&snapshot.path, top, 255);
    let out = snapshot.scratch().join("out");
    let outcome = convert::run(&snapshot.path, &out, []);
    // Every level agrees with its parent, so a reader may follow; it must neither crash nor grow.
    outcome.expect_no_panic();
    if outcome.code() != 0 {
        convert::expect_refusal(&outcome, &[forge::DATA_FILE]);
    }
}

#[test]
fn a_tree_that_is_shared_many_times_over() {
    // 40 levels of two children each, both the same: 2^40 leaves to a reader that does not count.
    let (snapshot, mut forgery, mut top) = forgeable();
    for height in 1..=40 {
        top = forgery.interior(height, &[(b"", top), (b"\xff", top)]);
    }
    forgery.finish(&snapshot.path, top, 40);
    convert::refuses(&snapshot, &[forge::DATA_FILE]);
}

#[test]
fn heights_that_disagree() {
    let (snapshot, forgery, root) = forgeable();
    forgery.finish(&snapshot.path, root, 1);
    convert::refuses(&snapshot, &[forge::DATA_FILE]);
}

#[test]
fn keys_out_of_order_or_twice() {
    for keys in [
        [b"b/.zarray".as_slice(), b"a/.zarray"],
        [b"a/.zarray", b"a/.zarray"],
    ] {
        let (snapshot, mut forgery, _) = forgeable();
        let value = forgery.bytes(b"{}");
        let root = forgery.leaf(&keys.map(|key| (key, value, 2)));
        forgery.finish(&snapshot.path, root, 0);
        convert::refuses(&snapshot, &[forge::DATA_FILE]);
    }
}

#[test]
fn a_count_of_keys_that_is_not_so() {
    let (snapshot, forgery, root) = forgeable();
    forgery.finish(
        &snapshot.path,
        Place {
            keys: root.keys + 1,
            ..root
        },
        0,
    );
    convert::refuses(&snapshot, &["key"]);
}

#[test]
fn data_files_outside_the_snapshot() {
    for path in [
        "../secret",
        "/etc/passwd",
        "d/../../secret",
        "d\\..\\secret",
        "d/\0x",
        "C:/secret",
    ] {
        let (snapshot, mut forgery, _) = forgeable();
        fs::write(snapshot.scratch().join("secret"), [0; 4096]).expect("a file of ours");
        forgery.path = path.into();
        let root = forgery.values(&forge::values_of_zarr(&Form::Zarr.path()));
        forgery.finish(&snapshot.path, root, 0);
        convert::refuses(&snapshot, &[]);
    }
}

#[test]
fn a_node_that_unpacks_to_more_than_it_may() {
    let (snapshot, mut forgery, _) = forgeable();
    let body = convert::packed_zeros(2 << 30);
    let sealed = forge::envelope(NODE, 0, 1, &body);
    let offset = forgery.bytes(&sealed);
    let root = Place {
        offset,
        length: sealed.len() as u64,
        keys: 1,
        tree_bytes: 1,
        value_bytes: 0,
    };
    forgery.finish(&snapshot.path, root, 0);
    convert::refuses(&snapshot, &[forge::DATA_FILE]);
}
