//! Files that are written whole: a report or a recording's array is there as it was or as it is meant to be.
//!
//! What stands at the path keeps its nature: a link is followed, a device or a pipe is written into, a file keeps its mode,
//! its owner and its other names.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// How long a pipe may be without a reader.
const READER: Duration = Duration::from_secs(10);
/// Links that are followed before they are taken for a circle, as Linux does.
const LINKS: usize = 40;

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written: {reason}", path.display())]
pub struct FileError {
    path: PathBuf,
    reason: io::Error,
}

/// Tries whether files can be written, without a change: before work is done whose result they are to hold.
///
/// # Errors
/// Where one cannot be, or one is named twice.
pub fn check<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), FileError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let found = Target::of(path).and_then(|target| match target {
            Target::File(file, old) => {
                match old {
                    Some(_) => drop(OpenOptions::new().write(true).open(&file)?),
                    None => drop(beside(&file)?),
                }
                Ok(Some(file))
            }
            Target::Stream(_) | Target::Stdout => Ok(None),
        });
        match found.map_err(|reason| error(path, reason))? {
            Some(file) if files.contains(&file) => {
                let twice = "it is named for two reports; give each a file of its own";
                return Err(error(path, io::Error::other(twice)));
            }
            found => files.extend(found),
        }
    }
    Ok(())
}

/// Writes a file: whole, or not at all where it is a regular one.
///
/// # Errors
/// Where it cannot be created, written or renamed.
pub fn write(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), FileError> {
    let into = |file: File| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()?;
        out.into_inner().map_err(io::Error::from)
    };
    let result = Target::of(path).and_then(|target| match target {
        Target::Stdout => into(stdout()?).map(drop),
        Target::Stream(stream) => into(open(stream, READER)?).map(drop),
        Target::File(file, old) => replace(&file, old, into),
    });
    result.map_err(|reason| error(path, reason))
}

fn error(path: &Path, reason: io::Error) -> FileError {
    FileError {
        path: path.into(),
        reason,
    }
}

/// Opens a device or a pipe. A pipe opens when a reader does: for ever is too long to wait for one.
fn open(stream: PathBuf, wait: Duration) -> io::Result<File> {
    let (opened, file) = channel();
    thread::spawn(move || opened.send(OpenOptions::new().write(true).open(stream)));
    file.recv_timeout(wait).unwrap_or_else(|_| {
        let seconds = wait.as_secs();
        Err(io::Error::other(format!(
            "a pipe that nothing has read from for {seconds} s; start the reader first"
        )))
    })
}

/// What stands at a path, links followed.
enum Target {
    /// A regular file, or none yet.
    File(PathBuf, Option<Metadata>),
    /// A device, a pipe or a socket.
    Stream(PathBuf),
    /// What stdout is: a report and a table that go to one file follow each other.
    Stdout,
}

impl Target {
    fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if is_stdout(&found) => Ok(Self::Stdout),
            Ok(found) if found.is_file() => Ok(Self::File(fs::canonicalize(path)?, Some(found))),
            Ok(_) => Ok(Self::Stream(path.into())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::File(new(path)?, None)),
            Err(e) => Err(e),
        }
    }
}

/// Where a file will stand that is not there yet, though links to it may be.
fn new(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file = fs::canonicalize(folder)?.join(name);
        match fs::read_link(&file) {
            Ok(target) => path = file.with_file_name("").join(target),
            Err(_) => return Ok(file),
        }
    }
    Err(io::ErrorKind::InvalidInput.into())
}

fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

fn is_stdout(found: &Metadata) -> bool {
    let same = |stdout: Metadata| (stdout.dev(), stdout.ino()) == (found.dev(), found.ino());
    // Everyone may write into /dev/null at once.
    !found.file_type().is_char_device() && stdout().and_then(|file| file.metadata()).is_ok_and(same)
}

