//! Which recordings belong to a model, and which arithmetic a recording was made with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use model::{Arithmetic, Config};

use super::fit::{Model, misfit};
use super::guide::{RECORDINGS_VARIABLE, first_steps, recording_steps};
use crate::recording::{DType, Recording};
use crate::weights::checkpoint_digest;

/// Where the recordings that are shipped lie in the repository.
const SHIPPED: &str = "tests/fixtures/recordings";

/// What was chosen, and what to tell about it.
#[derive(Debug)]
pub struct Chosen {
    /// The recordings, in order.
    pub recordings: Vec<Recording>,
    /// One line on where they are from.
    pub source: String,
    /// Recordings that are others again, and count once: a line each.
    pub repeated: Vec<String>,
}

/// What a recording has to be like.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The folder that `convert` wrote.
    pub model: &'a Path,
    /// Recordings or folders of recordings that were named.
    pub named: &'a [PathBuf],
    /// The compute dtype asked for.
    pub dtype: Option<DType>,
    /// Recordings of sequence patterns instead of the others.
    pub suite: bool,
    /// Cases that were named; a recording without any of them is left out.
    pub cases: &'a [String],
}

/// The recordings that belong to the model and fit the wish: those that were named, else those of
/// [`RECORDINGS_VARIABLE`], else those shipped.
///
/// # Errors
/// Where there is no model, or no recording fits; says what to run first.
pub fn choose(wish: &Wish<'_>) -> Result<Chosen> {
    let config_path = wish.model.join("config.json");
    if !config_path.is_file() {
        bail!("{}", first_steps(wish.model));
    }
    let text =
        std::fs::read_to_string(&config_path).with_context(|| config_path.display().to_string())?;
    let config = Config::parse(&text).with_context(|| config_path.display().to_string())?;
    let named = std::env::var_os(RECORDINGS_VARIABLE).filter(|value| !value.is_empty());
    let digest = checkpoint_digest(wish.model)?;
    let model = Model { config, digest };
    let (paths, source, single) = match (wish.named, named) {
        ([], Some(path)) => (vec![PathBuf::from(path)], RECORDINGS_VARIABLE, false),
        ([], None) => (shipped(), "shipped with the repository", false),
        (named, _) => (named.to_vec(), "--recording", true),
    };
    let (mut recordings, mut refused) = (Vec::<Recording>::new(), Vec::new());
    let mut repeated = Vec::new();
    for path in &paths {
        // One recording that was named by itself is wanted whatever its dtype; of a folder, those that fit.
        let exact = single && path.join("manifest.json").is_file();
        let found = Recording::discover(path).with_context(|| format!("recordings ({source})"))?;
        for recording in found {
            match misfit(&recording, &model, wish, exact) {
                None => match copied(&recordings, &recording)? {
                    Some(first) => repeated.push(format!(
                        "{} is {first} again, and counts once",
                        recording.path.display()
                    )),
                    None => recordings.push(recording),
                },
                Some(why) if exact => bail!("{}: {why}", recording.path.display()),
                Some(why) => refused.push(format!("  {}: {why}", recording.path.display())),
            }
        }
    }
    if recordings.is_empty() {
        bail!(
            "no recording belongs to the model in {}{}{}\n\n{}",
            wish.model.display(),
            if refused.is_empty() { "" } else { ":\n" },
            refused.join("\n"),
            recording_steps()
        );
    }
    Ok(Chosen {
        recordings,
        source: source.into(),
        repeated,
    })
}

/// The recording among `known` that is the same.
fn copied(known: &[Recording], recording: &Recording) -> Result<Option<String>> {
    for first in known {
        if recording.is_copy_of(first)? {
            return Ok(Some(first.path.display().to_string()));
        }
    }
    Ok(None)
}

/// The arithmetic that a recording's values came from.
///
/// # Errors
/// Where the model has no such arithmetic.
pub fn arithmetic_for(recording: &Recording) -> Result<Arithmetic> {
    let manifest = &recording.manifest;
    // A recording of this toolkit's model says it.
    let named = manifest
        .more
        .get("arithmetic")
        .and_then(|name| name.as_str());
    if let Some(arithmetic) = named.and_then(|name| name.parse().ok()) {
        return Ok(arithmetic);
    }
    let gpu = matches!(manifest.platform.as_deref(), Some("gpu" | "cuda" | "rocm"));
    match manifest.compute_dtype {
        DType::Float32 | DType::Float64 => {}
        DType::Bfloat16 => {
            let strict = manifest
                .xla_flags
                .as_deref()
                .is_some_and(|flags| flags.contains("xla_allow_excess_precision=false"));
            return Ok(match (gpu, strict) {
                (true, false) => Arithmetic::XlaGpuBf16,
                (true, true) => Arithmetic::XlaGpuBf16Strict,
                (false, _) => Arithmetic::XlaCpuBf16,
            });
        }
        dtype => bail!(
            "{}: recorded in {dtype}, and the model computes in float32 and bfloat16 only; name an arithmetic with --arithmetic to compare all the same",
            recording.path.display(),
        ),
    }
    // XLA rounds the operands of the attention products on a GPU only; a recording that did so on the CPU says it.
    let rounded = manifest
        .matmul_precision
        .as_deref()
        .is_some_and(|text| text.contains("rounded to bfloat16"));
    // What JAX multiplies in on a GPU unless told otherwise. Other frameworks' defaults are their own.
    let default =
        manifest.framework == "jax" && manifest.matmul_precision.as_deref() == Some("default");
    Ok(if gpu && default {
        Arithmetic::XlaGpuTf32
    } else if gpu || rounded {
        Arithmetic::XlaGpuF32
    } else {
        Arithmetic::XlaCpuF32
    })
}

