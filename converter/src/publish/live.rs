//! The folders that this process has in the making.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

static LIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The list. While it is held, no folder takes its place.
pub(super) fn hold() -> MutexGuard<'static, Vec<PathBuf>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn forget(folder: &Path) {
    hold().retain(|live| live != folder);
}

/// Removes every folder in the making, and lets none be finished any more: for the end of the process by a signal.
pub fn abandon() {
    let live = hold();
    for folder in live.iter() {
        // Other threads may still add files.
        for _ in 0..3 {
            if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
                break;
            }
        }
    }
    std::mem::forget(live);
}
