//! Alignment, genes, sites and stitches of every case (`intermediate.json.gz`).

mod support;

use std::ops::Range;

use genome::Interval;
use scorers::alignment::{Alignment, Source};
use scorers::genes::{GeneMask, with_bodies, with_exons};
use scorers::stitching::Stitch;
use scorers::{Allele, Behaviour, OutputType, Places, Scorer, sites};
use serde_json::{Value, json};
use support::{ANNOTATION, CASES, Case, SPLICE_SITES, arrays, runs, runs_of, table};

fn positions(index_runs: &Value) -> Vec<usize> {
    let runs: Vec<(usize, usize)> = serde_json::from_value(index_runs.clone()).unwrap();
    runs.into_iter()
        .flat_map(|(first, last)| first..=last)
        .collect()
}

/// What the recorded masks do, place by place.
fn sources(masks: &Value, width: usize) -> Vec<Source> {
    let within = |name: &str, at: usize| runs_of(&masks[name]).iter().any(|run| run.contains(&at));
    let largest = runs_of(&masks["alt_mask"]);
    let mut sources: Vec<_> = (0..width)
        .map(|at| match largest.first() {
            Some(run) if run.contains(&at) => Source::Largest(run.clone()),
            _ => Source::At(at),
        })
        .collect();
    sources = positions(&masks["insertion_reindex"])
        .into_iter()
        .map(|at| sources[at].clone())
        .collect();
    for (at, source) in sources.iter_mut().enumerate() {
        if within("deletion_zeros", at) {
            *source = Source::Zero;
        }
    }
    sources = positions(&masks["deletion_reindex"])
        .into_iter()
        .map(|at| sources[at].clone())
        .collect();
    for (at, source) in sources.iter_mut().enumerate() {
        if within("insertion_crop", at) {
            *source = Source::Zero;
        }
    }
    sources
}

#[test]
fn every_variant_is_aligned_as_recorded_or_refused() {
    let (mut checked, mut refused) = (0, Vec::new());
    for case in CASES.values() {
        let interval = &case.interval;
        for (name, interval) in [
            ("indel_mask", interval.as_unstranded()),
            ("indel_mask_stranded", interval.clone()),
        ] {
            let own = Alignment::new(&case.variant, &interval, Behaviour::V0_3_0);
            let Some(masks) = case.intermediate().get(name) else {
                if name == "indel_mask" {
                    assert!(own.is_err(), "{}", case.name);
                    refused.push(case.name.as_str());
                }
                continue;
            };
            let own = own.unwrap();
            let expected = sources(masks, case.width());
            let aligned: Vec<_> = (0..case.width()).map(|at| own.source(at)).collect();
            assert!(aligned == expected, "{} {name}", case.name);
            checked += 1;
        }
    }
    assert_eq!(
        refused,
        ["d08.main", "d08.neg", "d09.main", "d09.neg", "o07.main"]
    );
    assert!(checked > 130, "{checked}");
}

fn listed(masks: &[GeneMask]) -> Value {
    let mask = |mask: &GeneMask| {
        let runs: Vec<_> = mask
            .positions
            .iter()
            .map(|run| [run.start, run.end])
            .collect();
        json!({ "gene_id": ANNOTATION.genes()[mask.gene].id, "mask": runs })
    };
    masks.iter().map(mask).collect()
}

#[test]
fn genes_and_their_masks_are_those_of_the_recording() {
    for case in CASES.values() {
        let (recorded, interval) = (case.intermediate(), case.interval.as_unstranded());
        assert_eq!(
            listed(&with_exons(&ANNOTATION, &interval)),
            recorded["genes_exons"],
            "{}",
            case.name
        );
        let mut bodies = with_bodies(&ANNOTATION, &interval, &case.variant);
        assert_eq!(listed(&bodies), recorded["genes_body"], "{}", case.name);
        bodies.retain(|mask| ANNOTATION.genes()[mask.gene].biotype == "protein_coding");
        assert_eq!(
            listed(&bodies),
            recorded["genes_body_protein_coding"],
            "{}",
            case.name
        );
        let union = sites::gene_bodies(
            &ANNOTATION,
            &case.interval,
            &case.variant,
            Behaviour::V0_3_0,
        );
        assert_eq!(
            union,
            runs_of(&recorded["reference_gene_mask"]),
            "{}",
            case.name
        );
        let inside = |at: &usize| union.iter().any(|run| run.contains(at));
        let masked = SPLICE_SITES
            .within(&case.interval)
            .map(|sites| sites.into_iter().filter(inside).collect::<Vec<_>>());
        assert_eq!(
            json!(masked),
            recorded["splice_sites_table_masked"],
            "{}",
            case.name
        );
    }
}

