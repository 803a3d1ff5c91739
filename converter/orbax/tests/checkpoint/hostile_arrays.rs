//! Arrays that are damaged, forged, or of a kind that is not supported. All messages name the leaf and the key.

use orbax::{ArrayError, ChunkError, OpenError, ReadError};
use serde_json::{Value, json};

use crate::built::{Built, elements, shard_index, zstd};

fn array_error(built: &Built) -> ArrayError {
    let error = built.open_error();
    let message = error.to_string();
    assert!(
        message.contains("leaf ['x']") && message.contains(&format!("x/{}", built.file)),
        "{message}"
    );
    match error {
        OpenError::Array { source, .. } => source,
        error => panic!("{error}"),
    }
}

fn chunk_error(built: &Built) -> ChunkError {
    let error = built.read_error();
    let message = error.to_string();
    assert!(
        message.contains("leaf ['x']") && message.contains(&format!("x/{}", built.chunks[0].0)),
        "{message}"
    );
    match error {
        ReadError::Chunk { source, .. } => source,
        error => panic!("{error}"),
    }
}

#[test]
fn the_good_ones_are_read() {
    assert_eq!(Built::v2().read().unwrap(), elements());
    assert_eq!(Built::v3().read().unwrap(), elements());
}

#[test]
fn types_that_are_not_known() {
    for dtype in [
        json!("<c8"),
        json!(">f4"),
        json!("|O"),
        json!("<f16"),
        json!("float8_e4m3fn"),
        json!([["a", "<f4"]]),
        json!(4),
    ] {
        let error = array_error(&Built::v2().with("/dtype", dtype.clone()));
        assert!(
            matches!(&error, ArrayError::DType { found } if *found == dtype.to_string()),
            "{error}"
        );
    }
    for dtype in [
        json!("complex64"),
        json!("<f4"),
        json!("int4"),
        json!({"name": "r16"}),
    ] {
        assert!(matches!(
            array_error(&Built::v3().with("/data_type", dtype)),
            ArrayError::DType { .. }
        ));
    }
}

#[test]
fn settings_of_v2_that_are_not_supported() {
    for (pointer, value, field) in [
        ("/order", json!("F"), "order"),
        ("/filters", json!([{"id": "delta"}]), "filters"),
        ("/compressor", json!({"id": "blosc"}), "compressor"),
        ("/compressor", json!({"id": "gzip"}), "compressor"),
        ("/compressor", json!("zstd"), "compressor"),
        ("/dimension_separator", json!("-"), "dimension_separator"),
        ("/zarr_format", json!(3), "zarr_format"),
    ] {
        let error = array_error(&Built::v2().with(pointer, value));
        assert!(
            matches!(error, ArrayError::Unsupported { field: found, .. } if found == field),
            "{error}"
        );
    }
    for field in [
        "order",
        "filters",
        "compressor",
        "fill_value",
        "dtype",
        "shape",
        "chunks",
        "zarr_format",
    ] {
        assert!(
            matches!(
                array_error(&Built::v2().without(field)),
                ArrayError::Json(_)
            ),
            "{field}"
        );
    }
}

#[test]
fn settings_of_v3_that_are_not_supported() {
    const INNER: &str = "/codecs/0/configuration";
    let cases: [(String, Value); 13] = [
        ("/zarr_format".into(), json!(2)),
        ("/node_type".into(), json!("group")),
        ("/chunk_grid/name".into(), json!("rectangular")),
        ("/chunk_key_encoding/name".into(), json!("mine")),
        (
            "/chunk_key_encoding/configuration/separator".into(),
            json!("-"),
        ),
        ("/codecs".into(), json!([])),
        ("/codecs/0/name".into(), json!("transpose")),
        (
            format!("{INNER}/codecs/0/configuration/endian"),
            json!("big"),
        ),
        (format!("{INNER}/codecs/0/name"), json!("transpose")),
        (format!("{INNER}/codecs/1/name"), json!("blosc")),
        (format!("{INNER}/index_codecs/1/name"), json!("zstd")),
        (
            format!("{INNER}/index_codecs/0/configuration/endian"),
            json!("big"),
        ),
        (format!("{INNER}/index_location"), json!("middle")),
    ];
    for (pointer, value) in cases {
        let error = array_error(&Built::v3().with(&pointer, value));
        assert!(
            matches!(
                error,
                ArrayError::Unsupported { .. } | ArrayError::Codec { .. }
            ),
            "{pointer}: {error}"
        );
    }
}

