//! What a page draws of a track: single bases among many, and alleles of indels over each other.

use genome::{Interval, Variant};
use results::page::values::{Both, COLUMNS, Profile};
use results::page::view::View;
use scorers::{OutputType, Predictions, Track};

const LENGTH: usize = 8192;

fn interval() -> Interval {
    "chr1:1000-9192".parse().unwrap()
}

fn predictions(output: OutputType, values: Vec<f32>) -> Predictions {
    let mut predictions = Predictions::default();
    predictions.tracks.insert(output, Track::new(1, values));
    predictions
}

fn profile(output: OutputType, variant: &str, alleles: [Vec<f32>; 2], count: i64) -> Profile {
    let variant: Variant = variant.parse().unwrap();
    let predictions = alleles.map(|values| predictions(output, values));
    let view = View::new(&variant, &interval(), count, 200_000);
    let both = Both::new(&predictions, &interval(), &variant).unwrap();
    both.profile(output, 0, &view)
}

/// Values that no two places have in common.
fn drawn(count: usize) -> Vec<f32> {
    (0..count)
        .map(|at| 1.0 + ((at * 7919) % 4001) as f32)
        .collect()
}

#[test]
fn one_base_of_many_is_seen() {
    let mut values = [vec![1.0; LENGTH], vec![1.0; LENGTH]];
    values[0][5003] = 9.0;
    values[1][6001] = -4.0;
    let found = profile(OutputType::Cage, "chr1:5001:A>C", values, 8192);
    assert_eq!(
        (found.edges.len(), found.edges[0], found.edges[COLUMNS]),
        (COLUMNS + 1, 1000, 9192)
    );
    let most = |values: &[f32]| values.iter().copied().fold(f32::NAN, f32::max);
    assert_eq!([most(&found.reference), most(&found.alternate)], [9.0, 1.0]);
    assert_eq!(found.extreme, (-8.0, 6003));
    let changes: Vec<_> = found
        .difference
        .iter()
        .filter(|change| **change != 0.0)
        .collect();
    assert_eq!(changes, [&-8.0, &-5.0]);
}

#[test]
fn alleles_of_an_indel_stand_over_each_other() {
    let reference = drawn(LENGTH);
    // The base at 5000 stays, the three after it go.
    let mut deleted = reference.clone();
    deleted.drain(4001..4004);
    deleted.extend([0.0; 3]);
    let found = profile(
        OutputType::Cage,
        "chr1:5001:ACGT>A",
        [reference.clone(), deleted],
        512,
    );
    let changed = |found: &Profile| -> Vec<i64> {
        let places = found.edges.iter().zip(&found.difference);
        places
            .filter(|(_, change)| **change != 0.0)
            .map(|(base, _)| *base)
            .collect()
    };
    assert_eq!(changed(&found), [5001, 5002, 5003]);
    let mut inserted = reference.clone();
    inserted.splice(4001..4001, [9999.0, 5.0]);
    inserted.truncate(LENGTH);
    let found = profile(
        OutputType::Cage,
        "chr1:5001:A>ACG",
        [reference, inserted],
        512,
    );
    assert_eq!(
        (changed(&found), found.extreme.0),
        (vec![5000], 9999.0 - drawn(LENGTH)[4000])
    );
    // Bins move by the share that bases do.
    let bins = drawn(LENGTH / 128);
    let mut deleted = bins.clone();
    deleted.remove(40);
    deleted.push(0.0);
    let variant = format!("chr1:6121:{}>A", "A".repeat(129));
    let found = profile(OutputType::ChipTf, &variant, [bins, deleted], 8192);
    // The base that both alleles have lies in the first, so that one base of the next is deleted.
    assert_eq!(changed(&found), [6120, 6248]);
    assert_eq!(
        found.difference[41],
        found.reference[41] * (127.0 / 128.0) - found.reference[41]
    );
}
