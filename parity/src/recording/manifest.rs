//! `manifest.json`: what made a recording, and what it holds. The format is described in `docs/recordings.md`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{DType, RecordingError};

/// The format that this program writes, and the newest that it reads.
pub const FORMAT: u64 = 1;

/// The manifest of a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the format.
    pub format: u64,
    /// What ran the model: `jax`, `burn`, `torch`, ...
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub framework: String,
    /// JAX's version; other frameworks use `versions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jax: Option<String>,
    /// Versions of everything that matters, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// `cpu`, `gpu`, `tpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The device by its maker's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The type that the model computed in.
    pub compute_dtype: DType,
    /// Precision of matrix products, in the framework's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matmul_precision: Option<String>,
    /// Compiler flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xla_flags: Option<String>,
    /// A name for the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// A digest of the weights, `blake3:...` or `sha256:...`, of `conversion.json`'s kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_digest: Option<String>,
    /// True where intermediates were recorded.
    #[serde(default)]
    pub taps: bool,
    /// The cases.
    pub cases: Vec<CaseEntry>,
    /// Whatever else stands in the manifest.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// One case of a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CaseEntry {
    /// The case's name, unique in the recording.
    pub name: String,
    /// The archive beside the manifest.
    pub file: String,
    /// Base pairs.
    pub sequence_length: usize,
    /// 0 human, 1 mouse.
    pub organism_index: usize,
    /// The outputs, by name.
    pub outputs: BTreeMap<String, OutputEntry>,
    /// Which allele of which variant the sequence carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// Whatever else stands there.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// A case's part in a pair of reference and alternative allele.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Names the pair: both cases have the same.
    pub id: String,
    /// `ref` or `alt`.
    pub allele: Allele,
}

impl Variant {
    /// The variant that a case's name tells: `chr1_100_ref` and `chr1_100_alt` are a pair.
    pub fn of_name(name: &str) -> Option<Self> {
        let (id, allele) = name.rsplit_once('_')?;
        let allele = match allele.to_ascii_lowercase().as_str() {
            "ref" => Allele::Ref,
            "alt" => Allele::Alt,
            _ => return None,
        };
        Some(Self {
            id: id.into(),
            allele,
        })
    }
}

/// Which of the two sequences of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Allele {
    /// The reference allele.
    Ref,
    /// The alternative allele.
    Alt,
}

/// One output of a case, before sampling.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputEntry {
    /// The full shape, batch first.
    pub shape: Vec<usize>,
    /// The type the framework gave it.
    pub dtype: DType,
    /// True where no value is NaN or infinite.
    #[serde(default = "yes")]
    pub all_finite: bool,
    /// Mean of the finite values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Standard deviation of the finite values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
}

fn yes() -> bool {
    true
}

impl Manifest {
    /// Parses and checks the text of a manifest; `path` is only named in errors.
    ///
    /// # Errors
    /// Where it is no JSON, of a format not known, or contradicts itself.
    pub fn parse(text: &str, path: &Path) -> Result<Self, RecordingError> {
        #[derive(Deserialize)]
        struct Version {
            format: u64,
        }
        let fault = |source| RecordingError::Manifest {
            path: path.into(),
            source,
        };
        let version: Version = serde_json::from_str(text).map_err(fault)?;
        if version.format != FORMAT {
            return Err(RecordingError::Format {
                path: path.into(),
                found: version.format,
            });
        }
        let manifest: Self = serde_json::from_str(text).map_err(fault)?;
        manifest.check(path)?;
        Ok(manifest)
    }

    fn check(&self, path: &Path) -> Result<(), RecordingError> {
        let bad = |message: String| Err(RecordingError::invalid(path, message));
        if !self.compute_dtype.is_float() {
            return bad(format!(
                "compute_dtype {} is no floating type",
                self.compute_dtype
            ));
        }
        if self.cases.is_empty() {
            return bad("it has no cases".into());
        }
        let mut seen = std::collections::BTreeSet::new();
        for case in &self.cases {
            if !seen.insert(&case.name) {
                return bad(format!("two cases are named {}", case.name));
            }
            let plain = Path::new(&case.file).file_name().and_then(|n| n.to_str());
            if plain != Some(case.file.as_str()) {
                return bad(format!(
                    "case {}: file {:?} is no plain file name beside the manifest",
                    case.name, case.file
                ));
            }
            for (name, output) in &case.outputs {
                let cells = output
                    .shape
                    .iter()
                    .try_fold(1usize, |n, &d| n.checked_mul(d));
                if cells.is_none_or(|n| n > isize::MAX as usize / 8) {
                    return bad(format!(
                        "case {}: output {name}: shape {:?} is too large",
                        case.name, output.shape
                    ));
                }
            }
        }
        Ok(())
    }

    /// Versions of everything that matters, by name.
    pub fn all_versions(&self) -> Vec<String> {
        let jax = self.jax.iter().map(|version| format!("jax {version}"));
        let others = self.versions.iter().map(|(name, v)| format!("{name} {v}"));
        jax.chain(others).collect()
    }

    /// One line on what made the recording.
    pub fn made_by(&self) -> String {
        let mut parts = vec![self.framework.clone()];
        parts.extend(self.jax.clone());
        parts.extend(self.versions.iter().map(|(k, v)| format!("{k} {v}")));
        let platform = self.platform.as_deref().unwrap_or("");
        match self.device.as_deref() {
            Some(device) if device != platform => parts.push(format!("{platform} ({device})")),
            _ => parts.push(platform.to_string()),
        }
        parts.push(self.compute_dtype.to_string());
        if let Some(precision) = self.matmul_precision.as_deref().filter(|p| *p != "default") {
            parts.push(format!("products: {precision}"));
        }
        parts.extend(self.xla_flags.clone());
        parts.retain(|part| !part.is_empty());
        parts.join(", ")
    }
}
