//! `alphagenome score-interval` and `ism` against what DeepMind's code gave; other forms of output.

use std::collections::BTreeMap;
use std::fs;

use parquet::record::Field;

use crate::score::region;
use crate::support::{Inputs, bound, parquet, table};

type Row = BTreeMap<String, String>;

fn number(text: &str) -> f64 {
    match text {
        "" => f64::NAN,
        text => text.parse().unwrap(),
    }
}

/// The TOML of scorers that are named as the SDK does.
fn scorers(names: &[&str]) -> String {
    let scorer = |name: &&str| {
        let (kind, rest) = name.split_once('(').unwrap();
        let mut text = format!("[[scorers]]\nscorer = \"{kind}\"\n");
        for pair in rest
            .trim_end_matches(')')
            .split(", ")
            .filter(|pair| !pair.is_empty())
        {
            let (key, value) = pair.split_once('=').unwrap();
            match value.parse::<u32>() {
                Ok(value) => text += &format!("{key} = {value}\n"),
                Err(_) => text += &format!("{key} = \"{value}\"\n"),
            }
        }
        text
    };
    names.iter().map(scorer).collect()
}

#[test]
fn intervals_have_the_tables_of_score_interval() {
    let mut cases: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in table("interval_tidy.tsv.gz").rows() {
        cases.entry(row["case"].clone()).or_default().push(row);
    }
    let runs = table("interval_runs.tsv.gz").rows();
    assert!(cases.len() >= 3);
    for (case, recorded) in cases {
        let inputs = Inputs::new();
        let run = runs.iter().find(|run| run["case"] == case).unwrap();
        if run["organism"] == "mouse" {
            inputs.rename_genes();
        }
        let mut names: Vec<&str> = Vec::new();
        for row in &recorded {
            if !names.contains(&row["interval_scorer"].as_str()) {
                names.push(&row["interval_scorer"]);
            }
        }
        inputs.write("scorers.toml", scorers(&names));
        let region = region(&run["interval"]);
        let arguments = [
            "--organism",
            &run["organism"],
            "--region",
            &region,
            "--scorers",
            "scorers.toml",
            "--out",
            "genes.tsv",
        ];
        inputs.run("score-interval", &arguments).expect_code(0);
        let own = inputs.rows("genes.tsv").rows();
        assert_eq!(own.len(), recorded.len(), "{case}");
        for (own, known) in own.iter().zip(&recorded) {
            let mut texts = known.clone();
            texts.retain(|name, _| !["case", "raw_score"].contains(&name.as_str()));
            let mut found = own.clone();
            // The recording's annotation has human names for mouse too.
            found.insert(
                "gene_id".into(),
                own["gene_id"].replacen("ENSMUSG", "ENSG", 1),
            );
            found.remove("raw_score");
            assert_eq!(found, texts, "{case}");
            let (found, value) = (number(&own["raw_score"]), number(&known["raw_score"]));
            let near = (found - value).abs() <= 2e-6 * value.abs().max(1e-2);
            assert!(
                near || found.is_nan() && value.is_nan(),
                "{case}: {found}, not {value}: {known:?}"
            );
        }
    }
}

#[test]
fn intervals_that_do_not_fit_are_refused() {
    let inputs = Inputs::new();
    let run =
        |more: &[&str]| inputs.run("score-interval", &[&["--out", "genes.tsv"], more].concat());
    let short = run(&["--region", "chr1:40,002-56,385"]);
    short.expect_code(1);
    let failures = inputs.rows("genes.tsv.failures.tsv").rows();
    assert!(
        failures[0]["reason"].contains("Interval width must be >= the center mask width"),
        "{failures:?}"
    );
    run(&["--region", "chr1:40,002-56,384", "--force"])
        .expect_code(2)
        .expect_message(&["16383 bp", "--length"]);
    inputs.write("bad.bed", "chr1\t5\n");
    run(&["--bed", "bad.bed", "--force"])
        .expect_code(2)
        .expect_message(&["bad.bed, line 1"]);
    run(&["--force"]).expect_code(2);
}

#[test]
fn mutagenesis_scores_the_variants_of_score_ism_variants() {
    let window =
        "CenterMaskScorer(requested_output=ATAC, width=501, aggregation_type=DIFF_LOG2_SUM)";
    let mut cases: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in table("ism.tsv.gz").rows() {
        cases.entry(row["case"].clone()).or_default().push(row);
    }
    for (case, recorded) in cases {
        let inputs = Inputs::new();
        inputs.write("scorers.toml", scorers(&[window]));
        let (own, bases) = (
            region(&recorded[0]["interval"]),
            region(&recorded[0]["ism_interval"]),
        );
        let mut arguments = vec![
            "--region",
            &bases,
            "--window",
            &own,
            "--scorers",
            "scorers.toml",
            "--out",
            "ism.tsv",
        ];
        if !recorded[0]["interval_variant"].is_empty() {
            arguments.extend(["--background", &recorded[0]["interval_variant"]]);
        }
        let outcome = inputs.run("ism", &arguments);
        if !recorded[0]["type"].is_empty() {
            outcome
                .expect_code(2)
                .expect_message(&["is not fully contained"]);
            continue;
        }
        outcome.expect_code(0);
        let known: Vec<(&str, f64)> = recorded
            .iter()
            .filter(|row| row["scorer"] == window)
            .flat_map(|row| {
                row["values"]
                    .split(' ')
                    .map(|value| (row["variant"].as_str(), number(value)))
            })
            .collect();
        let rows = inputs.rows("ism.tsv").rows();
        assert_eq!(rows.len(), known.len(), "{case}");
        for (row, (variant, value)) in rows.iter().zip(known) {
            assert_eq!(row["variant_id"], variant, "{case}");
            let found = number(&row["raw_score"]);
            assert!(
                (found - value).abs() <= bound(window, value),
                "{case} {variant}: {found}, not {value}"
            );
        }
    }
}

