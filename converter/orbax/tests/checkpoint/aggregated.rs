//! Leaves in the msgpack file `checkpoint`, as Orbax 0.5.3 writes them with `SaveArgs(aggregate=True)`.

use std::fs;

use orbax::{Checkpoint, Content, DType};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What Orbax 0.5.3 wrote for `{'b': jnp.full(3, 7., bfloat16), 'c': np.complex64(2), 'e': {}, 'lst': [jnp.ones(2, int8),
/// (2.5, None)], 'np': np.float32(3), 's': 'txt', 'step': 5, 'w': jnp.ones(2)}`.
const FILE: &[u8] = b"\x88\xa1b\xc7\x14\x01\x93\x91\x03\xa8bfloat16\xc4\x06\xe0@\xe0@\xe0@\
\xa1c\xc7\x16\x03\x93\x90\xa9complex64\xc4\x08\x00\x00\x00@\x00\x00\x00\x00\
\xa1e\x80\
\xa3lst\x92\xc7\x0c\x01\x93\x91\x02\xa4int8\xc4\x02\x01\x01\x92\xcb@\x04\x00\x00\x00\x00\x00\x00\xc0\
\xa2np\xd8\x03\x93\x90\xa7float32\xc4\x04\x00\x00@@\
\xa1s\xa3txt\
\xa4step\x05\
\xa1w\xafPLACEHOLDER://w";

fn entry(keys: Value, value_type: &str) -> Value {
    let keys = keys.as_array().unwrap().iter().map(|key| match key {
        Value::String(key) => json!({"key": key, "key_type": 2}),
        index => json!({"key": index.to_string(), "key_type": 1}),
    });
    json!({
        "key_metadata": keys.collect::<Vec<_>>(),
        "value_metadata": {"value_type": value_type, "skip_deserialize": true},
    })
}

fn write(file: Option<&[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tree = json!({"tree_metadata": {
        "b": entry(json!(["b"]), "jax.Array"),
        "c": entry(json!(["c"]), "scalar"),
        "e": entry(json!(["e"]), "Dict"),
        "0": entry(json!(["lst", 0]), "jax.Array"),
        "1": entry(json!(["lst", 1, 0]), "scalar"),
        "2": entry(json!(["lst", 1, 1]), "None"),
        "np": entry(json!(["np"]), "scalar"),
        "s": entry(json!(["s"]), "string"),
        "step": entry(json!(["step"]), "scalar"),
        "w": entry(json!(["w"]), "jax.Array"),
        "gone": entry(json!(["gone"]), "np.ndarray"),
    }, "use_zarr3": false});
    fs::write(folder.path().join("_METADATA"), tree.to_string()).unwrap();
    if let Some(file) = file {
        fs::write(folder.path().join("checkpoint"), file).unwrap();
    }
    folder
}

#[test]
fn aggregated_leaves_are_read() {
    let folder = write(Some(FILE));
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let leaves = checkpoint.leaves().iter().map(|leaf| {
        let mut bytes = vec![0; leaf.bytes()];
        checkpoint.read_into(leaf, &mut bytes).unwrap();
        assert_eq!(checkpoint.read(leaf).unwrap(), bytes);
        assert_eq!((leaf.zarr(), leaf.filled()), (None, 0));
        (leaf.name(), leaf.dtype(), leaf.shape().to_vec(), bytes)
    });
    let expected = [
        (
            "b",
            DType::BF16,
            vec![3],
            vec![0xe0, 0x40, 0xe0, 0x40, 0xe0, 0x40],
        ),
        ("lst.0", DType::I8, vec![2], vec![1, 1]),
        ("lst.1.0", DType::F64, vec![], 2.5f64.to_le_bytes().to_vec()),
        ("np", DType::F32, vec![], 3f32.to_le_bytes().to_vec()),
        ("step", DType::I64, vec![], 5i64.to_le_bytes().to_vec()),
    ];
    assert!(leaves.eq(expected));
    assert_eq!(checkpoint.layout().zarr, None);
}

#[test]
fn what_is_no_array_is_named() {
    let folder = write(Some(FILE));
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let bare = checkpoint.bare().iter();
    let bare: Vec<_> = bare.map(|bare| format!("{}: {bare}", bare.name)).collect();
    assert_eq!(
        bare,
        [
            "c: complex64 []",
            "e: empty Dict",
            "lst.1.1: None",
            "s: string \"txt\"",
            "w: jax.Array (a placeholder stands in the file `checkpoint`, and no array is stored)",
            "gone: np.ndarray (it is not in the file `checkpoint`)",
        ]
    );
}

#[test]
fn without_the_file_nothing_is_called_empty_that_is_not() {
    let folder = write(None);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert!(checkpoint.leaves().is_empty());
    for bare in checkpoint.bare() {
        let empty = ["Dict", "None"].contains(&bare.value_type.as_str());
        assert_eq!(bare.content == Content::Nothing, empty, "{bare}");
    }
}

#[test]
fn damage_is_told() {
    for cut in 0..FILE.len() {
        let folder = write(Some(&FILE[..cut]));
        let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("checkpoint: "), "{cut}: {error}");
    }
    // Other types: one that is not read is named.
    for (from, to) in [(b"bfloat16", b"bfloat17"), (b"complex6", b"complex7")] {
        let at = FILE.windows(8).position(|part| part == from).unwrap();
        let mut file = FILE.to_vec();
        file[at..at + 8].copy_from_slice(to);
        let folder = write(Some(&file));
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        let told: String = checkpoint.bare().iter().map(ToString::to_string).collect();
        assert!(told.contains(str::from_utf8(to).unwrap()), "{told}");
    }
    let mut longer = FILE.to_vec();
    let at = longer
        .windows(2)
        .position(|part| part == [0x91, 3])
        .unwrap();
    longer[at + 1] = 4;
    let error = Checkpoint::open(write(Some(&longer)).path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "checkpoint: leaf ['b']: an array of as many bytes as its shape says, found 6 bytes for bfloat16 [4]"
    );
    let deep = vec![0x91; 100_000];
    assert!(Checkpoint::open(write(Some(&deep)).path()).is_err());
}
