//! Shares of predictions, and one output of them: the bytes of the whole run in every format, whatever happened in between.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::program::{self, Outcome};

use crate::shards::{batches, flip, killed, place};
use crate::support::{Inputs, MODEL, PROGRAM, SCORERS};

/// Regions out of order, two of one name, and one that five windows tile.
const BED: &str = "chr2\t100\t400\tsame\t0\t-\nchr1\t40001\t60001\ttiled\nchr1\t199900\t200100\tend\nchr1\t-50\t70\tsame\n\
                   chr1\t90000\t90300\n";
const REGIONS: [&str; 6] = [
    "--bed",
    "some.bed",
    "--length",
    "8k",
    "--outputs",
    "atac,chip_tf",
];
/// Windows of all regions.
const WINDOWS: usize = 9;

/// One of three alleles of one place, one twice, and two that cannot be predicted.
const VARIANTS: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\
    chr1\t40001\tnone\tA\t<DEL>\t.\t.\t.\nchr1\t42105\tthree\tG\tA,C,GT\t.\t.\t.\nchr1\t48194\tsnv\tC\tG\t.\t.\t.\n\
    chr1\t48194\tagain\tC\tG\t.\t.\t.\nchr2\t18001\tother\tC\tG\t.\t.\t.\nchr1\t48250\tlast\tA\t*\t.\t.\t.\n";

fn inputs() -> Inputs {
    let inputs = Inputs::new();
    inputs.write("some.bed", BED);
    inputs.write("some.vcf", VARIANTS);
    inputs
}

fn predict(inputs: &Inputs, arguments: &[&str]) -> Outcome {
    let mut fixed = vec!["predict", "--model", MODEL.to_str().unwrap()];
    if !arguments.contains(&"--sequences") {
        fixed.extend(["--fasta", "genome.fa.gz"]);
    }
    inputs.alphagenome(&[&fixed[..], arguments].concat())
}

fn share(inputs: &Inputs, run: &[&str], shard: &str) -> Outcome {
    predict(
        inputs,
        &[run, &["--shard", shard, "--out", "shares"]].concat(),
    )
}

fn merge(inputs: &Inputs, out: &str) -> Outcome {
    inputs.alphagenome(&["merge", "shares", "-o", out])
}

/// All files of a folder, by their paths in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = PathBuf::from(entry.file_name());
        match entry.path().is_dir() {
            true => found.extend(
                files(&entry.path())
                    .into_iter()
                    .map(|(path, bytes)| (name.join(path), bytes)),
            ),
            false => drop(found.insert(name, fs::read(entry.path()).unwrap())),
        }
    }
    found
}

