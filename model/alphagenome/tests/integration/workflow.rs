//! The workflow under real Snakemake, here and on a real Slurm, whose jobs are killed and whose node is taken away.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Failed};
use tempfile::TempDir;
use tests::fixtures;

use crate::{PROGRAM, convert, named, succeed};

/// What `start.sh` ends with where there is no Slurm.
const NO_SLURM: i32 = 77;

/// Variants, and jobs that are killed, where the environment does not say.
const VARIANTS: usize = 120;
const KILLS: usize = 6;

const SCORERS: &str = r#"
[[scorers]]
scorer = "CenterMaskScorer"
requested_output = "ATAC"
width = 501
aggregation_type = "DIFF_LOG2_SUM"

[[scorers]]
scorer = "GeneMaskLFCScorer"
requested_output = "RNA_SEQ"
"#;

/// A number of the environment.
fn number(variable: &str, default: usize) -> usize {
    let value = env::var(variable).ok();
    value.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A folder with a model, a genome and variants, and the programs.
struct Run {
    folder: TempDir,
    programs: PathBuf,
    /// Where Slurm's clients find it.
    slurm: Option<PathBuf>,
}

impl Run {
    fn new(programs: PathBuf) -> Result<Self, Failed> {
        let run = Self {
            folder: tempfile::tempdir()?,
            programs,
            slurm: None,
        };
        convert(&run.path("model"))?;
        for name in ["genome.fa.gz", "annotation.gtf.gz"] {
            fs::copy(fixtures::root().join("scores").join(name), run.path(name))?;
        }
        fs::write(run.path("scorers.toml"), SCORERS)?;
        fs::write(
            run.path("variants.vcf"),
            variants(number("ALPHAGENOME_WORKFLOW_VARIANTS", VARIANTS)),
        )?;
        let mut whole = Command::new(PROGRAM);
        whole.args(["score", "--model", "model", "--fasta", "genome.fa.gz"]);
        whole.args(["--gtf", "annotation.gtf.gz", "--vcf", "variants.vcf"]);
        whole.args([
            "--length",
            "16384",
            "--scorers",
            "scorers.toml",
            "--out",
            "whole.tsv",
        ]);
        succeed(whole.current_dir(run.folder.path()))?;
        Ok(run)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A run of Snakemake with so many shares, below `folder`.
    fn snakemake(&self, shares: usize, folder: &str, more: &[&str]) -> Result<Output, Failed> {
        let config = format!(
            "program: {PROGRAM}\nmultiqc: multiqc\nmodel: model\nfasta: genome.fa.gz\ngtf: annotation.gtf.gz\nvcf: variants.vcf\n\
             length: 16384\nscorers: scorers.toml\ndevice: cpu\noptions: [\"--batch\", \"2\"]\noutput: scores.tsv\nfolder: {folder}\n\
             shares: {shares}\nthreads: 1\nmemory_mb: 1000\nminutes: 10\nretries: 3\nmerge_memory_mb: 1000\n"
        );
        let name = format!("{folder}.yaml");
        fs::write(self.path(&name), config)?;
        let path = env::var("PATH").unwrap_or_default();
        let workflow = fixtures::repository().join("model/alphagenome/workflow");
        let mut command = Command::new(self.programs.join("snakemake"));
        command
            .arg("--snakefile")
            .arg(workflow.join("Snakefile"))
            .arg("--directory")
            .arg(self.folder.path())
            .args(["--configfile", &name])
            .args(more)
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.programs.display()))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .stdin(Stdio::null());
        if let Some(configuration) = &self.slurm {
            command.env("SLURM_CONF", configuration);
        }
        Ok(command.output()?)
    }

    /// Fails unless the merged table has the bytes of the whole run's, and the report is there.
    fn check(&self, folder: &str) -> Result<(), Failed> {
        let read = |name: &str| fs::read(self.path(name));
        if read(&format!("{folder}/scores.tsv"))? != read("whole.tsv")? {
            return Err(format!("{folder}/scores.tsv is not the table of the whole run").into());
        }
        let report =
            fs::read_to_string(self.path(&format!("{folder}/report/multiqc_report.html")))?;
        let versions = fs::read_to_string(self.path(&format!("{folder}/versions.yml")))?;
        for (text, word) in [
            (&report, "AlphaGenome scores"),
            (&report, "share 1 of"),
            (&versions, "alphagenome: \""),
            (&versions, "snakemake: \"9."),
        ] {
            if !text.contains(word) {
                return Err(format!("{folder}: the report or versions.yml lacks {word:?}").into());
            }
        }
        Ok(())
    }
}

/// Substitutions and small indels along a chromosome.
fn variants(count: usize) -> String {
    let mut text =
        String::from("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n");
    for at in 0..count {
        let position = 40_000 + at * 50_000 / count;
        let alternate = ["A", "C,G", "T", "GATT"][at % 4];
        let _ = writeln!(text, "chr1\t{position}\tv{at}\tN\t{alternate}\t.\t.\t.");
    }
    text
}

fn told(output: &Output) -> Failed {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
    .into()
}

