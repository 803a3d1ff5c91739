//! The files in `tests/fixtures`.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::folder;

/// How a snapshot lies on disk. The values are the same in all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OCDBT holding zarr v2 arrays, as AlphaGenome's checkpoint.
    Ocdbt,
    /// OCDBT holding sharded zarr v3 arrays.
    OcdbtZarr3,
    /// Plain zarr v2 folders.
    Zarr,
}

impl Form {
    /// All three.
    pub const ALL: [Form; 3] = [Form::Ocdbt, Form::OcdbtZarr3, Form::Zarr];

    /// The fixture's folder.
    pub fn path(self) -> PathBuf {
        let name = match self {
            Form::Ocdbt => "ocdbt",
            Form::OcdbtZarr3 => "ocdbt_zarr3",
            Form::Zarr => "zarr",
        };
        root().join("snapshots").join(name)
    }

    /// A copy that a test may damage.
    pub fn copy(self) -> Snapshot {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let path = temporary.path().join("snapshot");
        folder::copy(&self.path(), &path);
        Snapshot {
            temporary,
            path,
            form: self,
        }
    }
}

/// A snapshot of its own for one test; removed with it.
pub struct Snapshot {
    temporary: TempDir,
    form: Form,
    /// The snapshot's folder.
    pub path: PathBuf,
}

impl Snapshot {
    /// The folder around the snapshot, for outputs.
    pub fn scratch(&self) -> &Path {
        self.temporary.path()
    }

    /// The path of a file in the snapshot.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads, changes and writes one file.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.file(name);
        let mut bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }

    /// Takes back every change of one file.
    pub fn restore(&self, name: &str) {
        let bytes = std::fs::read(self.form.path().join(name)).expect("a file of the fixture");
        std::fs::write(self.file(name), bytes).expect("a file of ours");
    }

    /// Replaces text in one file; it must stand there.
    pub fn replace(&self, name: &str, from: &str, to: &str) {
        self.edit(name, |bytes| {
            let text = String::from_utf8(std::mem::take(bytes)).expect("a text file");
            assert!(text.contains(from), "{name} has no {from:?}: {text}");
            *bytes = text.replace(from, to).into_bytes();
        });
    }
}

/// `tests/fixtures`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The tiny model's track metadata.
pub fn metadata() -> PathBuf {
    root().join("metadata")
}

/// A shipped recording, as `tiny_cpu_f32`.
pub fn recording(name: &str) -> PathBuf {
    root().join("recordings").join(name)
}

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ stands in the repository")
        .to_path_buf()
}
