//! Shares of a run, and one output of them: the bytes of the whole run, whatever happened in between.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use alphagenome::shards::Finished;
use alphagenome::work::Work;
use serde_json::Value;
use tests::program::{self, Outcome};

use crate::support::{Inputs, MODEL, SCORERS, recorded};

/// Variants of the recording, two records that are none, and one with three alleles of one place.
fn inputs() -> Inputs {
    let inputs = Inputs::new();
    let text = fs::read_to_string(recorded("variants.vcf")).unwrap();
    let mut lines: Vec<_> = text.lines().take(40).collect();
    lines.insert(9, "chr1\t40001\tnone\tA\t<DEL>\t.\t.\t.");
    lines.insert(20, "chr1\t42105\tthree\tG\tA,C,GT\t.\t.\t.");
    lines.push("chr1\t42106\tlast\tA\t*\t.\t.\t.");
    inputs.write("variants.vcf", lines.join("\n") + "\n");
    inputs.write("scorers.toml", SCORERS);
    inputs
}

const VARIANTS: u64 = 41;

/// A run with one cheap scorer.
fn cheap<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let fixed = [
        "--vcf",
        "variants.vcf",
        "--length",
        "2k",
        "--batch",
        "2",
        "--scorers",
        "scorers.toml",
    ];
    [&fixed[..], more].concat()
}

/// The same in batches of another size.
fn in_batches<'a>(run: &[&'a str], size: &'a str) -> Vec<&'a str> {
    let other = |word: &&'a str| if *word == "2" { size } else { word };
    run.iter().map(other).collect()
}

fn share(inputs: &Inputs, shard: &str, more: &[&str]) -> Outcome {
    inputs.score(&[&cheap(&["--shard", shard, "--out", "shares"])[..], more].concat())
}

fn merge(inputs: &Inputs, out: &str) -> Outcome {
    inputs.alphagenome(&["merge", "shares", "-o", out])
}

fn same(inputs: &Inputs, a: &str, b: &str) {
    for end in ["", ".failures.tsv"] {
        let read = |name: &str| fs::read(inputs.path(&format!("{name}{end}"))).unwrap();
        assert!(read(a) == read(b), "{a}{end} and {b}{end} are the same");
    }
}

/// The folder of a share.
pub fn place(inputs: &Inputs, shard: &str) -> PathBuf {
    inputs.path("shares").join(shard)
}

/// Files of a share's batches, in order.
pub fn batches(inputs: &Inputs, shard: &str) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(place(inputs, shard)) else {
        return Vec::new();
    };
    let mut found: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("0000") && name.ends_with(".json")
    });
    found.sort();
    found
}