#[test]
fn shapes_that_cannot_be() {
    for chunks in [json!([0, 3]), json!([4]), json!([4, 3, 1]), json!([])] {
        assert!(matches!(
            array_error(&Built::v2().with("/chunks", chunks)),
            ArrayError::Chunk { .. }
        ));
    }
    for inner in [json!([0, 3]), json!([3, 3]), json!([8, 3]), json!([4])] {
        let error = array_error(&Built::v3().with("/codecs/0/configuration/chunk_shape", inner));
        assert!(matches!(error, ArrayError::Chunk { .. }), "{error}");
    }
    for large in [
        json!([u64::MAX, 3]),
        json!([1u64 << 62, 4]),
        json!([1u64 << 61, 1]),
    ] {
        assert!(matches!(
            array_error(&Built::v2().with("/shape", large.clone())),
            ArrayError::TooLarge { .. }
        ));
        assert!(matches!(
            array_error(&Built::v2().with("/chunks", large)),
            ArrayError::TooLarge { .. }
        ));
    }
    for wrong in [
        json!([-4, 3]),
        json!([4.5, 3]),
        json!("4"),
        json!([1e30, 3]),
    ] {
        assert!(matches!(
            array_error(&Built::v2().with("/shape", wrong)),
            ArrayError::Json(_)
        ));
    }
}

#[test]
fn a_shape_that_no_device_wrote() {
    for shape in [json!([4, 2]), json!([3, 3]), json!([0, 3]), json!([6, 3])] {
        let error = Built::v2().with("/shape", shape).open_error();
        assert!(matches!(error, OpenError::WriteShape { .. }), "{error}");
    }
}

#[test]
fn chunks_that_are_missing() {
    for shape in [json!([8, 3]), json!([4_000_000_000_000u64, 3])] {
        let error = Built::v2().with("/shape", shape).open_error();
        assert!(
            matches!(&error, OpenError::MissingChunk { key, .. } if key == "x/1.0"),
            "{error}"
        );
    }
    let mut none = Built::v2();
    none.chunks.clear();
    assert!(matches!(none.open_error(), OpenError::MissingChunk { .. }));
}

#[test]
fn an_array_that_its_chunks_cannot_hold() {
    // No allocation is ever made for it.
    let mut built = Built::v2()
        .with("/shape", json!([4_000_000_000u64, 300]))
        .with("/chunks", json!([4_000_000_000u64, 300]));
    built.tree["tree_metadata"]["('x',)"]["value_metadata"]["write_shape"] = Value::Null;
    assert!(matches!(built.open_error(), OpenError::TooSmall { .. }));
}

