//! A repo's folder in the Hub's cache.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::Error;

/// A commit and a newline; what is longer is no ref.
const MAX_REF_BYTES: u64 = 256;

/// `models--org--name`, with `refs`, `snapshots` and `blobs`.
#[derive(Debug)]
pub(super) struct Repo {
    /// The folder.
    pub(super) dir: PathBuf,
    /// `org/name`, if the folder is called as the cache calls it.
    pub(super) id: Option<String>,
}

impl Repo {
    /// The repo whose cache folder `dir` is, if it is one.
    pub(super) fn open(dir: &Path) -> Result<Option<Self>, Error> {
        let named = id(dir).is_some();
        let laid_out = dir.join("snapshots").is_dir() && (named || dir.join("refs").is_dir());
        if named && !laid_out {
            return Err(Error::UnknownRevision {
                path: dir.to_owned(),
                why: "the cache has no snapshot of this model".to_owned(),
                choices: Vec::new(),
            });
        }
        Ok(laid_out.then(|| Self {
            dir: dir.to_owned(),
            id: id(dir),
        }))
    }

    /// The repo in whose cache folder the snapshot `dir`, or a folder of it, lies, and its commit.
    pub(super) fn around(dir: &Path) -> Option<(Self, String)> {
        dir.ancestors().find_map(|snapshot| {
            let snapshots = snapshot
                .parent()
                .filter(|parent| parent.file_name() == Some(OsStr::new("snapshots")))?;
            let repo = snapshots
                .parent()
                .filter(|repo| id(repo).is_some() || repo.join("blobs").is_dir())?;
            let commit = snapshot.file_name()?.to_str()?.to_owned();
            Some((
                Self {
                    dir: repo.to_owned(),
                    id: id(repo),
                },
                commit,
            ))
        })
    }

    /// The folder of a commit's snapshot.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.dir.join("snapshots").join(commit)
    }

    /// The commit that `revision` means; it has a snapshot.
    pub(super) fn commit(&self, revision: Option<&str>) -> Result<String, Error> {
        let commits = self.commits()?;
        let name = revision.unwrap_or("main");
        if let Some(commit) = self.read_ref(name)? {
            if commits.contains(&commit) {
                return Ok(commit);
            }
            return Err(self.unknown(
                &commits,
                format!("{name} is commit {commit}, which is not downloaded"),
            ));
        }
        let Some(revision) = revision else {
            return match commits.as_slice() {
                [only] => Ok(only.clone()),
                [] => Err(self.unknown(&commits, "there is no snapshot".to_owned())),
                _ => Err(self.ambiguous(&commits, "several snapshots and no refs/main".to_owned())),
            };
        };
        if commits.iter().any(|commit| commit == revision) {
            return Ok(revision.to_owned());
        }
        let starting: Vec<String> = commits
            .iter()
            .filter(|commit| !revision.is_empty() && commit.starts_with(revision))
            .cloned()
            .collect();
        match starting.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(self.unknown(
                &commits,
                format!("no ref and no commit is called {revision:?}"),
            )),
            _ => Err(self.ambiguous(&starting, format!("several commits start with {revision}"))),
        }
    }

    /// The commits that have a snapshot, sorted.
    fn commits(&self) -> Result<Vec<String>, Error> {
        let mut commits = folders(&self.dir.join("snapshots"))?
            .into_iter()
            .filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned()))
            .filter(|name| is_commit(name))
            .collect::<Vec<_>>();
        commits.sort();
        Ok(commits)
    }

    /// The commit that a ref holds, if there is such a ref.
    fn read_ref(&self, name: &str) -> Result<Option<String>, Error> {
        // A revision comes from the command line; as a path it must stay within refs/.
        if name.is_empty()
            || !Path::new(name)
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
        {
            return Ok(None);
        }
        let path = self.dir.join("refs").join(name);
        let unreadable = |source| Error::Read {
            path: path.clone(),
            source,
        };
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => return Ok(None),
            Ok(metadata) if metadata.len() > MAX_REF_BYTES => {
                return Err(Error::BadRef {
                    path,
                    found: format!("{} bytes", metadata.len()),
                });
            }
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        }
        let bytes = std::fs::read(&path).map_err(unreadable)?;
        let text = String::from_utf8_lossy(&bytes);
        let commit = text.trim();
        if is_commit(commit) {
            Ok(Some(commit.to_owned()))
        } else {
            Err(Error::BadRef {
                path,
                found: commit.to_owned(),
            })
        }
    }

    fn unknown(&self, commits: &[String], why: String) -> Error {
        Error::UnknownRevision {
            path: self.dir.clone(),
            why,
            choices: self.choices(commits),
        }
    }

    fn ambiguous(&self, commits: &[String], why: String) -> Error {
        Error::AmbiguousRevision {
            path: self.dir.clone(),
            why,
            choices: self.choices(commits),
        }
    }

    /// The commits for a person to choose from, each with the refs that name it.
    fn choices(&self, commits: &[String]) -> Vec<String> {
        let mut refs = Vec::new();
        // A folder of refs that cannot be read costs only the names in this message.
        collect_refs(&self.dir.join("refs"), "", &mut refs);
        refs.sort();
        let named = |commit: &String| {
            let names: Vec<&str> = refs
                .iter()
                .filter(|name| matches!(self.read_ref(name), Ok(Some(held)) if held == *commit))
                .map(String::as_str)
                .collect();
            if names.is_empty() {
                commit.clone()
            } else {
                format!("{commit} ({})", names.join(", "))
            }
        };
        commits.iter().map(named).collect()
    }
}

fn collect_refs(dir: &Path, prefix: &str, refs: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let name = format!("{prefix}{name}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect_refs(&entry.path(), &format!("{name}/"), refs),
            Ok(kind) if kind.is_file() => refs.push(name),
            _ => {}
        }
    }
}

/// The folders of models in the Hub's cache `dir`, sorted; none if it is no such cache.
pub(super) fn repos(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut repos: Vec<PathBuf> = folders(dir)?
        .into_iter()
        .filter(|folder| id(folder).is_some() && folder.join("snapshots").is_dir())
        .collect();
    repos.sort();
    Ok(repos)
}

/// The folders in `dir`, symlinks to folders included.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Read {
        path: dir.to_owned(),
        source,
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    Ok(folders)
}

/// `org/name` of a folder called `models--org--name`.
fn id(dir: &Path) -> Option<String> {
    let name = dir.file_name()?.to_str()?.strip_prefix("models--")?;
    Some(name.replacen("--", "/", 1))
}

/// Whether a name can be a commit and is safe as the name of a folder.
fn is_commit(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