pub fn local() -> Result<Completion, Failed> {
    let programs = match named("ALPHAGENOME_WORKFLOW")? {
        Ok(programs) => programs,
        Err(skipped) => return Ok(skipped),
    };
    let run = Run::new(programs.into())?;
    let profile = fixtures::repository().join("model/alphagenome/workflow/profiles/local");
    let profile = profile.display().to_string();
    let more = ["--profile", &profile, "--cores", "2"];
    let output = run.snakemake(3, "three", &more)?;
    if !output.status.success() {
        return Err(told(&output));
    }
    run.check("three")?;
    // Nothing is done twice.
    let seals = || -> Result<Vec<_>, Failed> {
        let shares = (1..=3).map(|number| {
            let seal = format!("three/shares/shard-{number:06}-of-000003/finished.json");
            Ok(fs::metadata(run.path(&seal))?.modified()?)
        });
        shares.collect()
    };
    let before = seals()?;
    let again = run.snakemake(3, "three", &more)?;
    if !again.status.success() || seals()? != before {
        return Err(told(&again));
    }
    // Another input is refused, by name, in the log of the share.
    let text = fs::read_to_string(run.path("variants.vcf"))?;
    fs::write(run.path("variants.vcf"), text.replacen("v0", "other", 1))?;
    let refused = run.snakemake(3, "three", &[&more[..], &["--retries", "0"]].concat())?;
    let log = fs::read_to_string(run.path("three/logs/score-000001-of-000003.log"))?;
    if refused.status.success() || !log.contains("(vcf)") {
        return Err(format!("another input was not refused: {log}").into());
    }
    Ok(Completion::Completed)
}

/// Slurm, which ends with this.
struct Slurm(PathBuf);

impl Slurm {
    fn start(folder: &Path) -> Result<Result<Self, Completion>, Failed> {
        let output = Self::script(folder, &[])?;
        match output.status.code() {
            Some(0) => Ok(Ok(Self(folder.to_owned()))),
            Some(NO_SLURM) => {
                let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Ok(Err(Completion::ignored_with(format!("no Slurm: {why}"))))
            }
            _ => Err(told(&output)),
        }
    }

    fn script(folder: &Path, more: &[&str]) -> Result<Output, Failed> {
        let script = fixtures::repository().join("tests/slurm/start.sh");
        Ok(Command::new(script).arg(folder).args(more).output()?)
    }

    /// A client's answer; nothing where it fails.
    fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("SLURM_CONF", self.0.join("slurm.conf"));
        let output = command.output().map(|output| output.stdout);
        String::from_utf8_lossy(&output.unwrap_or_default())
            .trim()
            .to_owned()
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        self.ask("scancel", &["--full", "--signal=KILL", "--user=root"]);
        let _ = Self::script(&self.0, &["stop"]);
    }
}

/// Kills jobs at random until all wanted were killed or `ended` is set, and once takes the node away. Gives how many it killed.
fn trouble(slurm: &Slurm, kills: usize, ended: &AtomicBool) -> usize {
    let node = slurm.ask("sinfo", &["--noheader", "--format=%n"]);
    // Where to strike need not be secret: any order will do that the next run does not have.
    let mut random = std::process::id() as usize;
    let mut killed = 0;
    while killed < kills && !ended.load(Ordering::SeqCst) {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_millis(500 + (random >> 33) as u64 % 3000));
        if killed == kills / 2 {
            let node = format!("NodeName={node}");
            slurm.ask("scontrol", &["update", &node, "State=DOWN", "Reason=test"]);
            thread::sleep(Duration::from_secs(2));
            slurm.ask("scontrol", &["update", &node, "State=RESUME"]);
            killed += 1;
            continue;
        }
        let jobs = slurm.ask("squeue", &["--noheader", "--states=RUNNING", "--format=%i"]);
        let jobs: Vec<_> = jobs.lines().collect();
        if let Some(job) = jobs.get((random >> 40) % jobs.len().max(1)) {
            slurm.ask("scancel", &["--full", "--signal=KILL", job]);
            killed += 1;
        }
    }
    killed
}

pub fn slurm() -> Result<Completion, Failed> {
    if env::var("ALPHAGENOME_SLURM").as_deref() != Ok("1") {
        return Ok(Completion::ignored_with("ALPHAGENOME_SLURM is not 1"));
    }
    let programs = match named("ALPHAGENOME_WORKFLOW")? {
        Ok(programs) => programs,
        Err(skipped) => return Ok(skipped),
    };
    let folder = tempfile::tempdir()?;
    let slurm = match Slurm::start(folder.path())? {
        Ok(slurm) => slurm,
        Err(skipped) => return Ok(skipped),
    };
    let mut run = Run::new(programs.into())?;
    run.slurm = Some(slurm.0.join("slurm.conf"));
    let profile = fixtures::repository().join("model/alphagenome/workflow/profiles/slurm");
    let profile = profile.display().to_string();
    let more = [
        "--profile",
        &profile,
        "--jobs",
        "16",
        "--latency-wait",
        "5",
        // Nobody keeps accounts here.
        "--slurm-status-command",
        "squeue",
        "--slurm-init-seconds-before-status-checks",
        "2",
    ];
    let kills = number("ALPHAGENOME_WORKFLOW_KILLS", KILLS);
    let ended = AtomicBool::new(false);
    let begun = Instant::now();
    let killed = thread::scope(|scope| {
        let killer = scope.spawn(|| trouble(&slurm, kills, &ended));
        let mut last = None;
        // A job that was killed more often than it is tried again ends the workflow, which a user starts again.
        for _ in 0..8 {
            let output = run.snakemake(16, "sixteen", &more)?;
            let done = output.status.success();
            last = Some(output);
            if done {
                break;
            }
        }
        ended.store(true, Ordering::SeqCst);
        let killed = killer
            .join()
            .map_err(|_| "the thread that kills panicked")?;
        match last {
            Some(output) if output.status.success() => Ok(killed),
            Some(output) => Err(told(&output)),
            None => Err(Failed::from("Snakemake was not run")),
        }
    })?;
    run.check("sixteen")?;
    if killed == 0 {
        return Err("no job was killed: the run was over before".into());
    }
    println!(
        "{killed} jobs were killed, or their node, in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    Ok(Completion::Completed)
}