#[test]
fn a_chunk_of_another_size() {
    let good = zstd(&elements());
    for cut in 0..good.len() {
        let error = if cut == 0 {
            assert!(matches!(
                Built::v2().with_chunk(Vec::new()).open_error(),
                OpenError::TooSmall { .. }
            ));
            continue;
        } else {
            chunk_error(&Built::v2().with_chunk(good[..cut].to_vec()))
        };
        assert!(
            matches!(error, ChunkError::Zstd { .. } | ChunkError::Size { .. }),
            "{cut}: {error}"
        );
    }
    for found in [0, 44, 47, 49, 52, 1000] {
        let error = chunk_error(&Built::v2().with_chunk(zstd(&vec![1; found])));
        assert!(
            matches!(error, ChunkError::Size { .. } | ChunkError::Zstd { .. }),
            "{found}: {error}"
        );
        let raw = Built::v2().with("/compressor", Value::Null);
        if found > 0 {
            let error = chunk_error(&raw.with_chunk(vec![1; found]));
            assert!(
                matches!(error, ChunkError::Size { expected: 48, found: size } if size == found as u64),
                "{error}"
            );
        }
    }
    let error = chunk_error(&Built::v2().with_chunk([good.as_slice(), b"more"].concat()));
    assert!(
        matches!(error, ChunkError::Zstd { expected: 48, .. }),
        "{error}"
    );
    let error = chunk_error(&Built::v2().with_chunk([good.as_slice(), &good].concat()));
    assert!(
        matches!(error, ChunkError::Zstd { expected: 48, .. }),
        "{error}"
    );
    assert!(matches!(
        chunk_error(&Built::v2().with_chunk(elements())),
        ChunkError::Zstd { .. }
    ));
}

#[test]
fn bombs() {
    // Its header says how large it is.
    let bomb = zstd(&vec![0; 100_000_000]);
    assert!(bomb.len() < 20_000);
    let error = chunk_error(&Built::v2().with_chunk(bomb));
    assert!(
        matches!(
            error,
            ChunkError::Size {
                expected: 48,
                found: 100_000_000
            }
        ),
        "{error}"
    );
    // Its header does not: magic, no size, a window of 128 KiB; then blocks that repeat a byte 131,072 times.
    let mut blind = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    for block in 0..800u32 {
        let head = (131_072 << 3) | (1 << 1) | u32::from(block == 799);
        blind.extend_from_slice(&head.to_le_bytes()[..3]);
        blind.push(0);
    }
    assert_eq!(
        zstd::stream::decode_all(blind.as_slice()).unwrap().len(),
        800 * 131_072
    );
    let error = chunk_error(&Built::v2().with_chunk(blind));
    assert!(
        matches!(error, ChunkError::Zstd { expected: 48, .. }),
        "{error}"
    );
}

#[test]
fn shards_with_a_wrong_index() {
    let good = Built::v3().chunks[0].1.clone();
    let end = good.len() - 36;
    for bit in end * 8..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            matches!(
                chunk_error(&Built::v3().with_chunk(flipped)),
                ChunkError::Checksum { .. }
            ),
            "bit {bit}"
        );
    }
    let with = |index: [u64; 4]| {
        chunk_error(&Built::v3().with_chunk([&good[..end], &shard_index(&index)].concat()))
    };
    assert!(matches!(
        with([u64::MAX, u64::MAX, 0, 1]),
        ChunkError::Missing { entry: 0 }
    ));
    for (offset, length) in [
        (u64::MAX - 1, 1),
        (1, u64::MAX),
        (u64::MAX - 1, 5),
        (0, 10_000),
        (10_000, 0),
        (1 << 63, 1 << 63),
    ] {
        assert!(
            matches!(
                with([offset, length, 0, 1]),
                ChunkError::Range { entry: 0, .. }
            ),
            "{offset} {length}"
        );
    }
    assert!(matches!(
        with([0, 0, 0, 1]),
        ChunkError::Size { .. } | ChunkError::Zstd { .. }
    ));
    for cut in [1, 35] {
        let error = chunk_error(&Built::v3().with_chunk(good[..cut].to_vec()));
        assert!(
            matches!(
                error,
                ChunkError::ShortShard {
                    chunks: 2,
                    expected: 36,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_buffer_of_another_size() {
    let checkpoint = Built::v2();
    let checkpoint = checkpoint.open().unwrap();
    let error = checkpoint
        .read_into(&checkpoint.leaves()[0], &mut [0; 47])
        .unwrap_err();
    assert!(
        matches!(
            error,
            ReadError::Buffer {
                expected: 48,
                found: 47,
                ..
            }
        ),
        "{error}"
    );
}
