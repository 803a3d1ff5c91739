//! Input that cannot be used, each with its message.

use std::fs;

use crate::support::{Inputs, SCORERS, recorded};

const HEADER: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

/// A VCF of lines `chromosome position id ref alt`.
fn vcf(lines: &[&str]) -> String {
    let line = |line: &&str| format!("{}\t.\t.\t.\n", line.replace(' ', "\t"));
    HEADER.to_owned() + &lines.iter().map(line).collect::<String>()
}

/// Scores a VCF of these lines with one cheap scorer.
fn score(lines: &[&str], more: &[&str]) -> (Inputs, tests::program::Outcome) {
    let inputs = Inputs::new();
    inputs.write("variants.vcf", vcf(lines));
    inputs.write("scorers.toml", SCORERS);
    let fixed = [
        "--vcf",
        "variants.vcf",
        "--out",
        "scores.tsv",
        "--length",
        "2k",
        "--scorers",
        "scorers.toml",
    ];
    let outcome = inputs.score(&[&fixed, more].concat());
    (inputs, outcome)
}

#[test]
fn another_reference_is_counted_and_named() {
    let other: Vec<_> = (0..12)
        .map(|at| format!("chr1 {} v{at} {} T", 48_194 + at, "GAAAAAAAAAAAAAAAAAAA"))
        .collect();
    let mut lines: Vec<_> = other.iter().map(String::as_str).collect();
    lines.push("chr1 48300 right N A");
    let first = "REF of 13 of 13 variants is not what the genome has: the first 10 are chr1:48194:GAAAAAAAAAAAAAAAAAAA>T (the genome has C";
    let (_, kept) = score(&lines, &[]);
    kept.expect_code(0)
        .expect_message(&[first, "they are scored as written"]);
    assert!(
        !kept.stderr.contains("chr1:48204:"),
        "ten are named: {kept}"
    );
    let (_, failed) = score(&lines, &["--ref-mismatch", "fail"]);
    failed
        .expect_code(2)
        .expect_message(&["error: ", first, "--ref-mismatch skip"]);
    let (inputs, skipped) = score(
        &["chr1 48194 a C G", "chr1 48195 b CCCCC G"],
        &["--ref-mismatch", "skip"],
    );
    skipped
        .expect_code(1)
        .expect_message(&["they are not scored", "1 of 2 variants have no scores"]);
    let failures = inputs.rows("scores.tsv.failures.tsv").rows();
    assert_eq!(failures[0]["id"], "b");
    assert!(
        failures[0]["reason"].contains("REF is \"CCCCC\""),
        "{failures:?}"
    );
}

#[test]
fn alleles_without_bases_end_alone() {
    let lines = [
        "chr1 48194 sound C G",
        "chr1 48195 symbolic A <DEL>",
        "chr1 48196 spanned A *",
        "chr1 48197 letters A R",
        "chr1 48198 breakend A A[chr1:5[",
        "chr1 48199 two A C,<DUP>",
        "chr1 48200 none A .",
    ];
    let (inputs, outcome) = score(&lines, &[]);
    outcome
        .expect_code(1)
        .expect_message(&["6 of 8 variants have no scores: scores.tsv.failures.tsv"]);
    let failures = inputs.rows("scores.tsv.failures.tsv").rows();
    let found: Vec<_> = failures.iter().map(|row| row["line"].as_str()).collect();
    assert_eq!(found, ["4", "5", "6", "7", "8", "9"]);
    for (row, word) in failures.iter().zip([
        "symbolic",
        "'*' says",
        "only the letters",
        "breakend",
        "symbolic",
        "no ALT",
    ]) {
        assert!(row["reason"].contains(word), "{row:?}");
    }
    let scored = inputs.rows("scores.tsv").rows();
    assert!(
        scored
            .iter()
            .any(|row| row["variant_id"] == "chr1:48199:A>C")
    );
}

#[test]
fn order_does_not_matter_and_is_said() {
    let lines = ["chr1 48195 a A G", "chr1 48194 b C G"];
    let (inputs, outcome) = score(&lines, &[]);
    outcome
        .expect_code(0)
        .expect_message(&["line 4: the records are not sorted"]);
    let (_, sorted) = score(&[lines[1], lines[0]], &[]);
    assert!(!sorted.stderr.contains("not sorted"), "{sorted}");
    let rows = inputs.rows("scores.tsv").rows();
    assert_eq!(rows[0]["variant_id"], "chr1:48195:A>G");
}

