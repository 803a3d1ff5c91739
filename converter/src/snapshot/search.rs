//! Folders that hold a checkpoint.

use std::path::{Path, PathBuf};

use super::Error;

/// How many folders deep a checkpoint may lie in a repo: `checkpoints/fold_0/default`.
const MAX_DEPTH: usize = 3;

/// Files that only a checkpoint's own folder has. `checkpoint` is the legacy msgpack form, found so that it can be refused
/// by its name.
const MARKERS: [&str; 4] = [
    "_METADATA",
    "_CHECKPOINT_METADATA",
    "manifest.ocdbt",
    "checkpoint",
];

/// The one folder at or below `dir` that holds a checkpoint.
pub(super) fn checkpoint(dir: &Path) -> Result<PathBuf, Error> {
    let mut found = Vec::new();
    collect(dir, MAX_DEPTH, &mut found)?;
    found.sort();
    match found.len() {
        0 => Err(Error::NoCheckpoint {
            path: dir.to_owned(),
        }),
        1 => Ok(found.remove(0)),
        _ => Err(Error::SeveralCheckpoints {
            path: dir.to_owned(),
            choices: found,
        }),
    }
}

/// Adds the checkpoints at or below `dir`. Symlinks to folders are not followed: they could lead anywhere, or in circles.
fn collect(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let unreadable = |source| Error::Read {
        path: dir.to_owned(),
        source,
    };
    let mut folders = Vec::new();
    let mut is_checkpoint = false;
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let is_folder = entry.file_type().map_err(unreadable)?.is_dir();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        is_checkpoint |= if is_folder {
            name.starts_with("ocdbt.process_")
        } else {
            MARKERS.contains(&&*name)
        };
        if is_folder && !name.starts_with('.') {
            folders.push(entry.path());
        }
    }
    if is_checkpoint {
        found.push(dir.to_owned());
    } else if depth > 0 {
        for folder in folders {
            collect(&folder, depth - 1, found)?;
        }
    }
    Ok(())
}