#[track_caller]
fn same(inputs: &Inputs, a: &str, b: &str) {
    let (own, other) = (files(&inputs.path(a)), files(&inputs.path(b)));
    assert!(
        own.keys().eq(other.keys()),
        "{a}: {:?}, {b}: {:?}",
        own.keys(),
        other.keys()
    );
    for (name, bytes) in &own {
        assert!(other[name] == *bytes, "{} of {a} and {b}", name.display());
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

const FORMS: [&str; 3] = ["out", "out.npz", "out.parquet"];

/// Holds 1, 3 and 5 shares of a run to the whole run in every format; gives how many files the folder of bigWig files has.
fn hold(inputs: &Inputs, run: &[&str], code: i32) -> usize {
    fs::create_dir(inputs.path("whole")).unwrap();
    for out in FORMS {
        let out = format!("whole/{out}");
        predict(inputs, &[run, &["--out", &out]].concat()).expect_code(code);
    }
    for of in [1, 3, 5] {
        let _ = fs::remove_dir_all(inputs.path("shares"));
        let mut seen = Vec::new();
        // In any order.
        for number in (1..=of).rev() {
            let outcome = share(inputs, run, &format!("{number}/{of}"));
            assert!(outcome.code() < 2, "{outcome}");
            let name = format!("shard-{number:06}-of-{of:06}");
            let seal = json(&place(inputs, &name).join("finished.json"));
            seen.push(seal["items"].as_u64().unwrap());
            // A region's windows are in one share.
            let last = batches(inputs, &name).pop().map(|path| json(&path));
            let ends = last.is_none_or(|part| part["passed"]["last"] != false);
            assert!(ends, "{name} ends within a region");
        }
        assert!(
            of == 1 || seen.iter().filter(|items| **items > 0).count() > 1,
            "{seen:?}"
        );
        let _ = fs::remove_dir_all(inputs.path("merged"));
        fs::create_dir(inputs.path("merged")).unwrap();
        for out in FORMS {
            let merged = merge(inputs, &format!("merged/{out}"));
            merged.expect_code(code);
        }
        same(inputs, "whole", "merged");
    }
    files(&inputs.path("whole/out")).len()
}

#[test]
fn regions_have_the_bytes_of_the_whole_run() {
    let inputs = inputs();
    // Nine tracks, and the table of them.
    assert_eq!(hold(&inputs, &REGIONS, 0), 9 + 1);
    let tracks = inputs.rows("merged/out.npz.tracks.tsv").rows();
    assert_eq!(tracks.len(), 9);
}

#[test]
fn contacts_and_junctions_have_the_bytes_of_the_whole_run() {
    let inputs = inputs();
    let run = [
        "--region",
        "chr1:60,001-64,096:-",
        "--region",
        "chr1:40,002-44,097",
        "--region",
        "chr1:50,001-52,000",
        "--length",
        "4k",
        "--outputs",
        "dnase,contact_maps,splice_junctions",
    ];
    hold(&inputs, &run, 0);
    assert!(
        inputs
            .path("merged/out/contacts_and_junctions.npz")
            .exists()
    );
}

#[test]
fn sequences_have_the_bytes_of_the_whole_run() {
    let inputs = inputs();
    let genome = inputs.text("genome.fa.gz");
    let bases = genome.lines().skip(1);
    let bases: String = bases.take_while(|line| !line.starts_with('>')).collect();
    let sequences = [
        40_000..44_096,
        50_000..51_000,
        60_000..62_048,
        70_000..70_001,
    ];
    let text = sequences.into_iter().enumerate();
    let text: String = text
        .map(|(at, range)| format!(">s{at}\n{}\n", &bases[range]))
        .collect();
    inputs.write("some.fa", text);
    let run = [
        "--sequences",
        "some.fa",
        "--outputs",
        "cage,splice_junctions",
    ];
    hold(&inputs, &run, 0);
}

#[test]
fn variants_have_the_bytes_of_the_whole_run() {
    let inputs = inputs();
    let fixed = [
        "--length",
        "4k",
        "--outputs",
        "atac,chip_histone,splice_junctions",
    ];
    let run = [
        &fixed[..],
        &["--vcf", "some.vcf", "--gtf", "annotation.gtf.gz"],
    ]
    .concat();
    hold(&inputs, &run, 1);
    let failures = inputs.rows("merged/out/failures.tsv").rows();
    let lines: Vec<_> = failures.iter().map(|row| row["line"].as_str()).collect();
    assert_eq!(lines, ["3", "8"]);
    for folder in ["chr1_48194_C_G", "chr1_48194_C_G.2"] {
        assert!(inputs.path("merged/out").join(folder).is_dir());
    }
}

#[test]
fn named_variants_are_shared_and_those_of_one_place_stay_together() {
    let inputs = inputs();
    let mut run = vec!["--length", "2k", "--outputs", "atac"];
    for variant in [
        "chr1:48194:C>G",
        "chr1:42105:G>A",
        "chr1:42105:G>C",
        "chr1:42105:G>GT",
    ] {
        run.extend(["--variant", variant]);
    }
    let name = |number: u64| format!("shard-{number:06}-of-000004");
    let items = |number: u64| {
        share(&inputs, &run, &format!("{number}/4")).expect_code(0);
        json(&place(&inputs, &name(number)).join("finished.json"))["items"].clone()
    };
    let mut items: Vec<_> = [1, 2, 3, 4].map(items).into();
    items.retain(|items| *items != 0);
    assert_eq!(items, [1, 3]);
    merge(&inputs, "a.npz").expect_code(0);
    predict(&inputs, &[&run[..], &["--out", "b.npz"]].concat()).expect_code(0);
    for end in ["", ".tracks.tsv"] {
        let read = |name: &str| fs::read(inputs.path(&format!("{name}{end}"))).unwrap();
        assert!(read("a.npz") == read("b.npz"), "{end}");
    }
}

#[test]
fn a_killed_share_goes_on_and_a_finished_one_is_skipped() {
    let inputs = inputs();
    fs::create_dir(inputs.path("whole")).unwrap();
    let whole = [&REGIONS[..], &["--out", "whole/a.npz"]].concat();
    predict(&inputs, &whole).expect_code(0);
    let name = "shard-000001-of-000001";
    let model = MODEL.to_str().unwrap();
    let all = [
        &["predict", "--fasta", "genome.fa.gz", "--model", model][..],
        &REGIONS,
        &["--shard", "1/1", "--out", "shares"],
    ]
    .concat();
    let kept = killed(&inputs, name, [1, 3, 5], || {
        program::command(PROGRAM, &inputs.path(""), &all)
    });
    if !place(&inputs, name).join("finished.json").exists() {
        merge(&inputs, "merged.npz")
            .expect_code(2)
            .expect_message(&[
                "1 of 1 shares are not finished: 1/1 (begun)",
                "`alphagenome predict --shard I/1 --out shares`",
            ]);
    }
    let last = share(&inputs, &REGIONS, "1/1");
    last.expect_code(0);
    if kept < WINDOWS {
        last.expect_message(&[&format!("note: {kept} of {WINDOWS} were finished before")]);
    }
    let seal = place(&inputs, name).join("finished.json");
    let modified = || fs::metadata(&seal).unwrap().modified().unwrap();
    let before = modified();
    // No model is loaded for it: the summary is that of the share.
    let again = share(&inputs, &[&REGIONS[..], &["--json"]].concat(), "1/1");
    again
        .expect_code(0)
        .expect_message(&["share 1/1 was finished before"]);
    let summary: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&summary["regions"], &summary["tracks"]),
        (&5.into(), &9.into())
    );
    assert_eq!(modified(), before);
    fs::create_dir(inputs.path("merged")).unwrap();
    merge(&inputs, "merged/a.npz").expect_code(0);
    same(&inputs, "whole", "merged");
}

