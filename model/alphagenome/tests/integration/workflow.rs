//! The workflow under real Snakemake on this machine: a full disk, a corrupt share, another input.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use libtest_mimic::{Completion, Failed};
use tempfile::TempDir;
use tests::fixtures;

use crate::{PROGRAM, convert, named, succeed};

/// Variants where the environment does not say.
const VARIANTS: usize = 120;

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

/// The program, whose disk is full the first time that it makes share 2 and has some batches: files of more than 1,536 bytes fail.
const FULL: &str = r#"#!/bin/sh
case "$*" in *"--shard 2/3"*) if rm full; then trap '' XFSZ; ulimit -f 3; fi ;; esac 2> /dev/null
exec "#;

/// A number of the environment.
pub fn number(variable: &str, default: usize) -> usize {
    let value = env::var(variable).ok();
    value.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A folder with a model, a genome and variants, and their scores in one run.
pub struct Run {
    folder: TempDir,
    /// Snakemake's and its friends'.
    programs: PathBuf,
}

impl Run {
    pub fn new(programs: PathBuf) -> Result<Self, Failed> {
        let run = Self {
            folder: tempfile::tempdir()?,
            programs,
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

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Snakemake over so many shares, below `folder`, where it works: runs beside each other have one each.
    pub fn snakemake(&self, shares: usize, folder: &str, profile: &str) -> Result<Command, Failed> {
        let inputs = self.folder.path().display();
        let program = match self.path("program").exists() {
            true => self.path("program"),
            false => PROGRAM.into(),
        };
        let program = program.display();
        let config = format!(
            "program: {program}\nmultiqc: multiqc\nmodel: {inputs}/model\nfasta: {inputs}/genome.fa.gz\ngtf: {inputs}/annotation.gtf.gz\n\
             vcf: {inputs}/variants.vcf\nscorers: {inputs}/scorers.toml\nlength: 16384\ndevice: cpu\noptions: [\"--batch\", \"2\"]\n\
             output: scores.tsv\nfolder: results\nshares: {shares}\nthreads: 1\nmemory_mb: 1000\nminutes: 60\nretries: 3\n\
             merge_memory_mb: 1000\n"
        );
        fs::create_dir_all(self.path(folder))?;
        fs::write(self.path(&format!("{folder}/config.yaml")), config)?;
        let path = env::var("PATH").unwrap_or_default();
        let workflow = fixtures::repository().join("model/alphagenome/workflow");
        let mut command = Command::new(self.programs.join("snakemake"));
        command
            .arg("--snakefile")
            .arg(workflow.join("Snakefile"))
            .args(["--configfile", "config.yaml", "--profile"])
            .arg(workflow.join("profiles").join(profile))
            .current_dir(self.path(folder))
            .env("PATH", format!("{}:{path}", self.programs.display()))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Fails unless the merged table has the bytes of the whole run's, and the report is there.
    pub fn check(&self, folder: &str) -> Result<(), Failed> {
        let results = self.path(folder).join("results");
        if fs::read(results.join("scores.tsv"))? != fs::read(self.path("whole.tsv"))? {
            return Err(format!("the table of {folder} is not that of the whole run").into());
        }
        let report = fs::read_to_string(results.join("report/multiqc_report.html"))?;
        let versions = fs::read_to_string(results.join("versions.yml"))?;
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

pub fn told(output: &Output) -> Failed {
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
    full_disk(&run)?;
    corrupt_share(&run)?;
    other_input(&run)?;
    Ok(Completion::Completed)
}

fn snakemake(run: &Run, more: &[&str]) -> Result<Output, Failed> {
    let mut command = run.snakemake(3, "three", "local")?;
    Ok(command.args(["--cores", "2"]).args(more).output()?)
}

fn share(run: &Run, number: usize, file: &str) -> PathBuf {
    let folder = format!("three/results/shares/shard-{number:06}-of-000003/{file}");
    run.path(&folder)
}

/// A share whose disk is full says so, and the next try ends it.
fn full_disk(run: &Run) -> Result<(), Failed> {
    let program = run.path("program");
    fs::write(&program, format!("{FULL}{PROGRAM} \"$@\"\n"))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    fs::create_dir_all(run.path("three"))?;
    fs::write(run.path("three/full"), "")?;
    let output = snakemake(run, &[])?;
    // Snakemake shows the logs of jobs that failed.
    let shown = String::from_utf8_lossy(&output.stderr);
    if !output.status.success()
        || !shown.contains("rows.unfinished: File too large")
        || !shown.contains("Trying to restart")
    {
        return Err(told(&output));
    }
    run.check("three")
}

/// A share with a changed byte is refused, by name, and made again from there once it is asked for. Nothing else is done again.
fn corrupt_share(run: &Run) -> Result<(), Failed> {
    let seals = || -> Result<Vec<_>, Failed> {
        let seal = |number| Ok(fs::metadata(share(run, number, "finished.json"))?.modified()?);
        (1..=3).map(seal).collect()
    };
    let before = seals()?;
    let batch = share(run, 2, "000000000004.tsv.zst");
    let mut bytes = fs::read(&batch)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&batch, bytes)?;
    let table = run.path("three/results/scores.tsv");
    fs::remove_file(&table)?;
    let refused = snakemake(run, &["--retries", "0"])?;
    let log = fs::read_to_string(run.path("three/results/logs/merge.log"))?;
    let named = "shard-000002-of-000003/000000000004.tsv.zst is not as it was written";
    if refused.status.success() || !log.contains(named) || table.exists() {
        return Err(format!("a corrupt share was not refused: {log}").into());
    }
    fs::remove_file(share(run, 2, "finished.json"))?;
    let again = snakemake(run, &[])?;
    if !again.status.success() {
        return Err(told(&again));
    }
    run.check("three")?;
    let log = fs::read_to_string(run.path("three/results/logs/score-000002-of-000003.log"))?;
    let after = seals()?;
    let others = |seals: &[SystemTime]| [seals[0], seals[2]];
    if !log.contains("were finished before") || others(&before) != others(&after) {
        return Err(format!("shares were made again that were whole: {log}").into());
    }
    Ok(())
}

/// Another input is refused, by name, in the log of the share.
fn other_input(run: &Run) -> Result<(), Failed> {
    let text = fs::read_to_string(run.path("variants.vcf"))?;
    fs::write(run.path("variants.vcf"), text.replacen("v0", "other", 1))?;
    let refused = snakemake(run, &["--retries", "0"])?;
    let log = fs::read_to_string(run.path("three/results/logs/score-000001-of-000003.log"))?;
    if refused.status.success() || !log.contains("(vcf)") {
        return Err(format!("another input was not refused: {log}").into());
    }
    Ok(())
}