/// Changes a bit in the middle of a file.
pub fn flip(path: PathBuf) {
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn merged_shares_have_the_bytes_of_the_whole_run() {
    let inputs = inputs();
    // All recommended scorers: rows of variants beside genes have other columns.
    let run = ["--vcf", "variants.vcf", "--length", "4k"];
    for (out, more, counts) in [
        ("whole.tsv", &[][..], &[1, 3, 16][..]),
        ("whole.vcf.gz", &["--format", "vcf"][..], &[3][..]),
    ] {
        inputs
            .score(&[&run[..], &["--out", out]].concat())
            .expect_code(1);
        for of in counts {
            let _ = fs::remove_dir_all(inputs.path("shares"));
            // In any order.
            for number in (1..=*of).rev() {
                let shard = format!("{number}/{of}");
                let share = [&run[..], &["--shard", &shard, "--out", "shares"], more].concat();
                let outcome = inputs.score(&share);
                assert!(outcome.code() < 2, "{outcome}");
            }
            let merged = format!("merged-{of}.{}", out.split_once('.').unwrap().1);
            merge(&inputs, &merged)
                .expect_code(1)
                .expect_message(&["2 of 41 variants have no scores", "failures.tsv"]);
            same(&inputs, out, &merged);
        }
        if more.is_empty() {
            inputs
                .score(&[&run[..], &["--out", "whole.parquet"]].concat())
                .expect_code(1);
            merge(&inputs, "merged.parquet").expect_code(1);
            same(&inputs, "whole.parquet", "merged.parquet");
            merge(&inputs, "merged.vcf")
                .expect_code(2)
                .expect_message(&[
                    "the shares hold rows of a table",
                    ".tsv, .tsv.gz or .parquet",
                    "--format",
                ]);
        }
        assert!(!inputs.path("merged.vcf").exists());
        assert!(!inputs.path("merged.vcf.merging").exists());
    }
}

#[test]
fn mutagenesis_is_shared_too() {
    let inputs = inputs();
    let run = [
        "--region",
        "chr1:42,101-42,110",
        "--window",
        "4k",
        "--scorers",
        "scorers.toml",
    ];
    let whole = inputs.run("ism", &[&run[..], &["--out", "whole.tsv"]].concat());
    whole.expect_code(0);
    for shard in ["1/4", "2/4", "3/4", "4/4"] {
        let share = [&run[..], &["--shard", shard, "--out", "shares"]].concat();
        inputs.run("ism", &share).expect_code(0);
    }
    merge(&inputs, "merged.tsv").expect_code(0);
    assert_eq!(inputs.text("whole.tsv"), inputs.text("merged.tsv"));
}

/// Kills a share's run once it has so many batches, again and again; how many it has in the end.
#[track_caller]
pub fn killed(
    inputs: &Inputs,
    name: &str,
    wanted: [usize; 3],
    command: impl Fn() -> Command,
) -> usize {
    let (mut kept, mut first) = (0, None);
    for wanted in wanted {
        let mut command = command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let begin = Instant::now();
        while batches(inputs, name).len() < wanted && begin.elapsed() < Duration::from_secs(120) {
            sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let found = batches(inputs, name);
        assert!(found.len() >= wanted.max(kept), "{found:?}");
        let written = fs::metadata(&found[0]).unwrap().modified().unwrap();
        let before = *first.get_or_insert(written);
        assert_eq!(before, written, "it is not written again");
        kept = found.len();
    }
    kept
}

#[test]
fn a_killed_share_goes_on_and_a_finished_one_is_skipped() {
    let inputs = inputs();
    inputs.score(&cheap(&["--out", "whole.tsv"])).expect_code(1);
    let name = "shard-000001-of-000002";
    let run = cheap(&["--shard", "1/2", "--out", "shares"]);
    let run = in_batches(&run, "1");
    let kept = killed(&inputs, name, [1, 3, 4], || inputs.command("score", &run));
    merge(&inputs, "merged.tsv")
        .expect_code(2)
        .expect_message(&["2 of 2 shares are not finished: 1/2 (begun), 2/2"]);
    let last = share(&inputs, "1/2", &[]);
    assert!(last.stderr.contains(&format!("note: {kept} of ")), "{last}");
    share(&inputs, "2/2", &[]);
    let modified = || {
        let path = place(&inputs, name).join("finished.json");
        fs::metadata(path).unwrap().modified().unwrap()
    };
    let before = modified();
    let again = share(&inputs, "1/2", &[]);
    again.expect_message(&["share 1/2 was finished before"]);
    assert_eq!((again.code(), modified()), (last.code(), before));
    merge(&inputs, "merged.tsv").expect_code(1);
    same(&inputs, "whole.tsv", "merged.tsv");
}

/// Three finished shares, and the whole run beside them.
fn finished() -> Inputs {
    let inputs = inputs();
    inputs.score(&cheap(&["--out", "whole.tsv"])).expect_code(1);
    for shard in ["1/3", "2/3", "3/3"] {
        share(&inputs, shard, &[]);
    }
    inputs
}

const SECOND: &str = "shard-000002-of-000003";

#[test]
fn a_changed_share_is_named_and_made_again() {
    let inputs = finished();
    let second = || batches(&inputs, SECOND)[1].clone();
    let rows = || second().with_extension("tsv.zst");
    let damages: [(&dyn Fn(), &[&str]); 7] = [
        (
            &|| flip(rows()),
            &["000002.tsv.zst is not as it was written"],
        ),
        (&|| fs::remove_file(rows()).unwrap(), &["000002.tsv.zst"]),
        (
            &|| flip(second()),
            &["000002.json is not as it was written"],
        ),
        (
            &|| fs::remove_file(second()).unwrap(),
            &["000002.json is missing"],
        ),
        (
            &|| {
                let other = second().with_file_name("000000000999.json");
                fs::copy(second(), other).unwrap();
            },
            &["000000000999.json is not this share's"],
        ),
        (
            &|| flip(place(&inputs, SECOND).join("finished.json")),
            &["finished.json is not as it was written"],
        ),
        (
            &|| fs::remove_dir_all(place(&inputs, SECOND)).unwrap(),
            &["1 of 3 shares are not finished: 2/3"],
        ),
    ];
    for (damage, words) in damages {
        damage();
        let refused = merge(&inputs, "merged.tsv");
        refused.expect_code(2).expect_message(words);
        if !words[0].starts_with("1 of") {
            refused.expect_message(&[SECOND]);
        }
        assert!(!inputs.path("merged.tsv").exists() && !inputs.path("merged.tsv.merging").exists());
        let again = share(&inputs, "2/3", &[]);
        assert!(again.code() < 2, "{again}");
        merge(&inputs, "merged.tsv").expect_code(1);
        same(&inputs, "whole.tsv", "merged.tsv");
        fs::remove_file(inputs.path("merged.tsv")).unwrap();
        fs::remove_file(inputs.path("merged.tsv.failures.tsv")).unwrap();
    }
}

#[test]
fn a_share_in_anothers_place_is_refused() {
    let inputs = finished();
    let copy = |from: &str, to: &str| {
        let _ = fs::remove_dir_all(place(&inputs, to));
        fs::create_dir(place(&inputs, to)).unwrap();
        for entry in fs::read_dir(place(&inputs, from)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), place(&inputs, to).join(entry.file_name())).unwrap();
        }
    };
    copy("shard-000001-of-000003", SECOND);
    merge(&inputs, "merged.tsv")
        .expect_code(2)
        .expect_message(&[SECOND, "this is share 1/3", "--shard 2/3"]);
    // Neither it nor another share takes it for share 2.
    for shard in ["2/3", "3/3"] {
        share(&inputs, shard, &[])
            .expect_code(2)
            .expect_message(&[SECOND, "this is share 1/3, in the place of share 2/3"]);
    }
    let insisted = share(&inputs, "2/3", &["--force"]);
    assert!(insisted.code() < 2, "{insisted}");
    merge(&inputs, "mended.tsv").expect_code(1);
    same(&inputs, "whole.tsv", "mended.tsv");
    copy("shard-000001-of-000003", "shard-000001-of-000002");
    merge(&inputs, "merged.tsv")
        .expect_code(2)
        .expect_message(&["shares of 2 and of 3 lie here"]);
    fs::remove_dir_all(place(&inputs, "shard-000001-of-000002")).unwrap();
    share(&inputs, "2/2", &[])
        .expect_code(2)
        .expect_message(&["a share of 3 lies here, and this one is of 2"]);
}

