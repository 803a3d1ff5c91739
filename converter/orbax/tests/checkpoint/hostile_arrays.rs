//! Array metadata that are damaged, forged, or of a kind that is not supported. All messages name the leaf and the key.

use orbax::{ArrayError, Content, DType, OpenError};
use serde_json::{Value, json};

use crate::built::{Built, elements};

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

#[test]
fn the_good_ones_are_read() {
    assert_eq!(Built::v2().read().unwrap(), elements());
    assert_eq!(Built::v3().read().unwrap(), elements());
}

#[test]
fn types_that_are_not_read_are_listed() {
    let listed = |built: &Built, name: &str| {
        let checkpoint = built.open().unwrap();
        assert!(checkpoint.leaves().is_empty(), "{name}");
        let content = Content::Array {
            dtype: name.to_owned(),
            shape: vec![4, 3],
        };
        assert_eq!(checkpoint.bare()[0].content, content);
    };
    for (dtype, name) in [
        (json!("<c8"), "<c8"),
        (json!(">f4"), ">f4"),
        (json!("|O"), "|O"),
        (json!("<f16"), "<f16"),
        (json!("int4"), "int4"),
        (json!("float8_e4m3fn"), "float8_e4m3fn"),
        (json!([["a", "<f4"]]), r#"[["a","<f4"]]"#),
        (json!(4), "4"),
    ] {
        listed(&Built::v2().with("/dtype", dtype), name);
    }
    for (dtype, name) in [
        (json!("complex64"), "complex64"),
        (json!("<f4"), "<f4"),
        (json!("int4"), "int4"),
        (json!({"name": "r16"}), r#"{"name":"r16"}"#),
    ] {
        listed(&Built::v3().with("/data_type", dtype), name);
    }
}

#[test]
fn a_byte_has_no_order() {
    for (dtype, expected) in [
        ("<i1", DType::I8),
        (">i1", DType::I8),
        ("<u1", DType::U8),
        (">b1", DType::Bool),
    ] {
        let mut built = Built::v2().with("/dtype", json!(dtype));
        built.chunks[0].1 = crate::built::zstd(&[1; 12]);
        let checkpoint = built.open().unwrap();
        assert_eq!(checkpoint.leaves()[0].dtype(), expected, "{dtype}");
        assert_eq!(built.read().unwrap(), [1; 12], "{dtype}");
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