#[test]
fn every_form_of_output_has_the_same_scores() {
    let inputs = Inputs::new();
    fs::copy(
        crate::support::recorded("example.vcf"),
        inputs.path("example.vcf"),
    )
    .unwrap();
    let score = |out: &str| {
        let arguments = [
            "--vcf",
            "example.vcf",
            "--length",
            "4k",
            "--json",
            "--out",
            out,
        ];
        let outcome = inputs.score(&arguments);
        outcome.expect_code(0);
        serde_json::from_str::<serde_json::Value>(&outcome.stdout).unwrap()
    };
    let summary = score("a.tsv");
    assert_eq!(
        (&summary["variants"], &summary["failures"]),
        (&8.into(), &0.into())
    );
    score("a.tsv.gz");
    let rows = inputs.rows("a.tsv").rows();
    assert_eq!(summary["rows"], rows.len());
    assert_eq!(rows, inputs.rows("a.tsv.gz").rows());
    score("a.parquet");
    let (columns, table) = parquet(&inputs.path("a.parquet"));
    assert_eq!(columns, inputs.rows("a.tsv").header);
    assert_eq!(table.len(), rows.len());
    for (fields, row) in table.into_iter().zip(&rows) {
        for (name, field) in columns.iter().zip(fields) {
            let expected = match (name.as_str(), row[name].as_str()) {
                (_, "") => Field::Null,
                ("raw_score", text) => Field::Float(text.parse().unwrap()),
                ("junction_Start" | "junction_End", text) => Field::Long(text.parse().unwrap()),
                (_, text) => Field::Str(text.into()),
            };
            assert_eq!(field, expected, "{name}: {row:?}");
        }
    }
    score("a.vcf.gz");
    let records = inputs.rows("a.vcf.gz").rows();
    let ids: Vec<_> = records.iter().map(|record| record["ID"].as_str()).collect();
    assert_eq!(
        ids,
        ["s11", "i01", "d01", "m01", "s13", "s20", "s01", "s17"]
    );
    for record in &records {
        let variant = ["#CHROM", "POS", "REF"]
            .map(|name| record[name].as_str())
            .join(":")
            + ">"
            + &record["ALT"];
        let info: BTreeMap<_, _> = record["INFO"]
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let name =
            "CenterMaskScorer(requested_output=CAGE, width=501, aggregation_type=DIFF_LOG2_SUM)";
        let own = rows
            .iter()
            .filter(|row| row["variant_id"] == variant && row["variant_scorer"] == name);
        let size = |row: &&Row| number(&row["raw_score"]).abs();
        let best = own.max_by(|a, b| size(a).total_cmp(&size(b))).unwrap();
        assert_eq!(
            info["AG_CENTER_MASK_CAGE_501_DIFF_LOG2_SUM"]
                .parse::<f32>()
                .unwrap(),
            best["raw_score"].parse::<f32>().unwrap()
        );
        let track = format!(
            "{}({})",
            best["track_name"].replace(' ', "%20"),
            best["track_strand"]
        );
        assert_eq!(info["AG_CENTER_MASK_CAGE_501_DIFF_LOG2_SUM_TRACK"], track);
    }
    let text = inputs.text("a.vcf.gz");
    assert!(
        text.starts_with("##fileformat=VCFv4.3\n")
            && text.contains("##contig=<ID=chr1,length=200000>\n")
    );
}

#[test]
fn genes_are_read_from_beside_the_gtf_as_long_as_it_is_the_same() {
    let inputs = Inputs::new();
    fs::copy(
        crate::support::recorded("example.vcf"),
        inputs.path("example.vcf"),
    )
    .unwrap();
    let genes = |out: &str| {
        let arguments = ["--vcf", "example.vcf", "--length", "2k", "--out", out];
        inputs.score(&arguments).expect_code(0);
        let rows = inputs.rows(out).rows();
        rows.into_iter().any(|row| row["gene_name"] == "MAIN1")
    };
    assert!(genes("a.tsv"));
    let kept = inputs.path("annotation.gtf.gz.genes.json");
    let text = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, text.replace("MAIN1", "OTHER")).unwrap();
    assert!(!genes("b.tsv"), "what is kept is used");
    let gtf = inputs.text("annotation.gtf.gz");
    inputs.write("annotation.gtf.gz", gtf + "\n");
    assert!(genes("c.tsv"), "another GTF is read anew");
    fs::write(&kept, "{").unwrap();
    assert!(genes("d.tsv"), "and so is one whose genes cannot be read");
}
