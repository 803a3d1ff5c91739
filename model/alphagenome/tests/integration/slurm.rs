//! The workflow on a real Slurm, whose jobs are killed and whose node is taken away.

use std::env;
use std::fs::{self, DirEntry};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Failed};
use tempfile::TempDir;
use tests::fixtures;

use crate::workflow::{Run, number, told};
use crate::{PROGRAM, named};

/// What `start.sh` ends with where there is no Slurm.
const NO_SLURM: i32 = 77;

/// Jobs that are killed, and the longest time between two, where the environment does not say.
const KILLS: usize = 5;
const PAUSE: usize = 4;

/// Workflows that run at the same time: shares, and their folder.
const RUNS: [(usize, &str); 3] = [(1, "one"), (3, "three"), (16, "sixteen")];

const OPTIONS: [&str; 8] = [
    "--jobs",
    "16",
    "--latency-wait",
    "5",
    // Nobody keeps accounts here.
    "--slurm-status-command",
    "squeue",
    // Jobs are over soon.
    "--slurm-init-seconds-before-status-checks",
    "5",
];

/// Slurm with one node, which ends with this.
struct Slurm(TempDir);

impl Slurm {
    fn start() -> Result<Result<Self, Completion>, Failed> {
        let slurm = Self(tempfile::tempdir()?);
        let output = slurm.script(&[])?;
        match output.status.code() {
            Some(0) => Ok(Ok(slurm)),
            Some(NO_SLURM) => {
                let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Ok(Err(Completion::ignored_with(format!("no Slurm: {why}"))))
            }
            _ => Err(told(&output)),
        }
    }

    fn script(&self, more: &[&str]) -> Result<Output, Failed> {
        let script = fixtures::repository().join("tests/slurm/start.sh");
        Ok(Command::new(script)
            .arg(self.0.path())
            .args(more)
            .output()?)
    }

    /// Lets a command find this Slurm.
    fn set(&self, command: &mut Command) {
        let path = command
            .get_envs()
            .find_map(|(name, value)| value.filter(|_| name == "PATH"))
            .map_or_else(|| env::var_os("PATH").unwrap_or_default(), Into::into);
        let folders = env::split_paths(&path);
        let folders = env::join_paths([self.0.path().join("bin")].into_iter().chain(folders));
        command.env("PATH", folders.unwrap_or(path));
        command.env("SLURM_CONF", self.0.path().join("slurm.conf"));
    }