#[test]
fn other_inputs_and_settings_are_not_mixed() {
    let inputs = finished();
    let text = inputs.text("variants.vcf");
    inputs.write("variants.vcf", text.replacen("o03", "other", 1));
    for (shard, place) in [("2/3", SECOND), ("1/3", "shard-000001-of-000003")] {
        share(&inputs, shard, &[])
            .expect_code(2)
            .expect_message(&["shard-00000", "(vcf)"]);
        assert!(
            inputs
                .path("shares")
                .join(place)
                .join("finished.json")
                .exists()
        );
    }
    share(&inputs, "2/3", &["--no-stitching"])
        .expect_code(2)
        .expect_message(&["(stitching, vcf)"]);
    // Whoever insists finds out in the end.
    let insisted = share(&inputs, "2/3", &["--force"]);
    assert!(insisted.code() < 2, "{insisted}");
    merge(&inputs, "merged.tsv")
        .expect_code(2)
        .expect_message(&[SECOND, "made from other inputs", "(vcf)"]);
    // What a file is called, and when it was written, is nothing to a share.
    inputs.write("variants.vcf", &text);
    let back = share(&inputs, "2/3", &["--force"]);
    assert!(back.code() < 2, "{back}");
    merge(&inputs, "merged.tsv").expect_code(1);
    same(&inputs, "whole.tsv", "merged.tsv");
    // Nor are shares that nothing but the header tells apart.
    let second = place(&inputs, SECOND);
    let finished = Finished::read(&second).unwrap().unwrap();
    let work = Work::open(&second, &finished.settings, false).unwrap();
    let other = Finished {
        header: "another".into(),
        failures: 0,
        rows: 0,
        ..finished
    };
    other.write(&work).unwrap();
    merge(&inputs, "other.tsv").expect_code(2).expect_message(&[
        SECOND,
        "made from other inputs",
        "(header)",
    ]);
}

