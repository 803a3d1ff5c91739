//! Chunks that are damaged, forged or missing. All messages name the leaf and the key.

use orbax::{ChunkError, OpenError, ReadError};
use serde_json::{Value, json};

use crate::built::{Built, elements, shard_index, zstd};

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
        let mut built = Built::v3().with_chunk([&good[..end], &shard_index(&index)].concat());
        built.tree["store_array_data_equal_to_fill_value"] = json!(true);
        chunk_error(&built)
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