const SECOND: &str = "shard-000002-of-000003";

/// Three finished shares, and the whole run beside them.
fn finished() -> Inputs {
    let inputs = inputs();
    fs::create_dir(inputs.path("whole")).unwrap();
    predict(&inputs, &[&REGIONS[..], &["--out", "whole/a"]].concat()).expect_code(0);
    for shard in ["1/3", "2/3", "3/3"] {
        share(&inputs, &REGIONS, shard).expect_code(0);
    }
    inputs
}

/// Merges, and holds the output to the whole run.
#[track_caller]
fn mended(inputs: &Inputs) {
    let _ = fs::remove_dir_all(inputs.path("merged"));
    fs::create_dir(inputs.path("merged")).unwrap();
    merge(inputs, "merged/a").expect_code(0);
    same(inputs, "whole", "merged");
}

#[test]
fn a_changed_share_is_named_and_made_again() {
    let inputs = finished();
    let second = || batches(&inputs, SECOND)[1].clone();
    let arrays = || second().with_extension("tsv.zst");
    let named = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let seal = || place(&inputs, SECOND).join("finished.json");
    let damages: [(&dyn Fn(), String); 7] = [
        (
            &|| flip(arrays()),
            format!("{} is not as it was written", named(arrays())),
        ),
        (&|| fs::remove_file(arrays()).unwrap(), named(arrays())),
        (
            &|| flip(second()),
            format!("{} is not as it was written", named(second())),
        ),
        (
            &|| fs::remove_file(second()).unwrap(),
            format!("{} is missing", named(second())),
        ),
        (
            &|| {
                let other = second().with_file_name("000000000999.json");
                fs::copy(second(), other).unwrap();
            },
            "000000000999.json is not this share's".into(),
        ),
        (
            &|| flip(seal()),
            "finished.json is not as it was written".into(),
        ),
        (
            &|| fs::remove_dir_all(place(&inputs, SECOND)).unwrap(),
            "1 of 3 shares are not finished: 2/3; `alphagenome predict --shard I/3 --out shares`"
                .into(),
        ),
    ];
    for (damage, words) in damages {
        damage();
        let refused = merge(&inputs, "refused");
        refused.expect_code(2).expect_message(&[&words]);
        if !words.starts_with("1 of") {
            refused.expect_message(&[SECOND]);
        }
        assert!(!inputs.path("refused").exists() && !inputs.path("refused.unfinished").exists());
        share(&inputs, &REGIONS, "2/3").expect_code(0);
        mended(&inputs);
    }
}

