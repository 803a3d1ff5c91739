//! Signals in the middle of a conversion.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use converter::checkpoint::{Checkpoint, Leaf, ReadError};

use crate::{
    haiku::{SPEC, model},
    memory::{Memory, Settings, converted},
};

const OUT: &str = "CONVERSION_TEST_OUT";

/// A checkpoint whose last leaf never comes.
struct Endless(Memory);

impl Checkpoint for Endless {
    fn leaves(&self) -> &[Leaf] {
        self.0.leaves()
    }

    fn read_into(&self, leaf: usize, out: &mut [u8]) -> Result<(), ReadError> {
        while leaf + 1 == self.leaves().len() {
            std::thread::sleep(Duration::from_secs(1));
        }
        self.0.read_into(leaf, out)
    }
}

#[test]
#[ignore = "run by the other tests, in a process that they end"]
fn convert_without_end() {
    converter::interrupt::install().unwrap();
    let out = PathBuf::from(std::env::var_os(OUT).unwrap());
    let _ = converted(SPEC, &Endless(model()), &Settings::default(), &out);
}

/// A conversion that is under way, by way of `program` with arguments before.
fn under_way(dir: &Path, program: &[&str]) -> Child {
    let test = std::env::current_exe().unwrap();
    let mut words = program.iter().map(AsRef::as_ref).chain([test.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["interruption::convert_without_end", "--exact", "--ignored"])
        .env(OUT, dir.join("out"))
        .stdout(std::process::Stdio::null());
    let child = command.spawn().unwrap();
    let start = Instant::now();
    while !hidden(dir)
        .iter()
        .any(|folder| folder.join("model.safetensors").exists())
    {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it never started"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn hidden(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_signal_takes_the_hidden_folder_with_it() {
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let dir = tempfile::tempdir().unwrap();
        // A shell starts what stands in its background with SIGINT ignored.
        let mut child = under_way(dir.path(), &["env", "--default-signal"]);
        signal(&child, name);
        assert_eq!(child.wait().unwrap().signal(), Some(number));
        assert_eq!(hidden(dir.path()), [] as [PathBuf; 0], "{name}");
    }
}

#[test]
fn what_a_kill_leaves_goes_with_the_next_conversion() {
    let dir = tempfile::tempdir().unwrap();
    let mut killed = under_way(dir.path(), &["env"]);
    signal(&killed, "KILL");
    killed.wait().unwrap();
    assert_eq!(hidden(dir.path()).len(), 1);
    converted(
        SPEC,
        &model(),
        &Settings::default(),
        &dir.path().join("out"),
    )
    .unwrap();
    assert_eq!(hidden(dir.path()), [dir.path().join("out")]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_is_ignored_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let ignoring = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"];
    let mut child = under_way(dir.path(), &ignoring);
    signal(&child, "HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(child.try_wait().unwrap(), None, "nohup was undone");
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert_eq!(hidden(dir.path()), [] as [PathBuf; 0]);
}
