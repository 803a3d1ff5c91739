use std::fmt;

/// How a checkpoint keeps its arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// In an OCDBT database at the top, which refers to those of the processes.
    Ocdbt,
    /// In the OCDBT databases of the processes. The one at the top is missing: the save was not finished.
    OcdbtProcesses,
    /// Every array in a folder of its own.
    Folders,
}

/// The version of the zarr format that an array is stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZarrVersion {
    /// `.zarray`.
    V2,
    /// `zarr.json`.
    V3,
}

/// How a checkpoint is stored.
///
/// # Examples
///
/// ```
/// use orbax::{Layout, Storage, ZarrVersion};
///
/// let layout = Layout { storage: Storage::Folders, zarr: Some(ZarrVersion::V2), processes: Vec::new() };
/// assert_eq!(layout.to_string(), "zarr v2 in plain folders");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Where the arrays are.
    pub storage: Storage,
    /// The arrays' format; `None` if there is no array, or they differ.
    pub zarr: Option<ZarrVersion>,
    /// The folders of the processes that wrote the checkpoint, sorted: `ocdbt.process_0`, ...
    pub processes: Vec<String>,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.zarr {
            Some(ZarrVersion::V2) => "zarr v2",
            Some(ZarrVersion::V3) => "zarr v3",
            None => "zarr",
        })?;
        match self.storage {
            Storage::Folders => f.write_str(" in plain folders"),
            Storage::Ocdbt => write!(f, " in OCDBT, {} process folder(s)", self.processes.len()),
            Storage::OcdbtProcesses => write!(
                f,
                " in OCDBT, {} process folder(s), top manifest missing",
                self.processes.len()
            ),
        }
    }
}