#[test]
fn where_multiqc_finds_no_folder_nothing_is_merged() {
    let inputs = inputs();
    share(&inputs, "1/1", &[]);
    inputs.write("file", "no folder");
    let merge = |folder: &str| {
        inputs.alphagenome(&["merge", "shares", "-o", "merged.tsv", "--multiqc", folder])
    };
    merge("file/report")
        .expect_code(2)
        .expect_message(&["--multiqc file/report: cannot be written"]);
    assert!(!inputs.path("merged.tsv").exists());
    merge("new/report").expect_code(1);
    let found = fs::read_dir(inputs.path("new/report")).unwrap();
    let mut found: Vec<_> = found.map(|entry| entry.unwrap().file_name()).collect();
    found.sort();
    let both = ["alphagenome_mqc_versions.yml", "alphagenome_score_mqc.json"];
    assert_eq!(found, both);
}

#[cfg(unix)]
#[test]
fn a_full_disk_ends_a_share_and_nothing_is_lost() {
    let inputs = inputs();
    let run = cheap(&["--out", "whole.tsv"]);
    inputs.score(&run).expect_code(1);
    // Files of some kilobytes and no more: a write beyond fails as on a full disk.
    let share_of = |limit: &str| {
        let share = cheap(&["--shard", "1/1", "--out", "shares"]);
        let share = in_batches(&share, "100");
        let command = inputs.command("score", &share);
        let mut limited = Command::new("sh");
        let script = format!("trap '' XFSZ; {limit} exec \"$0\" \"$@\"");
        limited.args(["-c", &script]).arg(command.get_program());
        limited.args(command.get_args());
        limited.current_dir(command.get_current_dir().unwrap());
        program::run(limited)
    };
    // Settings fit, and all variants' rows do not.
    let full = share_of("ulimit -f 8;");
    full.expect_no_panic().expect_code(2);
    assert!(full.stderr.contains("shares"), "{full}");
    assert!(
        !place(&inputs, "shard-000001-of-000001")
            .join("finished.json")
            .exists()
    );
    assert!(share_of("").code() < 2);
    merge(&inputs, "merged.tsv").expect_code(1);
    same(&inputs, "whole.tsv", "merged.tsv");
    // The merged file as well.
    let mut limited = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" merge shares -o small.tsv";
    limited
        .args(["-c", script])
        .arg(env!("CARGO_BIN_EXE_alphagenome"));
    limited.current_dir(inputs.path(""));
    program::run(limited).expect_no_panic().expect_code(2);
    assert!(!inputs.path("small.tsv").exists() && !inputs.path("small.tsv.merging").exists());
}