#[test]
fn a_truncated_file_ends_before_any_work() {
    let inputs = Inputs::new();
    let genome = fs::read(recorded("genome.fa.gz")).unwrap();
    // A BGZF file is whole with its last, empty block of 28 bytes.
    inputs.write("variants.vcf.gz", &genome[..genome.len() - 28]);
    let arguments = ["--vcf", "variants.vcf.gz", "--out", "scores.tsv"];
    inputs
        .score(&arguments)
        .expect_code(2)
        .expect_message(&["variants.vcf.gz", "truncated"]);
    assert!(!inputs.path("scores.tsv.partial").exists());
}

#[test]
fn chromosomes_are_named_as_in_the_genome() {
    let (_, outcome) = score(&["1 48194 a C G"], &[]);
    outcome
        .expect_code(2)
        .expect_message(&["variants.vcf", "\"chr1\" is there", "prefix \"chr\""]);
    let (inputs, outcome) = score(&["chr1 48194 a C G", "chr9 5 b C G", "2 9 c C G"], &[]);
    outcome.expect_code(1);
    let failures = inputs.rows("scores.tsv.failures.tsv").rows();
    assert!(
        failures[0]["reason"].contains("no sequence is named \"chr9\""),
        "{failures:?}"
    );
    assert!(
        failures[1]["reason"].contains("prefix \"chr\""),
        "{failures:?}"
    );
}

#[test]
fn variants_outside_of_the_window_are_refused() {
    let inputs = Inputs::new();
    inputs.write(
        "variants.vcf",
        vcf(&["chr1 48194 in C G", "chr1 58194 out C G"]),
    );
    let arguments = [
        "--vcf",
        "variants.vcf",
        "--out",
        "scores.tsv",
        "--region",
        "chr1:47,105-49,152",
    ];
    let outcome = inputs.score(&arguments);
    outcome.expect_code(1);
    let failures = inputs.rows("scores.tsv.failures.tsv").rows();
    assert_eq!(failures.len(), 1);
    assert!(
        failures[0]["reason"].contains("lies outside of chr1:47104-49152"),
        "{failures:?}"
    );
}

#[test]
fn tables_that_do_not_belong_are_refused() {
    let inputs = Inputs::new();
    inputs.write("variants.vcf", vcf(&["chr1 48194 a C G"]));
    let fixed = [
        "--vcf",
        "variants.vcf",
        "--out",
        "scores.tsv",
        "--length",
        "2k",
    ];
    let score = |more: &[&str]| {
        let outcome = inputs.score(&[&fixed, more].concat());
        outcome.expect_code(2);
        assert!(!inputs.path("scores.tsv").exists());
        outcome
    };
    inputs.write(
        "none.gtf",
        "chr1\tx\tgene\t1\t9\t.\t+\t.\tgene_id \"G1\";\n",
    );
    score(&["--gtf", "none.gtf"]).expect_message(&["none.gtf", "no row of type `transcript`"]);
    score(&["--organism", "mouse"]).expect_message(&["annotation.gtf.gz", "ENSG", "HOMO_SAPIENS"]);
    let other = "Start\tEnd\tpas_strand\tgene_id\n5\t6\t+\tENSMUSG00000000001.1\n";
    inputs.write("other.tsv", other);
    score(&["--gtf", "annotation.gtf.gz", "--polya", "other.tsv"])
        .expect_message(&["other.tsv", "MUS_MUSCULUS"]);
    inputs.write("other.tsv", other.replace("ENSMUSG", "X"));
    score(&["--gtf", "annotation.gtf.gz", "--polya", "other.tsv"])
        .expect_message(&["none of its genes is in the GTF"]);
    inputs.write("other.pb", "nonsense");
    score(&["--quantiles", "other.pb"]).expect_message(&["other.pb", "calibration"]);
    inputs.write("bad.toml", SCORERS.replace("501", "500"));
    score(&["--scorers", "bad.toml"]).expect_message(&["bad.toml", "scorer 1", "500"]);
    inputs.write("bad.toml", SCORERS.replace("width", "with"));
    score(&["--scorers", "bad.toml"]).expect_message(&[
        "argument with is not supported",
        "choose among requested_output, width, aggregation_type",
    ]);
    inputs.write("bad.toml", SCORERS.repeat(2));
    score(&["--scorers", "bad.toml"]).expect_message(&[
        "bad.toml: scorer 2: CenterMaskScorer(requested_output=ATAC, width=501",
        "is scorer 1 already",
    ]);
    let length = [
        "--vcf",
        "variants.vcf",
        "--out",
        "scores.tsv",
        "--length",
        "3000",
    ];
    let outcome = inputs.score(&length);
    outcome
        .expect_code(2)
        .expect_message(&["3000 bp: expected a multiple of 2,048"]);
}

