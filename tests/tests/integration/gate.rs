//! What the environment offers, and what is skipped without it.

use std::env;
use std::path::PathBuf;
use std::sync::Mutex;

use libtest_mimic::{Completion, Failed, Trial};
use tempfile::TempDir;
use tests::{fixtures, program};

/// The program under test.
pub const CONVERT: &str = env!("CARGO_BIN_EXE_tested-convert");
/// The other one.
pub const PARITY: &str = env!("CARGO_BIN_EXE_tested-parity");

/// The folder around the conversion of the snapshot. A static is never dropped: see [`clean`].
static CONVERTED: Mutex<Option<TempDir>> = Mutex::new(None);

/// The snapshot under test and what comes with it.
pub struct Full {
    /// The snapshot's folder.
    pub snapshot: PathBuf,
    /// JAX's recordings of it.
    pub recordings: PathBuf,
    /// Track metadata.
    pub metadata: Option<PathBuf>,
    /// An interpreter with Orbax.
    pub python: Option<PathBuf>,
    /// An interpreter with Orbax and alphagenome-pytorch.
    pub torch: Option<PathBuf>,
    /// Which stand-in it is, if it is one.
    pub standin: Option<String>,
}

/// A test of the full model.
pub fn full(
    name: &'static str,
    test: impl Fn(&Full) -> Result<Completion, Failed> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || {
        if env::var("ALPHAGENOME_RUN_INTEGRATION_TESTS").as_deref() != Ok("1") {
            return Ok(Completion::ignored_with(
                "ALPHAGENOME_RUN_INTEGRATION_TESTS is not 1",
            ));
        }
        test(&Full::from_environment()?)
    })
}

impl Full {
    fn from_environment() -> Result<Self, Failed> {
        Ok(Self {
            snapshot: required("ALPHAGENOME_MODEL_PATH", "a snapshot of the full model")?,
            recordings: required("ALPHAGENOME_RECORDINGS", "a folder of JAX's recordings")?,
            metadata: optional("ALPHAGENOME_METADATA")?,
            python: optional("ALPHAGENOME_PYTHON")?,
            torch: optional("ALPHAGENOME_TORCH")?,
            standin: env::var("ALPHAGENOME_STANDIN")
                .ok()
                .filter(|name| !name.is_empty()),
        })
    }

    /// A recording by name; its absence is a failure.
    pub fn recording(&self, name: &str) -> Result<PathBuf, Failed> {
        let folder = self.recordings.join(name);
        if folder.join("manifest.json").is_file() {
            Ok(folder)
        } else {
            Err(format!(
                "ALPHAGENOME_RECORDINGS: {} is no recording",
                folder.display()
            )
            .into())
        }
    }

    /// The conversion of the snapshot, made once.
    pub fn model(&self) -> Result<PathBuf, Failed> {
        let mut converted = CONVERTED.lock().map_err(|e| e.to_string())?;
        if converted.is_none() {
            let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
            self.convert(&folder.path().join("model"), &[])?;
            *converted = Some(folder);
        }
        let folder = converted.as_ref().ok_or("it was converted above")?;
        Ok(folder.path().join("model"))
    }

    /// Runs `convert` on the snapshot.
    pub fn convert(&self, out: &std::path::Path, more: &[&str]) -> Result<(), Failed> {
        let mut command = program::command(CONVERT, &fixtures::repository(), ["--snapshot"]);
        command.arg(&self.snapshot).arg("--out").arg(out).args(more);
        if let Some(metadata) = &self.metadata {
            command.arg("--metadata").arg(metadata);
        }
        succeed(command)
    }
}

/// Removes what the tests wrote.
pub fn clean() {
    if let Ok(mut converted) = CONVERTED.lock() {
        *converted = None;
    }
}

/// Runs a command that must end with 0.
pub fn succeed(command: std::process::Command) -> Result<(), Failed> {
    let line = format!("{command:?}");
    let outcome = program::run(command);
    if outcome.status.success() {
        Ok(())
    } else {
        Err(format!("{line}: {outcome}").into())
    }
}

fn required(name: &str, what: &str) -> Result<PathBuf, Failed> {
    optional(name)?.ok_or_else(|| format!("{name} is not set: it must name {what}").into())
}

fn optional(name: &str) -> Result<Option<PathBuf>, Failed> {
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let path = fixtures::repository().join(value);
    if path.exists() {
        Ok(Some(path))
    } else {
        Err(format!("{name}: there is no {}", path.display()).into())
    }
}