    /// A client's answer; nothing where it fails, as with jobs that are just over.
    fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        self.set(command.args(arguments));
        let output = command.output().map(|output| output.stdout);
        String::from_utf8_lossy(&output.unwrap_or_default())
            .trim()
            .to_owned()
    }

    /// Processes of jobs, and their jobs: those with this Slurm in their environment.
    fn processes(&self) -> Vec<(u32, String)> {
        let here = self.0.path().as_os_str().as_encoded_bytes();
        let job = |entry: DirEntry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let mut values = environment.split(|byte| *byte == 0);
            let job = values.find_map(|value| value.strip_prefix(b"SLURM_JOB_ID="))?;
            let ours = environment.windows(here.len()).any(|part| part == here);
            ours.then(|| (process, String::from_utf8_lossy(job).into_owned()))
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(job).collect()
    }

    /// Jobs in which the program itself runs.
    fn scoring(&self) -> Vec<String> {
        let program = Path::new(PROGRAM);
        let runs = |process: &u32| {
            fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|at| at == program)
        };
        let processes = self.processes().into_iter();
        processes
            .filter_map(|(process, job)| runs(&process).then_some(job))
            .collect()
    }

    /// Ends all that runs on the node at once, as a loss of power does, and waits until Slurm has seen it.
    fn empty(&self) -> Result<(), Failed> {
        let step = |entry: DirEntry| entry.file_type().is_ok_and(|kind| kind.is_socket());
        let begun = Instant::now();
        loop {
            let processes = self.processes();
            let mut steps = fs::read_dir(self.0.path().join("spool"))?.flatten();
            if processes.is_empty() && !steps.any(step) {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(format!("jobs run on without their node: {processes:?}").into());
            }
            for (process, _) in processes {
                self.ask("kill", &["-KILL", &process.to_string()]);
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// Takes the node away from what runs on it, and gives it back.
    fn lose_node(&self) -> Result<(), Failed> {
        let node = self.ask("sinfo", &["--noheader", "--format=%n"]);
        let state = |wanted: &str| {
            self.ask(
                "scontrol",
                &["update", &format!("NodeName={node}"), wanted, "Reason=test"],
            );
            self.ask("sinfo", &["--noheader", "--format=%T"])
        };
        let down = state("State=DOWN");
        if !down.starts_with("down") {
            return Err(format!("the node was to be down and is {down}").into());
        }
        // A job that comes back while its old processes end would be held.
        self.empty()?;
        let jobs = self.ask("squeue", &["--noheader", "--states=PENDING", "--format=%i"]);
        state("State=RESUME");
        // What ran on a node that was lost would wait two minutes.
        for job in jobs.lines() {
            self.ask(
                "scontrol",
                &["update", &format!("JobId={job}"), "StartTime=now"],
            );
        }
        Ok(())
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        // The controller and the node end before what they would start anew.
        let _ = self.script(&["stop"]);
        let _ = self.empty();
    }
}

/// Takes the node away once the only share of the first run has a batch, and then kills jobs at random. Gives how many it killed; fewer
/// than wanted where `ended` is set before.
fn trouble(slurm: &Slurm, run: &Run, kills: usize, ended: &AtomicBool) -> Result<usize, Failed> {
    let batch = run.path("one/results/shares/shard-000001-of-000001/000000000000.json");
    while !batch.exists() && !ended.load(Ordering::SeqCst) {
        sleep(Duration::from_millis(50));
    }
    slurm.lose_node()?;
    let pause = number("ALPHAGENOME_WORKFLOW_PAUSE", PAUSE) as u64 * 1000;
    // Where to strike need not be secret: any order will do that the next run does not have.
    let mut random = u64::from(std::process::id());
    let mut killed = 0;
    while killed < kills && !ended.load(Ordering::SeqCst) {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        sleep(Duration::from_millis(200 + (random >> 33) % pause.max(1)));
        let jobs = slurm.scoring();
        if let Some(job) = jobs.get((random >> 40) as usize % jobs.len().max(1)) {
            slurm.ask("scancel", &["--full", "--signal=KILL", job]);
            killed += 1;
        }
    }
    Ok(killed)
}

/// Runs the workflow, as often as a user would start it again: a job that is killed more often than it is tried again ends it.
fn complete(slurm: &Slurm, run: &Run, shares: usize, folder: &str) -> Result<(), Failed> {
    let mut command = run.snakemake(shares, folder, "slurm")?;
    slurm.set(command.args(OPTIONS));
    let mut output = command.output()?;
    for _ in 0..5 {
        if output.status.success() {
            return run.check(folder);
        }
        output = command.output()?;
    }
    Err(told(&output))
}

pub fn slurm() -> Result<Completion, Failed> {
    let programs = match named("ALPHAGENOME_WORKFLOW")? {
        Ok(programs) => programs,
        Err(skipped) => return Ok(skipped),
    };
    let slurm = match Slurm::start()? {
        Ok(slurm) => slurm,
        Err(skipped) => return Ok(skipped),
    };
    let run = Run::new(programs.into())?;
    let kills = number("ALPHAGENOME_WORKFLOW_KILLS", KILLS);
    let ended = AtomicBool::new(false);
    let begun = Instant::now();
    let killed = thread::scope(|scope| {
        let (slurm, run) = (&slurm, &run);
        let killer = scope.spawn(|| trouble(slurm, run, kills, &ended));
        let runs = RUNS.map(|(shares, folder)| {
            let complete = move || {
                let outcome = complete(slurm, run, shares, folder);
                let seconds = begun.elapsed().as_secs();
                println!("{shares} shares: {seconds} s");
                outcome
            };
            scope.spawn(complete)
        });
        let runs = runs.map(|run| run.join().map_err(|_| "a thread panicked"));
        ended.store(true, Ordering::SeqCst);
        let killed = killer
            .join()
            .map_err(|_| "the thread that kills panicked")?;
        for outcome in runs {
            outcome??;
        }
        killed
    })?;
    if killed < kills {
        return Err(format!("{killed} of {kills} jobs were killed before all was over").into());
    }
    // The node was lost in the middle of this share.
    let log = fs::read_to_string(run.path("one/results/logs/score-000001-of-000001.log"))?;
    if !log.contains("finished before") {
        return Err(format!("the share began anew after its node was lost: {log}").into());
    }
    println!("{killed} jobs were killed, and their node was lost once");
    Ok(Completion::Completed)
}
