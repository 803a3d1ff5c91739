//! Why bounds could not be read.

/// Why bounds could not be read.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the message of each variant says what its fields hold"
)]
pub enum ThresholdsError {
    #[error("{path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
    #[error("{path}: the thresholds cannot be read: {message}")]
    Parse { path: String, message: String },
    #[error("{path}: rule {index}: {message}")]
    Rule {
        path: String,
        index: usize,
        message: String,
    },
    #[error("no profile {name}; there are {known}, or give a file with --thresholds")]
    NoProfile { name: String, known: String },
}
