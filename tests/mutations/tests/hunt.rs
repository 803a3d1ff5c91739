//! A handful of faults searched for with `parity bisect`; `make bench-bisect` searches for all of them.

use model::Arithmetic;
use mutations::hunt::Ground;
use mutations::{Mutation, Tiny};

const CASE: &str = "rand42_4096_human";
/// One of each kind that shows in every arithmetic, and one that only the choice of splice sites shows.
const HANDFUL: [&str; 7] = [
    "square encoder kernel transposed",
    "rotary embedding of halves",
    "values of attention negated",
    "residual scale left out",
    "channels of the pair norm one too far",
    "bias of the 1 bp embedding left out",
    "splice sites above 0.2 alone",
];

/// The sound model is blamed for nothing, and of broken ones the right module is named, with the right kind.
fn finds(arithmetic: Arithmetic) {
    let tiny = Tiny::convert().unwrap();
    let ground = Ground::new(&tiny, arithmetic).unwrap();
    ground.sound(CASE).unwrap();
    let named = |name: &&str| Mutation::named(name).unwrap_or_else(|| panic!("no `{name}`"));
    let mutations: Vec<&Mutation> = HANDFUL.iter().map(named).collect();
    let [(_, full), _] = ground.recordings();
    for found in ground.all(&mutations, (full, CASE), 2).unwrap() {
        assert!(found.right_module(), "{found:?}");
        assert!(found.right_kind(), "{found:?}");
    }
}

#[test]
fn faults_are_found_in_float32() {
    finds(Arithmetic::XlaCpuF32);
}

#[test]
fn faults_are_found_in_bfloat16() {
    finds(Arithmetic::XlaCpuBf16);
}

/// Where JAX sampled, the model's own values stand in for what a module reads, and the module is still named.
#[test]
fn faults_are_found_with_sampled_taps() {
    let tiny = Tiny::convert().unwrap();
    let ground = Ground::new(&tiny, Arithmetic::XlaCpuF32).unwrap();
    let [_, (_, sampled)] = ground.recordings();
    let name = "heads and channels of attention in the other order";
    let mutation = Mutation::named(name).unwrap();
    let found = ground.broken(mutation, sampled, CASE).unwrap();
    assert!(found.right_module() && found.right_kind(), "{found:?}");
}
