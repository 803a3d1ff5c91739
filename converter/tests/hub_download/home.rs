//! Downloads in processes of their own: the environment of a process cannot be changed safely.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use converter::hub::{Progress, Settings, download_with};
use tempfile::TempDir;

use crate::model::{COMMIT, Model, REPO};

/// What one process reports.
#[derive(Debug)]
pub struct Outcome {
    pub result: Result<PathBuf, String>,
    /// The total, then every update.
    pub progress: Vec<u64>,
}

impl Outcome {
    #[track_caller]
    pub fn dir(&self) -> &Path {
        self.result.as_ref().expect("a download")
    }

    #[track_caller]
    pub fn fails_with(&self, parts: &[&str]) {
        let error = self.result.as_ref().expect_err("an error");
        for part in parts {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
    }
}

/// A cache, and the environment of the processes that use it.
pub struct Home {
    pub dir: TempDir,
    pub variables: Vec<(&'static str, String)>,
}

impl Home {
    pub fn new(endpoint: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = dir.path().to_str().expect("a plain path").to_owned();
        Self {
            dir,
            variables: vec![("HF_HOME", home), ("HF_ENDPOINT", endpoint.to_owned())],
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub fn repo(&self) -> PathBuf {
        self.dir.path().join("hub/models--google--tiny")
    }

    pub fn snapshot(&self) -> PathBuf {
        self.repo().join("snapshots").join(COMMIT)
    }

    pub fn partial(&self, model: &Model) -> PathBuf {
        self.repo()
            .join("blobs")
            .join(format!("{}.incomplete", model.etag(1)))
    }

    pub fn download(&self) -> Outcome {
        self.download_revision(None)
    }

    /// Downloads in a process of its own: the environment of a process cannot be changed safely.
    pub fn download_revision(&self, revision: Option<&str>) -> Outcome {
        let report = self.dir.path().join("report");
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command
            .args([
                "home::download_in_this_process",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env_clear();
        command
            .env("HUB_TEST_REPORT", &report)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.envs(revision.map(|revision| ("HUB_TEST_REVISION", revision)));
        let output = command.output().expect("a process");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let report = fs::read_to_string(report).expect("a report");
        let (progress, result) = report.split_once('\n').expect("two lines");
        let progress = progress
            .split_whitespace()
            .map(|bytes| bytes.parse().expect("bytes"))
            .collect();
        let result = match result.strip_prefix("ok ") {
            Some(dir) => Ok(PathBuf::from(dir)),
            None => Err(result.to_owned()),
        };
        Outcome { result, progress }
    }

    /// Checks that the whole model lies in the cache, and nothing else.
    #[track_caller]
    pub fn assert_complete(&self, model: &Model) {
        for (path, bytes, _) in &model.files {
            let file = self.snapshot().join(path);
            assert_eq!(&fs::read(&file).expect(path), bytes, "{path}");
            assert!(
                fs::read_link(&file).expect("a symlink").is_relative(),
                "{path}"
            );
        }
        let mut blobs: Vec<String> = fs::read_dir(self.repo().join("blobs"))
            .expect("blobs")
            .map(|entry| {
                entry
                    .expect("a blob")
                    .file_name()
                    .into_string()
                    .expect("a name")
            })
            .collect();
        blobs.sort();
        let mut expected: Vec<String> = (0..model.files.len())
            .map(|index| model.etag(index))
            .collect();
        expected.sort();
        assert_eq!(blobs, expected);
    }
}

#[derive(Default)]
struct Recorder(Mutex<Vec<u64>>);

impl Progress for &'static Recorder {
    fn start(&self, total: u64) {
        self.0.lock().expect("no panic").push(total);
    }

    fn update(&self, done: u64) {
        self.0.lock().expect("no panic").push(done);
    }

    fn finish(&self) {}
}

#[test]
#[ignore = "run by the other tests, in a process with an environment of its own"]
fn download_in_this_process() {
    let report = std::env::var("HUB_TEST_REPORT").expect("HUB_TEST_REPORT");
    let revision = std::env::var("HUB_TEST_REVISION").ok();
    let retries =
        std::env::var("HUB_TEST_RETRIES").map_or(2, |retries| retries.parse().expect("a number"));
    let settings = Settings {
        retries,
        retry_pause: Duration::from_millis(10),
        timeout: Duration::from_millis(1500),
        ..Settings::from_env()
    };
    let recorder: &'static Recorder = Box::leak(Box::default());
    let result = match download_with(&settings, REPO, revision.as_deref(), recorder) {
        Ok(snapshot) => {
            assert_eq!(snapshot.revision.as_deref(), Some(COMMIT));
            assert_eq!(snapshot.repo.as_deref(), Some(REPO));
            format!("ok {}", snapshot.dir.display())
        }
        Err(error) => error.to_string(),
    };
    let progress: Vec<String> = recorder
        .0
        .lock()
        .expect("no panic")
        .iter()
        .map(u64::to_string)
        .collect();
    fs::write(report, format!("{}\n{result}", progress.join(" "))).expect("written");
}
