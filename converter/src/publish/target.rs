//! The place that a folder is written to.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Error, IsOurs, MARK, error::failed, swap};

/// What systems leave in every folder that they show or share.
fn is_litter(name: &str) -> bool {
    const NAMES: [&str; 4] = [".DS_Store", "Thumbs.db", "desktop.ini", ".directory"];
    const STARTS: [&str; 3] = ["._", ".nfs", ".fuse_hidden"];
    NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start))
}

/// Where `target` leads: links stay, and the folder is written where they point to.
///
/// # Errors
/// If a link cannot be followed.
pub(super) fn resolve(target: &Path) -> Result<PathBuf, Error> {
    // Without the slash that shells put behind a link to a folder, which looks behind the link.
    let mut path: PathBuf = target.components().collect();
    // As many as Linux follows.
    for _ in 0..40 {
        if !path.is_symlink() {
            return Ok(path);
        }
        let link = path
            .read_link()
            .map_err(failed(&path, "cannot be followed"))?;
        path = parent(&path).join(link);
    }
    Err(failed(target, "cannot be followed")(io::Error::other(
        "too many links",
    )))
}

/// The folder that `path` lies in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Checks that `target` is free, or holds an older output of ours that `force` allows to replace. `is_ours` says which files
/// that may hold. What a kill left of an older output comes back first.
///
/// # Errors
/// If something is there that may not be replaced.
pub fn check_target(target: &Path, force: bool, is_ours: IsOurs) -> Result<(), Error> {
    let target = &resolve(target)?;
    swap::bring_back(target, is_ours)?;
    let metadata = match fs::symlink_metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(target, "cannot be looked at")(source)),
    };
    let not_ours = |reason: String| Error::NotOurs {
        path: target.to_owned(),
        reason,
    };
    if !metadata.is_dir() {
        return Err(not_ours("it is no folder".to_owned()));
    }
    if fs::metadata(parent(target)).is_ok_and(|parent| parent.dev() != metadata.dev()) {
        return Err(Error::MountPoint {
            path: target.to_owned(),
            inside: target.join("alphagenome-model"),
        });
    }
    let names = names(target)?;
    if names.is_empty() {
        return Ok(());
    }
    if !force {
        return Err(Error::Exists {
            path: target.to_owned(),
        });
    }
    match whose(&names, is_ours) {
        Some(reason) => Err(not_ours(reason)),
        None => Ok(()),
    }
}

/// Why a folder with these files is not ours, if it is not.
pub(super) fn whose(names: &[String], is_ours: IsOurs) -> Option<String> {
    if !names.iter().any(|name| name == MARK) {
        return Some(format!("it has no {MARK}"));
    }
    let other = names.iter().find(|name| !is_ours(name))?;
    Some(format!("it holds {other}"))
}

/// What a folder holds, but for litter.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder, "cannot be listed"))? {
        let entry = entry.map_err(failed(folder, "cannot be listed"))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !is_litter(name));
    Ok(names)
}
