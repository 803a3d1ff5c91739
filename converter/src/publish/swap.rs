//! Putting a folder in another one's place.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Error, IsOurs, error::failed, target};
use crate::owner;

/// An exchange of two names in one step.
pub(super) type Exchange = fn(&Path, &Path) -> rustix::io::Result<()>;

/// The system's exchange, which not every file system has.
pub(super) fn exchange(a: &Path, b: &Path) -> rustix::io::Result<()> {
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)
}

/// How the name of a folder starts that stepped aside.
fn aside_prefix(old: &Path) -> String {
    let name = old.file_name().unwrap_or_default();
    format!(".{}.old", name.to_string_lossy())
}

/// Gives `new` the name of `old`, and tells where the older folder is then. Where the file system exchanges no names (NFS), the
/// older folder steps aside first: a kill in between leaves it there, and [`bring_back`] finds it.
pub(super) fn replace(new: &Path, old: &Path, exchange: Exchange) -> Result<PathBuf, Error> {
    use rustix::io::Errno;
    match exchange(new, old) {
        Ok(()) => return Ok(new.to_owned()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        Err(errno) => return Err(failed(old, "cannot be replaced")(errno.into())),
    }
    let aside = old.with_file_name(format!("{}-{}", aside_prefix(old), owner::mark()));
    fs::rename(old, &aside).map_err(failed(old, "cannot step aside"))?;
    let Err(source) = fs::rename(new, old) else {
        return Ok(aside);
    };
    match fs::rename(&aside, old) {
        Ok(()) => Err(failed(old, "cannot be replaced")(source)),
        Err(_) => Err(Error::Aside {
            path: old.to_owned(),
            aside,
            source,
        }),
    }
}

/// Ends what a kill during [`replace`] left: an older folder that stepped aside for a process which has ended gets its name
/// back, or goes if another one has the name. Folders of processes at work, and those that bear no mark of ours, stay.
pub(super) fn bring_back(target: &Path, is_ours: IsOurs) -> Result<(), Error> {
    let prefix = format!("{}-", aside_prefix(target));
    let mut asides = Vec::new();
    // A parent that is not there, or may not be listed, shows when it is written to.
    for entry in target::parent(target)
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let mark = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        let holds = || target::names(&entry.path()).ok();
        if mark.is_some_and(owner::is_gone)
            && holds().is_some_and(|names| target::whose(&names, is_ours).is_none())
        {
            let changed = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .ok();
            asides.push((changed, entry.path()));
        }
    }
    asides.sort();
    let Some((_, newest)) = asides.last() else {
        return Ok(());
    };
    if !target.exists() {
        match fs::rename(newest, target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::Aside {
                    path: target.to_owned(),
                    aside: newest.clone(),
                    source: error,
                });
            }
            _ => {}
        }
    }
    for (_, aside) in asides {
        let _ = fs::remove_dir_all(aside);
    }
    Ok(())
}