#[test]
fn polyadenylation_sites_and_their_bases_are_those_of_the_recording() {
    let mut checked = 0;
    for case in CASES
        .values()
        .filter(|case| case.intermediate()["polya"].is_array())
    {
        let plan = Scorer::Polyadenylation.prepare(&case.interval, &case.variant, &case.setting());
        let Ok(plan) = plan else {
            assert!(
                case.intermediate().get("indel_mask").is_none(),
                "{}",
                case.name
            );
            continue;
        };
        let reads = plan.reads(&case.tracks(OutputType::RnaSeq));
        let sites = case.intermediate()["polya"].as_array().unwrap();
        let recorded = sites
            .iter()
            .flat_map(|gene| gene["sites"].as_array().unwrap());
        let mut bases: Vec<usize> = recorded.flat_map(runs_of).flatten().collect();
        bases.sort_unstable();
        bases.dedup();
        assert_eq!(reads[0].places, Places::Bins(runs(bases)), "{}", case.name);
        checked += 1;
    }
    assert!(checked > 90, "{checked}");
}

#[test]
fn stitches_are_those_of_the_recording() {
    let mut checked = 0;
    for case in CASES.values() {
        let recorded = &case.intermediate()["stitch"];
        let own = Stitch::new(&case.variant, &case.interval, Behaviour::V0_3_0);
        if recorded.is_null() {
            continue;
        }
        let own = own.unwrap();
        let (bin_128, shift_128) = own.bins(128);
        let (bin_2048, shift_2048) = own.bins(2048);
        let expected = json!({
            "left_shift": own.left_shift, "right_shift": own.right_shift, "stitch_index": own.index,
            "indel_start_index": own.start, "is_deletion": own.allele == Allele::Reference,
            "stitch_bin_128": bin_128, "shift_bins_128": shift_128,
            "stitch_bin_2048": bin_2048, "shift_bins_2048": shift_2048,
        });
        assert_eq!(&expected, recorded, "{}", case.name);
        checked += 1;
    }
    assert_eq!(checked, 52);
    for case in CASES
        .values()
        .filter(|case| !case.variant.is_insertion() && !case.variant.is_deletion())
    {
        assert_eq!(
            Stitch::new(&case.variant, &case.interval, Behaviour::V0_3_0),
            None,
            "{}",
            case.name
        );
    }
}

/// The positions that 0.3.0 chose lie where the gene mask lets them, which on the negative strand is the wrong place.
#[test]
fn recorded_splice_sites_lie_in_the_bodies_that_are_read() {
    for (name, positions) in arrays("splice_site_positions") {
        let case = Case::get(&name);
        let bodies = sites::gene_bodies(
            &ANNOTATION,
            &case.interval,
            &case.variant,
            Behaviour::V0_3_0,
        );
        let turn = |at: usize| {
            if case.interval.negative_strand() {
                case.width() - 1 - at
            } else {
                at
            }
        };
        for at in positions.integers().into_iter().filter(|at| *at >= 0) {
            let at = turn(at as usize);
            assert!(
                bodies.iter().any(|run| run.contains(&at)),
                "{name}: {at} is outside of {bodies:?}"
            );
        }
    }
}

#[test]
fn interval_scorers_take_the_genes_and_bins_of_the_recording() {
    let mut checked = 0;
    for row in table("interval_runs.tsv.gz") {
        let Some(settings) = row["scorer"].strip_prefix("mask ") else {
            continue;
        };
        let (output, width) = settings.split_once(' ').unwrap();
        let scorer = scorers::IntervalScorer {
            output: OutputType::parse(output).unwrap(),
            width: width.parse().ok(),
            aggregation: scorers::IntervalAggregation::Mean,
        };
        let interval: Interval = row["interval"].parse().unwrap();
        let plan = scorer.prepare(&interval, &ANNOTATION).unwrap();
        // The table's writer doubled the quotes of the JSON.
        let text = row["message"].trim_matches('"').replace("\"\"", "\"");
        let genes: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        let mut bins: Vec<usize> = genes
            .values()
            .flat_map(runs_of)
            .flat_map(|run: Range<usize>| run)
            .collect();
        bins.sort_unstable();
        bins.dedup();
        assert_eq!(plan.reads(), runs(bins), "{row:?}");
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}