#[test]
fn a_share_in_anothers_place_is_refused() {
    let inputs = finished();
    let _ = fs::remove_dir_all(place(&inputs, SECOND));
    fs::create_dir(place(&inputs, SECOND)).unwrap();
    for (name, bytes) in files(&place(&inputs, "shard-000001-of-000003")) {
        fs::write(place(&inputs, SECOND).join(name), bytes).unwrap();
    }
    merge(&inputs, "refused")
        .expect_code(2)
        .expect_message(&[SECOND, "this is share 1/3"]);
    share(&inputs, &REGIONS, "2/3")
        .expect_code(2)
        .expect_message(&[SECOND, "in the place of share 2/3"]);
    share(&inputs, &[&REGIONS[..], &["--force"]].concat(), "2/3").expect_code(0);
    mended(&inputs);
    share(&inputs, &REGIONS, "2/2")
        .expect_code(2)
        .expect_message(&["a share of 3 lies here, and this one is of 2"]);
}

#[test]
fn other_inputs_and_options_are_not_mixed() {
    let inputs = finished();
    inputs.write("some.bed", BED.replace("end", "other"));
    for shard in ["1/3", "2/3"] {
        share(&inputs, &REGIONS, shard)
            .expect_code(2)
            .expect_message(&["shard-00000", "(bed)"]);
    }
    // Whoever insists finds out in the end.
    share(&inputs, &[&REGIONS[..], &["--force"]].concat(), "2/3").expect_code(0);
    merge(&inputs, "refused").expect_code(2).expect_message(&[
        SECOND,
        "made from other inputs",
        "(bed)",
    ]);
    // Where a file lies, and when it was written, is nothing to a share.
    inputs.write("some.bed", BED);
    share(&inputs, &[&REGIONS[..], &["--force"]].concat(), "2/3").expect_code(0);
    mended(&inputs);
    for (from, to, named) in [
        ("8k", "16k", "(length)"),
        ("atac,chip_tf", "atac", "(tracks)"),
    ] {
        let run = REGIONS.map(|word| if word == from { to } else { word });
        share(&inputs, &run, "2/3")
            .expect_code(2)
            .expect_message(&[named]);
    }
    let track = [&REGIONS[..], &["--track", "name=atac track 1"]].concat();
    share(&inputs, &track, "2/3")
        .expect_code(2)
        .expect_message(&["(tracks)"]);
    let region = [
        "--region",
        "chr1:1-300",
        "--length",
        "8k",
        "--outputs",
        "atac,chip_tf",
    ];
    share(&inputs, &region, "2/3")
        .expect_code(2)
        .expect_message(&["(bed, region)"]);
}

#[test]
fn what_shares_cannot_do_is_said() {
    let inputs = finished();
    for more in [["--html", "pages"], ["--format", "npz"]] {
        share(&inputs, &[&REGIONS[..], &more].concat(), "1/3")
            .expect_code(2)
            .expect_message(&["cannot be used with", "--shard <I/N>", more[0]]);
    }
    for (out, more, words) in [
        ("a.tsv", &[][..], ".tsv says no format"),
        (
            "a.npz",
            &["--multiqc", "report"],
            "--multiqc: these shares hold predictions",
        ),
        ("whole/a", &[], "exists already; --force replaces it"),
    ] {
        let outcome = inputs.alphagenome(&[&["merge", "shares", "-o", out][..], more].concat());
        outcome.expect_code(2).expect_message(&[words]);
    }
    let named = [
        "merge", "shares", "-o", "a.bin", "--format", "npz", "--json",
    ];
    let outcome = inputs.alphagenome(&named);
    outcome.expect_code(0);
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (&summary["regions"], &summary["failures"]),
        (&5.into(), &0.into())
    );
    inputs.write("file", "");
    predict(
        &inputs,
        &[&REGIONS[..], &["--shard", "1/3", "--out", "file"]].concat(),
    )
    .expect_code(2)
    .expect_message(&["--out file: is a file; shares need a folder"]);
    // Scores have no format of their own.
    inputs.write("scorers.toml", SCORERS);
    let score = [
        "--vcf",
        "some.vcf",
        "--length",
        "2k",
        "--scorers",
        "scorers.toml",
    ];
    let scored = inputs.score(&[&score[..], &["--shard", "1/1", "--out", "scores"]].concat());
    assert!(scored.code() < 2, "{scored}");
    inputs
        .alphagenome(&["merge", "scores", "-o", "a.tsv", "--format", "npz"])
        .expect_code(2)
        .expect_message(&["--format: these shares hold scores"]);
}