#[test]
fn several_devices_give_the_bytes_of_one() {
    let inputs = inputs();
    let run = ["--vcf", "variants.vcf", "--length", "4k"];
    let calibration = "calibration.pb";
    fs::copy(recorded(calibration), inputs.path(calibration)).unwrap();
    // Ties of quantiles are drawn in order.
    let quantiles = [&run[..], &["--quantiles", calibration]].concat();
    for (run, one, three) in [
        (&run[..], "one.tsv", "three.tsv"),
        (&run[..], "one.vcf", "three.vcf"),
        (&quantiles[..], "quantiles.tsv", "three-quantiles.tsv"),
    ] {
        inputs
            .score(&[run, &["--out", one]].concat())
            .expect_code(1);
        let devices = ["--out", three, "--device", "cpu,cpu,cpu", "--json"];
        let outcome = inputs.score(&[run, &devices].concat());
        outcome.expect_code(1);
        same(&inputs, one, three);
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let devices = report["devices"].as_array().unwrap();
        let variants = devices
            .iter()
            .map(|device| device["variants"].as_u64().unwrap());
        assert_eq!((devices.len(), variants.sum::<u64>()), (3, VARIANTS));
    }
    let both = share(&inputs, "1/2", &["--quantiles", calibration]);
    both.expect_code(2)
        .expect_message(&["ties", "--device cuda:all"]);
    let predict = "predict --fasta genome.fa.gz --region chr1:40,001-42,048 --outputs atac --out x.npz --device cpu,cpu --model";
    let words: Vec<_> = predict.split(' ').chain(MODEL.to_str()).collect();
    inputs
        .alphagenome(&words)
        .expect_code(2)
        .expect_message(&["--device cpu,cpu", "runs on one"]);
}

#[test]
fn what_a_share_takes_is_said_before() {
    let inputs = inputs();
    let dry = |more: &[&str]| {
        let all = cheap(&["--dry-run", "--json", "--out", "shares"]);
        let outcome = inputs.score(&[&all[..], more].concat());
        outcome.expect_code(0);
        assert!(!inputs.path("shares.partial").exists());
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()
    };
    let first = dry(&["--shard", "1/2"]);
    assert_eq!(first["variants_of_the_input"], VARIANTS);
    assert_eq!(first["length"], 2048);
    assert!(first["device_seconds"].is_null(), "{first}");
    let second = dry(&["--shard", "2/2"]);
    let sum = |name: &str| first[name].as_u64().unwrap() + second[name].as_u64().unwrap();
    assert_eq!(sum("variants"), VARIANTS);
    assert!(!inputs.path("shares").exists());
    // Shares that are finished say what others take.
    share(&inputs, "1/2", &[]);
    let known = dry(&["--shard", "2/2"]);
    assert!(known["device_seconds"].as_f64().unwrap() > 0.0, "{known}");
    assert!(known["disk_gb"].as_f64().unwrap() > 0.0, "{known}");
    // Those that were scored otherwise say nothing.
    for other in [
        &["--no-stitching"][..],
        &["--as", "corrected"],
        &["--format", "vcf"],
    ] {
        let unknown = dry(&[&["--shard", "2/2"][..], other].concat());
        assert!(unknown["device_seconds"].is_null(), "{other:?}: {unknown}");
    }
    inputs.write("others.toml", SCORERS.replace("501", "2001"));
    for (own, other) in [("2k", "4k"), ("scorers.toml", "others.toml")] {
        let mut all = cheap(&["--dry-run", "--json", "--out", "shares", "--shard", "2/2"]);
        let at = all.iter().position(|word| *word == own).unwrap();
        all[at] = other;
        let outcome = inputs.score(&all);
        let unknown: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert!(unknown["device_seconds"].is_null(), "{other}: {unknown}");
    }
    // A GPU's rates are known without one, and are not those of shares from a CPU.
    let gpu = dry(&["--shard", "2/2", "--device", "cuda:all"]);
    assert!(gpu["source"].as_str().unwrap().contains("H200"), "{gpu}");
    assert!(gpu["device_seconds"].as_f64().unwrap() > 0.0, "{gpu}");
    // Several models of a device take more of its memory, and no more time.
    let two = dry(&["--shard", "2/2", "--device", "cuda:all", "--workers", "2"]);
    let memory = |document: &Value| document["device_memory_gb"].as_f64().unwrap();
    assert!((memory(&two) - 2.0 * memory(&gpu)).abs() < 1e-9, "{two}");
    assert_eq!(two["device_seconds"], gpu["device_seconds"]);
}