/// A file without a name that others guess, in the folder of `file`.
fn beside(file: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = file.parent().unwrap_or(Path::new("."));
    // The mask of the process is taken off, as for every new file.
    tempfile::Builder::new()
        .prefix(".parity-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

/// Puts another content in the place of a file's. What has several names, or stands where nothing can be created, is written
/// in place.
fn replace(
    file: &Path,
    old: Option<Metadata>,
    write: impl FnOnce(File) -> io::Result<File>,
) -> io::Result<()> {
    let in_place = || OpenOptions::new().write(true).truncate(true).open(file);
    if old.is_some() {
        // A file that may not be written may not be replaced either.
        OpenOptions::new().write(true).open(file)?;
    }
    let part = match (beside(file), &old) {
        (_, Some(old)) if old.nlink() > 1 => return write(in_place()?)?.sync_all(),
        (Err(_), Some(_)) => return write(in_place()?)?.sync_all(),
        (part, _) => part?,
    };
    let written = write(part.as_file().try_clone()?)?;
    if let Some(old) = old {
        let new = written.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            // Only root may give a file away; for others a new owner is what every editor leaves.
            let _ = chown(part.path(), Some(old.uid()), Some(old.gid()));
        }
        written.set_permissions(old.permissions())?;
    }
    written.sync_all()?;
    part.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn put(path: &Path, text: &str) -> Result<(), FileError> {
        check([path])?;
        write(path, |out| out.write_all(text.as_bytes()))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn links_modes_and_other_names_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("target"), "old").unwrap();
        fs::set_permissions(at("target"), Permissions::from_mode(0o640)).unwrap();
        symlink("target", at("link")).unwrap();
        symlink("to-come", at("dangling")).unwrap();
        put(&at("link"), "new").unwrap();
        put(&at("dangling"), "new").unwrap();
        assert_eq!(fs::read_link(at("link")).unwrap(), Path::new("target"));
        for name in ["target", "to-come"] {
            assert_eq!(fs::read_to_string(at(name)).unwrap(), "new", "{name}");
        }
        assert_eq!(mode(&at("target")), 0o640);
        fs::hard_link(at("target"), at("other")).unwrap();
        put(&at("target"), "newer").unwrap();
        assert_eq!(fs::read_to_string(at("other")).unwrap(), "newer");
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 5, "a part was left");
    }

    #[test]
    fn a_new_file_is_as_open_as_every_new_file() {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("plain")).unwrap();
        put(&folder.path().join("ours"), "").unwrap();
        assert_eq!(
            mode(&folder.path().join("ours")),
            mode(&folder.path().join("plain"))
        );
    }

    #[test]
    fn a_device_stays_one_and_says_that_it_is_full() {
        put(Path::new("/dev/null"), "x").unwrap();
        let error = put(Path::new("/dev/full"), "x").unwrap_err().to_string();
        assert!(
            error.starts_with("/dev/full: cannot be written: No space left"),
            "{error}"
        );
        for device in ["/dev/null", "/dev/full"] {
            assert!(fs::metadata(device).unwrap().file_type().is_char_device());
        }
    }

    #[test]
    fn a_pipe_is_written_into_and_needs_a_reader() {
        let folder = tempfile::tempdir().unwrap();
        let [alone, pipe] = ["alone", "pipe"].map(|name| folder.path().join(name));
        let mut mkfifo = std::process::Command::new("mkfifo");
        assert!(mkfifo.args([&alone, &pipe]).status().unwrap().success());
        let alone = open(alone, Duration::from_millis(50)).unwrap_err();
        assert!(alone.to_string().contains("start the reader"), "{alone}");
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        put(&pipe, "all of it").unwrap();
        assert_eq!(reader.join().unwrap(), "all of it");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    }

    #[test]
    fn what_cannot_be_written_is_told_before_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        for (paths, expected) in [
            (vec![folder.path().to_owned()], "directory"),
            (vec![folder.path().join("none/file")], "No such file"),
            (
                vec![file.clone(), folder.path().join("./file")],
                "two reports",
            ),
        ] {
            let error = check(paths.iter().map(PathBuf::as_path))
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
        fs::write(&file, "old").unwrap();
        let failed = write(&file, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert!(
            failed
                .unwrap_err()
                .to_string()
                .ends_with("file: cannot be written: no more")
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