#[test]
fn what_a_share_takes_is_said_before() {
    let inputs = inputs();
    let dry = |run: &[&str], more: &[&str]| -> Value {
        let fixed = ["--dry-run", "--json", "--out", "shares"];
        let outcome = predict(&inputs, &[run, &fixed, more].concat());
        outcome.expect_code(0);
        serde_json::from_str(&outcome.stdout).unwrap()
    };
    let all = dry(&REGIONS, &[]);
    assert_eq!((&all["regions"], &all["windows"]), (&5.into(), &9.into()));
    // Bases of three tracks, and of six the bins of 128 bp that have one of them.
    let bases = 300 + 20_000 + 200 + 120 + 300;
    let bins = 4 + (4 * 32 + 29) + 2 + 2 + 4;
    let values = f64::from(4 * (3 * bases + 6 * bins));
    assert!(
        (all["disk_gb"].as_f64().unwrap() * 1e9 - values).abs() < 1.0,
        "{all}"
    );
    let shares = ["1/2", "2/2"].map(|shard| dry(&REGIONS, &["--shard", shard]));
    for name in ["regions", "windows", "disk_gb"] {
        let sum: f64 = shares
            .iter()
            .map(|share| share[name].as_f64().unwrap())
            .sum();
        assert!((sum - all[name].as_f64().unwrap()).abs() < 1e-12, "{name}");
    }
    assert_eq!(shares[0]["passes_of_the_input"], 9);
    let run = [
        "--vcf",
        "some.vcf",
        "--length",
        "4k",
        "--outputs",
        "atac,contact_maps",
    ];
    let both = dry(&run, &[]);
    assert_eq!(
        (&both["variants"], &both["windows"]),
        (&8.into(), &6.into())
    );
    let values = 6.0 * 2.0 * (4096.0 * 3.0 + 4.0 * 4.0) * 4.0;
    assert!(
        (both["disk_gb"].as_f64().unwrap() * 1e9 - values).abs() < 1.0,
        "{both}"
    );
    assert!(!inputs.path("shares").exists() && !inputs.path("shares.unfinished").exists());
}

#[test]
fn regions_that_overlap_go_into_arrays_alone() {
    let inputs = inputs();
    inputs.write("some.bed", "chr1\t100\t400\nchr1\t399\t500\n");
    for shard in ["1/2", "2/2"] {
        share(&inputs, &REGIONS, shard).expect_code(0);
    }
    merge(&inputs, "a")
        .expect_code(2)
        .expect_message(&["chr1:100-400:. and chr1:399-500:. overlap"]);
    assert!(!inputs.path("a").exists() && !inputs.path("a.unfinished").exists());
    merge(&inputs, "a.npz").expect_code(0);
}

#[test]
fn memory_of_a_merge_stays_with_one_window() {
    let inputs = inputs();
    let peak = |region: &str, out: &str| {
        let outputs = ["--outputs", "atac,rna_seq,dnase,cage", "--length", "8k"];
        let run = [&outputs[..], &["--region", region]].concat();
        let _ = fs::remove_dir_all(inputs.path("shares"));
        share(&inputs, &run, "1/1").expect_code(0);
        let merged = merge(&inputs, out);
        merged.expect_code(0);
        merged.peak_anonymous
    };
    let (one, many) = (peak("chr1:40,001-48,192", "a"), peak("chr1:1-200,000", "b"));
    // 200,000 bp of 15 tracks are 12 MB, and as much again with their places.
    assert!(many < one + (8 << 20), "{one} and {many} bytes");
}
