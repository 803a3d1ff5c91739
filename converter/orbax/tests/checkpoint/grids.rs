//! Arrays of any shape, cut into chunks of any shape, are put together again.

use std::fs;

use orbax::Checkpoint;
use proptest::{collection, prelude::*};
use serde_json::json;

/// Cuts one chunk out, element by element; beyond the array it is filled with 0xee.
fn chunk(array: &[u8], shape: &[usize], chunk: &[usize], index: &[usize], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for flat in 0..chunk.iter().product::<usize>() {
        let mut rest = flat;
        let mut place = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            place[axis] = index[axis] * chunk[axis] + rest % chunk[axis];
            rest /= chunk[axis];
        }
        let inside = place.iter().zip(shape).all(|(at, width)| at < width);
        let at = place
            .iter()
            .zip(shape)
            .fold(0, |at, (place, width)| at * width + place)
            * size;
        match inside {
            true => bytes.extend_from_slice(&array[at..at + size]),
            false => bytes.extend(vec![0xee; size]),
        }
    }
    bytes
}

fn indices(counts: &[usize]) -> Vec<Vec<usize>> {
    counts.iter().fold(vec![vec![]], |all, &count| {
        all.iter()
            .flat_map(|index| (0..count).map(move |next| [index.as_slice(), &[next]].concat()))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn chunks_are_put_together(
        axes in collection::vec((1usize..7, 1usize..5), 0..5), wide: bool, compressed: bool, slashes: bool,
    ) {
        let (shape, chunks): (Vec<_>, Vec<_>) = axes.into_iter().unzip();
        let size = if wide { 8 } else { 1 };
        let array: Vec<u8> = (0..shape.iter().product::<usize>() * size).map(|n| (n % 251) as u8).collect();
        let folder = tempfile::tempdir().unwrap();
        let separator = if slashes { "/" } else { "." };
        let tree = json!({
            "tree_metadata": {"x": {"key_metadata": [{"key": "x", "key_type": 2}], "value_metadata": {"value_type": "scalar"}}},
        });
        let metadata = json!({
            "chunks": chunks, "compressor": if compressed { json!({"id": "zstd"}) } else { json!(null) }, "filters": null,
            "dimension_separator": separator, "dtype": if wide { "<f8" } else { "|u1" }, "fill_value": null, "order": "C",
            "shape": shape, "zarr_format": 2,
        });
        let counts: Vec<_> = shape.iter().zip(&chunks).map(|(width, chunk)| width.div_ceil(*chunk)).collect();
        for index in indices(&counts) {
            let name = match index.is_empty() {
                true => "0".to_owned(),
                false => index.iter().map(usize::to_string).collect::<Vec<_>>().join(separator),
            };
            let bytes = chunk(&array, &shape, &chunks, &index, size);
            let path = folder.path().join("x").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, if compressed { crate::built::zstd(&bytes) } else { bytes }).unwrap();
        }
        fs::write(folder.path().join("_METADATA"), tree.to_string()).unwrap();
        fs::write(folder.path().join("x/.zarray"), metadata.to_string()).unwrap();
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        let leaf = &checkpoint.leaves()[0];
        prop_assert_eq!(leaf.chunks(), indices(&counts).len());
        prop_assert_eq!(checkpoint.read(leaf).unwrap(), array);
    }
}
