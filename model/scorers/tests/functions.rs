//! Direct calls of the reference's functions on drawn arrays (`functions.npz`).

mod support;

use std::collections::HashMap;

use genome::{Interval, Strand, Variant};
use scorers::alignment::{Alignment, Source};
use scorers::stitching::{From, Stitch};
use scorers::{Allele, Behaviour, Junctions, OutputType, center_window, sites, strands};
use support::{Array, arrays, json, table};

fn calls(what: &str) -> impl Iterator<Item = HashMap<String, String>> {
    table("function_calls.tsv.gz")
        .into_iter()
        .filter(move |row| row["what"] == what)
}

fn number(row: &HashMap<String, String>, column: &str) -> i64 {
    row[column].parse::<f64>().unwrap() as i64
}

fn row(array: &Array, at: usize) -> &[f32] {
    let width = array.shape.last().unwrap();
    &array.values[at * width..][..*width]
}

#[test]
fn stitched_embeddings_are_those_of_the_recording() {
    let arrays = arrays("functions");
    let mut checked = 0;
    for call in calls("stitch") {
        let stitch = Stitch {
            allele: Allele::Alternate,
            left_shift: number(&call, "left_shift"),
            right_shift: number(&call, "right_shift"),
            index: number(&call, "stitch_index"),
            start: number(&call, "indel_start_index"),
        };
        let get = |kind: &str, which: &str| &arrays[&format!("stitch/{kind}/{which}")];
        for (kind, length) in [("one", 1024), ("bins", 8)] {
            let out = get(kind, &call["index"]);
            for at in 0..length {
                let from = if kind == "one" {
                    stitch.base(length, at)
                } else {
                    stitch.bin(128, length, at)
                };
                let expected = match from {
                    From::Left(at) => row(get(kind, "left"), at),
                    From::Right(at) => row(get(kind, "right"), at),
                };
                assert_eq!(row(out, at), expected, "{kind} {call:?} at {at}");
            }
        }
        let out = get("pair", &call["index"]);
        for (at, (first, second)) in (0..4)
            .flat_map(|first| (0..4).map(move |second| (first, second)))
            .enumerate()
        {
            let (right, from, to) = stitch.pair(256, 4, first, second);
            let source = get("pair", if right { "right" } else { "left" });
            assert_eq!(
                row(out, at),
                row(source, from * 4 + to),
                "pair {call:?} at {first}, {second}"
            );
        }
        checked += 1;
    }
    assert_eq!(checked, 12);
}

#[test]
fn aligned_tracks_are_those_of_the_recording_and_fail_where_it_fails() {
    let arrays = arrays("functions");
    let alt = &arrays["align/alt"];
    let (mut checked, mut failed) = (0, 0);
    for call in calls("align") {
        let bases = |letter: &str, column| letter.repeat(number(&call, column) as usize);
        let (reference, alternate) = (bases("A", "ref_length"), bases("C", "alt_length"));
        let variant =
            Variant::new("chr1", number(&call, "start") + 1, reference, alternate).unwrap();
        let strand = Strand::parse(&call["strand"]).unwrap();
        let interval = Interval::new("chr1", 1000, 1064, strand).unwrap();
        let alignment = Alignment::new(&variant, &interval, Behaviour::V0_3_0);
        let Some(expected) = arrays.get(&format!("align/{}", call["index"])) else {
            assert!(alignment.is_err(), "{call:?}");
            failed += 1;
            continue;
        };
        let alignment = alignment.unwrap();
        let aligned: Vec<f32> = (0..64)
            .flat_map(|at| match alignment.source(at) {
                Source::Zero => vec![0.0; 2],
                Source::At(at) => row(alt, at).to_vec(),
                Source::Largest(range) => {
                    let largest = |track: usize| {
                        range
                            .clone()
                            .map(|at| row(alt, at)[track])
                            .fold(f32::MIN, f32::max)
                    };
                    vec![largest(0), largest(1)]
                }
            })
            .collect();
        assert_eq!(aligned, expected.values, "{call:?}");
        checked += 1;
    }
    assert_eq!((checked, failed), (108, 20));
}

