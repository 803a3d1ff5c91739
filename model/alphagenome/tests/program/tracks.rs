//! `alphagenome tracks`: the table of tracks, and what narrows it.

use std::collections::BTreeSet;
use std::path::Path;

use tests::program::Outcome;

use crate::support::{MODEL, alphagenome, table};

fn tracks(more: &[&str]) -> Outcome {
    let model = MODEL.to_str().unwrap();
    alphagenome(
        Path::new("."),
        [&["tracks", "--model", model], more].concat(),
    )
}

/// Outputs, places, names and strands of the rows.
fn listed(more: &[&str]) -> Vec<[String; 4]> {
    let outcome = tracks(more);
    outcome.expect_code(0);
    let mut lines = outcome.stdout.lines().map(|line| line.split('\t'));
    let header: Vec<_> = lines.next().unwrap().collect();
    assert_eq!(
        header[..5],
        ["output_type", "track", "resolution", "name", "strand"]
    );
    let row = |mut fields: std::str::Split<'_, char>| {
        let mut next = || fields.next().unwrap().to_owned();
        let (output, at, _) = (next(), next(), next());
        [output, at, next(), next()]
    };
    lines.map(row).collect()
}

#[test]
fn tracks_are_those_of_the_sdk() {
    // JAX's table of the scores' tracks, those of junctions among them.
    for organism in ["human", "mouse"] {
        let mut known = BTreeSet::new();
        for row in table("var.tsv").rows() {
            let (own, output) = row["table"].split_once('|').unwrap();
            if own == organism && !output.contains('|') {
                known.insert([output, &row["name"], &row["strand"]].map(str::to_owned));
            }
        }
        let listed = listed(&["--organism", organism]);
        let found: BTreeSet<_> = listed
            .iter()
            .filter(|[output, ..]| output != "SPLICE_JUNCTIONS")
            .map(|[output, _, name, strand]| [output, name, strand].map(Clone::clone))
            .collect();
        assert!(known.len() > 20, "{known:?}");
        assert_eq!(found, known);
    }
}

#[test]
fn filters_narrow_the_table() {
    let all = listed(&[]);
    let only = |more: &[&str], holds: &dyn Fn(&[String; 4]) -> bool| {
        let expected: Vec<_> = all.iter().filter(|row| holds(row)).cloned().collect();
        assert!(
            !expected.is_empty() && expected.len() < all.len(),
            "{more:?}"
        );
        assert_eq!(listed(more), expected, "{more:?}");
    };
    only(&["--outputs", "atac,rna-seq"], &|row| {
        ["ATAC", "RNA_SEQ"].contains(&row[0].as_str())
    });
    only(&["--track", "strand=+"], &|row| row[3] == "+");
    let either = ["--track", "strand=+", "--track", "strand=."];
    only(&either, &|row| row[3] != "-");
    let both = ["--track", "strand=-", "--track", "name=CAGE track 1"];
    only(&both, &|row| row[2] == "cage track 1");
    let json = tracks(&["--json", "--outputs", "chip_tf"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["organism"], "HOMO_SAPIENS");
    let rows = document["tracks"].as_array().unwrap();
    assert_eq!(
        (&rows[1]["track"], &rows[1]["resolution"]),
        (&1.into(), &128.into())
    );
    assert!(rows[0]["transcription_factor"].is_string(), "{rows:?}");
}

#[test]
fn names_that_are_not_there_are_refused() {
    for (more, words) in [
        (&["--outputs", "atak"][..], "did you mean atac?"),
        (&["--outputs", "methylation"], "expected one of atac, cage"),
        (
            &["--organism", "mouse", "--outputs", "procap"],
            "the model has no procap",
        ),
        (
            &["--track", "biosample"],
            "expected KEY=VALUE with a key of name, strand",
        ),
        (&["--track", "stran=+"], "did you mean strand?"),
        (
            &["--track", "name=cage trac 1"],
            "did you mean `cage track 1`?",
        ),
        (&["--track", "strand=x"], "there are +, -, ."),
        (
            &["--track", "name=cage track 1", "--track", "strand=."],
            "no track has all of them",
        ),
        (&["--model", "."], "config.json"),
    ] {
        let more = match more {
            ["--model", _] => more.to_vec(),
            _ => [more, &["--model", MODEL.to_str().unwrap()]].concat(),
        };
        let outcome = alphagenome(Path::new("."), [&["tracks"], &more[..]].concat());
        outcome.expect_code(2).expect_message(&[words]);
    }
}
