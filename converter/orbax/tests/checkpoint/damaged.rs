//! Random damage to checkpoints that Orbax wrote: an error, the same leaves, or other values of the one array that was hit.

use std::{
    fs,
    path::{Path, PathBuf},
};

use orbax::{Checkpoint, Content};

use crate::forms::scratch;

const TRIES: usize = 400;

struct Contents {
    /// Path, type and shape of every leaf.
    described: Vec<String>,
    values: Vec<Vec<u8>>,
}

fn contents(path: &Path) -> Result<Contents, String> {
    let checkpoint = Checkpoint::open(path).map_err(|error| error.to_string())?;
    // A type that is damaged is one that is not read, and named.
    let unread = |bare: &&orbax::Bare| matches!(bare.content, Content::Array { .. });
    if let Some(bare) = checkpoint.bare().iter().find(unread) {
        return Err(bare.to_string());
    }
    let leaves = checkpoint.leaves();
    Ok(Contents {
        described: leaves
            .iter()
            .map(|leaf| format!("{:?} {} {:?}", leaf.path(), leaf.dtype(), leaf.shape()))
            .collect(),
        values: leaves
            .iter()
            .map(|leaf| checkpoint.read(leaf))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?,
    })
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// SplitMix64: the same damage in every run.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn damage_is_seen_or_changes_values_alone() {
    let mut state = 0u64;
    for name in ["single", "sharded_zarr3", "sharded_folders", "processes"] {
        let (_folder, path) = scratch(name);
        let good = contents(&path).unwrap();
        let mut all = Vec::new();
        files(&path, &mut all);
        let mut errors = 0;
        for _ in 0..TRIES {
            let mut below = |limit: usize| (random(&mut state) % limit as u64) as usize;
            let file = &all[below(all.len())];
            let bytes = fs::read(file).unwrap();
            let place = below(bytes.len());
            let mut damaged = bytes.clone();
            match below(3) {
                0 => damaged.truncate(place),
                1 => damaged[place] ^= 1 << below(8),
                _ => damaged[place] = below(256) as u8,
            }
            fs::write(file, &damaged).unwrap();
            match contents(&path) {
                Err(message) => {
                    errors += 1;
                    assert!(!message.is_empty());
                }
                Ok(found) => {
                    assert_eq!(found.described, good.described, "{file:?}, byte {place}");
                    let hit = found
                        .values
                        .iter()
                        .zip(&good.values)
                        .filter(|(a, b)| a != b)
                        .count();
                    assert!(hit <= 1, "{file:?}, byte {place}: {hit} arrays differ");
                    let metadata = file.to_string_lossy().contains("zarray")
                        || file.ends_with("manifest.ocdbt");
                    assert!(hit == 0 || !metadata, "{file:?}, byte {place}");
                }
            }
            fs::write(file, &bytes).unwrap();
        }
        assert!(errors > TRIES / 20, "{name}: {errors} of {TRIES} were seen");
    }
}
