//! The tiny stand-in model in three on-disk forms: the same leaves in each, equal to values that were drawn without Orbax.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use orbax::{Checkpoint, DType, Storage, ZarrVersion};

use crate::written_by_orbax::sha256;

fn snapshot(form: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/snapshots")
        .join(form)
}

fn digests() -> BTreeMap<String, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny_digests.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[test]
fn every_leaf_of_every_form_is_what_was_drawn() {
    let expected = digests();
    assert_eq!(expected.len(), 670);
    for (form, storage, zarr) in [
        ("ocdbt", Storage::Ocdbt, ZarrVersion::V2),
        ("ocdbt_zarr3", Storage::Ocdbt, ZarrVersion::V3),
        ("zarr", Storage::Folders, ZarrVersion::V2),
    ] {
        let checkpoint = Checkpoint::open(snapshot(form)).unwrap();
        assert_eq!(
            (checkpoint.layout().storage, checkpoint.layout().zarr),
            (storage, Some(zarr)),
            "{form}"
        );
        let mut values = 0;
        for leaf in checkpoint.leaves() {
            let bytes = checkpoint.read(leaf).unwrap();
            assert_eq!(
                sha256(&bytes),
                expected[leaf.name()],
                "{form}: {}",
                leaf.name()
            );
            assert_eq!(leaf.dtype(), DType::F32);
            values += bytes.len() / 4;
        }
        let names: BTreeSet<_> = checkpoint.leaves().iter().map(|leaf| leaf.name()).collect();
        assert!(
            names
                .iter()
                .copied()
                .eq(expected.keys().map(String::as_str)),
            "{form}"
        );
        assert_eq!(
            (checkpoint.leaves().len(), values),
            (670, 1_193_433),
            "{form}"
        );
        assert_eq!(checkpoint.unlisted(), [""; 0], "{form}");
    }
}
