//! Faults of code: `make mutate` runs all of them; needs the feature `faults`.

use model::Arithmetic;
use mutations::hunt::Ground;
use mutations::{Judge, Mutation, Tiny};

/// The order of splice sites is one that only a check of its own sees: as sets they are equal.
#[test]
fn a_wrong_order_of_splice_sites_is_caught() {
    let tiny = Tiny::convert().unwrap();
    let judge = Judge::new(&tiny).unwrap();
    let name = "splice sites in the order of their probability";
    let finding = judge.broken(&tiny, Mutation::named(name).unwrap()).unwrap();
    let expected = Some("splice_sites_junction/splice_site_positions");
    assert!(finding.floor.caught, "{:?}", finding.floor);
    assert_eq!(finding.floor.first.as_deref(), expected);
    assert!(!judge.sound(&tiny).unwrap().floor.caught, "the fault stays");
}

/// A sum is made by those that read it: it is the module before that is named.
#[test]
fn a_residual_that_is_not_added_is_found_where_it_lies() {
    let tiny = Tiny::convert().unwrap();
    let ground = Ground::new(&tiny, Arithmetic::XlaCpuF32).unwrap();
    let [(_, full), _] = ground.recordings();
    for name in [
        "residual of attention not added",
        "row attention along columns",
    ] {
        let mutation = Mutation::named(name).unwrap();
        let found = ground.broken(mutation, full, "rand42_4096_human").unwrap();
        assert!(found.right_module() && found.right_kind(), "{found:?}");
    }
}
