//! Chunks that are not stored: the fill value, or damage.

use orbax::{ChunkError, OpenError, ReadError};
use serde_json::{Value, json};

use crate::built::{Built, elements, shard_index, zstd};

const FLAG: &str = "store_array_data_equal_to_fill_value";

/// Every way in which `_METADATA` says that chunks of fill values are not stored.
fn silent(mut built: Built) -> [Built; 2] {
    let mut said = Built::v2();
    (said.file, said.array, said.chunks) = (built.file, built.array.clone(), built.chunks.clone());
    said.tree = built.tree.clone();
    said.tree[FLAG] = json!(false);
    built.tree.as_object_mut().unwrap().remove(FLAG);
    [built, said]
}

fn said(mut built: Built) -> Built {
    built.tree[FLAG] = json!(true);
    built
}

fn values(built: &Built) -> Vec<f32> {
    let checkpoint = built.open().unwrap();
    let leaf = &checkpoint.leaves()[0];
    let bytes = checkpoint.read(leaf).unwrap();
    // A buffer that was used before holds nothing of it afterwards.
    let mut buffer = vec![0xa5; leaf.bytes()];
    checkpoint.read_into(leaf, &mut buffer).unwrap();
    assert_eq!(buffer, bytes);
    let cells = bytes.chunks_exact(4);
    cells
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

fn without_chunks(mut built: Built) -> Built {
    built.chunks.clear();
    built
}

/// Of two chunks of two rows, the second is not there.
fn halved(fill: Value) -> Built {
    let mut built = Built::v2()
        .with("/chunks", json!([2, 3]))
        .with("/fill_value", fill);
    built.chunks[0].1 = zstd(&elements()[..24]);
    built
}

/// A shard whose first chunk is not there.
fn half_a_shard(fill: Value) -> Built {
    let second = zstd(&elements()[24..]);
    let index = [u64::MAX, u64::MAX, 0, second.len() as u64];
    let shard = [second, shard_index(&index)].concat();
    Built::v3().with("/fill_value", fill).with_chunk(shard)
}

#[test]
fn a_missing_chunk_is_the_fill_value() {
    for (fill, value) in [
        (json!(0), 0.0),
        (json!(7.5), 7.5),
        (json!("-Infinity"), f32::NEG_INFINITY),
    ] {
        for built in silent(without_chunks(
            Built::v3().with("/fill_value", fill.clone()),
        )) {
            assert_eq!(values(&built), [value; 12], "zarr v3, {fill}");
            let leaf = built.open().unwrap().leaves()[0].clone();
            assert_eq!((leaf.filled(), leaf.stored_bytes()), (1, 0));
        }
        for built in silent(halved(fill.clone())) {
            let expected = [
                0.0, 1.0, 2.0, 3.0, 4.0, 5.0, value, value, value, value, value, value,
            ];
            assert_eq!(values(&built), expected, "zarr v2, {fill}");
            assert_eq!(built.open().unwrap().leaves()[0].filled(), 1);
        }
        for built in silent(half_a_shard(fill.clone())) {
            let expected = [
                value, value, value, value, value, value, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0,
            ];
            assert_eq!(values(&built), expected, "in a shard, {fill}");
        }
    }
}

#[test]
fn where_every_chunk_is_stored_a_missing_one_is_damage() {
    for built in [without_chunks(Built::v3()), halved(json!(0))] {
        let error = said(built).open_error();
        assert!(matches!(error, OpenError::MissingChunk { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("says that every chunk is stored"),
            "{error}"
        );
    }
    let error = said(half_a_shard(json!(0))).read_error();
    assert!(
        matches!(
            error,
            ReadError::Chunk {
                source: ChunkError::Missing { entry: 0 },
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn without_a_fill_value_a_missing_chunk_is_damage() {
    for built in silent(halved(Value::Null)) {
        let error = built.open_error();
        assert!(error.to_string().contains("fill_value is null"), "{error}");
    }
}

#[test]
fn a_made_up_shape_is_no_array_of_fill_values() {
    let mut built = halved(json!(0)).with("/shape", json!([1u64 << 40, 3]));
    built.tree["tree_metadata"]["('x',)"]["value_metadata"]["write_shape"] = Value::Null;
    let error = built.open_error();
    assert!(error.to_string().contains("too many others"), "{error}");
}

#[test]
fn a_chunk_that_goes_after_opening_is_no_fill_value() {
    let mut built = Built::v2()
        .with("/fill_value", json!(0))
        .with("/chunks", json!([2, 3]));
    built.chunks = vec![
        ("0.0", zstd(&elements()[..24])),
        ("1.0", zstd(&elements()[24..])),
    ];
    let checkpoint = built.open().unwrap();
    std::fs::remove_file(built.path().join("x/1.0")).unwrap();
    let error = checkpoint.read(&checkpoint.leaves()[0]).unwrap_err();
    assert!(matches!(error, ReadError::Missing { .. }), "{error}");
}
