//! Whether two sides have the same weights: digests of checkpoints, as the converter's ledger states them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What two digests say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Both are known and equal.
    Same,
    /// Both are known, of one kind, and differ: differences of outputs say nothing about arithmetic.
    Different,
    /// One is not known, or they are of different kinds.
    Unknown,
}

impl Weights {
    /// Compares two digests, `ALGORITHM:HEX`.
    pub fn of(a: Option<&str>, b: Option<&str>) -> Self {
        let (Some(a), Some(b)) = (a.and_then(parts), b.and_then(parts)) else {
            return Self::Unknown;
        };
        match (a.0.eq_ignore_ascii_case(b.0), a.1.eq_ignore_ascii_case(b.1)) {
            (false, _) => Self::Unknown,
            (true, true) => Self::Same,
            (true, false) => Self::Different,
        }
    }
}

fn parts(digest: &str) -> Option<(&str, &str)> {
    digest
        .split_once(':')
        .filter(|(algorithm, hex)| !algorithm.is_empty() && !hex.is_empty())
}

/// Why the digest of a converted model could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: no ledger of `convert`: {message}; convert the snapshot again", path.display())]
pub struct LedgerError {
    path: PathBuf,
    message: String,
}

/// The digest of the checkpoint that the model in `dir` was converted from: `source.digest` of its `conversion.json`. It is
/// the same for every form of the checkpoint on disk. `None` where there is no ledger.
///
/// # Errors
/// Where the ledger cannot be read or has no digest.
pub fn checkpoint_digest(dir: &Path) -> Result<Option<String>, LedgerError> {
    #[derive(Deserialize)]
    struct Ledger {
        digest_algorithm: String,
        source: Source,
    }
    #[derive(Deserialize)]
    struct Source {
        digest: String,
    }
    let path = dir.join("conversion.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => {
            let message = e.to_string();
            return Err(LedgerError { path, message });
        }
    };
    match serde_json::from_str::<Ledger>(&text) {
        Ok(ledger) => Ok(Some(format!(
            "{}:{}",
            ledger.digest_algorithm, ledger.source.digest
        ))),
        Err(e) => {
            let message = e.to_string();
            Err(LedgerError { path, message })
        }
    }
}

/// A digest short enough for a line: its first 12 digits.
pub fn short(digest: &str) -> String {
    match parts(digest) {
        Some((algorithm, hex)) => format!("{algorithm}:{}", hex.get(..12).unwrap_or(hex)),
        None => digest.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_one_kind_decide() {
        let of = |a, b| Weights::of(Some(a), Some(b));
        assert_eq!(of("blake3:AB", "blake3:ab"), Weights::Same);
        assert_eq!(of("blake3:ab", "blake3:ac"), Weights::Different);
        assert_eq!(of("blake3:ab", "sha256:ac"), Weights::Unknown);
        assert_eq!(of("ab", "ac"), Weights::Unknown);
        assert_eq!(Weights::of(None, Some("blake3:ab")), Weights::Unknown);
        assert_eq!(short("blake3:0123456789abcdef"), "blake3:0123456789ab");
    }

    #[test]
    fn the_ledger_gives_the_digest_of_its_source() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(checkpoint_digest(folder.path()).unwrap(), None);
        let path = folder.path().join("conversion.json");
        let ledger = r#"{"digest_algorithm": "blake3", "source": {"digest": "0f"}, "output": {"digest": "1f"}}"#;
        std::fs::write(&path, ledger).unwrap();
        let digest = checkpoint_digest(folder.path()).unwrap();
        assert_eq!(digest.as_deref(), Some("blake3:0f"));
        std::fs::write(&path, "{}").unwrap();
        let error = checkpoint_digest(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("conversion.json") && error.contains("digest_algorithm"),
            "{error}"
        );
    }
}