/// The shipped recording folder, from where the program runs or from where it was built.
fn shipped() -> Vec<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(SHIPPED);
    [PathBuf::from(SHIPPED), built]
        .into_iter()
        .find(|path| path.is_dir())
        .map(|path| match path.is_absolute() {
            true => path.canonicalize().unwrap_or(path),
            false => path,
        })
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::recording::{CaseEntry, Manifest, RecordingWriter};

    const CONFIG: &str = r#"{
        "format": "alphagenome-burn", "format_version": 1, "dtype": "float32", "num_organisms": 2,
        "organisms": ["human", "mouse"], "folds": { "standardized_conv1d": false, "rms_batch_norm": false },
        "encoder": { "stem_width": 15, "conv_width": 5, "channels": [8, 8, 8, 8, 8, 8, 8] },
        "tower": { "layers": 1, "channels": 8, "heads": 1, "head_width": 8, "value_width": 8, "mlp_hidden": 8,
            "max_position": 8192, "soft_cap": 5.0 },
        "pair": { "every": 2, "pool": 16, "channels": 8, "heads": 1, "head_width": 8, "position_features": 64,
            "row_width": 8, "mlp_hidden": 8 },
        "decoder": { "channels": [8, 8, 8, 8, 8, 8, 8] },
        "embedders": { "embeddings_1bp": 16, "embeddings_128bp": 16, "embeddings_pair": 8 },
        "heads": {}
    }"#;

    fn record(folder: &Path, digest: Option<&str>) {
        let text = r#"{"format": 1, "framework": "test", "compute_dtype": "float32", "cases":
            [{"name": "x", "file": "x.npz", "sequence_length": 1, "organism_index": 0, "outputs": {}}]}"#;
        let mut manifest = Manifest::parse(text, Path::new("manifest.json")).unwrap();
        manifest.checkpoint_digest = digest.map(Into::into);
        let mut writer = RecordingWriter::create(folder, manifest).unwrap();
        let case = CaseEntry {
            name: "x".into(),
            file: "x.npz".into(),
            sequence_length: 1,
            organism_index: 0,
            outputs: BTreeMap::new(),
            variant: None,
            more: BTreeMap::new(),
        };
        writer.case(case, &[0], &BTreeMap::new()).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn the_arithmetic_follows_from_what_made_a_recording() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), None);
        let mut recording = Recording::open(folder.path()).unwrap();
        for (framework, platform, precision, expected) in [
            ("jax", "cpu", Some("default"), Arithmetic::XlaCpuF32),
            ("jax", "gpu", Some("highest"), Arithmetic::XlaGpuF32),
            ("jax", "gpu", Some("default"), Arithmetic::XlaGpuTf32),
            ("torch", "gpu", Some("default"), Arithmetic::XlaGpuF32),
            ("jax", "gpu", None, Arithmetic::XlaGpuF32),
        ] {
            recording.manifest.framework = framework.into();
            recording.manifest.platform = Some(platform.into());
            recording.manifest.matmul_precision = precision.map(Into::into);
            let found = arithmetic_for(&recording).unwrap();
            assert_eq!(found, expected, "{framework} {platform} {precision:?}");
        }
    }

    #[test]
    fn recordings_of_other_weights_do_not_belong_to_a_model() {
        let folder = tempfile::tempdir().unwrap();
        let (model, recordings) = (
            folder.path().join("model"),
            folder.path().join("recordings"),
        );
        std::fs::create_dir(&model).unwrap();
        std::fs::write(model.join("config.json"), CONFIG).unwrap();
        for (name, digest) in [
            ("other", Some("blake3:bb")),
            ("same", Some("blake3:aa")),
            ("unknown", None),
        ] {
            record(&recordings.join(name), digest);
        }
        let choice = |named: &Path| {
            choose(&Wish {
                model: &model,
                named: &[named.into()],
                dtype: None,
                suite: false,
                cases: &[],
            })
        };
        let names = |chosen: Chosen| -> Vec<String> {
            chosen.recordings.iter().map(Recording::name).collect()
        };
        // A model without a ledger may be anything.
        assert_eq!(
            names(choice(&recordings).unwrap()),
            ["other", "same", "unknown"]
        );
        let ledger = r#"{"digest_algorithm": "blake3", "source": {"digest": "aa"}}"#;
        std::fs::write(model.join("conversion.json"), ledger).unwrap();
        assert_eq!(names(choice(&recordings).unwrap()), ["same", "unknown"]);
        let error = choice(&recordings.join("other")).unwrap_err().to_string();
        for part in [
            "of other weights",
            "blake3:bb",
            "conversion.json",
            "blake3:aa",
        ] {
            assert!(error.contains(part), "{error}");
        }
        std::fs::write(model.join("conversion.json"), "{").unwrap();
        let error = choice(&recordings).unwrap_err().to_string();
        assert!(error.contains("convert the snapshot again"), "{error}");
    }
}
