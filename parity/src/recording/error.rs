//! What can be wrong with a recording.

use std::path::PathBuf;

/// Why a recording could not be read or written. Every message says which file, which array, what was expected and found.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the message of each variant says what its fields hold"
)]
pub enum RecordingError {
    #[error(transparent)]
    File(#[from] crate::file::FileError),
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{}: no such recording; expected a folder with a manifest.json, or a folder of such folders",
        path.display()
    )]
    NoRecording { path: PathBuf },
    #[error("{}: the manifest cannot be read: {source}", path.display())]
    Manifest {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error(
        "{}: recording format {found} is not known; this program reads format 1 (a newer program is needed)",
        path.display()
    )]
    Format { path: PathBuf, found: u64 },
    #[error("{}: {message}", path.display())]
    Invalid { path: PathBuf, message: String },
    #[error("{}: array {array}: {message}", path.display())]
    Array {
        path: PathBuf,
        array: String,
        message: String,
    },
    #[error("{}: no case {case}; the recording has {known}", path.display())]
    NoCase {
        path: PathBuf,
        case: String,
        known: String,
    },
}

impl RecordingError {
    /// An input or output error with the file it happened on.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    /// A fault of one array.
    pub fn array(
        path: impl Into<PathBuf>,
        array: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::Array {
            path: path.into(),
            array: array.into(),
            message: message.into(),
        }
    }

    /// A fault of a file as a whole.
    pub fn invalid(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.into(),
            message: message.into(),
        }
    }
}
