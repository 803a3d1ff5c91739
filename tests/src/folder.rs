//! Folders as values: copy one, read one, compare two.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every regular file below `folder`, by its path relative to it.
pub fn files(folder: &Path) -> BTreeMap<PathBuf, PathBuf> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        let entries = fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display()));
        for entry in entries {
            let path = entry.expect("a folder that can be read").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let relative = path.strip_prefix(folder).expect("it was found below");
                found.insert(relative.to_path_buf(), path);
            }
        }
    }
    found
}

/// Copies every file; what was read-only may be written in the copy.
pub fn copy(from: &Path, to: &Path) {
    for (relative, path) in files(from) {
        let target = to.join(relative);
        fs::create_dir_all(target.parent().expect("it has a folder")).expect("a folder");
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        fs::write(&target, bytes).unwrap_or_else(|e| panic!("{}: {e}", target.display()));
    }
}

/// The contents of every file below `folder`; none where there is no such folder.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    if !folder.exists() {
        return BTreeMap::new();
    }
    files(folder)
        .into_iter()
        .map(|(relative, path)| (relative, fs::read(path).expect("a file that can be read")))
        .collect()
}
