//! Damaged and forged zarr arrays, on the plain zarr snapshot where every key is a file.

use std::fs;

use tests::fixtures::Form;

use crate::convert;

/// An array with two axes: its folder, and what a message must say of it.
const ARRAY: &str = "0.alphagenome/embed.embeddings";
const LEAF: &str = "alphagenome/embed";

fn zarray() -> String {
    format!("{ARRAY}/.zarray")
}

fn chunk() -> String {
    format!("{ARRAY}/0.0")
}

#[test]
fn array_metadata_that_cannot_be_understood() {
    let snapshot = Form::Zarr.copy();
    for (from, to, word) in [
        (r#""<f4""#, r#""<c8""#, "<c8"),
        (r#""<f4""#, r#"">f4""#, ">f4"),
        (r#""<f4""#, r#""float9""#, "float9"),
        (r#""<f4""#, "7", "dtype"),
        (r#""zstd""#, r#""blosc""#, "blosc"),
        (r#""order":"C""#, r#""order":"F""#, "order"),
        (
            r#""filters":null"#,
            r#""filters":[{"id":"delta"}]"#,
            "filters",
        ),
        (r#""zarr_format":2"#, r#""zarr_format":7"#, "zarr_format"),
        (r#""shape":["#, r#""shape":[-1,"#, ".zarray"),
        (
            r#""shape":["#,
            r#""shape":[18446744073709551615,"#,
            "18446744073709551615",
        ),
        (r#""chunks":["#, r#""chunks":[0,"#, "chunk"),
        (
            r#""chunks":["#,
            r#""chunks":[9223372036854775807,"#,
            "chunk",
        ),
        (r#"{"#, r#""#, ".zarray"),
    ] {
        snapshot.replace(&zarray(), from, to);
        convert::refuses(&snapshot, &[LEAF, word]);
        snapshot.restore(&zarray());
    }
}

#[test]
fn another_shape_than_the_tree_tells() {
    let snapshot = Form::Zarr.copy();
    snapshot.replace(&zarray(), r#""shape":[2,64]"#, r#""shape":[64,2]"#);
    convert::refuses(&snapshot, &[LEAF]);
}

#[test]
fn a_shape_of_many_terabytes() {
    let snapshot = Form::Zarr.copy();
    snapshot.replace(
        &zarray(),
        r#""shape":[2,64]"#,
        r#""shape":[1099511627776,64]"#,
    );
    convert::refuses(&snapshot, &[LEAF]);
}

#[test]
fn a_missing_chunk() {
    let snapshot = Form::Zarr.copy();
    fs::remove_file(snapshot.file(&chunk())).expect("a file of ours");
    convert::refuses(&snapshot, &[LEAF, "0.0"]);
}

#[test]
fn a_missing_array() {
    let snapshot = Form::Zarr.copy();
    fs::remove_dir_all(snapshot.file(ARRAY)).expect("a folder of ours");
    convert::refuses(&snapshot, &[LEAF]);
}

#[test]
fn a_truncated_chunk() {
    let snapshot = Form::Zarr.copy();
    for kept in [0, 1, 8, 100] {
        snapshot.edit(&chunk(), |bytes| bytes.truncate(kept));
        convert::refuses(&snapshot, &[LEAF]);
        snapshot.restore(&chunk());
    }
}

#[test]
fn a_chunk_with_more_behind_its_end() {
    let snapshot = Form::Zarr.copy();
    snapshot.edit(&chunk(), |bytes| bytes.extend([0; 16]));
    convert::refuses(&snapshot, &[LEAF, "0.0"]);
}

#[test]
fn a_chunk_that_is_no_zstd_frame() {
    let snapshot = Form::Zarr.copy();
    snapshot.edit(&chunk(), |bytes| bytes[0] ^= 1);
    convert::refuses(&snapshot, &[LEAF, "0.0"]);
}

#[test]
fn a_chunk_of_another_size() {
    let snapshot = Form::Zarr.copy();
    for size in [0, 508, 516, 1 << 20] {
        let packed = zstd::bulk::compress(&vec![1; size], 1).expect("it packs");
        snapshot.edit(&chunk(), |bytes| *bytes = packed);
        convert::refuses(&snapshot, &[LEAF, "0.0"]);
    }
}

#[test]
fn a_chunk_that_unpacks_to_gigabytes() {
    let snapshot = Form::Zarr.copy();
    let packed = convert::packed_zeros(2 << 30);
    snapshot.edit(&chunk(), |bytes| *bytes = packed);
    convert::refuses(&snapshot, &[LEAF, "0.0"]);
}

#[test]
fn a_tree_that_cannot_be_understood() {
    let snapshot = Form::Zarr.copy();
    let whole = fs::read(snapshot.file("_METADATA")).expect("the tree");
    // A stack of brackets must not become a stack of calls.
    for tree in [
        &whole[..whole.len() / 2],
        b"[]",
        b"",
        b"\xff\xfe",
        &[b'['; 1_000_000],
    ] {
        fs::write(snapshot.file("_METADATA"), tree).expect("a file of ours");
        convert::refuses(&snapshot, &["_METADATA"]);
    }
    fs::remove_file(snapshot.file("_METADATA")).expect("a file of ours");
    convert::refuses(&snapshot, &["_METADATA"]);
}

#[test]
fn a_leaf_that_points_out_of_the_snapshot() {
    let snapshot = Form::Zarr.copy();
    snapshot.replace(
        "_METADATA",
        r#""alphagenome/embed""#,
        r#""../../alphagenome/embed""#,
    );
    convert::refuses(&snapshot, &["alphagenome/embed"]);
}

#[test]
fn a_flipped_bit_in_a_zarray() {
    // In a plain snapshot nothing guards the text but its meaning: each of these changes it.
    let snapshot = Form::Zarr.copy();
    for (from, to) in [
        ("<f4", "<d4"),
        ("\"zarr_format\"", "\"zarr_fosmat\""),
        ("[2,64]", "[2,65]"),
    ] {
        snapshot.replace(&zarray(), from, to);
        convert::refuses(&snapshot, &[LEAF]);
        snapshot.restore(&zarray());
    }
}

#[test]
fn a_damaged_index_of_a_shard() {
    let snapshot = Form::OcdbtZarr3.copy();
    let mut damaged = 0;
    for name in tests::folder::files(&snapshot.file("ocdbt.process_0/d")).keys() {
        snapshot.edit(&format!("ocdbt.process_0/d/{}", name.display()), |bytes| {
            // The index of a shard with one chunk: its offset 0, its length, and a checksum of both.
            for at in 0..bytes.len().saturating_sub(20) {
                let (index, sum) = bytes[at..at + 20].split_at(16);
                if index.starts_with(&[0; 8]) && crc32c::crc32c(index).to_le_bytes() == sum {
                    bytes[at + 8] ^= 1;
                    damaged += 1;
                }
            }
        });
    }
    assert!(damaged > 0);
    convert::refuses(&snapshot, &["index"]);
}

#[test]
fn a_legacy_checkpoint() {
    let snapshot = Form::Zarr.copy();
    for name in tests::folder::files(&snapshot.path).values() {
        fs::remove_file(name).expect("a file of ours");
    }
    fs::write(
        snapshot.file("checkpoint"),
        b"\x82\xa6params\x80\xa5state\x80",
    )
    .expect("a file of ours");
    convert::refuses(&snapshot, &["msgpack"]);
}