#[test]
fn a_folder_that_is_no_model_is_named() {
    let inputs = Inputs::new();
    inputs.write("variants.vcf", vcf(&["chr1 48194 a C G"]));
    for (model, reason) in [
        ("none", "none: there is no such folder"),
        (".", ".: has no config.json"),
    ] {
        for (command, what, out) in [
            ("score", ["--vcf", "variants.vcf"], "a.tsv"),
            ("predict", ["--region", "chr1:1-100"], "a.npz"),
        ] {
            let fixed = [
                command,
                "--model",
                model,
                "--fasta",
                "genome.fa.gz",
                "--out",
                out,
            ];
            inputs
                .alphagenome(&[&fixed[..], &what].concat())
                .expect_code(2)
                .expect_message(&[reason, "name the folder that `convert` wrote"]);
        }
    }
}

#[test]
fn empty_alleles_get_the_base_before_them_in_a_vcf() {
    let inputs = Inputs::new();
    inputs.write("scorers.toml", SCORERS);
    inputs.write(
        "variants.tsv",
        "CHROM\tPOS\tID\tREF\tALT\nchr1\t48195\tinserted\t\tTT\nchr1\t48195\tdeleted\tA\t\n",
    );
    let arguments = [
        "--vcf",
        "variants.tsv",
        "--out",
        "a.vcf",
        "--length",
        "2k",
        "--scorers",
        "scorers.toml",
    ];
    inputs.score(&arguments).expect_code(0);
    let records = inputs.rows("a.vcf").rows();
    let own = |at: usize| ["POS", "REF", "ALT"].map(|name| records[at][name].as_str());
    // The genome has C at 48,194.
    assert_eq!(own(0), ["48194", "C", "CTT"]);
    assert_eq!(own(1), ["48194", "CA", "C"]);
}

#[test]
fn a_scorer_says_what_it_lacks() {
    let inputs = Inputs::new();
    inputs.write("variants.vcf", vcf(&["chr1 48194 a C G"]));
    let model = crate::support::MODEL.to_str().unwrap();
    let fixed = [
        "score",
        "--model",
        model,
        "--fasta",
        "genome.fa.gz",
        "--vcf",
        "variants.vcf",
        "--length",
        "2k",
        "--out",
    ];
    let outcome = inputs.alphagenome(&[&fixed[..], &["a.tsv"]].concat());
    outcome
        .expect_code(0)
        .expect_message(&["left out: GeneMaskLFCScorer", "give --gtf"]);
    let names: Vec<_> = inputs
        .rows("a.tsv")
        .rows()
        .into_iter()
        .map(|row| row["variant_scorer"].clone())
        .collect();
    assert!(
        !names.iter().any(|name| name.starts_with("Gene")),
        "{names:?}"
    );
    inputs.write(
        "gene.toml",
        "[[scorers]]\nscorer = \"GeneMaskLFCScorer\"\nrequested_output = \"RNA_SEQ\"\n",
    );
    let outcome = inputs.alphagenome(&[&fixed[..], &["b.tsv", "--scorers", "gene.toml"]].concat());
    outcome
        .expect_code(2)
        .expect_message(&["gene.toml", "needs genes: give --gtf"]);
}

#[test]
fn an_output_that_exists_is_replaced_on_demand_alone() {
    let (inputs, outcome) = score(&["chr1 48194 a C G"], &[]);
    outcome.expect_code(0);
    let first = fs::read(inputs.path("scores.tsv")).unwrap();
    let fixed = [
        "--vcf",
        "variants.vcf",
        "--out",
        "scores.tsv",
        "--length",
        "2k",
        "--scorers",
        "scorers.toml",
    ];
    inputs
        .score(&fixed)
        .expect_code(2)
        .expect_message(&["scores.tsv exists already; --force replaces it"]);
    inputs
        .score(&[&fixed[..], &["--force"]].concat())
        .expect_code(0);
    assert_eq!(fs::read(inputs.path("scores.tsv")).unwrap(), first);
    let strange = ["--vcf", "variants.vcf", "--out", "scores.csv"];
    inputs
        .score(&strange)
        .expect_code(2)
        .expect_message(&["scores.csv", ".tsv, .tsv.gz"]);
}
