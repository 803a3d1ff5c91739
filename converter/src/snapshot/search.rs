//! Folders that hold a checkpoint.

use std::path::{Path, PathBuf};

use super::Error;

/// How many folders deep a checkpoint may lie in a repo: `checkpoints/fold_0/default`.
const MAX_DEPTH: usize = 3;

/// Files that only the folder of a tree has. `checkpoint` is the legacy msgpack form, found so that it can be refused by its
/// name.
const TREE: [&str; 3] = ["_METADATA", "manifest.ocdbt", "checkpoint"];

/// Files of a step's folder, whose trees lie in folders below, one an item. A tree saved without items has them too.
const STEP: [&str; 2] = ["_CHECKPOINT_METADATA", "orbax.checkpoint"];

/// What Orbax calls a folder until all of it is written: `11.orbax-checkpoint-tmp-1700000000`.
const UNFINISHED: &str = ".orbax-checkpoint-tmp";

/// A checkpoint's folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The folder.
    pub(super) dir: PathBuf,
    /// The folders in it that hold its trees, sorted; none if it is a tree itself.
    pub(super) items: Vec<String>,
}

#[derive(Default)]
struct Search {
    found: Vec<Found>,
    unfinished: Vec<PathBuf>,
}

/// Whether a checkpoint may be among the files with these paths.
pub(crate) fn may_hold_checkpoint<'a>(mut paths: impl Iterator<Item = &'a str>) -> bool {
    let marks = |name: &str| {
        TREE.contains(&name) || STEP.contains(&name) || name.starts_with("ocdbt.process_")
    };
    paths.any(|path| path.split('/').any(marks))
}

/// The one checkpoint at or below `dir`, and the unfinished ones beside it.
pub(super) fn checkpoint(dir: &Path) -> Result<(Found, Vec<PathBuf>), Error> {
    let around = dir.ancestors().find(|folder| is_unfinished(folder));
    if let Some(folder) = around {
        return Err(Error::Unfinished {
            path: folder.to_owned(),
        });
    }
    let mut search = Search::default();
    search.collect(dir, MAX_DEPTH)?;
    let Search {
        mut found,
        unfinished,
    } = search;
    match found.len() {
        0 => match unfinished.into_iter().next() {
            Some(path) => Err(Error::Unfinished { path }),
            None => Err(Error::NoCheckpoint {
                path: dir.to_owned(),
            }),
        },
        1 => Ok((found.remove(0), unfinished)),
        _ => Err(Error::SeveralCheckpoints {
            path: dir.to_owned(),
            choices: found.into_iter().map(|found| found.dir).collect(),
            unfinished,
        }),
    }
}

fn is_unfinished(dir: &Path) -> bool {
    let name = dir.file_name().unwrap_or_default();
    name.to_string_lossy().contains(UNFINISHED)
}

impl Search {
    /// Adds the checkpoints at or below `dir`. Symlinks to folders are not followed: they could lead anywhere, or in circles.
    fn collect(&mut self, dir: &Path, depth: usize) -> Result<(), Error> {
        if is_unfinished(dir) {
            self.unfinished.push(dir.to_owned());
            return Ok(());
        }
        let unreadable = |source| Error::Read {
            path: dir.to_owned(),
            source,
        };
        let mut folders = Vec::new();
        // CheckpointManager calls a step's folder by its number; old versions leave no other mark.
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let mut is_step = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let (mut is_tree, mut is_marked) = (false, false);
        for entry in std::fs::read_dir(dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let is_folder = entry.file_type().map_err(unreadable)?.is_dir();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            is_tree |= match is_folder {
                true => name.starts_with("ocdbt.process_"),
                false => TREE.contains(&&*name),
            };
            is_marked |= !is_folder && STEP.contains(&&*name);
            if is_folder && !name.starts_with('.') {
                folders.push(entry.path());
            }
        }
        let alone = Found {
            dir: dir.to_owned(),
            items: Vec::new(),
        };
        if is_tree {
            self.found.push(alone);
            return Ok(());
        }
        is_step |= is_marked;
        let (found, unfinished) = (self.found.len(), self.unfinished.len());
        if depth > 0 {
            folders.sort();
            for folder in folders {
                self.collect(&folder, depth - 1)?;
            }
        }
        let below = &self.found[found..];
        if is_step && self.unfinished.len() > unfinished {
            // An item is not written yet, so neither is the step.
            self.found.truncate(found);
            self.unfinished.truncate(unfinished);
            self.unfinished.push(dir.to_owned());
        } else if is_step && below.len() > 1 && below.iter().all(|item| item.is_item_of(dir)) {
            let items = self.found.drain(found..).filter_map(|item| {
                let name = item.dir.file_name()?;
                Some(name.to_string_lossy().into_owned())
            });
            let items = items.collect();
            self.found.push(Found { items, ..alone });
        } else if is_marked && below.is_empty() {
            self.found.push(alone);
        }
        Ok(())
    }
}

impl Found {
    fn is_item_of(&self, dir: &Path) -> bool {
        self.items.is_empty() && self.dir.parent() == Some(dir) && self.dir.to_str().is_some()
    }
}
