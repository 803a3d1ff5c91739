//! Runs a program to its end, within limits, and says how it went.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::fixtures::{self, Form};

/// No test's run takes longer; one that does hangs.
const TIME_LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(2);

/// Converts the tiny model with its metadata to the folder `model` in `folder`, and gives its path; `convert` is the program.
#[track_caller]
pub fn convert_tiny(convert: &str, folder: &Path) -> PathBuf {
    let out = folder.join("model");
    let arguments = [
        "--snapshot".into(),
        Form::Ocdbt.path(),
        "--metadata".into(),
        fixtures::metadata(),
        "--out".into(),
        out.clone(),
    ];
    run(command(convert, folder, arguments)).expect_code(0);
    out
}

/// How a program ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// The most anonymous memory seen, in bytes; 0 where the system does not tell.
    pub peak_anonymous: u64,
}

impl Outcome {
    /// The exit code; a program that a signal ended has none, and the test fails.
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| panic!("ended by a signal: {self}"))
    }

    /// Fails unless the exit code is `code`.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code(), code, "{self}");
        self
    }

    /// Fails unless stderr has every one of `words`.
    #[track_caller]
    pub fn expect_message(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.stderr.contains(word), "stderr lacks {word:?}: {self}");
        }
        self
    }

    /// Fails where the program panicked.
    #[track_caller]
    pub fn expect_no_panic(&self) -> &Self {
        assert!(!self.stderr.contains("panicked at"), "it panicked: {self}");
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\nstdout: {}\nstderr: {}",
            self.status, self.stdout, self.stderr
        )
    }
}

/// A command with `arguments`, in the folder `working`, with a silent environment.
pub fn command<A: AsRef<OsStr>>(
    program: &str,
    working: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(working)
        .env("NO_COLOR", "1");
    for name in [
        "ALPHAGENOME_RECORDINGS",
        "ALPHAGENOME_MODEL_PATH",
        "HF_HOME",
        "HF_HUB_CACHE",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs `command` to its end.
///
/// # Panics
/// Where it cannot be started, or runs longer than five minutes.
pub fn run(mut command: Command) -> Outcome {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let stdout = drain(child.stdout.take().expect("it is piped"));
    let stderr = drain(child.stderr.take().expect("it is piped"));
    let (status, peak_anonymous) = wait(&mut child, &command);
    Outcome {
        status,
        stdout: stdout.join().expect("the reader of stdout"),
        stderr: stderr.join().expect("the reader of stderr"),
        peak_anonymous,
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes)
            .expect("a pipe that can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, command: &Command) -> (ExitStatus, u64) {
    let begin = Instant::now();
    let mut peak = 0;
    loop {
        peak = peak.max(anonymous_memory(child.id()));
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return (status, peak);
        }
        if begin.elapsed() > TIME_LIMIT {
            child.kill().expect("a child of ours");
            panic!("{command:?} runs longer than {TIME_LIMIT:?}");
        }
        thread::sleep(POLL);
    }
}

/// `RssAnon` of a process, in bytes.
fn anonymous_memory(process: u32) -> u64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{process}/status")) else {
        return 0;
    };
    text.lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes * 1024)
}
