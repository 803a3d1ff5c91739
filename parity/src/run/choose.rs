//! Which recordings belong to a model, and which arithmetic a recording was made with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use model::config::Head;
use model::{Arithmetic, Config};

use crate::recording::{DType, Recording};

/// Names a recording, or a folder of recordings.
pub const RECORDINGS_VARIABLE: &str = "ALPHAGENOME_RECORDINGS";

/// Where the recordings that are shipped lie in the repository.
const SHIPPED: &str = "tests/fixtures/recordings";

/// What was chosen, and what to tell about it.
#[derive(Debug)]
pub struct Chosen {
    /// The recordings, in order.
    pub recordings: Vec<Recording>,
    /// One line on where they are from.
    pub source: String,
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
    let (paths, source, single) = match (wish.named, named) {
        ([], Some(path)) => (vec![PathBuf::from(path)], RECORDINGS_VARIABLE, false),
        ([], None) => (shipped(), "shipped with the repository", false),
        (named, _) => (named.to_vec(), "--recording", true),
    };
    let (mut recordings, mut refused) = (Vec::new(), Vec::new());
    for path in &paths {
        // One recording that was named by itself is wanted whatever its dtype; of a folder, those that fit.
        let exact = single && path.join("manifest.json").is_file();
        for recording in Recording::discover(path)? {
            match misfit(&recording, &config, wish, exact) {
                None => recordings.push(recording),
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
    })
}

/// The arithmetic that a recording's values came from.
///
/// # Errors
/// Where the model has no such arithmetic.
pub fn arithmetic_for(recording: &Recording) -> Result<Arithmetic> {
    let manifest = &recording.manifest;
    if !matches!(manifest.compute_dtype, DType::Float32 | DType::Float64) {
        bail!(
            "{}: recorded in {}, and the model computes in float32 only; name an arithmetic with --arithmetic to compare all the same",
            recording.path.display(),
            manifest.compute_dtype
        );
    }
    // XLA rounds the operands of the attention products on a GPU only; a recording that did so on the CPU says it.
    let rounded = manifest
        .matmul_precision
        .as_deref()
        .is_some_and(|text| text.contains("rounded to bfloat16"));
    Ok(match manifest.platform.as_deref() {
        Some("gpu" | "cuda" | "rocm") => Arithmetic::XlaGpuF32,
        _ if rounded => Arithmetic::XlaGpuF32,
        _ => Arithmetic::XlaCpuF32,
    })
}

/// Why a recording is not the one that is wished for.
fn misfit(recording: &Recording, config: &Config, wish: &Wish<'_>, exact: bool) -> Option<String> {
    if let Some(why) = other_model(recording, config) {
        return Some(why);
    }
    let manifest = &recording.manifest;
    let named = |case: &crate::recording::CaseEntry| wish.cases.contains(&case.name);
    if !wish.cases.is_empty() && !manifest.cases.iter().any(named) {
        return Some(format!("has no case {}", wish.cases.join(" or ")));
    }
    if exact {
        return None;
    }
    let dtype = wish.dtype.unwrap_or(DType::Float32);
    if manifest.compute_dtype != dtype {
        return Some(format!(
            "recorded in {}, not {dtype}",
            manifest.compute_dtype
        ));
    }
    match (is_suite(recording), wish.suite) {
        (true, false) => Some("a suite of sequence patterns; use --suite for it".into()),
        (false, true) => Some("no suite of sequence patterns".into()),
        _ => None,
    }
}

/// A suite has homopolymers among its cases.
fn is_suite(recording: &Recording) -> bool {
    recording
        .manifest
        .cases
        .iter()
        .any(|case| case.name.starts_with("homo"))
}

/// The first output whose width is not the model's.
fn other_model(recording: &Recording, config: &Config) -> Option<String> {
    let mut widths = vec![
        (
            "embeddings_1bp".to_string(),
            config.embedders.embeddings_1bp,
        ),
        (
            "embeddings_128bp".to_string(),
            config.embedders.embeddings_128bp,
        ),
        (
            "embeddings_pair".to_string(),
            config.embedders.embeddings_pair,
        ),
    ];
    for (name, head) in &config.heads {
        let width = match head {
            Head::SpliceSitesJunction { .. } => continue,
            other => other.tracks(),
        };
        widths.push((format!("{name}/"), width));
    }
    for case in &recording.manifest.cases {
        for (output, entry) in &case.outputs {
            let known = widths.iter().find(|(name, _)| match name.ends_with('/') {
                true => output.starts_with(name.as_str()),
                false => output == name,
            });
            let Some((_, width)) = known else { continue };
            if entry.shape.last() != Some(width) {
                let found = entry.shape.last().copied().unwrap_or(0);
                return Some(format!(
                    "of another model: {output} is {found} wide, and the model's is {width}"
                ));
            }
        }
    }
    None
}

/// The shipped recording folder, from where the program runs or from where it was built.
fn shipped() -> Vec<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(SHIPPED);
    [PathBuf::from(SHIPPED), built]
        .into_iter()
        .find(|path| path.is_dir())
        .into_iter()
        .collect()
}

fn first_steps(model: &Path) -> String {
    format!(
        "there is no model in {}. Convert a snapshot first, then compare:\n\n    convert --hub google/alphagenome-all-folds      # or: convert --snapshot PATH\n    parity level2 --dtype f32\n\n{}",
        model.display(),
        recording_steps()
    )
}

fn recording_steps() -> String {
    format!(
        "Recordings of the JAX model are found through {RECORDINGS_VARIABLE} (a recording, or a folder of recordings) or \
         --recording. parity/recorder makes one where JAX runs:\n\n    python parity/recorder/record.py --help\n    export {RECORDINGS_VARIABLE}=DIR"
    )
}
