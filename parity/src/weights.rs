//! Whether two sides have the same weights: digests of checkpoints, as the converter's ledger states them.

use std::collections::BTreeMap;
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
#[error("{}: no ledger of `convert`, or not what it describes: {message}; convert the snapshot again", path.display())]
pub struct LedgerError {
    path: PathBuf,
    message: String,
}

impl LedgerError {
    fn new(path: &Path, cause: impl std::fmt::Display) -> Self {
        Self {
            path: path.into(),
            message: cause.to_string(),
        }
    }
}

/// What is read of the ledger that `convert` writes, `conversion.json`.
#[derive(Deserialize)]
pub(crate) struct Ledger {
    pub(crate) digest_algorithm: String,
    source: Source,
    /// By name.
    #[serde(default)]
    pub(crate) tensors: BTreeMap<String, Written>,
}

#[derive(Deserialize)]
struct Source {
    digest: String,
}

/// A tensor that was written.
#[derive(Deserialize)]
pub(crate) struct Written {
    file: String,
    #[serde(default)]
    pub(crate) dtype: String,
    pub(crate) digest: String,
}

impl Ledger {
    /// That of the model in `dir`; nothing where there is none.
    ///
    /// # Errors
    /// Where it cannot be read or has no digest.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, LedgerError> {
        let path = dir.join("conversion.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(LedgerError::new(&path, e)),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|e| LedgerError::new(&path, e))
    }

    /// Whether tensors can be held to it; a ledger of another program's says nothing of them.
    pub(crate) fn tells_of_tensors(&self) -> bool {
        self.digest_algorithm == "blake3" && !self.tensors.is_empty()
    }
}

/// The digest of the checkpoint that the model in `dir` was converted from: `source.digest` of its `conversion.json`. It is
/// the same for every form of the checkpoint on disk. `None` where there is no ledger.
///
/// # Errors
/// Where the ledger cannot be read or has no digest.
pub fn checkpoint_digest(dir: &Path) -> Result<Option<String>, LedgerError> {
    let ledger = Ledger::read(dir)?;
    Ok(ledger.map(|ledger| format!("{}:{}", ledger.digest_algorithm, ledger.source.digest)))
}

/// The tensors of the model in `dir` whose bytes are not those that its ledger says were written: read and hashed now, all
/// of them, on every processor. `None` where there is no ledger.
///
/// # Errors
/// Where the ledger or a file of tensors cannot be read.
#[cfg(feature = "burn")]
pub fn changed_tensors(dir: &Path) -> Result<Option<Vec<String>>, LedgerError> {
    use rayon::prelude::*;
    use std::collections::BTreeSet;

    let Some(ledger) = Ledger::read(dir)?.filter(Ledger::tells_of_tensors) else {
        return Ok(None);
    };
    let files: BTreeSet<&String> = ledger
        .tensors
        .values()
        .map(|written| &written.file)
        .collect();
    let mut stored = BTreeMap::new();
    for name in files {
        let path = dir.join(name);
        let header = header(&path).map_err(|e| LedgerError::new(&path, e))?;
        stored.extend(
            header
                .into_iter()
                .map(|(tensor, range)| (tensor, (path.clone(), range))),
        );
    }
    let differs = |(name, written): (&String, &Written)| -> Result<Option<String>, LedgerError> {
        let Some((path, range)) = stored.get(name) else {
            return Ok(Some(name.clone()));
        };
        let found = digest(path, range.clone()).map_err(|e| LedgerError::new(path, e))?;
        Ok((found != written.digest).then(|| name.clone()))
    };
    let tensors: Vec<_> = ledger.tensors.iter().collect();
    let changed = tensors
        .into_par_iter()
        .map(differs)
        .collect::<Result<Vec<_>, _>>()?;
    let unknown = stored
        .keys()
        .filter(|name| !ledger.tensors.contains_key(*name));
    Ok(Some(
        changed
            .into_iter()
            .flatten()
            .chain(unknown.cloned())
            .collect(),
    ))
}

/// The tensors of a safetensors file and where their bytes lie in it.
#[cfg(feature = "burn")]
fn header(path: &Path) -> std::io::Result<Vec<(String, std::ops::Range<u64>)>> {
    use std::io::Read;

    let mut file = std::fs::File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let json = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    (&mut file).take(json).read_to_end(&mut bytes)?;
    let metadata: safetensors::tensor::Metadata = serde_json::from_slice(&bytes)?;
    let start = json + length.len() as u64;
    let place = |info: &safetensors::tensor::TensorInfo| {
        let (from, to) = info.data_offsets;
        start + from as u64..start + to as u64
    };
    let tensors = metadata.tensors();
    Ok(tensors
        .iter()
        .map(|(name, info)| (name.clone(), place(info)))
        .collect())
}

#[cfg(feature = "burn")]
fn digest(path: &Path, range: std::ops::Range<u64>) -> std::io::Result<String> {
    use std::io::{Read, Seek, SeekFrom};

    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let length = range.end - range.start;
    let mut hasher = blake3::Hasher::new();
    let copied = std::io::copy(&mut file.take(length), &mut hasher)?;
    if copied < length {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(hasher.finalize().to_hex().to_string())
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

    #[cfg(feature = "burn")]
    #[test]
    fn tensors_that_were_changed_after_conversion_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |a: f32| {
            let bytes = [a, 2.0, 3.0].map(f32::to_le_bytes).concat();
            let header = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;
            let mut file = (header.len() as u64).to_le_bytes().to_vec();
            file.extend(header.bytes());
            file.extend(&bytes);
            std::fs::write(folder.path().join("model.safetensors"), file).unwrap();
            bytes
        };
        let bytes = write(1.0);
        assert_eq!(changed_tensors(folder.path()).unwrap(), None);
        let hash = |range: std::ops::Range<usize>| blake3::hash(&bytes[range]).to_hex().to_string();
        let ledger = serde_json::json!({"digest_algorithm": "blake3", "source": {"digest": "0f"}, "tensors": {
            "a": {"file": "model.safetensors", "digest": hash(0..8)},
            "b": {"file": "model.safetensors", "digest": hash(8..12)},
        }});
        std::fs::write(folder.path().join("conversion.json"), ledger.to_string()).unwrap();
        assert_eq!(changed_tensors(folder.path()).unwrap(), Some(Vec::new()));
        write(1.5);
        assert_eq!(
            changed_tensors(folder.path()).unwrap(),
            Some(vec!["a".into()])
        );
        std::fs::write(folder.path().join("model.safetensors"), [9; 9]).unwrap();
        let error = changed_tensors(folder.path()).unwrap_err().to_string();
        assert!(error.contains("model.safetensors"), "{error}");
    }
}