#[test]
fn centre_windows_are_those_of_the_recording() {
    let mut checked = 0;
    for call in calls("center_mask") {
        let interval = Interval::new("chr1", 1000, 5096, Strand::Unstranded).unwrap();
        let variant = Variant::new("chr1", number(&call, "start") + 1, "A", "C").unwrap();
        let width = call["width"]
            .parse::<f64>()
            .ok()
            .map(|width| width as usize);
        let window = center_window(
            &interval,
            &variant,
            width,
            number(&call, "resolution") as usize,
        );
        let expected: Vec<(usize, usize)> = serde_json::from_str(&call["mask"]).unwrap();
        let own: Vec<_> = (!window.is_empty())
            .then_some((window.start, window.end))
            .into_iter()
            .collect();
        assert_eq!(own, expected, "{call:?}");
        checked += 1;
    }
    assert_eq!(checked, 108);
    let other = Variant::new("chr2", 1500, "A", "C").unwrap();
    let interval = Interval::new("chr1", 1000, 5096, Strand::Unstranded).unwrap();
    assert!(
        center_window(&interval, &other, None, 1).is_empty(),
        "another chromosome has no window"
    );
}

#[test]
fn turned_outputs_are_those_of_the_recording() {
    let arrays = arrays("functions");
    let metadata = json("tracks.json.gz");
    for output in OutputType::ALL {
        let get = |name: &str| arrays[&format!("turn/{output}/{name}")].clone();
        let reindex = metadata[format!("HOMO_SAPIENS|{output}")]["strand_reindexing"].clone();
        let reindex: Vec<usize> = serde_json::from_value(reindex).unwrap();
        match output {
            OutputType::SpliceJunctions => {
                let (values, positions) = (get("predictions/in"), get("splice_site_positions/in"));
                let rows: Vec<Vec<i32>> = positions
                    .values
                    .chunks(5)
                    .map(|row| row.iter().map(|at| *at as i32).collect())
                    .collect();
                let mut junctions = Junctions {
                    positions: rows.try_into().unwrap(),
                    tissues: values.shape[3] / 2,
                    values: values.values,
                    sites: 5,
                };
                strands::turn_junctions(&mut junctions, 32);
                assert_eq!(junctions.values, get("predictions/out").values);
                let own: Vec<_> = junctions
                    .positions
                    .concat()
                    .iter()
                    .map(|at| i64::from(*at))
                    .collect();
                assert_eq!(own, get("splice_site_positions/out").integers());
            }
            OutputType::ContactMaps => {
                let mut values = get("in").values;
                strands::turn_contacts(&mut values, reindex.len());
                assert_eq!(values, get("out").values);
            }
            _ => {
                let mut values = get("in").values;
                strands::turn_track(*output, &mut values, &reindex);
                assert_eq!(values, get("out").values, "{output}");
            }
        }
    }
}

#[test]
fn likeliest_splice_sites_are_those_of_the_recording() {
    let arrays = arrays("functions");
    let (own, other, known) = (
        &arrays["sites/ref"],
        &arrays["sites/alt"],
        &arrays["sites/table"],
    );
    let mut checked = 0;
    for call in calls("sites") {
        let threshold = call["threshold"].parse().unwrap();
        let mut positions = Vec::new();
        for kind in 0..4 {
            let value = |array: &Array, at: usize| row(array, at)[kind];
            let candidates = (0..40)
                .map(|at| {
                    (
                        value(own, at).max(value(other, at)).max(value(known, at)),
                        at,
                    )
                })
                .collect();
            let mut found: Vec<_> = sites::likeliest(candidates, 8, threshold)
                .into_iter()
                .map(|at| at as i64)
                .collect();
            found.resize(10, -1);
            positions.extend(found);
        }
        assert_eq!(
            positions,
            arrays[&format!("sites/{}", call["index"])].integers(),
            "{call:?}"
        );
        checked += 1;
    }
    assert_eq!(checked, 3);
}
