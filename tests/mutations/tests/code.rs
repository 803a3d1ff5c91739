//! Faults of code; `make mutate` runs all of them.

use burn::backend::Flex;
use model::{AlphaGenome, Arithmetic, Array, Batch, Known, Request, Sequence, Taps};
use mutations::hunt::Ground;
use mutations::{Judge, Mutation, Tiny};

/// The order of splice sites is one that only a check of its own sees: as sets they are equal.
#[test]
fn a_wrong_order_of_splice_sites_is_caught() {
    let tiny = Tiny::convert().unwrap();
    let judge = Judge::new(&tiny).unwrap();
    let name = "splice sites in descending order";
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

/// Takes every tap.
struct All(Known);

impl Taps for All {
    fn wants(&self, _path: &str) -> bool {
        true
    }

    fn take(&mut self, path: &str, array: Array) {
        self.0.insert(path.into(), array);
    }
}

/// What a module reads is that of the right model, what it computes that of the wrong one; and the fault lies in it alone.
#[test]
fn every_module_of_a_broken_model_run_alone_gives_what_it_gave_in_the_pass() {
    let tiny = Tiny::convert().unwrap();
    let model: AlphaGenome<Flex> =
        AlphaGenome::load(&tiny.path(), &Default::default(), Arithmetic::XlaCpuF32).unwrap();
    let bases = |seed: u32| -> Vec<u8> {
        let base =
            |place: u32| (place.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8 % 4;
        (0..4096).map(base).collect()
    };
    let sequences = [bases(1), bases(77)].map(|bases| Sequence::from_indices(&bases).unwrap());
    let batch = Batch::new(sequences.into(), vec![1, 0]).unwrap();
    let pass = || {
        let mut taps = All(Known::new());
        let outputs = model
            .run(&batch, &Request::everything(), &mut taps)
            .unwrap();
        taps.0.extend(outputs);
        taps.0
    };
    let bits = |array: &Array| -> Vec<u32> {
        array
            .values
            .to_f32()
            .into_iter()
            .map(f32::to_bits)
            .collect()
    };
    let (sound, stages) = (pass(), model.stages());
    let faults = Mutation::all().iter().filter(|mutation| mutation.is_code());
    let mut count = 0;
    for mutation in faults {
        count += 1;
        mutation.during(|| {
            let known = pass();
            let names = |known: &Known| known.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&known), names(&sound));
            let changed = known
                .iter()
                .any(|(name, array)| bits(array) != bits(&sound[name]));
            assert!(changed, "`{}` changes nothing", mutation.name);
            for stage in &stages {
                for (name, array) in model.run_stage(&stage.path, &batch, &known).unwrap() {
                    assert_eq!(
                        bits(&array),
                        bits(&known[&name]),
                        "{}: {name}",
                        mutation.name
                    );
                }
            }
        });
    }
    assert_eq!(count, 20);
}
